"""The front door: every page is behind it, and here one comes in and goes out (SESS-1, AUTH-9)."""

from typing import Any

from flask import (
    Blueprint,
    Flask,
    current_app,
    flash,
    g,
    make_response,
    redirect,
    render_template,
    request,
    url_for,
)
from flask import session as form_session
from werkzeug.wrappers import Response
from wtforms.fields import PasswordField, StringField
from wtforms.validators import InputRequired

from hallpanel.engine import audit
from hallpanel.engine.roles import ROLE_LABELS
from hallpanel.engine.store import reading
from hallpanel.engine.wall import WideSession
from hallpanel.guard import sessions, signing_in
from hallpanel.guard.actors import demonstration_accounts
from hallpanel.guard.duties import Duty, duty
from hallpanel.guard.password_policy import DJBH3
from hallpanel.guard.sessions import SignInSession
from hallpanel.panel import opening, own_factor, own_page, own_password
from hallpanel.panel.anchoring import leave_anchor
from hallpanel.panel.error_pages import error_page, wants_json
from hallpanel.panel.extensions import db, login_manager
from hallpanel.panel.language import PanelForm, _, _l, listed, translate
from hallpanel.panel.paths import here, home_path, wanted_path
from hallpanel.panel.person import (
    cookie_name,
    hand_over,
    lifetime,
    open_to_all,
    origin,
    person,
    profile,
    request_instant,
    secret_key,
    session_token,
    signed_in,
    sit_down,
)
from hallpanel.panel.security import is_static

__all__ = ["blueprint", "init_app", "open_to_all"]

# What stays open to a person who has yet to choose a password or set up a factor (AUTH-9).
OPEN_TO_ALL_INSIDE = frozenset(
    {"sign_in.logout", "language.choose_language", "language.choose_theme"}
)
DUTIES = {
    Duty.PASSWORD: ("own_password.choose_password", _l("Choose a password before you go on.")),
    Duty.FACTOR: ("own_factor.set_up", _l("Set up your second factor before you go on.")),
}
TOO_LATE = _l("That took too long. Begin again with the account and the password.")

blueprint = Blueprint("sign_in", __name__)


class CodeForm(PanelForm):
    """The code that one's own device shows."""

    code = StringField(_l("Code"), [InputRequired()])


class SignInForm(PanelForm):
    """A user name and its password."""

    username = StringField(_l("Account"), [InputRequired()])
    password = PasswordField(_l("Password"), [InputRequired()])


def init_app(app: Flask) -> None:
    """Put every page behind the door but those marked open."""
    app.config.setdefault("HALLPANEL_IDLE_MINUTES", 30)
    app.config.setdefault("HALLPANEL_ADMIN_IDLE_MINUTES", 15)
    app.config.setdefault("HALLPANEL_SESSION_HOURS", 12)
    app.config.setdefault("HALLPANEL_PASSWORD_PROFILE", DJBH3.name)
    # Flask-Login's own cookie outlives a sign-out (pitfall 27): it is never set, nor read.
    app.config.update(REMEMBER_COOKIE_NAME="hallpanel_unused", SESSION_PROTECTION=None)
    login_manager.init_app(app)
    login_manager.request_loader(lambda _request: person())
    login_manager.unauthorized_handler(ask_to_sign_in)
    app.before_request(_let_through)
    app.register_blueprint(blueprint)
    for page in (own_page, own_password, own_factor):
        app.register_blueprint(opening.opens(page.blueprint))


def ask_to_sign_in() -> Response:
    """Send a person who only looked to the sign-in page and back; tell one who sent a form."""
    if request.method in ("GET", "HEAD") and not wants_json():
        return redirect(url_for("sign_in.login", next=here()), 303)
    return error_page(401)


@blueprint.route("/login", methods=["GET", "POST"])
@open_to_all
def login() -> Response:
    """Sign in, with a code where one is asked, and go on to the page that was asked for."""
    onward = wanted_path() or home_path()
    if signed_in() is not None:
        return redirect(onward, 303)
    if request.method == "GET":
        asks_code = "anew" not in request.args and _awaiting_code() is not None
        return _code_page(None) if asks_code else _sign_in_page(SignInForm(), None)
    return _code_step() if "code" in request.form else _password_step()


