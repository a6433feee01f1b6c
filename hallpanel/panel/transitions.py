"""Transitions on screen: a page that says what will happen, a form, and a plain answer (X8, X12).

One record or many, from a row, from the bulk bar or from the record's page: the same page asks,
and the same function of the engine acts, each record in a transaction of its own.
"""

from dataclasses import dataclass, field
from typing import Any

from flask import abort, flash, g, make_response, redirect, render_template, request, url_for
from sqlalchemy import select
from werkzeug.wrappers import Response

from hallpanel.engine import audit, records, workflow
from hallpanel.engine.entity import Regulated
from hallpanel.engine.errors import NotAllowed, Refusal
from hallpanel.engine.scope import Actor
from hallpanel.engine.words import SAYINGS, _l
from hallpanel.engine.workflow import Act, Transition
from hallpanel.panel import extra_parameters
from hallpanel.panel.extensions import db
from hallpanel.panel.forms import DeclaredForm, ask_form, version_seen
from hallpanel.panel.language import _, followed, translate
from hallpanel.panel.paths import wanted_path
from hallpanel.panel.person import request_instant
from hallpanel.panel.showing import (
    Button,
    ClauseLink,
    clause_url,
    plain,
    record_url,
    when_of,
)

PARTS = {"attachments": _l("To the attachments")}
"""The parts of a record's page in which a refusal can be mended."""

NOT_THERE = _l("there is no such record within your reach")
MOST_AT_ONCE = 200
MOST_FORESEEN = 12


@dataclass
class ActPage:
    """The page before a transition."""

    title: str
    sentence: str
    records: list[tuple[int, int, str]]
    expectations: list[str]
    form: DeclaredForm | None
    confirm_label: str | None
    tone: str
    back_url: str
    clause: ClauseLink
    form_url: str
    refusals: list[tuple[str, str, str | None]] = field(default_factory=list)
    left: list[int] = field(default_factory=list)
    done: list[tuple[str, str]] = field(default_factory=list)
    next: list[Button] = field(default_factory=list)


