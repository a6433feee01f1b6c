"""Coming in through the front door: accounts for the cast, and a browser that signs in."""

import hashlib
import re
import secrets

from hallpanel.engine import records
from hallpanel.engine.clock import utc_now
from hallpanel.engine.roles import Role
from hallpanel.engine.scope import SYSTEM
from hallpanel.guard import dual_control, second_factor
from hallpanel.guard.account import create_account
from hallpanel.guard.actors import actor_of
from hallpanel.guard.granting import grant
from hallpanel.panel.extensions import db
from tests import authenticator

PASSWORD = "Morning tea at nine"
OTHER_PASSWORD = "Evening tea at six"
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
        if second_factor.is_required(roles):
            authenticator.hand_out(session, made.id, utc_now())
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
    """Fill in the sign-in form and send it; where a code is asked, type that of the device."""
    answer = password_step(client, username, password, onward)
    if not asks_code(answer):
        return answer
    answer = code_step(client, authenticator.shown(), onward)
    if answer.status_code == 200:  # shown and used a moment ago
        answer = code_step(client, authenticator.shown_next(), onward)
    return answer


def password_step(client, username="mei", password=PASSWORD, onward=None):
    """Fill in account and password, and send them."""
    page = "/login?anew=1"
    data = {"csrf_token": form_token(client, page), "username": username, "password": password}
    return client.post("/login", data=data | ({"next": onward} if onward else {}))


def asks_code(answer):
    """Whether the password was right, and the second factor is asked for next."""
    return answer.status_code == 303 and answer.location.startswith("/login")


def code_step(client, code, onward=None):
    """Fill in the code, and send it."""
    data = {"csrf_token": form_token(client), "code": code}
    return client.post("/login", data=data | ({"next": onward} if onward else {}))


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


OPEN_AT_THE_GATE = {"/healthz", "/logout", "/language/<tag>", "/theme/<name>"}


def assert_only(client, app, page):
    """One page is all that a session opens, whatever is asked for, and in whichever way."""
    at_the_gate = {"csrf_token": form_token(client, page)}
    walked = 0
    for rule in app.url_map.iter_rules():
        if rule.endpoint.endswith("static") or rule.rule in OPEN_AT_THE_GATE | {page}:
            continue
        address = an_address(rule)
        if "GET" in rule.methods:
            answer = client.get(address)
            assert (answer.status_code, answer.location) == (303, page), rule.rule
        if "POST" in rule.methods:
            answer = client.post(address, data=at_the_gate)
            assert answer.status_code == 403, rule.rule
            assert "Location" not in answer.headers
        script = client.get(address, headers={"Accept": "application/json"})
        assert script.status_code in (403, 405), rule.rule
        walked += 1
    assert walked > 100
    assert client.get(page).status_code == 200
    for shown in (client.get(page).text, client.get("/no-such-page").text):
        assert 'class="side' not in shown, "no navigation leads anywhere else"


def an_address(rule):
    """Some address of a rule."""
    return re.sub(r"<(\w*)[^>]*>", lambda m: "1" if m[1] == "int" else "x", rule.rule)


def agreed(app, file):
    """What the command says once two people agreed to a restore of exactly this file."""

    def work(session):
        people = {}
        for role in (Role.SYSADMIN, Role.SECADMIN):
            name = f"{role.value}.{secrets.token_hex(4)}"
            made = create_account(session, name, name, None, utc_now())
            grant(session, made.id, role, utc_now())
            people[role] = actor_of(session, made, utc_now())
        content = file.read_bytes()
        payload = {"file": file.name, "digest": hashlib.sha256(content).hexdigest()}
        asker, second = people[Role.SYSADMIN], people[Role.SECADMIN]
        asked = dual_control.ask(session, "restore", payload, "磁盘坏了", asker, utc_now())
        dual_control.decide(session, asked.id, second, utc_now(), agrees=True)
        return asked.id

    return ("--approved", at_work(app, work))
