"""A span of leave as half days, and how many of them count (L3, clause 2.1.2)."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import StrEnum

from hallpanel.engine.clock import hall_instant
from hallpanel.engine.workdays import WorkCalendar

NOON = time(12, 30)
HALF = Decimal("0.5")
LONGEST_SPAN = timedelta(days=800)
"""Longer than any leave there is; it only keeps a mistyped year from being counted day by day."""


class Half(StrEnum):
    """The two sessions of a working day."""

    MORNING = "morning"
    AFTERNOON = "afternoon"


@dataclass(frozen=True, order=True)
class HalfDay:
    """One session of one hall day."""

    day: date
    half: Half

    @property
    def begins(self) -> datetime:
        """The UTC instant at which it begins: midnight or half past noon in the hall."""
        return hall_instant(self.day, time.min if self.half is Half.MORNING else NOON)


@dataclass(frozen=True)
class Span:
    """From one half day to another, both included."""

    first_day: date
    first_half: Half
    last_day: date
    last_half: Half

    @property
    def runs_backwards(self) -> bool:
        """Whether it ends before it begins."""
        return (self.last_day, self.last_half is Half.AFTERNOON) < (
            self.first_day,
            self.first_half is Half.AFTERNOON,
        )

    @property
    def whole_days(self) -> bool:
        """Whether neither end is a half day."""
        return self.first_half is Half.MORNING and self.last_half is Half.AFTERNOON

    @property
    def begins(self) -> datetime:
        """The UTC instant at which it begins."""
        return HalfDay(self.first_day, self.first_half).begins

    @property
    def ends(self) -> datetime:
        """The UTC instant at which it is over."""
        return self.following.begins

    @property
    def following(self) -> HalfDay:
        """The half day after it, worked or not."""
        if self.last_half is Half.MORNING:
            return HalfDay(self.last_day, Half.AFTERNOON)
        return HalfDay(self.last_day + timedelta(days=1), Half.MORNING)

    def halves(self) -> Iterator[HalfDay]:
        """All half days in order, rest days included."""
        day = self.first_day
        while day <= self.last_day:
            if not (day == self.first_day and self.first_half is Half.AFTERNOON):
                yield HalfDay(day, Half.MORNING)
            if not (day == self.last_day and self.last_half is Half.MORNING):
                yield HalfDay(day, Half.AFTERNOON)
            day += timedelta(days=1)

    def working_halves(self, calendar: WorkCalendar) -> list[HalfDay]:
        """The half days on which the hall works."""
        return [half for half in self.halves() if calendar.is_working(half.day)]

    def days(self, calendar: WorkCalendar, *, calendar_days: bool = False) -> Decimal:
        """Days of leave: working days, or every day for types that count calendar days."""
        halves = list(self.halves()) if calendar_days else self.working_halves(calendar)
        return HALF * len(halves)
