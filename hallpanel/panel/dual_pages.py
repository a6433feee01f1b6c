"""Two people: what waits for me to agree to, what I asked for, and the page that asks (SOD-3)."""

from typing import Any

from flask import Blueprint, abort, current_app, flash, redirect, render_template, request, url_for
from itsdangerous import BadSignature, URLSafeSerializer
from sqlalchemy import select
from werkzeug.wrappers import Response
from wtforms.fields import HiddenField, StringField, TextAreaField
from wtforms.validators import InputRequired, Regexp

from hallpanel.engine.errors import NotAllowed, Refusal
from hallpanel.engine.roles import Role
from hallpanel.guard import administration, dual_control
from hallpanel.guard.dual_control import KINDS, OUTCOMES, DualControl, Outcome, Payload
from hallpanel.panel.extensions import db
from hallpanel.panel.language import (
    PanelForm,
    _,
    _l,
    format_instant,
    refusal_sentence,
    translate,
)
from hallpanel.panel.opening import for_roles
from hallpanel.panel.person import present, request_instant
from hallpanel.panel.showing import Button

MOST_SHOWN = 50

blueprint = Blueprint("dual", __name__, url_prefix="/dual")


class ReasonForm(PanelForm):
    """Why a second person is asked, and for what, sealed by the page that asked."""

    what = HiddenField()
    reason = TextAreaField(_l("Reason"), [InputRequired()])


class RestoreForm(PanelForm):
    """Which backup is to replace the records."""

    file = StringField(_l("File name"), [InputRequired()])
    digest = StringField(
        _l("SHA-256 of the file"),
        [InputRequired(), Regexp("^[0-9a-f]{64}$", message=_l("64 signs from 0 to 9 and a to f."))],
        description=_l("The command “restore” prints it."),
    )
    reason = TextAreaField(_l("Reason"), [InputRequired()])


def second_person(
    kind: str, payload: Payload, back_url: str, unit_id: int | None = None
) -> str | None:
    """None where a second person agreed to the deed; else the page that asks for one.

    Called right before the deed and in its transaction: the agreement is used up by it.
    """
    actor, at = present().actor, request_instant()
    refusal = dual_control.demand(db.session(), kind, payload, actor, at)
    if refusal is None:
        return None
    sealed = _seal().dumps(
        {"kind": kind, "payload": dict(payload), "back": back_url, "unit": unit_id}
    )
    form = ReasonForm(formdata=None, what=sealed)
    return _ask_page(form, kind, payload, back_url)


@blueprint.get("/")
def index() -> str:
    """What waits for me, and what I asked for."""
    session, actor, at = db.session(), present().actor, request_instant()
    mine = session.scalars(
        select(DualControl)
        .where(DualControl.requested_by == actor.account_id)
        .order_by(DualControl.id.desc())
        .limit(MOST_SHOWN)
    )
    page = {
        "title": _("Two people"),
        "lead": _("What one person asks for, another one agrees to within 30 minutes."),
        "waiting": [_line(one) for one in dual_control.requests_for(session, actor, at)],
        "mine": [_line(one) for one in mine],
        "actions": [Button(_("Ask for a restore"), url_for("dual.ask_restore"))]
        if Role.SYSADMIN in actor.roles
        else [],
    }
    return render_template("hallpanel/dual.html", page=page, crumbs=_crumbs(page["title"]))


@blueprint.post("/ask/")
def ask() -> Response | str:
    """Ask for the second person of a deed, as a page of the panel sealed it."""
    form = ReasonForm()
    try:
        wanted = _seal().loads(form.what.data or "")
    except BadSignature:
        abort(400)
    if not form.validate():
        return _ask_page(form, wanted["kind"], wanted["payload"], wanted["back"])
    _ask(wanted["kind"], wanted["payload"], form.reason.data, wanted["unit"])
    return redirect(url_for("dual.index"), 303)


@blueprint.route("/restore/", methods=["GET", "POST"])
@for_roles(Role.SYSADMIN)
def ask_restore() -> Response | str:
    """Ask for the second person of a restore, which the command line then carries out."""
    form = RestoreForm()
    if request.method == "POST" and form.validate():
        payload = {"file": form.file.data.strip(), "digest": form.digest.data}
        _ask(administration.RESTORE.name, payload, form.reason.data, None)
        return redirect(url_for("dual.index"), 303)
    title = _("Ask for a restore")
    page = {
        "title": title,
        "form": form,
        "submit_label": _("Ask a second person"),
        "back_url": url_for("dual.index"),
        "conflict": None,
    }
    return render_template("hallpanel/form.html", page=page, crumbs=_crumbs(title))


@blueprint.post("/<int:request_id>/<answer>/")
def decide(request_id: int, answer: str) -> Response:
    """Agree or refuse as the second person."""
    if answer not in ("agree", "refuse"):
        abort(404)
    session = db.session()
    remark = request.form.get("remark", "").strip() or None
    try:
        dual_control.decide(
            session,
            request_id,
            present().actor,
            request_instant(),
            agrees=answer == "agree",
            remark=remark,
        )
        session.commit()
    except NotAllowed:
        raise
    except Refusal as refusal:
        session.rollback()
        flash(refusal_sentence(refusal), "danger")
        return redirect(url_for("dual.index"), 303)
    flash(_("You agreed.") if answer == "agree" else _("You refused."), "success")
    return redirect(url_for("dual.index"), 303)


def _ask(kind: str, payload: Payload, reason: str, unit_id: int | None) -> None:
    session = db.session()
    actor, at = present().actor, request_instant()
    dual_control.ask(session, kind, payload, reason, actor, at, unit_id=unit_id)
    session.commit()
    flash(_("Asked. A second person is told and has 30 minutes."), "success")


def _ask_page(form: ReasonForm, kind: str, payload: Payload, back_url: str) -> str:
    title = translate(KINDS[kind].label)
    page = {
        "title": title,
        "lead": translate(KINDS[kind].told(db.session(), payload))
        + " "
        + _("A second person must agree; then come back and do it within 30 minutes."),
        "form": form,
        "form_url": url_for("dual.ask"),
        "submit_label": _("Ask a second person"),
        "back_url": back_url,
        "conflict": None,
    }
    return render_template("hallpanel/form.html", page=page, crumbs=_crumbs(title))


def _line(one: DualControl) -> dict[str, Any]:
    kind, at = KINDS[one.kind], request_instant()
    late = one.outcome in (Outcome.WAITING, Outcome.APPROVED) and one.expires_at <= at
    asker = administration.find_account(db.session(), one.requested_by)
    return {
        "id": one.id,
        "label": translate(kind.label),
        "told": translate(kind.told(db.session(), one.payload)),
        "who": "" if asker is None else asker.display_name,
        "reason": one.reason,
        "until": format_instant(one.expires_at),
        "outcome": translate(OUTCOMES[Outcome.EXPIRED if late else one.outcome]),
    }


def _seal() -> URLSafeSerializer:
    return URLSafeSerializer(current_app.config["SECRET_KEY"], salt="two people")


def _crumbs(title: str) -> list[tuple[str, str | None]]:
    return [(_("Home"), url_for("home.index")), (title, None)]
