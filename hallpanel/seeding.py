"""The seed: what every installation starts with, read from YAML and added by natural keys.

A file is named for its table and holds a list of rows, whose keys are declared fields. A relation
is written as the natural key of the other record (`unit: A`, `leave_type: annual`). A row that is
there already is left as it is, whatever the hall has made of it since.
"""

from collections.abc import Iterable, Mapping
from datetime import date, datetime, time
from decimal import Decimal
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import yaml
from sqlalchemy import select
from sqlalchemy.orm import Session

from hallpanel.engine import records
from hallpanel.engine.entity import REGISTRY, Field, Kind, Regulated
from hallpanel.engine.errors import DeclarationError
from hallpanel.engine.natural_key import comparable, natural_key
from hallpanel.engine.scope import SYSTEM
from hallpanel.rulebook.table import clause_rows

SEED = Path(__file__).resolve().parent.parent / "seed"
Row = Mapping[str, Any]
Key = tuple[Any, ...]


def seed(session: Session, at: datetime, folder: Path = SEED) -> dict[str, int]:
    """Load the files of a folder; say how many rows each table gained. The caller commits."""
    with records.at_desk(session, SYSTEM, at):
        return Sower(session, at).sow(read_folder(folder))


def read_folder(folder: Path) -> dict[str, list[Row]]:
    """The rows of each file in a folder, by its table; the rule book is the table `clause`."""
    rows: dict[str, list[Row]] = {}
    for path in sorted(folder.glob("*.yaml")):
        if path.stem in REGISTRY:
            rows[path.stem] = read_rows(path)
        elif path.stem == "rulebook":
            rows["clause"] = [*clause_rows()]
        else:
            raise DeclarationError(
                "S05",
                path.name,
                "no table has this name",
                "name the file for a table of the rule book",
            )
    return rows


def read_rows(path: Path) -> list[Row]:
    """The rows of one file."""
    rows = yaml.safe_load(path.read_text(encoding="utf-8"))
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise DeclarationError(
            "S01", path.name, "it is not a list of rows", "write each row as `- {field: value}`"
        )
    return rows


class Sower:
    """Adds rows that are not there yet; remembers whom it has met by natural key."""

    def __init__(self, session: Session, at: datetime) -> None:
        self.session, self.at = session, at
        self._met: dict[str, dict[Key, Regulated]] = {}
        self._later: list[tuple[Regulated, Field, Any]] = []

    def sow(self, tables: Mapping[str, Iterable[Row]]) -> dict[str, int]:
        """Add the rows of several tables, those first to which others refer."""
        gained = {table: self.add(table, tables[table]) for table in in_order(tables)}
        self._settle()
        return gained

    def add(self, table: str, rows: Iterable[Row]) -> int:
        """Add the rows of one table that are not there yet; say how many."""
        entity = REGISTRY[table]
        return sum(self._add_row(entity, row) for row in rows)

    def find(self, table: str, *key: Any) -> Regulated | None:
        """A record by its natural key."""
        return self._known(REGISTRY[table]).get(key)

    def _add_row(self, entity: type[Regulated], row: Row) -> bool:
        values = self._values(entity, row)
        key = tuple(comparable(values.get(name)) for name in natural_key(entity))
        known = self._known(entity)
        if key in known:
            return False
        missing = [name for name, value in values.items() if isinstance(value, _NotYet)]
        wanted = {name: values.pop(name).key for name in missing}
        record = records.create(self.session, entity, values, actor=SYSTEM, at=self.at)
        known[key] = record
        self._later += [(record, entity.fields()[name], key) for name, key in wanted.items()]
        return True

    def _values(self, entity: type[Regulated], row: Row) -> dict[str, Any]:
        fields = entity.fields()
        unknown = sorted(set(row) - set(fields))
        if unknown:
            raise DeclarationError(
                "S03",
                entity.__name__,
                f"its seed names unknown fields: {', '.join(unknown)}",
                f"the fields are {', '.join(fields)}",
            )
        return {name: self._value(entity, fields[name], value) for name, value in row.items()}

    def _value(self, entity: type[Regulated], declared: Field, value: Any) -> Any:
        if value is None or declared.kind is not Kind.RELATION:
            return typed(declared, value)
        found = self.find(str(declared.target), value)
        if found is None and not declared.optional:
            raise _dangling(entity, declared, value)
        return found if found is not None else _NotYet(value)

    def _known(self, entity: type[Regulated]) -> dict[Key, Regulated]:
        table = entity.__tablename__
        if table not in self._met:
            names = natural_key(entity)
            self._met[table] = {
                tuple(comparable(getattr(record, name)) for name in names): record
                for record in self.session.scalars(select(entity))
            }
        return self._met[table]

    def _settle(self) -> None:
        """Fill in the relations to rows that came later, such as the partner of a pair."""
        for record, declared, key in self._later:
            found = self.find(str(declared.target), key)
            if found is None:
                raise _dangling(type(record), declared, key)
            values = {declared.name: found}
            records.change(self.session, record, values, actor=SYSTEM, at=self.at)
        self._later.clear()


class _NotYet:
    """Stands for a record that is still to come."""

    def __init__(self, key: Any) -> None:
        self.key = key


def in_order(tables: Iterable[str]) -> list[str]:
    """Tables so that each comes after those it cannot do without."""
    present = set(tables)
    graph = {
        table: {
            str(declared.target)
            for declared in REGISTRY[table].fields().values()
            if declared.kind is Kind.RELATION and declared.target != table
        }
        & present
        for table in sorted(present)
    }
    return list(TopologicalSorter(graph).static_order())


def typed(declared: Field, value: Any) -> Any:
    """A value of a file as the field holds it."""
    if value is None:
        return None
    match declared.kind:
        case Kind.DECIMAL:
            return Decimal(str(value))
        case Kind.CHOICE:
            assert declared.choices is not None
            return declared.choices(value)
        case Kind.DAY:
            return value if isinstance(value, date) else date.fromisoformat(value)
        case Kind.TIME:
            return time.fromisoformat(value)
        case Kind.TEXT | Kind.LONG_TEXT:
            return str(value)
    return value


def _dangling(entity: type[Regulated], declared: Field, key: Any) -> DeclarationError:
    return DeclarationError(
        "S04",
        entity.__name__,
        f"its seed refers to {declared.target} {key!r}, which is not there",
        f"add it to {declared.target}.yaml, or mend {declared.name!r}",
    )
