"""What a table file does to the records: each row new, changed, the same, or wrong (X9).

Rows go through the same declared fields, scope and rules as a form. The dry run and the real one
are the same run in one transaction; only what the caller does at its end differs.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

from sqlalchemy.orm import Session

from hallpanel.engine import records
from hallpanel.engine.entity import Field, Kind, Regulated
from hallpanel.engine.errors import Refusal
from hallpanel.engine.natural_key import comparable
from hallpanel.engine.scope import Actor
from hallpanel.engine.words import _l
from hallpanel.panel.cell_values import BadCell, same_value, text_of
from hallpanel.panel.import_match import Matcher
from hallpanel.panel.import_row import Effect, Outcome, Row, Wrong
from hallpanel.panel.related_records import names_of
from hallpanel.panel.table_files import Cells

MOST_SHOWN = 200
MOST_ERRORS = 200

REQUIRED = _l("it is required")
NOT_SET_HERE = _l("it cannot be set by a file; leave it as it is, or empty in a new row")
NO_SUCH_RECORD = _l("there is no such record; leave it empty in a new row")
SPLIT = _l("Split it into several files.")
WITHOUT_HEAD = _l("there is a value in a column without a head")


@dataclass
class _Later:
    """A relation to a row that comes later in the file, such as the partner of a pair."""

    row: Row
    record: Regulated
    declared: Field
    text: str


class Intake:
    """Takes the rows of one file, whose columns stand for the given names, in one transaction."""

    def __init__(
        self,
        session: Session,
        entity: type[Regulated],
        names: Sequence[str | None],
        *,
        actor: Actor,
        at: datetime,
    ) -> None:
        self.session, self.entity, self.actor, self.at = session, entity, actor, at
        self.columns = [(place, name) for place, name in enumerate(names) if name]
        self.width = len(names)
        self.match = Matcher(session, entity, [name for _place, name in self.columns], actor)
        self.outcome = Outcome()
        self._row_of: dict[tuple[Any, ...], int] = {}
        self._later: list[_Later] = []
        self._digest = sha256()

    def take(
        self, rows: Iterable[tuple[int, Cells]], most: int, most_changes: int | None = None
    ) -> Outcome:
        """Take all rows; the caller commits, or rolls back where it only wanted to know.

        Raises:
            Refusal: there are more than `most` rows, or more than `most_changes` that change
                something, or a row cannot be read at all.
        """
        for count, (number, cells) in enumerate(rows, 1):
            if count > most:
                raise Refusal(_l("the file has more than %(most)s rows", most=most), then=SPLIT)
            if most_changes is not None and self.outcome.changes > most_changes:
                why = _l("the file changes more than %(most)s records", most=most_changes)
                raise Refusal(why, then=SPLIT)
            self._take(Row(number, {n: _cell(cells, place) for place, n in self.columns}), cells)
            if len(self.outcome.errors) >= MOST_ERRORS:
                self.outcome.complete = False
                break
        self._settle()
        self.outcome.digest = self._digest.hexdigest()
        return self.outcome

    def _take(self, row: Row, cells: Cells) -> None:
        if any(cell not in (None, "") for cell in cells[self.width :]):
            row.blame(None, WITHOUT_HEAD)
        present = self._present(row)
        if not row.wrong:
            self._read(row, present)
        if not row.wrong:
            self._apply(row, present)
        self.outcome.counts[row.effect] += 1
        self.outcome.errors += row.wrong
        self._sign(row, present)
        if row.effect is not Effect.SAME:
            self._show(row)

    def _present(self, row: Row) -> Regulated | None:
        """The record that a row is about, if it is there already."""
        wanted = {name: self._value(row, name, None) for name in self.match.key}
        place = tuple(comparable(value) for value in wanted.values())
        if row.wrong or all(value is None for value in place):
            return None
        earlier = self._row_of.setdefault(place, row.number)
        if earlier != row.number:
            why = _l("row %(row)s of the file is about the same record", row=earlier)
            row.blame(self.match.key[0], why)
            return None
        found = self.match.by_key(wanted)
        for name in wanted:
            if found is None and name not in self.match.when_new:
                row.blame(name, NO_SUCH_RECORD)
        return found

    # reading

    def _read(self, row: Row, present: Regulated | None) -> None:
        """Read the cells that may be set; what the others say is compared when the row is done."""
        able = self.match.when_new if present is None else self.match.when_old
        for name in row.cells:
            if name in able:
                row.values[name] = self._value(row, name, present)
        for name, declared in able.items():
            if present is None:
                self._complete(row, declared)
            elif name in row.values and row.values[name] is None and not declared.optional:
                self._demand(row, name, getattr(present, name))

    def _value(self, row: Row, name: str, present: Regulated | None) -> Any:
        try:
            return self.match.read(name, row.cells[name], present)
        except BadCell as bad:
            if not self._may_come_later(name):
                row.blame(name, bad.why)
                return None
        row.later[name] = text_of(row.cells[name])
        return None if present is None else getattr(present, name)

    def _may_come_later(self, name: str) -> bool:
        declared = self.match.fields[name]
        own = declared.kind is Kind.RELATION and declared.target == self.entity.__tablename__
        return own and declared.optional and name not in self.match.key

    def _demand(self, row: Row, name: str, before: Any) -> None:
        blamed = any(one.column == name for one in row.wrong)
        if not blamed and before not in (None, ""):
            row.blame(name, REQUIRED)

    def _complete(self, row: Row, declared: Field) -> None:
        """Give a new record what a form would have given it unasked; demand the rest."""
        name, default = declared.name, self.match.default(declared)
        if row.values.get(name) is not None or any(one.column == name for one in row.wrong):
            return
        if default is not None:
            row.values[name] = default
        elif not declared.optional and not self._filled_by_engine(declared):
            row.refuse(Refusal(_l("%(column)s is required", column=declared.label), field=name))

    def _filled_by_engine(self, declared: Field) -> bool:
        own = declared.name == self.entity.owner and self.actor.staff_id is not None
        return own or (declared.name == "unit" and self.entity.unit_bound and not declared.form)

    # doing

    def _apply(self, row: Row, present: Regulated | None) -> None:
        if present is not None:
            self._keep_changes(row, present)
        elif not self.match.key and self.match.twin(row) is not None:
            return
        fixed = self._differing(row, present)
        record = present if present is not None and not row.values else self._save(row, present)
        if record is None:
            return
        for name in fixed:
            if not self.match.agrees(name, row.cells[name], record):
                row.blame(name, NOT_SET_HERE)
        for name, text in row.later.items():
            self._later.append(_Later(row, record, self.match.fields[name], text))

    def _keep_changes(self, row: Row, present: Regulated) -> None:
        fields = self.match.fields
        now = {name: getattr(present, name) for name in row.values}
        row.values = {n: v for n, v in row.values.items() if not same_value(fields[n], v, now[n])}
        row.before = {name: now[name] for name in row.values}

    def _differing(self, row: Row, present: Regulated | None) -> list[str]:
        """Cells that no file can set and that say otherwise than the record says now."""
        if present is None:
            return [n for n in row.cells if n not in self.match.when_new and row.filled(n)]
        fixed = [name for name in row.cells if name not in self.match.when_old]
        return [name for name in fixed if not self.match.agrees(name, row.cells[name], present)]

    def _save(self, row: Row, present: Regulated | None) -> Regulated | None:
        row.effect = Effect.NEW if present is None else Effect.CHANGED
        try:
            with self.session.begin_nested():
                return self._write(row, present)
        except Refusal as refusal:
            row.refuse(refusal)
        return None

    def _write(self, row: Row, present: Regulated | None) -> Regulated:
        if present is not None:
            records.change(self.session, present, row.values, actor=self.actor, at=self.at)
            return present
        made = records.create(
            self.session, self.entity, dict(row.values), actor=self.actor, at=self.at
        )
        self.match.related.forget(self.entity.__tablename__, made)
        return made

    # the end

    def _settle(self) -> None:
        """Fill in the relations to rows that came later."""
        for one in self._later:
            try:
                found = self.match.related.find(one.declared, one.text)
                if found is not getattr(one.record, one.declared.name):
                    self._join(one, found)
            except BadCell as bad:
                self._blame(one, Refusal(bad.why))
            except Refusal as refusal:
                self._blame(one, refusal)

    def _join(self, one: _Later, found: Regulated) -> None:
        name, row = one.declared.name, one.row
        row.before[name] = getattr(one.record, name)
        row.values[name] = found
        if row.effect is Effect.SAME:
            row.effect = Effect.CHANGED
            self.outcome.counts.update({Effect.SAME: -1, Effect.CHANGED: 1})
            self._show(row)
        self._digest.update(repr((row.number, name, names_of(found))).encode())
        records.change(self.session, one.record, {name: found}, actor=self.actor, at=self.at)

    def _blame(self, one: _Later, refusal: Refusal) -> None:
        wrong = Wrong(one.row.number, one.declared.name, one.text, refusal)
        one.row.wrong.append(wrong)
        self.outcome.errors.append(wrong)

    def _sign(self, row: Row, present: Regulated | None) -> None:
        """Let the digest tell this row's effect from any other; new ids are chance, so left out."""
        whose = None if present is None else present.id
        said = [_said(row.values), _said(row.before)]
        self._digest.update(repr((row.number, row.effect.value, whose, said)).encode())

    def _show(self, row: Row) -> None:
        if len(self.outcome.rows) < MOST_SHOWN:
            self.outcome.rows.append(row)


def _cell(cells: Cells, place: int) -> Any:
    return cells[place] if place < len(cells) else None


def _said(values: dict[str, Any]) -> dict[str, str]:
    return {
        name: names_of(value)[-1] if isinstance(value, Regulated) else str(value)
        for name, value in values.items()
    }
