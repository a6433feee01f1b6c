"""Accounts: the system administrator opens and closes them, the security administrator grants.

The auditor reads. Nobody touches an account of their own, and what touches an administrator's
waits for a second person (SOD-2, SOD-3).
"""

from collections.abc import Callable
from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from sqlalchemy import or_, select
from werkzeug.wrappers import Response
from wtforms.fields import DateField, SelectField, StringField, TextAreaField
from wtforms.validators import InputRequired, Length, Optional

from hallpanel.engine import audit
from hallpanel.engine.entity import REGISTRY
from hallpanel.engine.errors import NotAllowed, Refusal
from hallpanel.engine.roles import ROLE_LABELS, Role
from hallpanel.engine.scope import SYSTEM, acting
from hallpanel.guard import administration, one_time, sessions
from hallpanel.guard.account import Account, create_account, unlock
from hallpanel.guard.actors import UNIT
from hallpanel.guard.dual_control import DualControl
from hallpanel.panel import dual_pages
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
from hallpanel.panel.opening import for_roles, opens
from hallpanel.panel.person import lifetime, present, request_instant

MOST_SHOWN = 100
READERS = (Role.SYSADMIN, Role.SECADMIN, Role.AUDITOR)

blueprint = opens(Blueprint("accounts", __name__, url_prefix="/accounts"), *READERS)


class AccountForm(PanelForm):
    """A new account."""

    name = StringField(_l("Name"), [InputRequired(), Length(max=100)])
    username = StringField(_l("User name"), [InputRequired(), Length(max=64)])
    staff = StringField(_l("Staff number"), description=_l("Empty: no member of staff."))


class GrantForm(PanelForm):
    """A role for an account."""

    role = SelectField(_l("Role"), [InputRequired()])
    unit = SelectField(_l("Window unit"), description=_l("Only for a section lead."))
    until = DateField(_l("Until"), [Optional()], description=_l("Empty: until it is revoked."))
    reason = TextAreaField(
        _l("Reason"),
        description=_l("The second person reads it, where the role is an administrator's."),
    )


@blueprint.get("/")
def index() -> str:
    """All accounts, found by name."""
    sought = request.args.get("search", "").strip()[:MOST_SHOWN]
    query = select(Account).order_by(Account.username_key).limit(MOST_SHOWN)
    if sought:
        found = (Account.username.contains(sought, autoescape=True),)
        named = Account.display_name.contains(sought, autoescape=True)
        query = query.where(or_(*found, named))
    page = {
        "title": _("Accounts"),
        "search": sought,
        "rows": [_row(account) for account in db.session.scalars(query)],
        "new_url": url_for("accounts.new") if _am(Role.SYSADMIN) else None,
    }
    return render_template("hallpanel/accounts.html", page=page, crumbs=_crumbs())


@blueprint.route("/new/", methods=["GET", "POST"])
@for_roles(Role.SYSADMIN)
def new() -> Response | str:
    """Open an account without any role, and show its one-time code once."""
    form = AccountForm()
    if request.method == "POST" and form.validate():
        session, at = db.session(), request_instant()
        try:
            account = create_account(
                session,
                form.username.data,
                form.name.data.strip(),
                None,
                at,
                staff_id=_staff_id(form.staff.data),
            )
            code = one_time.issue(session, account.id, at)
            session.commit()
        except Refusal as refusal:
            session.rollback()
            form.form_errors.append(refusal_sentence(refusal))
        else:
            return _code_page(account, code)
    title = _("New account")
    page = _form(title, form, _("Open the account"), url_for("accounts.index"))
    return render_template("hallpanel/form.html", page=page, crumbs=_crumbs(title))


@blueprint.get("/<int:account_id>/")
def details(account_id: int) -> str:
    """An account: its state, its roles, where it is signed in, and what I may do to it."""
    account, at = _load(account_id), request_instant()
    named = db.session.execute(select(UNIT.c.id, UNIT.c.name))
    units: dict[int, str] = {row.id: row.name for row in named}
    page = {
        "title": account.display_name,
        "account": account,
        "facts": _facts(account),
        "roles": [
            {
                "id": held.id,
                "label": translate(ROLE_LABELS[held.role]),
                "unit": units.get(held.unit_id or 0, ""),
                "since": format_day(held.since),
                "until": format_day(held.until),
            }
            for held in administration.grants_now(db.session(), account_id, at)
        ],
        "sessions": [
            f"{row.address} · {format_instant(row.seen_at)}"
            for row in sessions.list_open(db.session(), account_id, at, lifetime())
        ],
        "may": _may(account),
    }
    return render_template(
        "hallpanel/account.html", page=page, crumbs=_crumbs(account.display_name)
    )


@blueprint.route("/<int:account_id>/grant/", methods=["GET", "POST"])
@for_roles(Role.SECADMIN)
def grant(account_id: int) -> Response | str:
    """Grant a role; an administrator's is asked of a second person."""
    account, form = _load(account_id), GrantForm()
    units = db.session.execute(select(UNIT.c.id, UNIT.c.name).order_by(UNIT.c.name)).all()
    form.role.choices = [(role.value, translate(label)) for role, label in ROLE_LABELS.items()]
    form.unit.choices = [("", ""), *((str(one.id), one.name) for one in units)]
    if request.method == "POST" and form.validate():
        role = Role(form.role.data)

        def work() -> Any:
            return administration.grant_role(
                db.session(),
                account,
                role,
                present().actor,
                request_instant(),
                reason=form.reason.data or "",
                unit_id=int(form.unit.data) if form.unit.data and role is Role.LEAD else None,
                until=form.until.data,
            )

        return _do(account, work)
    title = _("Grant a role to %(name)s", name=account.display_name)
    page = _form(title, form, _("Grant"), url_for("accounts.details", account_id=account_id))
    return render_template("hallpanel/form.html", page=page, crumbs=_crumbs(title))


