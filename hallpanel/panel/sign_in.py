"""The front door: every page is behind it, and here one comes in and goes out (SESS-1, AUTH-9)."""

from flask import (
    Blueprint,
    Flask,
    current_app,
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
from hallpanel.panel import own_page
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
    request_instant,
    signed_in,
    sit_down,
)
from hallpanel.panel.security import is_static

__all__ = ["blueprint", "init_app", "open_to_all"]

# What stays open to a person who has yet to choose a password of their own (AUTH-9).
OPEN_WITH_A_GIVEN_PASSWORD = frozenset(
    {
        "own_page.me",
        "own_page.change_own_password",
        "sign_in.logout",
        "language.choose_language",
        "language.choose_theme",
    }
)

blueprint = Blueprint("sign_in", __name__)


class SignInForm(PanelForm):
    """A user name and its password."""

    username = StringField(_l("Account"), [InputRequired()])
    password = PasswordField(_l("Password"), [InputRequired()])


def init_app(app: Flask) -> None:
    """Put every page behind the door but those marked open."""
    app.config.setdefault("HALLPANEL_IDLE_MINUTES", 30)
    app.config.setdefault("HALLPANEL_SESSION_HOURS", 12)
    # Flask-Login's own cookie outlives a sign-out (pitfall 27): it is never set, nor read.
    app.config.update(REMEMBER_COOKIE_NAME="hallpanel_unused", SESSION_PROTECTION=None)
    login_manager.init_app(app)
    login_manager.request_loader(lambda _request: person())
    login_manager.unauthorized_handler(ask_to_sign_in)
    app.before_request(_let_through)
    app.register_blueprint(blueprint)
    app.register_blueprint(own_page.blueprint)


def ask_to_sign_in() -> Response:
    """Send a person who only looked to the sign-in page and back; tell one who sent a form."""
    if request.method in ("GET", "HEAD") and not wants_json():
        return redirect(url_for("sign_in.login", next=here()), 303)
    return error_page(401)


@blueprint.route("/login", methods=["GET", "POST"])
@open_to_all
def login() -> Response:
    """Sign in, and go on to the page that was asked for."""
    onward = wanted_path() or home_path()
    if signed_in() is not None:
        return redirect(onward, 303)
    form, error = SignInForm(), None
    if request.method == "POST" and not form.validate():
        error = _("Type the account and the password.")
    elif request.method == "POST":
        outcome = _try(form)
        if outcome.token is not None:
            return hand_over(redirect(onward, 303), outcome.token)
        error = translate(outcome.message)
    return _sign_in_page(form, error)


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
    form_session.clear()
    response = redirect(url_for("sign_in.login"), 303)
    response.delete_cookie(
        cookie_name(), secure=current_app.config["HALLPANEL_TLS"], httponly=True, samesite="Lax"
    )
    response.headers["Clear-Site-Data"] = '"cache", "storage"'
    return response


def _let_through() -> Response | None:
    """Stop whoever is not signed in, or may do nothing before they chose a password."""
    if is_static(request.endpoint):
        return None
    who = signed_in()
    if who is None:
        view = current_app.view_functions.get(request.endpoint or "")
        is_open = view is None or getattr(view, "open_to_all", False)
        return None if is_open else ask_to_sign_in()
    sit_down(who)
    chosen = not who.account.must_change_password
    if chosen or request.endpoint is None or request.endpoint in OPEN_WITH_A_GIVEN_PASSWORD:
        return None
    return _ask_for_own_password()


def _ask_for_own_password() -> Response:
    if request.method not in ("GET", "HEAD"):
        return error_page(403, str(own_page.CHOOSE_A_PASSWORD))
    return redirect(url_for("own_page.me"), 303)


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
    page = {
        "title": _("Sign in"),
        "error": error,
        "username": form.username.data,
        "next": request.values.get("next"),
        "form_url": url_for("sign_in.login"),
        "accounts": [
            (username, listed(ROLE_LABELS[role] for role in roles))
            for username, roles in demonstration_accounts(db.session(), request_instant())
        ],
    }
    return make_response(
        render_template("hallpanel/sign_in.html", page=page, page_title=page["title"])
    )
