"""A person's attendance on one day, by half days (clauses 2.1.1, 2.1.3)."""

from datetime import date
from enum import StrEnum
from typing import TYPE_CHECKING

from sqlalchemy import select
from sqlalchemy.orm import Mapped, Session

from hallpanel.engine.entity import (
    STANDARD_REACH,
    Access,
    ListView,
    Regulated,
    Secrecy,
    column,
    related,
)
from hallpanel.engine.personal import Personal, Years
from hallpanel.engine.words import Phrase, _l
from hallpanel.rulebook.discipline.leave_days import Half, HalfDay
from hallpanel.rulebook.hall.staff import Staff

if TYPE_CHECKING:
    from hallpanel.rulebook.discipline.leave_request import LeaveRequest


class Attendance(StrEnum):
    """What a half day counts as when no leave covers it."""

    PRESENT = "present"
    LATE = "late"
    LEFT_EARLY = "left_early"
    MISSING_PUNCH = "missing_punch"
    ABSENT = "absent"
    REST = "rest"
    EXEMPT = "exempt"


ATTENDANCE_LABELS: dict[str, Phrase] = {
    "present": _l("Present"),
    "late": _l("Late"),
    "left_early": _l("Left early"),
    "missing_punch": _l("Missing punch"),
    "absent": _l("Absent"),
    "rest": _l("Rest day"),
    "exempt": _l("Exempt"),
}


class AttendanceDay(Regulated):
    """One member of staff on one day: what each half counts as, and the leave that explains it.

    Leave stands beside what the clock says and does not overwrite it: when the leave is
    cancelled, what was there before is there again.
    """

    clause = "2.1.1"
    label = _l("Attendance day")
    plural = _l("Attendance")
    title = "day"
    owner = "staff"
    place = 20
    everyday = True
    icon = "calendar-check"
    access = Access(read=STANDARD_REACH)
    unique_together = ("staff_id", "day")

    staff_id: Mapped[int]
    morning_leave_id: Mapped[int | None]
    afternoon_leave_id: Mapped[int | None]

    staff: Mapped[Staff] = related(_l("Member of staff"), filter=True)
    day: Mapped[date] = column(_l("Day"), filter=True)
    morning: Mapped[Attendance | None] = column(
        _l("Morning"), filter=True, labels=ATTENDANCE_LABELS
    )
    morning_leave: Mapped["LeaveRequest | None"] = related(_l("Morning leave"))
    afternoon: Mapped[Attendance | None] = column(
        _l("Afternoon"), filter=True, labels=ATTENDANCE_LABELS
    )
    afternoon_leave: Mapped["LeaveRequest | None"] = related(_l("Afternoon leave"))
    note: Mapped[str | None] = column(
        _l("Note"),
        secrecy=Secrecy.INTERNAL,
        personal=Personal(_l("Keeping account of attendance and leave"), Years(3)),
    )

    list_view = ListView(
        "staff",
        "unit",
        "day",
        "morning",
        "morning_leave",
        "afternoon",
        "afternoon_leave",
        search=("staff.name",),
        order=("-day",),
    )

    def mark(self, half: Half) -> Attendance | None:
        """What a half counts as by the clock."""
        mark: Attendance | None = getattr(self, half.value)
        return mark

    def leave_id(self, half: Half) -> int | None:
        """The leave that covers a half."""
        leave_id: int | None = getattr(self, f"{half.value}_leave_id")
        return leave_id

    @property
    def says_nothing(self) -> bool:
        """Whether nothing at all is recorded on the day."""
        return not any(
            (self.morning, self.afternoon, self.morning_leave_id, self.afternoon_leave_id)
        )


def day_of(session: Session, staff_id: int, day: date) -> AttendanceDay | None:
    """The attendance of a person on a day, if anything is recorded."""
    query = select(AttendanceDay).where(
        AttendanceDay.staff_id == staff_id, AttendanceDay.day == day
    )
    # As it is now: a session that sweeps the whole hall may have read it long ago.
    fresh = query.execution_options(populate_existing=True)
    return session.scalars(fresh).one_or_none()


def attended(session: Session, staff_id: int, halves: list[HalfDay]) -> HalfDay | None:
    """The first of some half days on which the person was at the post by the clock."""
    at_post = {Attendance.PRESENT, Attendance.LATE, Attendance.LEFT_EARLY}
    days = {half.day for half in halves}
    query = select(AttendanceDay).where(
        AttendanceDay.staff_id == staff_id, AttendanceDay.day.in_(days)
    )
    by_day = {row.day: row for row in session.scalars(query)}
    return next(
        (h for h in halves if h.day in by_day and by_day[h.day].mark(h.half) in at_post), None
    )
