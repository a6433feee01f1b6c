"""Declares that an entity's records are spans of days, shown as a month of people by window."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any

from sqlalchemy.orm import Session


@dataclass(frozen=True)
class HalfCover:
    """How many remain at one window in one half day, and how many must."""

    remaining: int
    minimum: int

    @property
    def short(self) -> bool:
        """Whether fewer remain than must."""
        return self.remaining < self.minimum


CoverOf = Callable[[Session, int, date, date], "UnitCover"]


@dataclass(frozen=True)
class UnitCover:
    """A unit's windows and people over some days.

    `people` are (staff id, name) by window number, those without a window under an empty number.
    `halves` are keyed by window number, day and "morning" or "afternoon"; rest days are not there.
    """

    people: Mapping[str, list[tuple[int, str]]]
    halves: Mapping[tuple[str, date, str], HalfCover]
    working: frozenset[date]


@dataclass(frozen=True)
class CalendarView:
    """Names the span's two ends, who is away and whose span is pending, and the cover's function.

    An entity that declares it has `staff`, `first_half`, `last_half` and a `leave_type`-like
    relation named by `kind`, whose `letter` and `tone` mark the cells.
    """

    first: str
    last: str
    away: tuple[StrEnum | str, ...]
    pending: tuple[StrEnum | str, ...]
    cover: CoverOf
    kind: str = "leave_type"

    def criterion(self, entity: Any, first: date, last: date, *, pending: bool = True) -> Any:
        """The records that touch a span of days and take people away, or may yet."""
        states = (*self.away, *self.pending) if pending else self.away
        return (
            entity.state.in_(states)
            & (getattr(entity, self.first) <= last)
            & (getattr(entity, self.last) >= first)
        )
