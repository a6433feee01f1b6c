"""The list of an entity: one SELECT of the listed columns, narrowed, ordered and paged by key.

Related names come from one join each, so a page costs one query however many rows and relations
it shows. The narrowing by scope is the hook's: this module never sees an unscoped row.
"""

import base64
import binascii
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, cast
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, false, func, literal, or_, select
from sqlalchemy.orm import Session, aliased

from hallpanel.engine import facts, scope, sealing
from hallpanel.engine.clock import end_of_day, start_of_day
from hallpanel.engine.deadline import Deadline
from hallpanel.engine.entity import DIGITS, REGISTRY, Field, Kind, Regulated
from hallpanel.engine.exact import fits
from hallpanel.engine.scope import Actor
from hallpanel.engine.store import LARGEST_INTEGER, plain_value
from hallpanel.engine.words import Phrase, _l

PAGE_SIZE = 25
LARGEST_PAGE = 200
COUNT_CAP = 10_000
MOST_HOURS = 10**6
LONGEST_TERM = 100
MOST_TERMS = 5
MOMENT = timedelta(microseconds=1)
UNREADABLE = "??????"
"""What a list shows of a sealed value that does not open; its record's page says so in words."""

OPERATORS: dict[str, Phrase] = {
    "is": _l("is"),
    "has": _l("contains"),
    "starts": _l("starts with"),
    "from": _l("from"),
    "to": _l("to"),
    "empty": _l("is empty"),
}

OPERATORS_OF: dict[Kind, tuple[str, ...]] = {
    Kind.TEXT: ("has", "is", "starts"),
    Kind.LONG_TEXT: ("has",),
    Kind.CHOICE: ("is",),
    Kind.BOOLEAN: ("is",),
    Kind.RELATION: ("is",),
    Kind.UUID: ("is",),
}
RANGED = ("is", "from", "to")


class BadFilter(ValueError):
    """A filter's value that cannot be a value of its field."""


@dataclass(frozen=True)
class Condition:
    """One active filter: `f.<field>.<operator>=<value>` in the address."""

    field: str
    operator: str
    value: str

    @property
    def parameter(self) -> str:
        """Its name in the address."""
        return f"f.{self.field}.{self.operator}"


@dataclass(frozen=True)
class Asked:
    """What a list was asked for, as read from an address."""

    search: str = ""
    conditions: tuple[Condition, ...] = ()
    sort: str | None = None
    after: str | None = None
    before: str | None = None
    size: int = PAGE_SIZE


@dataclass(frozen=True)
class Row:
    """One record of a list: its listed values by column, and the ids behind related names."""

    id: int
    version: int
    values: Mapping[str, Any]
    keys: Mapping[str, int | None]
    due_at: datetime | None = None
    provisional: bool = False


@dataclass
class Page:
    """Rows in order, and the cursors of the neighbouring pages where there are such."""

    rows: list[Row] = field(default_factory=list)
    next: str | None = None
    previous: str | None = None


def can_filter(declared: Field) -> bool:
    """Whether a list can be narrowed by a fact; by a sealed one to those with a whole value."""
    return declared.searchable if declared.sealed else declared.filter


def operators_of(declared: Field) -> tuple[str, ...]:
    """The operators of a field's filter."""
    if declared.sealed:
        return ("is",)
    found = OPERATORS_OF.get(declared.kind, RANGED)
    return (*found, "empty") if declared.optional else found


