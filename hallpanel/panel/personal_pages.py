"""The pages about personal data: read one fact whole for a reason, find a sealed one (PII-3)."""

from typing import Any

from flask import abort, make_response, redirect, render_template, request, url_for
from flask_wtf import FlaskForm
from werkzeug.wrappers import Response
from wtforms import fields, validators

from hallpanel.engine import sealing, unmasking
from hallpanel.engine.entity import Regulated
from hallpanel.engine.errors import NotAllowed, Refusal
from hallpanel.engine.facts import Reading
from hallpanel.engine.personal import UNMASKED_A_DAY
from hallpanel.engine.scope import Actor
from hallpanel.panel.extensions import db
from hallpanel.panel.forms import Stripped
from hallpanel.panel.language import TranslatedForm, _, refusal_sentence, translate
from hallpanel.panel.person import request_instant
from hallpanel.panel.showing import record_url
from hallpanel.panel.transitions import clause_link

LONGEST_REASON = 200
LONGEST_SOUGHT = 200


class ReasonForm(TranslatedForm, FlaskForm):
    """Why somebody needs personal data; it stays on record."""

    reason = fields.StringField(
        filters=[Stripped()],
        validators=[
            validators.DataRequired(),
            validators.Length(min=unmasking.SHORTEST_REASON, max=LONGEST_REASON),
        ],
        render_kw={"data-wide": True, "autocomplete": "off"},
    )


def reason_form() -> ReasonForm:
    """The question for the reason, in the reader's language."""
    form = ReasonForm()
    form.reason.label.text = _("Reason")
    form.reason.description = _("It is kept in the audit book together with your name.")
    return form


def ask(
    title: str,
    sentence: str,
    label: str,
    back_url: str,
    clause: str,
    form: ReasonForm,
    crumbs: list[tuple[str, str | None]],
    **more: Any,
) -> str:
    """The page that asks for a reason."""
    page = {
        "title": title,
        "sentence": sentence,
        "form": form,
        "confirm_label": label,
        "back_url": back_url,
        "clause": clause_link(clause),
        "refusal": None,
        "value": None,
        **more,
    }
    return render_template("hallpanel/reason.html", page=page, crumbs=crumbs)


def unmask(
    record: Regulated, fact: str, actor: Actor, crumbs: list[tuple[str, str | None]]
) -> Response | str:
    """Ask for the reason; then show the fact whole, in this one answer and never again."""
    declared = type(record).fields().get(fact)
    if declared is None or not unmasking.may_unmask(record, declared, actor):
        abort(403)
    form = reason_form()
    words: dict[str, Any] = {
        "title": _("Read whole: %(fact)s", fact=translate(declared.label)),
        "sentence": _(
            "%(fact)s of %(record)s is shown once. At most %(most)s facts are read whole in a day.",
            fact=translate(declared.label),
            record=record.display(),
            most=UNMASKED_A_DAY,
        ),
        "label": _("Show it once"),
        "back_url": record_url(record.__tablename__, record.id),
        "clause": type(record).clause,
        "form": form,
        "crumbs": [*crumbs, (translate(declared.label), None)],
    }
    if request.method != "POST" or not form.validate():
        return ask(**words)
    return _unmasked(record, fact, actor, words)


def _unmasked(record: Regulated, fact: str, actor: Actor, words: dict[str, Any]) -> Response | str:
    session, at, reason = db.session(), request_instant(), words["form"].reason.data
    try:
        found = unmasking.unmask(session, record, fact, actor=actor, at=at, reason=reason)
    except NotAllowed:
        raise
    except Refusal as refusal:
        session.commit()  # that it was refused is on record, and whoever must know is told
        return make_response(ask(**words, refusal=refusal_sentence(refusal)), 409)
    session.commit()  # first it is on record, then it is shown
    return ask(**words, value=found.value, fact=translate(found.declared.label))


def find(entity: type[Regulated], actor: Actor) -> Response:
    """Lead to the list of the records that have a sealed fact; its keyed word is in the address."""
    declared = Reading(entity, actor).fields.get(request.form.get("fact", ""))
    sought = request.form.get("value", "")[:LONGEST_SOUGHT].strip()
    if declared is None or not declared.searchable:
        abort(404)
    here = f"{entity.__tablename__}.index_view"
    if not sought:
        return redirect(url_for(here), 303)
    word = sealing.ring().index_of(entity.__tablename__, declared.name, sought)
    asked: dict[str, Any] = {f"f.{declared.name}.is": word}
    return redirect(url_for(here, **asked), 303)