def _password_step() -> Response:
    form = SignInForm()
    if not form.validate():
        return _sign_in_page(form, _("Type the account and the password."))
    outcome = _try(form)
    if outcome.token is None:
        return _sign_in_page(form, translate(outcome.message))
    if outcome.awaits_code:
        return hand_over(redirect(url_for("sign_in.login", next=wanted_path()), 303), outcome.token)
    return _come_in(outcome.token, outcome.ended)


def _code_step() -> Response:
    form, waiting = CodeForm(), _awaiting_code()
    if waiting is None:
        return _sign_in_page(SignInForm(), str(TOO_LATE))
    if not form.validate():
        return _code_page(_("Type the code."))
    outcome = signing_in.sign_in_with_code(
        db.session(),
        waiting,
        form.code.data,
        secret_key(),
        request_instant(),
        origin(),
        lifetime(),
    )
    db.session.commit()
    if outcome.token is None:
        return _code_page(translate(outcome.message))
    return _come_in(outcome.token, outcome.ended)


def _come_in(token: str, ended: int) -> Response:
    if ended:
        flash(_("You were signed in too often, so your oldest sign-in was ended."), "warning")
    return hand_over(redirect(wanted_path() or home_path(), 303), token)


def _awaiting_code() -> SignInSession | None:
    token = session_token()
    return sessions.find_awaiting(db.session(), token, request_instant()) if token else None


@blueprint.route("/logout", methods=["POST"])
@open_to_all
def logout() -> Response:
    """End the session in every process, and leave nothing of it in the browser."""
    who = signed_in()
    if who is not None:
        sessions.end(db.session(), who.session_row.id_hash, request_instant())
        audit.record(db.session(), audit.Event("sign_out", "account", who.account.id))
        db.session.commit()
        leave_anchor(who.actor)
    elif (waiting := _awaiting_code()) is not None:
        sessions.end(db.session(), waiting.id_hash, request_instant())
        db.session.commit()
    form_session.clear()
    response = redirect(url_for("sign_in.login"), 303)
    response.delete_cookie(
        cookie_name(), secure=current_app.config["HALLPANEL_TLS"], httponly=True, samesite="Lax"
    )
    response.headers["Clear-Site-Data"] = '"cache", "storage"'
    return response


def _let_through() -> Response | None:
    """Stop whoever is not signed in, or has yet to choose a password or set up a factor."""
    if is_static(request.endpoint):
        return None
    who = signed_in()
    if who is None:
        view = current_app.view_functions.get(request.endpoint or "")
        is_open = view is None or getattr(view, "open_to_all", False)
        return None if is_open else ask_to_sign_in()
    sit_down(who)
    unmet = duty(who, profile(), request_instant())
    if unmet is None:
        opening.demand(current_app, request.endpoint, who.actor)
        return None
    g.at_the_gate = True  # whatever is shown now has no navigation and no figures around it
    endpoint, sentence = DUTIES[unmet]
    if request.endpoint is None or request.endpoint in OPEN_TO_ALL_INSIDE | {endpoint}:
        return None
    if request.method not in ("GET", "HEAD") or wants_json():
        return error_page(403, str(sentence))
    return redirect(url_for(endpoint), 303)


def _try(form: SignInForm) -> signing_in.Outcome:
    """Compare the password outside of any transaction: it is slow on purpose, and others write."""
    with WideSession(reading(db.engine)) as session:
        claim = signing_in.look_up(session, form.username.data)
    proof = signing_in.prove(claim, form.password.data)
    outcome = signing_in.conclude(
        db.session(), claim, proof, request_instant(), origin(), lifetime()
    )
    db.session.commit()
    return outcome


def _sign_in_page(form: SignInForm, error: str | None) -> Response:
    return _page(
        title=_("Sign in"),
        error=error,
        username=form.username.data,
        accounts=[
            (username, listed(ROLE_LABELS[role] for role in roles))
            for username, roles in demonstration_accounts(db.session(), request_instant())
        ],
    )


def _code_page(error: str | None) -> Response:
    return _page(
        title=_("Second factor"),
        error=error,
        stage="code",
        anew_url=url_for("sign_in.login", anew=1, next=wanted_path()),
    )


def _page(**facts: Any) -> Response:
    page = {"next": wanted_path(), "form_url": url_for("sign_in.login"), **facts}
    return make_response(
        render_template("hallpanel/sign_in.html", page=page, page_title=page["title"])
    )