class Listing:
    """The list of one entity as asked for; `notes` says what in the asking made no sense.

    Of the columns the reader gets what their roles read; `besides` are facts that the page itself
    needs. What is asked of a fact that the reader does not read is as if it were not asked (AZ-5).
    """

    def __init__(
        self,
        entity: type[Regulated],
        asked: Asked,
        columns: tuple[str, ...],
        only: ColumnElement[bool] | None = None,
        *,
        reader: Actor = facts.NOBODY,
        besides: tuple[str, ...] = (),
    ) -> None:
        self.entity, self.asked = entity, asked
        self.reading = facts.Reading(entity, reader)
        self.columns = self._wanted(columns, besides)
        self.notes: list[Phrase] = []
        self._joined: dict[str, Any] = {}
        self._conditions = [*self._filtered(), *self._searched()]
        if only is not None:
            self._conditions.append(only)
        self.sort, self.descending = self._order()

    def _wanted(self, columns: tuple[str, ...], besides: tuple[str, ...]) -> tuple[str, ...]:
        shown = [name for name in columns if self.reading.shows(name)]
        state = ["state"] if self.reading.depends_on_state else []
        return tuple(dict.fromkeys((*shown, *besides, *state)))

    # what is asked

    def _column(self, name: str) -> tuple[ColumnElement[Any], Field]:
        """The SQL column behind a listed name; a dotted name or a relation joins once."""
        relation, _, inner = name.partition(".")
        declared = self.entity.fields()[relation]
        if declared.kind is not Kind.RELATION:
            return getattr(self.entity, declared.column), declared
        target = REGISTRY[str(declared.target)]
        alias = self._joined.get(relation)
        if alias is None:
            alias = scope.names_of(target).alias(f"of_{relation}")
            self._joined[relation] = alias
        wanted = inner or target.title
        inner_field = target.fields().get(wanted, declared)
        return alias.c[inner_field.column if wanted in target.fields() else wanted], inner_field

    def _filtered(self) -> Iterator[ColumnElement[bool]]:
        """Filters of different fields all hold; of several values of one field, any."""
        alike: dict[tuple[str, str], list[Condition]] = {}
        for condition in self.asked.conditions:
            declared = self._filterable(condition.field)
            if declared is not None and condition.operator in operators_of(declared):
                alike.setdefault((condition.field, condition.operator), []).append(condition)
        for (name, _operator), conditions in alike.items():
            yield or_(*(self._tried(self.entity.fields()[name], one) for one in conditions))

    def _filterable(self, name: str) -> Field | None:
        declared = self.entity.fields().get(name)
        may = declared is not None and can_filter(declared) and self.reading.finds(name)
        return declared if may else None

    def _tried(self, declared: Field, condition: Condition) -> ColumnElement[bool]:
        try:
            return self._condition(declared, condition)
        except BadFilter:
            self.notes.append(
                _l(
                    "“%(value)s” is no value of %(field)s, so nothing matches it",
                    value=condition.value[:40],
                    field=declared.label,
                )
            )
            return false()

    def _condition(self, declared: Field, condition: Condition) -> ColumnElement[bool]:
        if declared.sealed:
            word: Any = getattr(self.entity, declared.index_column)
            same: ColumnElement[bool] = word == condition.value
            return same
        column: Any = getattr(self.entity, declared.column)
        if condition.operator == "empty":
            found: ColumnElement[bool] = column.is_(None)
            return found
        if declared.kind in (Kind.TEXT, Kind.LONG_TEXT):
            return _text_condition(column, condition.operator, condition.value)
        value = read_value(declared, condition.value)
        if declared.kind is Kind.INSTANT:
            return _instant_condition(column, condition.operator, value)
        match condition.operator:
            case "from":
                found = column >= value
            case "to":
                found = column <= value
            case _:
                found = column == value
        return found

    def _searched(self) -> Iterator[ColumnElement[bool]]:
        terms = self.asked.search.split()[:MOST_TERMS]
        names = [name for name in self.entity.list_view.search if self.reading.finds(name)]
        for term in terms:
            found = [self._finds(name, term[:LONGEST_TERM]) for name in names]
            yield or_(*found) if found else false()

    def _finds(self, name: str, term: str) -> ColumnElement[bool]:
        column, _ = self._column(name)
        if name.rpartition(".")[2] in ("number", "code"):
            prefix: ColumnElement[bool] = func.upper(column).startswith(
                term.upper(), autoescape=True
            )
            return prefix
        inside: ColumnElement[bool] = func.lower(column).contains(term.lower(), autoescape=True)
        return inside

    def _order(self) -> tuple[str, bool]:
        default = next(iter(self.entity.list_view.order), "-id")
        wanted = self.asked.sort or default
        name = wanted.lstrip("-")
        if name != "id" and not (name in self.columns and self.sortable(name)):
            name, wanted = default.lstrip("-"), default
        return name, wanted.startswith("-")

    def sortable(self, name: str) -> bool:
        """Whether a list can be ordered by a column.

        Long texts fit in no address, and masked ones must not stand in one: the place in an ordered
        list tells the value of its key.
        """
        declared = self._column(name)[1]
        orderly = declared.kind is not Kind.LONG_TEXT and declared.mask is None
        return orderly and not declared.sealed and self.reading.finds(name)

    # what is answered

    def count(self, session: Session, cap: int | None = COUNT_CAP) -> int:
        """How many records match; counting stops one above the cap, if there is one."""
        inner = self._narrowed(select(self.entity.id))
        if cap is not None:
            inner = inner.limit(cap + 1)
        ids = inner.subquery()
        return session.scalar(select(func.count()).select_from(ids)) or 0

    def counted(self, cap: int = COUNT_CAP) -> Any:
        """The capped count as a scalar subquery, to ask for it together with other figures."""
        ids = self._narrowed(select(self.entity.id)).limit(cap + 1).subquery()
        return select(func.count()).select_from(ids).scalar_subquery()

    def page(self, session: Session) -> Page:
        """The page that was asked for."""
        size = max(1, min(self.asked.size, LARGEST_PAGE))
        backwards = self.asked.before is not None
        cursor = read_cursor(self.asked.before if backwards else self.asked.after)
        key = self._sort_column()
        statement = self._select()
        if cursor is not None:
            statement = statement.where(self._beyond(key, cursor, backwards=backwards))
        found = session.execute(self._ordered(statement, key, backwards=backwards).limit(size + 1))
        rows = list(found.all())
        more, rows = len(rows) > size, rows[:size]
        if backwards:
            rows.reverse()
        return self._page(rows, more, cursor is not None, backwards=backwards)

    def stream(self, session: Session, most: int, batch: int = 1000) -> Iterator[Row]:
        """All matching records in order, read in batches; at most so many."""
        statement = self._ordered(self._select(), self._sort_column(), backwards=False)
        options = {"yield_per": batch}
        for raw in session.execute(statement.limit(most), execution_options=options):
            yield self._row(raw)

    # how

    def _sort_column(self) -> ColumnElement[Any]:
        if self.sort == "id":
            key: Any = self.entity.id
            return cast(ColumnElement[Any], key)
        return self._column(self.sort)[0]

    def _select(self) -> Select[Any]:
        wanted: list[Any] = [self.entity.id, self.entity.version]
        for name in self.columns:
            column, _ = self._column(name)
            wanted.append(column.label(f"v_{name.replace('.', '__')}"))
            if self._sealed_in(name) is not None:
                wanted.append(self._row_key(name).label(f"r_{name.replace('.', '__')}"))
            declared = self.entity.fields()[name.partition(".")[0]]
            if declared.kind is Kind.RELATION and "." not in name:
                wanted.append(getattr(self.entity, declared.column).label(f"k_{name}"))
        wanted.append(self._sort_column().label("sort_key"))
        wanted += self._clock()
        return self._narrowed(select(*wanted))

    def _clock(self) -> list[Any]:
        """When the open limit of each record ends, where the entity has limits."""
        if not self.entity.deadlines:
            return []
        clock = aliased(Deadline)
        open_here = (
            clock.table_name == self.entity.__tablename__,
            clock.record_id == self.entity.id,
            clock.stopped_at.is_(None),
        )
        earliest = select(clock).where(*open_here).order_by(clock.promise_due_at).limit(1)
        return [
            earliest.with_only_columns(clock.promise_due_at).scalar_subquery().label("due_at"),
            earliest.with_only_columns(clock.provisional).scalar_subquery().label("provisional"),
        ]

    def _narrowed(self, statement: Select[Any]) -> Select[Any]:
        statement = statement.select_from(self.entity)
        for relation, alias in self._joined.items():
            key = getattr(self.entity, self.entity.fields()[relation].column)
            statement = statement.outerjoin(alias, alias.c.id == key)
        return statement.where(*self._conditions) if self._conditions else statement

    def _nullable(self) -> bool:
        if self.sort == "id":
            return False
        declared = self.entity.fields()[self.sort.partition(".")[0]]
        return declared.optional or declared.kind is Kind.RELATION

    def _ordered(
        self, statement: Select[Any], key: ColumnElement[Any], *, backwards: bool
    ) -> Select[Any]:
        down = self.descending != backwards
        order: list[Any] = []
        if self._nullable():
            order.append(key.is_(None).desc() if backwards else key.is_(None))
        if self.sort != "id":
            order.append(key.desc() if down else key.asc())
        order.append(self.entity.id.desc() if down else self.entity.id.asc())
        return statement.order_by(*order)

    def _beyond(
        self, key: ColumnElement[Any], cursor: tuple[Any, int], *, backwards: bool
    ) -> ColumnElement[bool]:
        """Rows after the cursor in the order (before it when going back); empty values are last."""
        raw, last_id = cursor
        down = self.descending != backwards
        further = self.entity.id < last_id if down else self.entity.id > last_id
        if self.sort == "id":
            return further
        if raw is None:
            here = and_(key.is_(None), further)
            return or_(key.is_not(None), here) if backwards else here
        try:
            # A literal, because of a bare True the comparison would make no SQL.
            value = literal(self._sort_value(raw), key.type)
        except BadFilter:
            return false()
        beyond = or_(key < value if down else key > value, and_(key == value, further))
        if self._nullable() and not backwards:
            return or_(beyond, key.is_(None))
        return beyond

    def _sort_value(self, raw: Any) -> Any:
        _, declared = self._column(self.sort)
        if declared.kind in (Kind.TEXT, Kind.LONG_TEXT, Kind.RELATION):
            return str(raw)
        if declared.kind is Kind.INSTANT:
            return _parse(_instant, str(raw))
        if declared.kind is Kind.INTERVAL:
            return _parse(lambda count: int(count) * MOMENT, str(raw))
        return read_value(declared, str(raw))

    def _page(self, rows: Any, more: bool, paged: bool, *, backwards: bool) -> Page:  # noqa: FBT001
        page = Page([self._row(raw) for raw in rows])
        if not rows:
            return page
        first, last = rows[0], rows[-1]
        has_next, has_previous = (True, more) if backwards else (more, paged)
        page.next = write_cursor(last.sort_key, last.id) if has_next else None
        page.previous = write_cursor(first.sort_key, first.id) if has_previous else None
        return page

    def _row(self, raw: Any) -> Row:
        found = raw._mapping
        state = found.get("v_state")
        values = {name: self._value(name, found, state) for name in self.columns}
        keys = {name: found[f"k_{name}"] for name in self.columns if f"k_{name}" in found}
        due_at, provisional = found.get("due_at"), bool(found.get("provisional"))
        return Row(found["id"], found["version"], values, keys, due_at, provisional)

    def _value(self, name: str, found: Any, state: Any) -> Any:
        """A listed value as its reader may have it: opened behind its mask, or not at all."""
        value = found[f"v_{name.replace('.', '__')}"]
        if not self.reading.reads(name, state):
            return None
        sealed = self._sealed_in(name)
        if sealed is None or value is None:
            return value
        try:
            return sealed.opened(value, found[f"r_{name.replace('.', '__')}"])
        except sealing.Unreadable:
            return UNREADABLE

    def _sealed_in(self, name: str) -> Any:
        """The sealed fact behind a listed name, if it is one."""
        declared = facts.innermost(self.entity, name)
        if declared is None or not declared.sealed:
            return None
        relation, _dot, inner = name.partition(".")
        owner = REGISTRY[str(self.entity.fields()[relation].target)] if inner else self.entity
        return getattr(owner, declared.name)

    def _row_key(self, name: str) -> Any:
        relation, _dot, inner = name.partition(".")
        return self._joined[relation].c["row_key"] if inner else self.entity.row_key


