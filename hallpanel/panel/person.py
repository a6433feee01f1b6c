"""Who is behind a request, since when, and from where: asked of the session table each time."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, TypeVar, cast

from flask import current_app, g, request
from flask import session as form_session
from flask_login import UserMixin
from sqlalchemy.exc import OperationalError
from werkzeug.wrappers import Response

from hallpanel.engine import records
from hallpanel.engine.clock import utc_now
from hallpanel.engine.scope import Actor
from hallpanel.engine.store import reading
from hallpanel.engine.wall import WideSession
from hallpanel.guard import sessions, signing_in
from hallpanel.guard.actors import SignedIn, load_signed_in
from hallpanel.guard.password_policy import PROFILES, Profile
from hallpanel.guard.sessions import Lifetime, Origin, SignInSession
from hallpanel.panel.extensions import db

View = TypeVar("View", bound=Callable[..., Any])


class Person(UserMixin):
    """The person of a request, as Flask-Login knows them."""

    def __init__(self, who: SignedIn) -> None:
        self.who = who
        self.actor: Actor = who.actor


def open_to_all(view: View) -> View:
    """Mark a view that answers also people who are not signed in."""
    view.open_to_all = True  # type: ignore[attr-defined]
    return view


def signed_in() -> SignedIn | None:
    """Who is behind this request, or None; looked up once."""
    if "signed_in" not in g:
        g.signed_in = None  # if the database is away, the error page must not ask for it again
        g.signed_in = _load()
    return cast(SignedIn | None, g.signed_in)


def present() -> SignedIn:
    """Who is behind this request, on a page that opens for nobody else."""
    who = signed_in()
    if who is None:
        raise RuntimeError("this page was opened without signing in")
    return who


def person() -> Person | None:
    """The same for Flask-Login, which asks once for each request."""
    who = signed_in()
    return None if who is None else Person(who)


def request_instant() -> datetime:
    """The one instant of this request: all that it does happens then."""
    if "at" not in g:
        g.at = utc_now()
    return cast(datetime, g.at)


def lifetime() -> Lifetime:
    """How long sessions live in this installation."""
    return Lifetime(
        idle=timedelta(minutes=current_app.config["HALLPANEL_IDLE_MINUTES"]),
        absolute=timedelta(hours=current_app.config["HALLPANEL_SESSION_HOURS"]),
        idle_administrator=timedelta(minutes=current_app.config["HALLPANEL_ADMIN_IDLE_MINUTES"]),
    )


def profile() -> Profile:
    """How this installation wants its passwords."""
    return PROFILES[current_app.config["HALLPANEL_PASSWORD_PROFILE"]]


def secret_key() -> str:
    """The key of this installation, with which second factors are sealed."""
    return str(current_app.config["SECRET_KEY"])


def session_token() -> str | None:
    """The id that the browser sent, which may open a session, ask for a code, or be nothing."""
    return request.cookies.get(cookie_name())


def origin() -> Origin:
    """Where the request comes from."""
    return Origin(
        address=request.remote_addr or "",
        user_agent=request.user_agent.string,
        request_id=g.get("request_id"),
    )


def sit_down(who: SignedIn) -> None:
    """Let the request's database session work for this person, and the audit know it."""
    records.open_desk(
        db.session(),
        who.actor,
        request_instant(),
        address=origin().address,
        session_hash=sessions.shown_hash(who.session_row.id_hash),
        request_id=g.request_id,
    )


def cookie_name() -> str:
    """The cookie with the session's id; under TLS one that no other host can set."""
    return "__Host-hallpanel" if current_app.config["HALLPANEL_TLS"] else "hallpanel_session"


def hand_over(response: Response, token: str) -> Response:
    """Give the browser the id of its new session; forms of the one before are no longer taken."""
    form_session.pop("csrf_token", None)
    response.set_cookie(
        cookie_name(),
        token,
        secure=current_app.config["HALLPANEL_TLS"],
        httponly=True,
        samesite="Lax",
    )
    return response


def _load() -> SignedIn | None:
    """Look the session up, in a transaction of its own.

    A page only reads, and its transaction must not turn into a writing one because the session's
    last use is noted. So both happen before it, in short ones beside it.
    """
    token = session_token()
    if not token:
        return None
    with WideSession(reading(db.engine)) as session:
        who = load_signed_in(session, token, request_instant(), lifetime())
    if who is None:
        return None
    strange = sessions.strangeness(who.session_row, origin())
    if strange is not None:
        _end(who, strange)
        return None
    if who.session_row.is_due_a_touch(request_instant()):
        _touch(who.session_row)
    return who


def _end(who: SignedIn, strange: str) -> None:
    with records.open_session(db.engine) as session:
        signing_in.end_strange(
            session, who.account, who.session_row, strange, request_instant(), origin()
        )
        session.commit()


def _touch(row: SignInSession) -> None:
    try:
        with WideSession(db.engine) as session, session.begin():
            sessions.touch(session, row.id_hash, request_instant())
    except OperationalError:  # a full disk stops writing; whoever is inside may go on reading
        current_app.logger.exception("the use of a session could not be noted")
