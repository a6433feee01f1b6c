"""Limits: in how much time something must be done; figures in data, each with the day it begins."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from sqlalchemy import Date, Integer, String, column, select, table
from sqlalchemy.orm import Session

from hallpanel.engine.clock import end_of_day, hall_day, start_of_day
from hallpanel.engine.workdays import A_DAY, WorkCalendar

# An entity of the rule book; only the columns named here are relied on.
LIMIT_RULE = table(
    "limit_rule",
    column("key", String),
    column("amount", Integer),
    column("unit", String),
    column("clause_number", String),
    column("since", Date),
)


class LimitUnit(StrEnum):
    """What a limit is counted in."""

    WORKING_DAYS = "working_days"
    CALENDAR_DAYS = "calendar_days"
    HOURS = "hours"


class NoLimit(LookupError):
    """A limit was asked for that the hall has not set for that day."""

    def __init__(self, key: str, day: date) -> None:
        super().__init__(
            f"no limit {key!r} is in force on {day}\n"
            f"      Hint: add a row for it to limit_rule, since that day or before"
        )
        self.key, self.day = key, day


@dataclass(frozen=True)
class Pause:
    """A time that does not count: the clock stood still for a reason."""

    paused_at: datetime
    resumed_at: datetime


@dataclass(frozen=True)
class End:
    """The last moment of a limit; provisional where a year it runs through has no notice yet."""

    at: datetime
    provisional: bool


@dataclass(frozen=True)
class Limit:
    """A figure in force: so many hours, days or working days, and the clause it serves."""

    key: str
    amount: int
    unit: LimitUnit
    clause: str
    since: date

    def end(self, start: datetime, calendar: WorkCalendar, pauses: Sequence[Pause] = ()) -> End:
        """When it ends: hours by the clock, days with the hall's day. The day of start is zero."""
        day = hall_day(start)
        match self.unit:
            case LimitUnit.HOURS:
                stood_still = sum((p.resumed_at - p.paused_at for p in pauses), timedelta())
                return End(start + timedelta(hours=self.amount) + stood_still, provisional=False)
            case LimitUnit.CALENDAR_DAYS:
                paused = sum((hall_day(p.resumed_at) - hall_day(p.paused_at)).days for p in pauses)
                return End(last_moment(day + (self.amount + paused) * A_DAY), provisional=False)
        due = calendar.add(day, self.amount + paused_working_days(pauses, calendar))
        return End(last_moment(due.day), due.provisional)

    def ahead(self, due: datetime, calendar: WorkCalendar) -> datetime:
        """When one is reminded who wants so much time before a due moment; a day at its start."""
        match self.unit:
            case LimitUnit.HOURS:
                return due - timedelta(hours=self.amount)
            case LimitUnit.CALENDAR_DAYS:
                return start_of_day(hall_day(due) - self.amount * A_DAY)
        return start_of_day(calendar.before(hall_day(due), self.amount))


class Limits:
    """All figures of the hall, read once."""

    def __init__(self, figures: Iterable[Limit]) -> None:
        self._figures = sorted(figures, key=lambda limit: limit.since, reverse=True)

    def in_force(self, key: str, day: date) -> Limit:
        """The figure that decides about a fact of that day.

        Raises:
            NoLimit: none began on that day or before.
        """
        for limit in self._figures:
            if limit.key == key and limit.since <= day:
                return limit
        raise NoLimit(key, day)


def load(session: Session) -> Limits:
    """Read all figures."""
    rows = session.execute(select(LIMIT_RULE)).all()
    return Limits(
        Limit(row.key, row.amount, LimitUnit(row.unit), row.clause_number, row.since)
        for row in rows
    )


def in_force(session: Session, key: str, day: date) -> Limit:
    """The figure of one limit that decides about a fact of that day.

    Raises:
        NoLimit: none began on that day or before.
    """
    return load(session).in_force(key, day)


def last_moment(day: date) -> datetime:
    """The last instant of a hall day: its hall day is still that day, as a reader expects."""
    return end_of_day(day) - timedelta(microseconds=1)


def paused_working_days(pauses: Iterable[Pause], calendar: WorkCalendar) -> int:
    """The working days that fell out: after each day of pausing, to the day of resuming."""
    return sum(
        calendar.count(hall_day(pause.paused_at) + A_DAY, hall_day(pause.resumed_at))
        for pause in pauses
    )
