"""The work calendar: weekends, public holidays, days worked instead (调休), and the hall's own.

The package `holidays` knows the notices of the State Council up to some year. For a later year it
gives the statutory holidays alone, so what is counted into that year is provisional until the
notice is entered in the hall's calendar.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from sqlalchemy import (
    Boolean,
    Date,
    Integer,
    ScalarSelect,
    String,
    cast,
    column,
    func,
    select,
    table,
)
from sqlalchemy.orm import Session

if TYPE_CHECKING:
    from holidays import HolidayBase

A_DAY = timedelta(days=1)
NOTICE = "notice"
NONE: Mapping[date, bool] = MappingProxyType({})

# An entity of the rule book; only the columns named here are relied on.
WORK_CALENDAR_DAY = table(
    "work_calendar_day",
    column("id", Integer),
    column("version", Integer),
    column("day", Date),
    column("working", Boolean),
    column("source", String),
)


@dataclass(frozen=True)
class Due:
    """The last day of a limit; provisional while a year it runs through has no official notice."""

    day: date
    provisional: bool


class WorkCalendar:
    """Knows on which days the hall works."""

    def __init__(
        self, overrides: Mapping[date, bool] = NONE, noticed_years: Iterable[int] = ()
    ) -> None:
        self._overrides = overrides
        self._noticed_years = frozenset(noticed_years)

    def is_working(self, day: date) -> bool:
        """Whether the hall works on a day; its own calendar goes before the official one."""
        own = self._overrides.get(day)
        return day in _official_working_days(day.year) if own is None else own

    def official(self, year: int) -> bool:
        """Whether the official notice for a year is known."""
        return year in self._noticed_years or year in _years_with_notice()

    def working_days(self, first: date, last: date) -> list[date]:
        """The working days from the first to the last day, both included."""
        return [day for day in _days(first, last) if self.is_working(day)]

    def count(self, first: date, last: date) -> int:
        """How many working days there are from the first to the last day, both included."""
        return len(self.working_days(first, last))

    def add(self, day: date, working_days: int) -> Due:
        """When a limit ends that starts on a day: that day is day zero, and is not counted."""
        _refuse_negative(working_days)
        due = day
        while working_days:
            due += A_DAY
            working_days -= self.is_working(due)
        counted_over = range((day + A_DAY).year, due.year + 1) if due > day else ()
        return Due(due, not all(self.official(year) for year in counted_over))

    def before(self, day: date, working_days: int) -> date:
        """The working day that lies so many working days before a day."""
        _refuse_negative(working_days)
        while working_days:
            day -= A_DAY
            working_days -= self.is_working(day)
        return day

    def until(self, today: date, due: date) -> int:
        """The working days left after today; negative when overdue, 0 on the last day."""
        if due < today:
            return -self.count(due + A_DAY, today)
        return self.count(today + A_DAY, due)


def hall_calendar(session: Session, stamp: str | None = None) -> WorkCalendar:
    """The official calendar under what the hall entered in its own.

    With the stamp of the present entries, one read before under the same stamp is given again.
    """
    pool = session.get_bind().engine.pool
    kept = _kept.get(pool)
    if stamp is not None and kept is not None and kept[0] == stamp:
        return kept[1]
    days = WORK_CALENDAR_DAY.c
    rows = session.execute(select(days.day, days.working, days.source)).all()
    noticed = {row.day.year for row in rows if row.source == NOTICE}
    calendar = WorkCalendar({row.day: row.working for row in rows}, noticed)
    if stamp is not None:
        _kept[pool] = (stamp, calendar)
    return calendar


def stamp() -> ScalarSelect[str]:
    """What changes whenever the hall's entries do, to be asked for with other figures."""
    days = WORK_CALENDAR_DAY.c
    figures = (func.count(days.id), func.max(days.id), func.sum(days.version))
    words = [cast(func.coalesce(figure, 0), String) for figure in figures]
    return select(words[0] + "-" + words[1] + "-" + words[2]).scalar_subquery()


_kept: WeakKeyDictionary[Any, tuple[str, WorkCalendar]] = WeakKeyDictionary()


def _days(first: date, last: date) -> Iterator[date]:
    return (first + n * A_DAY for n in range((last - first).days + 1))


def _refuse_negative(working_days: int) -> None:
    if working_days < 0:
        raise ValueError(f"{working_days} working days: a limit is not negative")


@cache
def _official_working_days(year: int) -> frozenset[date]:
    """The working days of a year by notice and law.

    Each year has a calendar of its own, because the package fills a shared one step by step, and
    another thread would read it half filled. The next year is asked too: its notice may make the
    last weekend of this one worked.
    """
    official = _china((year, year + 1))
    days = _days(date(year, 1, 1), date(year, 12, 31))
    return frozenset(day for day in days if official.is_working_day(day))


@cache
def _years_with_notice() -> frozenset[int]:
    return frozenset(getattr(_china(()), "special_public_holidays", ()))


def _china(years: tuple[int, ...]) -> "HolidayBase":
    # Imported here: it takes a tenth of a second, for which most commands have no use.
    from holidays import country_holidays

    return country_holidays("CN", years=years, expand=False)