def _text_condition(column: Any, operator: str, text: str) -> ColumnElement[bool]:
    found: ColumnElement[bool]
    match operator:
        case "starts":
            found = func.lower(column).startswith(text.lower(), autoescape=True)
        case "has":
            found = func.lower(column).contains(text.lower(), autoescape=True)
        case _:
            found = column == text
    return found


def _instant_condition(column: Any, operator: str, day: date) -> ColumnElement[bool]:
    begins, ends = _parse(start_of_day, day), _parse(end_of_day, day)
    found: ColumnElement[bool]
    match operator:
        case "from":
            found = column >= begins
        case "to":
            found = column < ends
        case _:
            found = and_(column >= begins, column < ends)
    return found


def _instant(text: str) -> datetime:
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        raise BadFilter(text)
    return instant.astimezone(UTC)


def read_value(declared: Field, text: str) -> Any:
    """A filter's text as a value of its field; instants are filtered by hall day.

    Raises:
        BadFilter: it cannot be one.
    """
    if declared.kind is Kind.CHOICE and declared.choices is not None:
        return _parse(declared.choices, text.strip())
    value = READERS[declared.kind](text.strip())
    if declared.kind is Kind.DECIMAL and not fits(value, DIGITS, declared.places):
        raise BadFilter(text)
    return value


