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

from hallpanel.engine import audit
from hallpanel.engine.roles import ROLE_LABELS, Role
from hallpanel.guard import actors, sessions
from hallpanel.guard.actors import HeldRole
from hallpanel.guard.granting import ADMINISTRATORS
from hallpanel.guard.sessions import SignInSession
from hallpanel.panel.extensions import db
from hallpanel.panel.language import _, format_day, format_instant, translate
from hallpanel.panel.own_password import password_form
from hallpanel.panel.person import lifetime, present, request_instant

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

blueprint = Blueprint("own_page", __name__)


@blueprint.route("/me/")
def me() -> Response:
    """Show my roles, my sessions, the form for my password and my second factor."""
    who = present()
    page: dict[str, Any] = {
        "title": who.actor.name,
        "username": who.account.username,
        "password_form": password_form(),
        "password_url": url_for("own_password.choose_password"),
        **_about(who.account.username),
    }
    return make_response(render_template("hallpanel/me.html", page=page, page_title=page["title"]))


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


def _about(username: str) -> dict[str, Any]:
    held = actors.held_roles(db.session(), present().account.id, request_instant())
    return {
        "facts": [{"label": _("Account"), "value": username}],
        "roles": [_role_line(role) for role in held],
        "delegations": [
            (_("Today I decide for %(name)s as well", name=person.name), None)
            for person in present().actor.delegators
        ],
        "factor_since": _factor_since(),
        "factor_url": url_for("own_factor.set_up"),
        "sessions": [_session_line(row) for row in _open_sessions()],
        "end_url": url_for("own_page.end_session"),
        "end_all_url": url_for("own_page.end_other_sessions"),
    }


def _factor_since() -> str | None:
    since = present().account.totp_since
    return None if since is None else format_instant(since)


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
    who = present()
    lives = lifetime().of(who.actor.reachable_roles)
    return sessions.list_open(db.session(), who.account.id, request_instant(), lives)


def _device(user_agent: str) -> str:
    """A browser and its system in two words, so that its user knows it again."""
    browser = next((name for mark, name in BROWSERS.items() if mark in user_agent), None)
    system = next((name for mark, name in SYSTEMS.items() if mark in user_agent), None)
    return " · ".join(filter(None, (browser, system))) or _("An unknown device")