@blueprint.post("/<int:account_id>/revoke/<int:grant_id>/")
@for_roles(Role.SECADMIN)
def revoke(account_id: int, grant_id: int) -> Response:
    """Take a role away; an administrator's is asked of a second person."""
    account, held = _load(account_id), administration.find_grant(db.session(), grant_id)
    if held is None or held.account_id != account_id:
        abort(404)
    return _do(
        account,
        lambda: administration.revoke_role(
            db.session(), held, present().actor, request_instant(), reason=_reason()
        ),
    )


@blueprint.post("/<int:account_id>/disable/")
@for_roles(Role.SYSADMIN)
def disable(account_id: int) -> Response:
    """Close an account for good; an administrator's is asked of a second person."""
    account = _load(account_id)
    return _do(
        account,
        lambda: administration.disable(
            db.session(), account, present().actor, request_instant(), reason=_reason()
        ),
    )


@blueprint.post("/<int:account_id>/unlock/")
@for_roles(Role.SECADMIN)
def unlock_account(account_id: int) -> Response:
    """Let a locked account try again."""
    account = _load(account_id)

    def work() -> None:
        administration.refuse_own(account, present().actor)
        unlock(db.session(), account_id, request_instant())

    return _do(account, work)


@blueprint.post("/<int:account_id>/sign-out/")
@for_roles(Role.SECADMIN)
def sign_out(account_id: int) -> Response:
    """End all sessions of an account, in every process."""
    account = _load(account_id)

    def work() -> None:
        sessions.end_all(db.session(), account_id, request_instant())
        audit.record(db.session(), audit.Event("end_session", "account", account_id))

    return _do(account, work)


@blueprint.post("/<int:account_id>/code/")
@for_roles(Role.SECADMIN)
def code(account_id: int) -> Response | str:
    """Give an account a new one-time code, shown once."""
    account, session = _load(account_id), db.session()
    actor, at = present().actor, request_instant()
    administration.refuse_own(account, actor)
    if administration.is_administrator(session, account_id, at):
        back = url_for("accounts.details", account_id=account_id)
        asked = dual_pages.second_person(administration.CODE.name, {"account_id": account_id}, back)
        if asked is not None:
            return asked
    made = one_time.issue(session, account_id, at)
    session.commit()
    return _code_page(account, made)


def _do(account: Account, work: Callable[[], Any]) -> Response:
    """Do a deed and come back to the account, with a plain word on what became of it."""
    session = db.session()
    try:
        done = work()
        session.commit()
    except NotAllowed:
        raise
    except Refusal as refusal:
        session.rollback()
        flash(refusal_sentence(refusal), "danger")
    else:
        asked = isinstance(done, DualControl)
        flash(_("Asked. A second person is told and has 30 minutes.") if asked else _("Done."))
    return redirect(url_for("accounts.details", account_id=account.id), 303)


def _load(account_id: int) -> Account:
    account = administration.find_account(db.session(), account_id)
    if account is None:
        abort(404)
    return account


def _am(role: Role) -> bool:
    return role in present().actor.roles


def _may(account: Account) -> dict[str, bool]:
    """What I may do to an account."""
    other = not administration.is_own(account, present().actor) and account.disabled_at is None
    return {"grants": other and _am(Role.SECADMIN), "disables": other and _am(Role.SYSADMIN)}


def _reason() -> str:
    return request.form.get("reason", "")


def _staff_id(number: str | None) -> int | None:
    """The member of staff of a number, whom the administrator names and does not read."""
    if not number or not number.strip():
        return None
    staff = REGISTRY["staff"]
    with acting(db.session(), SYSTEM):
        found = db.session.scalar(select(staff.id).where(staff.number == number.strip()))
    if found is None:
        raise Refusal(_l("there is no member of staff with this number"), field="staff")
    return int(found)


def _state(account: Account) -> str:
    at = request_instant()
    if account.disabled_at is not None:
        return _("Closed")
    if account.locked_until is not None and account.locked_until > at:
        return _("Locked until %(time)s", time=format_instant(account.locked_until))
    return _("Has yet to choose a password") if account.must_change_password else _("Open")


def _row(account: Account) -> dict[str, Any]:
    held = administration.grants_now(db.session(), account.id, request_instant())
    return {
        "url": url_for("accounts.details", account_id=account.id),
        "username": account.username,
        "name": account.display_name,
        "roles": "、".join(translate(ROLE_LABELS[one.role]) for one in held),
        "state": _state(account),
        "factor": _("set up") if account.totp_secret else "—",
    }


def _facts(account: Account) -> list[tuple[str, str]]:
    return [
        (_("User name"), account.username),
        (_("State"), _state(account)),
        (_("Second factor"), _("set up") if account.totp_secret else "—"),
        (_("Opened"), format_instant(account.created_at)),
    ]


def _form(title: str, form: PanelForm, label: str, back_url: str) -> dict[str, Any]:
    return {
        "title": title,
        "form": form,
        "submit_label": label,
        "back_url": back_url,
        "conflict": None,
    }


def _code_page(account: Account, made: str) -> str:
    page = {
        "title": made,
        "tone": "success",
        "sentence": _(
            "%(name)s signs in with this code once, within 24 hours. It is not shown again.",
            name=account.username,
        ),
        "actions": [],
    }
    return render_template("hallpanel/message.html", page=page, page_title=_("One-time code"))


def _crumbs(*last: str) -> list[tuple[str, str | None]]:
    home = (_("Home"), url_for("home.index"))
    return [home, (_("Accounts"), url_for("accounts.index")), *((word, None) for word in last)]
