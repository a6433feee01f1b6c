"""Coming in through the front door: accounts for the cast, and a browser that signs in."""

import re

from hallpanel.engine import records
from hallpanel.engine.clock import utc_now
from hallpanel.engine.scope import SYSTEM
from hallpanel.guard.account import create_account
from hallpanel.guard.granting import grant
from hallpanel.panel.extensions import db

PASSWORD = "morning tea at nine"
OTHER_PASSWORD = "evening tea at six"
COOKIE = "hallpanel_session"


def at_work(app, work):
    """Do something in the database as the system, and give its result."""
    with app.app_context(), records.at_desk(db.session(), SYSTEM, utc_now()) as session:
        result = work(session)
        session.commit()
        return result


def account(app, username="mei", *roles, must_change_password=False, demonstration=False):
    """Open an account; give its number."""

    def work(session):
        made = create_account(
            session,
            username,
            username.title(),
            PASSWORD,
            utc_now(),
            must_change_password=must_change_password,
            demonstration=demonstration,
        )
        for role in roles:
            grant(session, made.id, role, utc_now())
        return made.id

    return at_work(app, work)


def token(html):
    """The form token of a page."""
    found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', html)
    assert found, "the page has no form"
    return found[1]


def form_token(client, page="/login"):
    """The token of a page that is open to this browser."""
    return token(client.get(page).text)


def sign_in(client, username="mei", password=PASSWORD, onward=None):
    """Fill in the sign-in form and send it."""
    data = {"csrf_token": form_token(client), "username": username, "password": password}
    if onward:
        data["next"] = onward
    return client.post("/login", data=data)


def browser(app, username="mei", password=PASSWORD):
    """A browser that has signed in."""
    client = app.test_client()
    assert sign_in(client, username, password).status_code == 303
    return client


def session_id(client):
    """The session's id as the browser keeps it."""
    cookie = client.get_cookie(COOKIE)
    return None if cookie is None else cookie.value


def is_in(app, stolen):
    """Whether a copied id opens a page, in a browser that has nothing else."""
    thief = app.test_client()
    thief.set_cookie(COOKIE, stolen)
    answer = thief.get("/me/")
    assert answer.status_code in (200, 303), answer.status
    assert answer.status_code == 200 or answer.location.startswith("/login")
    return answer.status_code == 200


def post(client, address, page="/me/", **data):
    """Send a form of a page."""
    return client.post(address, data={"csrf_token": form_token(client, page), **data})