class TransitionPage:
    """One request for a transition on some records of an entity."""

    def __init__(self, entity: type[Regulated], verb: str, actor: Actor) -> None:
        found = entity.workflow.find(verb) if entity.workflow else None
        if found is None or found.by.automatic:
            abort(404)
        self.entity, self.actor, self.transition = entity, actor, found
        self.table = entity.__tablename__
        self.onward = wanted_path("url")  # asked for first: 400 says that nothing was saved
        self.asked = self._asked()
        left = [records.as_id(raw) for raw in request.form.getlist("left")[:MOST_AT_ONCE]]
        self.barred = 0
        self.left = [number for number in left if number is not None]
        self.form = self._form()
        self.parts: dict[int, str] = {}

    def answer(self) -> Response | str:
        """GET, or a bulk selection, asks; a confirmed POST acts."""
        if not self.asked:
            flash(_("Tick at least one record first."), "warning")
            return redirect(self.back_url(), 303)
        if request.method != "POST" or not request.form.get("confirm"):
            return self._ask()
        extra_parameters.note(self.entity, (ask.name for ask in self.transition.asks))
        if self.form is not None and not self.form.validate():
            return self._ask()
        return self._act()

    def back_url(self) -> str:
        """Where the person came from, else the list."""
        return self.onward or url_for(f"{self.table}.index_view")

    # what was asked

    def _asked(self) -> dict[int, int | None]:
        """The records by id, each with the version that was looked at, if the page sent one."""
        sent = request.form if "id" in request.form else request.args
        ids, versions = sent.getlist("id"), sent.getlist("version")
        if len(ids) > MOST_AT_ONCE:
            abort(413)
        if versions and len(versions) != len(ids):
            abort(400)
        seen = dict(zip(ids, versions, strict=True)) if versions else {}
        return {
            number: version_seen(seen[raw]) if raw in seen else None
            for raw in dict.fromkeys(ids)
            if (number := records.as_id(raw)) is not None
        } or self._nothing(ids)

    def _nothing(self, ids: list[str]) -> dict[int, int | None]:
        if ids:
            abort(404)
        return {}

    def _form(self) -> DeclaredForm | None:
        if not self.transition.asks:
            return None
        return ask_form(self.transition.asks, self.table, self.transition.verb)

    def _load(self) -> list[Regulated]:
        """The records within reach; one that is not is as if it did not exist (X1)."""
        query = select(self.entity).where(self.entity.id.in_(self.asked)).order_by(self.entity.id)
        found = list(db.session.scalars(query))
        if not found:
            abort(404)
        return found

    # asking

    def _ask(self) -> Response | str:
        found = self._load()
        may, refused = [], self._left_out()
        for record in found:
            act = self._considered(record)
            refusal = workflow.look(act, self.asked[record.id])
            if refusal is None:
                may.append(act)
            else:
                refused.append((line_of(record), *self._why(refusal)))
                self._note_part(record.id, refusal)
                self.left.append(record.id)
        return self._render(may, refused)

    def _considered(self, record: Regulated) -> Act:
        answers = (
            self.form.values() if self.form is not None and request.form.get("confirm") else {}
        )
        return Act(db.session(), record, self.transition, self.actor, request_instant(), answers)

    def _render(self, may: list[Act], refused: list[tuple[str, str, str | None]]) -> str:
        page = ActPage(
            title=translate(self.transition.label),
            sentence=self._sentence(may),
            records=[(a.record.id, a.record.version, line_of(a.record)) for a in may],
            expectations=self._expectations(may),
            form=self.form,
            confirm_label=translate(self.transition.label) if may else None,
            tone="danger" if self.transition.danger else "primary",
            back_url=self.back_url(),
            clause=clause_link(self.transition.clause),
            form_url=url_for(f"{self.table}.act_view", verb=self.transition.verb),
            refusals=refused,
            left=self.left,
            next=[] if may else self._instead(),
        )
        return render_template("hallpanel/act.html", page=page, crumbs=self._crumbs(page.title))

    def _instead(self) -> list[Button]:
        """What else may be done with a single record for which this cannot."""
        found = self._load()
        if len(found) > 1:
            return []
        return [*self._mending(found[0]), *self._others(found[0])]

    def _note_part(self, record_id: int, refusal: Refusal) -> None:
        if refusal.part is not None:
            self.parts[record_id] = refusal.part

    def _mending(self, record: Regulated) -> list[Button]:
        """The way to the part of the record's page where what was refused can be put right."""
        part = self.parts.get(record.id)
        if part is None:
            return []
        url = f"{record_url(self.table, record.id)}#{part}"
        return [Button(translate(PARTS[part]), url, "primary")]

    def _others(self, record: Regulated) -> list[Button]:
        others = [t for t in workflow.offered(record, self.actor) if t is not self.transition]
        return [
            Button(
                translate(t.label),
                url_for(f"{self.table}.act_view", verb=t.verb, id=record.id, url=self.back_url()),
                "danger" if t.danger else "secondary",
                sheet=True,
            )
            for t in sorted(others, key=lambda t: t.danger)
        ]

    def _sentence(self, may: list[Act]) -> str:
        verb = translate(self.transition.label)
        if len(may) == 1:
            return _("%(verb)s: %(record)s", verb=verb, record=line_of(may[0].record))
        return _("%(verb)s %(count)s records", verb=verb, count=len(may))

    def _expectations(self, may: list[Act]) -> list[str]:
        """What will happen, for each record; of many alike only the first are spelt out."""
        lines: list[str] = []
        for act in may:
            lines += [translate(phrase) for phrase in workflow.foresee(act)]
        lines = list(dict.fromkeys(lines))
        hidden = len(lines) - MOST_FORESEEN
        if hidden > 0:
            return [*lines[:MOST_FORESEEN], _("and %(count)s more", count=hidden)]
        return lines

    def _crumbs(self, title: str) -> list[tuple[str, str | None]]:
        list_url = url_for(f"{self.table}.index_view")
        return [
            (_("Home"), url_for("home.index")),
            (translate(self.entity.plural), list_url),
            (title, None),
        ]

    # acting

    def _act(self) -> Response | str:
        answers = self.form.values() if self.form is not None else {}
        done: list[tuple[str, str]] = []
        refused: list[tuple[str, str, str | None]] = []
        names = {record.id: line_of(record) for record in self._load()}
        for record_id, version in self.asked.items():
            if record_id not in names:
                continue
            refusal = self._act_on(record_id, version, answers)
            if refusal is None:
                done.append((names[record_id], record_url(self.table, record_id)))
            else:
                refused.append((names[record_id], *self._why(refusal)))
                self._note_part(record_id, refusal)
        left = self._left_out()
        if len(names) == 1 and not left:
            return self._single(done, refused)
        return self._many(done, refused + left)

    def _left_out(self) -> list[tuple[str, str, str | None]]:
        """The ticked records that the page said cannot be done, once more with their reasons."""
        if not self.left:
            return []
        query = select(self.entity).where(self.entity.id.in_(self.left)).order_by(self.entity.id)
        found = list(db.session.scalars(query))
        refusals = [(one, workflow.look(self._considered(one))) for one in found]
        return [(line_of(one), *self._why(refusal)) for one, refusal in refusals if refusal]

    def _act_on(
        self, record_id: int, version: int | None, answers: dict[str, Any]
    ) -> Refusal | None:
        session = db.session()
        record = records.find(session, self.entity, record_id)
        if record is None:
            return Refusal(NOT_THERE, self.entity.clause)
        try:
            workflow.perform(
                session,
                record,
                self.transition.verb,
                actor=self.actor,
                at=request_instant(),
                answers=dict(answers),
                version=version,
            )
            session.commit()
        except Refusal as refusal:
            session.rollback()
            if isinstance(refusal, NotAllowed):
                self._note_barred(record_id, refusal)
            return refusal
        return None

    def _note_barred(self, record_id: int, refusal: Refusal) -> None:
        """Who tries what is not theirs to decide is in the audit, once for each record (SOD-2)."""
        self.barred += 1
        g.denial_noted = True  # by verb and record, which says more than the address
        audit.record(
            db.session(),
            audit.Event(
                self.transition.verb,
                self.table,
                record_id,
                clause=refusal.clause,
                reason=str(refusal.why),
                result="refused",
            ),
        )
        db.session.commit()

    def _why(self, refusal: Refusal) -> tuple[str, str | None]:
        clause = refusal.clause or self.transition.clause
        return cannot(self.transition, refusal), clause_url(clause)

    def _single(
        self, done: list[tuple[str, str]], refused: list[tuple[str, str, str | None]]
    ) -> Response | str:
        if not done:
            code = 403 if self.barred else 200
            return make_response(self._refused_page(refused), code)
        name, url = done[0]
        flash(
            _("%(verb)s: done. %(record)s", verb=translate(self.transition.label), record=name),
            "success",
        )
        return redirect(self.onward or url, 303)

    def _refused_page(self, refused: list[tuple[str, str, str | None]]) -> str:
        """The answer to a refused attempt; a form comes again with all that was typed."""
        db.session.expire_all()
        record = self._load()[0]
        again = self.form is not None
        page = ActPage(
            title=translate(self.transition.label),
            sentence=_(
                "%(verb)s: %(record)s",
                verb=translate(self.transition.label),
                record=line_of(record),
            ),
            records=[(record.id, record.version, line_of(record))] if again else [],
            expectations=[],
            form=self.form,
            confirm_label=translate(self.transition.label) if again else None,
            tone="danger" if self.transition.danger else "primary",
            back_url=self.back_url(),
            clause=clause_link(self.transition.clause),
            form_url=url_for(f"{self.table}.act_view", verb=self.transition.verb),
            refusals=refused,
            next=self._mending(record)
            or [Button(_("Open the record"), record_url(self.table, record.id), "primary")],
        )
        return render_template("hallpanel/act.html", page=page, crumbs=self._crumbs(page.title))

    def _many(self, done: list[tuple[str, str]], refused: list[tuple[str, str, str | None]]) -> str:
        page = {
            "title": translate(self.transition.label),
            "sentence": _("%(done)s done, %(refused)s not", done=len(done), refused=len(refused)),
            "done": done,
            "refusals": refused,
            "next": [],
            "back_url": self.back_url(),
        }
        crumbs = self._crumbs(str(page["title"]))
        return render_template("hallpanel/act_result.html", page=page, crumbs=crumbs)


def cannot(transition: Transition, refusal: Refusal) -> str:
    """A refusal as one sentence: what cannot be done, why, the clause, and what to do next (X6)."""
    clause = refusal.clause or transition.clause
    sentence = _(
        "Cannot %(verb)s: %(why)s (clause %(clause)s)",
        verb=lowered(translate(SAYINGS.get(transition.verb, transition.label))),
        why=translate(refusal.why),
        clause=clause,
    )
    return followed(sentence, refusal.then)


def lowered(word: str) -> str:
    """A button's word inside an English sentence."""
    return word[:1].lower() + word[1:]


def clause_link(clause: str) -> ClauseLink:
    """The clause as the pages link it."""
    return ClauseLink(clause, _("Clause %(clause)s", clause=clause), clause_url(clause))


def line_of(record: Regulated) -> str:
    """A record in one line: who, what, how much and when, as far as it has these."""
    return " ".join(filter(None, (*map(plain, record.title_line()), when_of(record))))
