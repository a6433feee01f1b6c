"""The ledger of points: each line opens to the record and clause it comes from (clause 7.3.1).

One event charges one subject once, by the figure in force on its day. A closed month is settled:
nothing is entered into it any more, and what is lifted later is taken back in the open month.
"""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Date,
    ForeignKey,
    Index,
    Row,
    String,
    and_,
    column,
    func,
    select,
    table,
    text,
    update,
)
from sqlalchemy.orm import Mapped, Session, mapped_column

from hallpanel.engine.clock import hall_day
from hallpanel.engine.conflict import insert, table_of
from hallpanel.engine.errors import Refusal
from hallpanel.engine.exact import Exact
from hallpanel.engine.store import Base, UtcDateTime, enum_by_value
from hallpanel.engine.words import _l

CLAUSE = "7.3.1"
PERSONS = "subject_kind = 'person'"
UNITS = "subject_kind = 'unit'"


class SubjectKind(StrEnum):
    """Persons and units are scored apart."""

    PERSON = "person"
    UNIT = "unit"


class PointStatus(StrEnum):
    """Where a line stands between its event and the appraisal."""

    PROVISIONAL = "provisional"
    CONFIRMED = "confirmed"
    APPEALED = "appealed"
    VOIDED = "voided"


# An entity of the rule book; only the columns named here are relied on.
POINT_RULE = table(
    "point_rule",
    column("key", String),
    column("clause_number", String),
    column("points", Exact()),
    column("subject_kind", String),
    column("since", Date),
)

Source = tuple[str, int, str]


@dataclass(frozen=True)
class Subject:
    """Who is charged: a member of staff or a unit."""

    kind: SubjectKind
    id: int


@dataclass(frozen=True)
class Charge:
    """A line of the ledger, and whether this call entered it."""

    entry_id: int
    points: Decimal
    clause: str
    new: bool


