"""My own page: in which roles I am here, where I am signed in, and my password."""

from typing import Any

from flask import (
    Blueprint,
    abort,
    flash,
    make_response,
    redirect,
    render_template,
    request,
    url_for,
)
from werkzeug.wrappers import Response
from wtforms.fields import PasswordField
from wtforms.validators import EqualTo, InputRequired

from hallpanel.engine import audit
from hallpanel.engine.errors import Refusal
from hallpanel.engine.roles import ROLE_LABELS, Role
from hallpanel.guard import actors, passwords, sessions
from hallpanel.guard.actors import HeldRole
from hallpanel.guard.granting import ADMINISTRATORS
from hallpanel.guard.password_change import change_password
from hallpanel.guard.sessions import SignInSession
from hallpanel.panel.extensions import db
from hallpanel.panel.language import (
    PanelForm,
    _,
    _l,
    format_day,
    format_instant,
    refusal_sentence,
    translate,
)
from hallpanel.panel.person import hand_over, lifetime, origin, present, request_instant

CHOOSE_A_PASSWORD = _l("Choose a password of your own before you go on.")

# As they name themselves, the more particular first: Edge says that it is Chrome as well.
BROWSERS = {"Edg/": "Edge", "Chrome/": "Chrome", "Firefox/": "Firefox", "Safari/": "Safari"}
SYSTEMS = {
    "Android": "Android",
    "iPhone": "iPhone",
    "iPad": "iPad",
    "HarmonyOS": "HarmonyOS",
    "Windows": "Windows",
    "Mac OS": "macOS",
    "Linux": "Linux",
}

FIELDS = {"old": "old", "password": "new"}  # where the guard's answers belong on the form

blueprint = Blueprint("own_page", __name__)


class PasswordForm(PanelForm):
    """The present password, and the new one twice."""

    old = PasswordField(
        _l("Present password"),
        [InputRequired()],
        render_kw={"autocomplete": "current-password"},
    )
    new = PasswordField(
        _l("New password"),
        [InputRequired()],
        description=_l("At least %(shortest)s characters.", shortest=passwords.SHORTEST),
        render_kw={"autocomplete": "new-password"},
    )
    again = PasswordField(
        _l("New password once more"),
        [InputRequired(), EqualTo("new", _l("The two new passwords differ."))],
        render_kw={"autocomplete": "new-password"},
    )


@blueprint.route("/me/")
def me() -> Response:
    """Show my roles, my sessions and the form for my password."""
    return _own_page(PasswordForm())


@blueprint.route("/me/password/", methods=["POST"])
def change_own_password() -> Response:
    """Change my password; every other session of mine ends."""
    form = PasswordForm()
    token = _change(form) if form.validate() else None
    if token is None:
        return _own_page(form)
    flash(_("Your password is changed, and you are signed out everywhere else."), "success")
    return hand_over(redirect(url_for("own_page.me"), 303), token)


@blueprint.route("/me/sessions/end/", methods=["POST"])
def end_session() -> Response:
    """End one of my sessions, on whichever device it is."""
    wanted = request.form.get("id", "")
    rows = [row for row in _open_sessions() if sessions.shown_hash(row.id_hash) == wanted]
    if not rows:
        abort(404)
    for row in rows:
        sessions.end(db.session(), row.id_hash, request_instant())
    return _signed_out_there()


@blueprint.route("/me/sessions/end-others/", methods=["POST"])
def end_other_sessions() -> Response:
    """End all my sessions but this one."""
    who = present()
    here = who.session_row.id_hash
    sessions.end_all(db.session(), who.account.id, request_instant(), but=here)
    return _signed_out_there()


def _signed_out_there() -> Response:
    audit.record(db.session(), audit.Event("end_session", "account", present().account.id))
    db.session.commit()
    flash(_("You are signed out there."), "success")
    return redirect(url_for("own_page.me"), 303)


def _change(form: PasswordForm) -> str | None:
    """The id of the new session, or None with the reason beside its field."""
    try:
        token = change_password(
            db.session(),
            present().account.id,
            form.old.data,
            form.new.data,
            request_instant(),
            origin(),
            lifetime(),
        )
    except Refusal as refusal:
        token = None
        form[FIELDS[refusal.field or "old"]].errors = [refusal_sentence(refusal)]
    db.session.commit()  # of a refusal too: the failure was counted
    return token


def _own_page(form: PasswordForm) -> Response:
    who = present()
    page: dict[str, Any] = {
        "title": who.actor.name,
        "username": who.account.username,
        "password_form": form,
        "password_url": url_for("own_page.change_own_password"),
    }
    if who.account.must_change_password:
        page["title"] = str(CHOOSE_A_PASSWORD)
    else:
        page |= _about(who.account.username)
    return make_response(render_template("hallpanel/me.html", page=page, page_title=page["title"]))


def _about(username: str) -> dict[str, Any]:
    held = actors.held_roles(db.session(), present().account.id, request_instant())
    return {
        "facts": [{"label": _("Account"), "value": username}],
        "roles": [_role_line(role) for role in held],
        "delegations": [
            (_("Today I decide for %(name)s as well", name=person.name), None)
            for person in present().actor.delegators
        ],
        "sessions": [_session_line(row) for row in _open_sessions()],
        "end_url": url_for("own_page.end_session"),
        "end_all_url": url_for("own_page.end_other_sessions"),
    }


def _role_line(held: HeldRole) -> tuple[str, str, str]:
    since = _("since %(day)s", day=format_day(held.since))
    until = _("until %(day)s", day=format_day(held.until)) if held.until else ""
    period = f"{since}, {until}" if until else since
    return translate(ROLE_LABELS[held.role]), held.unit_name or _reach(held.role), period


def _reach(role: Role) -> str:
    """How far a role reaches that is held over no unit."""
    if role is Role.STAFF:
        return _("my own records")
    return _("the panel itself") if role in ADMINISTRATORS else _("the whole hall")


def _session_line(row: SignInSession) -> dict[str, Any]:
    return {
        "id": sessions.shown_hash(row.id_hash),
        "where": f"{_device(row.user_agent)} · {row.address}",
        "since": format_instant(row.created_at),
        "last": format_instant(row.seen_at),
        "current": row.id_hash == present().session_row.id_hash,
    }


def _open_sessions() -> list[SignInSession]:
    account_id = present().account.id
    return sessions.list_open(db.session(), account_id, request_instant(), lifetime())


def _device(user_agent: str) -> str:
    """A browser and its system in two words, so that its user knows it again."""
    browser = next((name for mark, name in BROWSERS.items() if mark in user_agent), None)
    system = next((name for mark, name in SYSTEMS.items() if mark in user_agent), None)
    return " · ".join(filter(None, (browser, system))) or _("An unknown device")