def _whole(text: str) -> int:
    number: int = _parse(int, text)
    if abs(number) > LARGEST_INTEGER:
        raise BadFilter(text)
    return number


def _day(text: str) -> date:
    day: date = _parse(date.fromisoformat, text)
    return day


YES_NO = {"1": True, "0": False, "True": True, "False": False}
READERS: dict[Kind, Callable[[str], Any]] = {
    Kind.TEXT: str,
    Kind.LONG_TEXT: str,
    Kind.INTEGER: _whole,
    Kind.RELATION: _whole,
    Kind.BOOLEAN: lambda text: _parse(YES_NO.__getitem__, text),
    Kind.DECIMAL: lambda text: _finite(_parse(Decimal, text)),
    Kind.FLOAT: lambda text: _finite(_parse(float, text)),
    Kind.INTERVAL: lambda text: timedelta(hours=float(_finite(_parse(Decimal, text), MOST_HOURS))),
    Kind.DAY: _day,
    Kind.INSTANT: _day,
    Kind.TIME: lambda text: _parse(time.fromisoformat, text),
    Kind.UUID: lambda text: _parse(UUID, text),
}


def _finite(number: Any, most: int | None = None) -> Any:
    if not Decimal(number).is_finite() or (most is not None and abs(number) > most):
        raise BadFilter(number)
    return number


def _parse(convert: Any, text: Any) -> Any:
    try:
        return convert(text)
    except (ValueError, KeyError, InvalidOperation, OverflowError) as error:
        raise BadFilter(text) from error


def write_cursor(key: Any, record_id: int) -> str:
    """A place in an ordered list, as it stands in an address."""
    plain = key if isinstance(key, (str, int, float, bool)) or key is None else plain_value(key)
    if isinstance(key, timedelta):
        plain = key // MOMENT
    text = json.dumps([plain, record_id], ensure_ascii=False)
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def read_cursor(text: str | None) -> tuple[Any, int] | None:
    """What `write_cursor` wrote; None, the first page, for anything else."""
    if not text or len(text) > 2000:
        return None
    try:
        raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        key, record_id = json.loads(raw)
    except (ValueError, binascii.Error, TypeError):
        return None
    plain = key is None or isinstance(key, (str, int, float))
    is_id = isinstance(record_id, int) and 0 <= record_id <= LARGEST_INTEGER
    return (key, record_id) if plain and is_id and "\0" not in str(key) else None