class PointEntry(Base):
    """One line of the ledger: so many points, for whom, of which day, and from which record.

    `unit_id` is the unit that was answerable on the day, also where a person is charged.
    """

    __tablename__ = "point_entry"
    __table_args__ = (
        Index(
            "uq_point_entry_person",
            "source_table",
            "source_id",
            "source_event",
            "clause",
            "staff_id",
            unique=True,
            sqlite_where=text(PERSONS),
            postgresql_where=text(PERSONS),
        ),
        Index(
            "uq_point_entry_unit",
            "source_table",
            "source_id",
            "source_event",
            "clause",
            "unit_id",
            unique=True,
            sqlite_where=text(UNITS),
            postgresql_where=text(UNITS),
        ),
        Index("ix_point_entry_staff", "staff_id", "day"),
        Index("ix_point_entry_unit", "unit_id", "day"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    day: Mapped[date]
    points: Mapped[Decimal] = mapped_column(Exact())
    clause: Mapped[str] = mapped_column(String(16))
    rule_key: Mapped[str] = mapped_column(String(63))
    subject_kind: Mapped[SubjectKind] = mapped_column(enum_by_value(SubjectKind))
    staff_id: Mapped[int | None]
    unit_id: Mapped[int]
    source_table: Mapped[str] = mapped_column(String(63))
    source_id: Mapped[int]
    source_event: Mapped[str] = mapped_column(String(63))
    status: Mapped[PointStatus] = mapped_column(enum_by_value(PointStatus))
    note: Mapped[str | None]
    reverses_id: Mapped[int | None] = mapped_column(ForeignKey("point_entry.id"))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class ClosedMonth(Base):
    """A month whose points are settled."""

    __tablename__ = "closed_month"

    year: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    month: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    closed_at: Mapped[datetime] = mapped_column(UtcDateTime)


ENTRY = table_of(PointEntry)
CLOSED = table_of(ClosedMonth)


class NoPointRule(LookupError):
    """Points were to be charged for which the hall has no figure on that day."""

    def __init__(self, key: str, kind: SubjectKind, day: date) -> None:
        super().__init__(
            f"no point rule {key!r} for a {kind} is in force on {day}\n"
            "      Hint: add a row for it to point_rule, since that day or before"
        )
        self.key, self.kind, self.day = key, kind, day


def charge(
    session: Session,
    source: Source,
    key: str,
    day: date,
    *,
    unit_id: int,
    at: datetime,
    staff_id: int | None = None,
    note: str | None = None,
    status: PointStatus = PointStatus.PROVISIONAL,
) -> Charge:
    """Charge an event to a person, or to the unit where no person is named, once.

    Asked again, it gives the line that is there. `source` is the table, the record and the event in
    it; `day` is the day of the fact.

    Raises:
        NoPointRule: no figure was in force on the day.
        Refusal: the month of the day is closed (7.3.1).
    """
    kind = SubjectKind.UNIT if staff_id is None else SubjectKind.PERSON
    rule = _rule_in_force(session, key, kind, day)
    line = {
        **_named(source),
        "clause": rule.clause_number,
        "subject_kind": kind,
        "staff_id": staff_id,
        "unit_id": unit_id,
    }
    present = _present(session, line)
    if present is not None:
        return present
    _refuse_closed(session, day)
    figures = {"day": day, "points": rule.points, "rule_key": key}
    return _enter(session, line | figures | {"status": status, "note": note, "created_at": at})


def void(session: Session, entry_id: int, *, at: datetime, note: str) -> bool:
    """Lift a line, once; in a closed month it stays, and the open month takes it back.

    Raises:
        Refusal: the present month is closed too, or the line itself takes another back (7.3.1).
    """
    query = select(ENTRY).where(ENTRY.c.id == entry_id).with_for_update()
    entry = session.execute(query).one()
    if entry.status is PointStatus.VOIDED:
        return False
    if entry.reverses_id is not None:
        raise Refusal(_l("this line takes another one back; charge that anew instead"), CLAUSE)
    if is_closed(session, entry.day):
        return _take_back(session, entry, at, note)
    voided = update(ENTRY).where(ENTRY.c.id == entry_id)
    session.execute(voided.values(status=PointStatus.VOIDED, note=note))
    return True


def total(session: Session, subject: Subject, first: date, last: date) -> Decimal:
    """The points of a person or of a unit in a span of days; voided lines do not count."""
    whose = ENTRY.c.staff_id if subject.kind is SubjectKind.PERSON else ENTRY.c.unit_id
    query = select(func.sum(ENTRY.c.points)).where(
        ENTRY.c.subject_kind == subject.kind,
        whose == subject.id,
        ENTRY.c.day.between(first, last),
        ENTRY.c.status != PointStatus.VOIDED,
    )
    points: Decimal | None = session.scalar(query)
    return points if points is not None else Decimal("0.00")


def close_month(session: Session, year: int, month: int, *, at: datetime) -> bool:
    """Settle a month that is over; whether it was open.

    Raises:
        Refusal: the month is not over (7.3.1).
    """
    today = hall_day(at)
    if (year, month) >= (today.year, today.month):
        raise Refusal(_l("%(month)s is not over yet", month=f"{year}-{month:02d}"), CLAUSE)
    closed = insert(session, ClosedMonth).values(year=year, month=month, closed_at=at)
    done = closed.on_conflict_do_nothing().returning(CLOSED.c.year)
    return session.scalar(done) is not None


def is_closed(session: Session, day: date) -> bool:
    """Whether the month of a day is settled; it stays so, or open, until the transaction ends."""
    if session.get_bind().dialect.name == "postgresql":
        # Whoever closes a month waits for us to end, and we for them. SQLite has one writer anyway.
        session.execute(text("LOCK TABLE closed_month IN SHARE MODE"))
    month = and_(CLOSED.c.year == day.year, CLOSED.c.month == day.month)
    return session.scalar(select(CLOSED.c.year).where(month)) is not None


def _rule_in_force(session: Session, key: str, kind: SubjectKind, day: date) -> Row[Any]:
    rule = POINT_RULE.c
    query = select(POINT_RULE).where(
        rule.key == key, rule.subject_kind == kind.value, rule.since <= day
    )
    found = session.execute(query.order_by(rule.since.desc()).limit(1)).first()
    if found is None:
        raise NoPointRule(key, kind, day)
    return found


def _refuse_closed(session: Session, day: date) -> None:
    if is_closed(session, day):
        raise Refusal(_l("the points of %(month)s are settled", month=f"{day:%Y-%m}"), CLAUSE)


def _named(source: Source) -> dict[str, Any]:
    table_name, record_id, event = source
    return {"source_table": table_name, "source_id": record_id, "source_event": event}


def _enter(session: Session, line: dict[str, Any]) -> Charge:
    """Write a line, or find the one that another process wrote first."""
    new = insert(session, PointEntry).values(line).on_conflict_do_nothing()
    entry_id: int | None = session.scalar(new.returning(ENTRY.c.id))
    if entry_id is not None:
        return Charge(entry_id, line["points"], line["clause"], new=True)
    present = _present(session, line)
    if present is None:
        raise RuntimeError(f"a line was neither written nor found: {line}")
    return present


def _present(session: Session, line: dict[str, Any]) -> Charge | None:
    entry = session.execute(select(ENTRY).where(_same(line))).one_or_none()
    return None if entry is None else Charge(entry.id, entry.points, entry.clause, new=False)


def _same(line: dict[str, Any]) -> ColumnElement[bool]:
    """The line of the same event, clause and subject."""
    subject = "staff_id" if line["subject_kind"] is SubjectKind.PERSON else "unit_id"
    names = ("source_table", "source_id", "source_event", "clause", "subject_kind", subject)
    return and_(*(ENTRY.c[name] == line[name] for name in names))


def _take_back(session: Session, entry: Row[Any], at: datetime, note: str) -> bool:
    """Enter the opposite of a settled line into the open month."""
    today = hall_day(at)
    _refuse_closed(session, today)
    line = entry._asdict() | {
        "day": today,
        "points": -entry.points,
        "source_event": f"{entry.source_event}:void",
        "status": PointStatus.CONFIRMED,
        "note": note,
        "reverses_id": entry.id,
        "created_at": at,
    }
    del line["id"]
    return _enter(session, line).new
