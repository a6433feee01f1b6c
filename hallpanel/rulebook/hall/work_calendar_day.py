"""The hall's own work calendar, over the official one (clause 2.1.1)."""

from datetime import date
from enum import StrEnum

from sqlalchemy.orm import Mapped

from hallpanel.engine.entity import REFERENCE, ListView, Regulated, Secrecy, column
from hallpanel.engine.words import _l


class CalendarSource(StrEnum):
    """Who said whether a day is worked."""

    NOTICE = "notice"
    HALL = "hall"


class WorkCalendarDay(Regulated):
    """A day on which the hall works or rests otherwise than the weekday says.

    A year counts as announced once one of its days comes from the official notice; until then
    deadlines into it are provisional.
    """

    clause = "2.1.1"
    label = _l("Work calendar day")
    plural = _l("Work calendar")
    title = "day"
    icon = "calendar3"
    unit_bound = False
    access = REFERENCE

    day: Mapped[date] = column(_l("Day"), filter=True, unique=True)
    working: Mapped[bool] = column(_l("Working day"), filter=True)
    source: Mapped[CalendarSource] = column(
        _l("Source"),
        filter=True,
        default=CalendarSource.HALL,
        labels={"notice": _l("Official notice"), "hall": _l("The hall's own decision")},
    )
    note: Mapped[str | None] = column(_l("Note"), secrecy=Secrecy.PUBLIC)

    list_view = ListView("day", "working", "source", "note", search=("note",), order=("-day",))
