"""Which record a row of a table file is about, and whether it says what the record says (X9)."""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from hallpanel.engine.entity import REGISTRY, Field, Kind, Regulated
from hallpanel.engine.natural_key import comparable, has_natural_key, natural_key
from hallpanel.engine.scope import SYSTEM, Actor
from hallpanel.panel.cell_values import BadCell, CellReader, Raw, same_value
from hallpanel.panel.forms import editable_fields
from hallpanel.panel.import_row import Row
from hallpanel.panel.related_records import RelatedRecords, names_of

MOST_CANDIDATES = 1000
EXACT_KINDS = frozenset(
    {Kind.RELATION, Kind.CHOICE, Kind.BOOLEAN, Kind.DAY, Kind.INTEGER, Kind.DECIMAL}
)
"""Kinds whose values compare in the database exactly as a file can say them."""


def settable(entity: type[Regulated], actor: Actor, *, new: bool) -> dict[str, Field]:
    """The facts that a file may set: those of the form; for the command line also whose it is."""
    found = {one.name: one for one in editable_fields(entity, actor, new=new)}
    if actor is SYSTEM and new:
        owned = (entity.owner or "", "unit")
        found |= {name: f for name in owned if (f := entity.fields().get(name)) is not None}
    return found


class Matcher:
    """Holds the rows of one file against the records that its reader may see."""

    def __init__(
        self, session: Session, entity: type[Regulated], names: Iterable[str], actor: Actor
    ) -> None:
        self.session, self.entity = session, entity
        self.fields = entity.fields()
        self.given = frozenset(names)
        self.when_new = settable(entity, actor, new=True)
        self.when_old = settable(entity, actor, new=False)
        self.key = self._key()
        self.related = RelatedRecords(session)
        self.readers = {name: self._reader(name) for name in self.given}

    def _key(self) -> Sequence[str]:
        """The fields that tell rows apart; none where the hall itself gives the number."""
        if not has_natural_key(self.entity):
            return ()
        names = natural_key(self.entity)
        by_hand = all(name in self.when_new for name in names)
        return names if by_hand or self.given.issuperset(names) else ()

    def _reader(self, name: str) -> CellReader:
        relation, _dot, inner = name.partition(".")
        declared = self.fields[relation]
        if not inner:
            return CellReader(self.entity, declared)
        target = REGISTRY[str(declared.target)]
        return CellReader(target, target.fields()[inner])

    def missing_key(self) -> list[str]:
        """The fields without whose columns the rows cannot be told apart."""
        return [name for name in self.key if name not in self.given]

    def read(self, name: str, raw: Raw, present: Regulated | None) -> Any:
        """The value of a cell; a relation is looked up within reach.

        Raises:
            BadCell: it cannot be one.
        """
        value = self.readers[name].read(raw)
        if value is None or self.fields[name].kind is not Kind.RELATION:
            return value
        before = None if present is None else getattr(present, name)
        return self.related.find(self.fields[name], value, before)

    def by_key(self, wanted: dict[str, Any]) -> Regulated | None:
        """The record with these values in the fields of the key."""
        query = select(self.entity).where(*(self._equals(n, v) for n, v in wanted.items()))
        return self.session.scalars(query.limit(1)).first()

    def twin(self, row: Row) -> Regulated | None:
        """Where nothing tells records apart: one that says all that the row says."""
        exact = [
            self._equals(name, value)
            for name, value in row.values.items()
            if name in row.cells and self.fields[name].kind in EXACT_KINDS
        ]
        query = select(self.entity).where(*exact).order_by(self.entity.id).limit(MOST_CANDIDATES)
        return next((r for r in self.session.scalars(query) if self._says_the_same(row, r)), None)

    def _equals(self, name: str, value: Any) -> ColumnElement[bool]:
        column: ColumnElement[Any] = getattr(self.entity, self.fields[name].column)
        return column.is_(None) if value is None else column == comparable(value)

    def _says_the_same(self, row: Row, record: Regulated) -> bool:
        own = [name for name in row.cells if name in self.when_new]
        others = [name for name in row.cells if name not in self.when_new and row.filled(name)]
        return all(
            same_value(self.fields[name], row.values.get(name), getattr(record, name))
            for name in own
        ) and all(self.agrees(name, row.cells[name], record) for name in others)

    def agrees(self, name: str, raw: Raw, record: Regulated) -> bool:
        """Whether a cell that no file can set says what the record says."""
        relation, _dot, inner = name.partition(".")
        present = getattr(record, relation)
        if inner:
            present = None if present is None else getattr(present, inner)
        reader = self.readers[name]
        try:
            value = reader.read(raw)
        except BadCell:
            return False
        if isinstance(present, Regulated) and value is not None:
            return value in names_of(present)
        return same_value(reader.declared, value, present)

    def default(self, declared: Field) -> Any:
        """What a form would fill in unasked."""
        default = self.entity.__table__.c[declared.column].default
        return default.arg if default is not None and default.is_scalar else None
