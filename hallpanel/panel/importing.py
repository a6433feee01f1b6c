"""Taking a table in: upload, which column is which, dry run, confirm (X9)."""

import hmac
from dataclasses import dataclass
from typing import Any

from flask import Response, abort, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from hallpanel.engine import audit
from hallpanel.engine.entity import Regulated
from hallpanel.engine.errors import Refusal
from hallpanel.engine.scope import Actor
from hallpanel.engine.words import _l
from hallpanel.panel import import_drafts, import_template
from hallpanel.panel.cell_values import text_of
from hallpanel.panel.column_heads import HeadReader, label_of
from hallpanel.panel.downloads import as_attachment
from hallpanel.panel.extensions import db
from hallpanel.panel.import_drafts import Draft
from hallpanel.panel.import_match import Matcher, settable
from hallpanel.panel.import_plan import Intake
from hallpanel.panel.import_row import Effect, Outcome, Row, Wrong
from hallpanel.panel.language import _, format_number, refusal_sentence, translate
from hallpanel.panel.person import present, request_instant
from hallpanel.panel.showing import Chip, shown
from hallpanel.panel.table_files import open_table

# While a file is taken in, also for the dry run, SQLite has no other writer.
MOST_ROWS = 10_000
MOST_CHANGES = 2000
Page = dict[str, Any]
Answer = str | AnyResponse


@dataclass(frozen=True)
class Figure:
    """A number with what it counts."""

    label: str
    value: str
    tone: str = "secondary"


@dataclass(frozen=True)
class Change:
    """A cell of the preview: what it will say, and what it says now where that differs."""

    text: str
    before: str = ""
    error: str = ""


@dataclass(frozen=True)
class PreviewRow:
    """A row of the preview."""

    number: int
    state: Chip
    cells: list[Change]


def answer(entity: type[Regulated], actor: Actor) -> Answer:
    """Lead through an import; what each step posts says which it was."""
    pages = ImportPages(entity, actor)
    if request.method != "POST":
        return pages.upload()
    try:
        match request.form.get("step"):
            case "columns":
                return pages.mapped()
            case "confirm":
                return pages.confirmed()
            case _:
                return pages.uploaded()
    except Refusal as refusal:
        db.session.rollback()
        return pages.upload([refusal_sentence(refusal)])


def template(entity: type[Regulated], kind: str) -> Response:
    """An empty table with the right heads."""
    fields = settable(entity, present().actor, new=True)
    made = import_template.make(entity, kind, list(fields.values()))
    if made is None:
        abort(404)
    content, media_type = made
    response = Response(content, content_type=media_type)
    response.headers["Content-Disposition"] = as_attachment(
        f"{translate(entity.plural)}.{kind}", f"{entity.__tablename__}.{kind}"
    )
    return response


class ImportPages:
    """The pages of one import."""

    def __init__(self, entity: type[Regulated], actor: Actor) -> None:
        self.entity, self.actor = entity, actor
        self.table = entity.__tablename__
        self.account = actor.account_id or 0

    # the file

    def upload(self, errors: list[str] | None = None) -> str:
        """Ask for the file."""
        kinds = {"xlsx": _("Excel (xlsx)"), "csv": _("Text (csv)")}
        urls = [
            (label, url_for(f"{self.table}.import_template", kind=kind))
            for kind, label in kinds.items()
        ]
        return self._page("import", template_urls=urls, errors=errors or [])

    def uploaded(self) -> Answer:
        """Keep the file, and go on to its columns or at once to the dry run."""
        posted = request.files.get("file")
        if posted is None or not posted.filename:
            raise Refusal(_l("no file was chosen"))
        return self._columns(import_drafts.keep(self.account, self.table, posted))

    def _columns(self, draft: Draft) -> Answer:
        heads = open_table(draft.path, draft.name).heads
        names = HeadReader(self.entity, self.actor).read(heads)
        if all(names):
            return self._dry_run(draft)
        return self._ask_columns(draft, heads, names)

    # which column is which

    def _ask_columns(
        self, draft: Draft, heads: list[str], names: list[str | None], problem: str = ""
    ) -> str:
        _number, first = next(open_table(draft.path, draft.name).rows, (0, []))
        choices = [(name, label_of(self.entity, name)) for name in self._offered(names)]
        mapping = [
            (
                head or _("Column %(place)s", place=place + 1),
                names[place] or "",
                choices,
                text_of(first[place])[:60] if place < len(first) else "",
            )
            for place, head in enumerate(heads)
        ]
        return self._page(
            "import",
            sentence=_("Some columns of %(file)s are not known here.", file=draft.name),
            mapping=mapping,
            errors=[problem] if problem else [],
            hidden=[("step", "columns")],
            again_url=request.path,
        )

    def _offered(self, names: list[str | None]) -> list[str]:
        """The fields that a column may be given by hand, and those recognised already."""
        known = dict.fromkeys(settable(self.entity, self.actor, new=True))
        known |= dict.fromkeys(settable(self.entity, self.actor, new=False))
        return [*known, *(name for name in names if name and name not in known)]

    def mapped(self) -> Answer:
        """Take what the person says of the columns."""
        draft = self._draft()
        heads = open_table(draft.path, draft.name).heads
        chosen = [request.form.get(f"map.{place}", "") for place in range(len(heads))]
        known = {*self._offered([]), *filter(None, HeadReader(self.entity, self.actor).read(heads))}
        names = [name if name in known else None for name in chosen]
        given = [name for name in names if name]
        if not given or len(given) != len(set(given)):
            problem = _("Each field takes one column, and at least one column is needed.")
            return self._ask_columns(draft, heads, names, problem)
        mapping = {str(place): name for place, name in enumerate(names) if name}
        return self._dry_run(import_drafts.map_columns(draft, mapping))

    def _names(self, draft: Draft, heads: list[str]) -> list[str | None]:
        if draft.mapping is None:
            return HeadReader(self.entity, self.actor).read(heads)
        return [draft.mapping.get(str(place)) for place in range(len(heads))]

    # the dry run and the real one

    def _run(self, draft: Draft) -> tuple[Outcome, list[str]]:
        """Take the file in, in the open transaction; the outcome, and the names of its columns."""
        table = open_table(draft.path, draft.name)
        names = self._names(draft, table.heads)
        intake = Intake(db.session(), self.entity, names, actor=self.actor, at=request_instant())
        self._refuse_keyless(intake.match)
        return intake.take(table.rows, MOST_ROWS, MOST_CHANGES), [name for name in names if name]

    def _refuse_keyless(self, match: Matcher) -> None:
        missing = [match.fields[name].label for name in match.missing_key()]
        if missing:
            raise Refusal(
                _l("without the columns %(columns)s its rows cannot be told apart", columns=missing)
            )

    def _dry_run(self, draft: Draft) -> str:
        outcome, names = self._run(draft)
        page = self._result(draft, outcome, names)
        db.session.rollback()
        return page

    def confirmed(self) -> Answer:
        """Do what the dry run showed, all of it or nothing."""
        draft = self._draft()
        outcome, names = self._run(draft)
        seen = request.form.get("seen", "")
        if outcome.errors or not hmac.compare_digest(seen, self._seal(draft, outcome)):
            page = self._result(draft, outcome, names, changed_meanwhile=not outcome.errors)
            db.session.rollback()
            return page
        self._note(draft, outcome)
        db.session.commit()
        import_drafts.drop(draft)
        flash(self._summary(outcome), "success")
        return redirect(url_for(f"{self.table}.index_view"), 303)

    def _draft(self) -> Draft:
        draft = import_drafts.find(self.account, self.table)
        if draft is None:
            raise Refusal(_l("the file is no longer kept here"), then=_l("Choose it again."))
        return draft

    def _seal(self, draft: Draft, outcome: Outcome) -> str:
        """What the person has seen: this file, with this effect."""
        return f"{draft.digest}-{outcome.digest}"

    def _note(self, draft: Draft, outcome: Outcome) -> None:
        after = {
            "file": draft.name,
            "sha256": draft.digest,
            **{effect.value: outcome.counts[effect] for effect in Effect if outcome.counts[effect]},
        }
        audit.record(
            db.session(),
            audit.Event("import", table_name=self.table, clause=self.entity.clause, after=after),
        )

    def _summary(self, outcome: Outcome) -> str:
        counts = {effect.value: format_number(outcome.counts[effect]) for effect in Effect}
        return _(
            "Imported: %(new)s new, %(changed)s changed, %(same)s the same as before",
            new=counts["new"],
            changed=counts["changed"],
            same=counts["same"],
        )

    # what is shown

    def _result(
        self, draft: Draft, outcome: Outcome, names: list[str], *, changed_meanwhile: bool = False
    ) -> str:
        if changed_meanwhile:
            flash(_("The records changed since you looked. This is the effect now."), "warning")
        changed = outcome.counts[Effect.NEW] + outcome.counts[Effect.CHANGED]
        able = changed and not outcome.errors
        more = changed + outcome.counts[Effect.WRONG] - len(outcome.rows)
        return self._page(
            "import_result",
            sentence=self._sentence(draft, outcome),
            figures=[
                Figure(word, format_number(outcome.counts[effect]), TONES[effect])
                for effect, word in effect_words().items()
                if effect is not Effect.WRONG or outcome.counts[effect]
            ],
            errors=[self._error(wrong) for wrong in outcome.errors],
            columns=[label_of(self.entity, name) for name in names],
            rows=[self._preview(row, names) for row in outcome.rows],
            more_text=_("and %(count)s more", count=format_number(more)) if more > 0 else "",
            hidden=[("step", "confirm"), ("seen", self._seal(draft, outcome))],
            confirm_url=request.path,
            confirm_label=_("Import") if able else None,
            again_url=None if able else request.path,
            done=False,
        )

    def _sentence(self, draft: Draft, outcome: Outcome) -> str:
        if not outcome.complete:
            return _(
                "%(file)s: there are more errors than are shown here. Nothing is saved.",
                file=draft.name,
            )
        if outcome.errors:
            return _("%(file)s: nothing is saved until every row is right.", file=draft.name)
        if not outcome.changes:
            return _("%(file)s: everything is in the panel already.", file=draft.name)
        return _("%(file)s: nothing is saved yet.", file=draft.name)

    def _error(self, wrong: Wrong) -> tuple[int, str, str, str]:
        column = label_of(self.entity, wrong.column) if wrong.column else ""
        return wrong.row, column, wrong.value[:80], sentence_of(wrong.refusal)

    def _preview(self, row: Row, names: list[str]) -> PreviewRow:
        chip = Chip(effect_words()[row.effect], TONES[row.effect])
        return PreviewRow(row.number, chip, [self._change(row, name) for name in names])

    def _change(self, row: Row, name: str) -> Change:
        wrong = next((w for w in row.wrong if w.column == name), None)
        error = sentence_of(wrong.refusal) if wrong else ""
        declared = self.entity.fields().get(name)
        if declared is None or name not in row.values or wrong:
            return Change(text_of(row.cells[name])[:200], error=error)
        before = shown(declared, row.before.get(name))
        return Change(shown(declared, row.values[name]), before)

    def _page(self, name: str, **page: Any) -> str:
        back = url_for(f"{self.table}.index_view")
        title = _("Import: %(things)s", things=translate(self.entity.plural))
        page = {"title": title, "sentence": "", "back_url": back, **page}
        crumbs = [
            (_("Home"), url_for("home.index")),
            (translate(self.entity.plural), back),
            (_("Import"), None),
        ]
        return render_template(f"hallpanel/{name}.html", page=page, crumbs=crumbs)


TONES = {
    Effect.NEW: "success",
    Effect.CHANGED: "warning",
    Effect.SAME: "secondary",
    Effect.WRONG: "danger",
}


def effect_words() -> dict[Effect, str]:
    """What becomes of rows, in the reader's language."""
    return {
        Effect.NEW: _("New"),
        Effect.CHANGED: _("Changed"),
        Effect.SAME: _("The same"),
        Effect.WRONG: _("Wrong"),
    }


def sentence_of(refusal: Refusal) -> str:
    """Why a cell or row is refused, with the clause where it rests on one."""
    sentence = refusal_sentence(refusal)
    if not refusal.clause:
        return sentence
    return _("%(sentence)s (clause %(clause)s)", sentence=sentence, clause=refusal.clause)
