"""The leave balance: a ledger of days, whose sum is the balance (L2, clauses 2.1.2, 2.1.3)."""

from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING

from sqlalchemy import case, func, select
from sqlalchemy.orm import Mapped, Session

from hallpanel.engine import conflict
from hallpanel.engine.clock import hall_day
from hallpanel.engine.entity import (
    STANDARD_REACH,
    Access,
    ListView,
    Regulated,
    Secrecy,
    Standing,
    column,
    related,
)
from hallpanel.engine.errors import Refusal
from hallpanel.engine.personal import Personal, Years
from hallpanel.engine.roles import Role
from hallpanel.engine.words import _l
from hallpanel.rulebook.discipline.leave_type import LeaveType
from hallpanel.rulebook.hall.staff import Staff

if TYPE_CHECKING:
    from hallpanel.rulebook.discipline.leave_request import LeaveRequest


class EntryKind(StrEnum):
    """Why days came or went."""

    GRANTED = "granted"
    CARRIED = "carried"
    RESERVED = "reserved"
    RELEASED = "released"
    USED = "used"
    EXPIRED = "expired"
    CORRECTED = "corrected"


def standings(session: Session, staff_id: int, at: datetime) -> list[Standing]:
    """What a person has left of each type's allowance this year, and of how much."""
    year = hall_day(at).year
    given = (EntryKind.GRANTED, EntryKind.CARRIED, EntryKind.CORRECTED, EntryKind.EXPIRED)
    rows = session.execute(
        select(
            LeaveType.name,
            func.sum(LeaveEntry.days),
            func.sum(case((LeaveEntry.kind.in_(given), LeaveEntry.days), else_=0)),
        )
        .join(LeaveType, LeaveType.id == LeaveEntry.leave_type_id)
        .where(LeaveEntry.staff_id == staff_id, LeaveEntry.year == year)
        .group_by(LeaveType.id, LeaveType.name)
        .order_by(LeaveType.id)
    )
    return [Standing(name, Decimal(left), Decimal(of)) for name, left, of in rows]


class LeaveEntry(Regulated):
    """Days added to or taken from a person's allowance of one type in one year."""

    clause = "2.1.3"
    label = _l("Leave balance entry")
    plural = _l("Leave balance")
    title = "id"
    owner = "staff"
    by_others = True
    place = 30
    everyday = True
    icon = "journal-plus"
    access = Access(read=STANDARD_REACH, create=(Role.HALL_ADMIN,), imports=(Role.HALL_ADMIN,))
    standing = staticmethod(standings)

    staff_id: Mapped[int]
    leave_type_id: Mapped[int]
    request_id: Mapped[int | None]

    staff: Mapped[Staff] = related(_l("Member of staff"), filter=True)
    leave_type: Mapped[LeaveType] = related(_l("Leave type"), filter=True)
    year: Mapped[int] = column(_l("Year"), filter=True)
    kind: Mapped[EntryKind] = column(
        _l("Kind"),
        filter=True,
        default=EntryKind.CORRECTED,
        labels={
            "granted": _l("Granted"),
            "carried": _l("Carried over"),
            "reserved": _l("Reserved"),
            "released": _l("Released"),
            "used": _l("Used"),
            "expired": _l("Expired"),
            "corrected": _l("Corrected"),
        },
    )
    days: Mapped[Decimal] = column(
        _l("Days"), places=1, hint=_l("With its sign: taken days are negative.")
    )
    day: Mapped[date] = column(_l("Day"), filter=True)
    request: Mapped["LeaveRequest | None"] = related(_l("Leave request"), form=False)
    note: Mapped[str | None] = column(
        _l("Note"),
        secrecy=Secrecy.INTERNAL,
        personal=Personal(_l("Keeping account of attendance and leave"), Years(3)),
    )

    list_view = ListView(
        "staff",
        "leave_type",
        "year",
        "kind",
        "days",
        "day",
        "request",
        search=("staff.name",),
        order=("-day",),
    )

    def problems(self, session: Session, at: datetime) -> Iterator[Refusal]:
        """Nothing that is entered by hand takes more than is left (L2)."""
        if self.days >= 0 or self.request is not None:
            return
        conflict.hold_unit(session, self.unit_id)
        left = balance(session, self.staff_id, self.leave_type_id, self.year)
        if left + self.days < 0:
            yield Refusal(_l("only %(left)s days are left", left=left), field="days")


def balance(session: Session, staff_id: int, leave_type_id: int, year: int) -> Decimal:
    """The days left of a person's allowance: the sum of the entries."""
    total: Decimal | None = session.scalar(
        select(func.sum(LeaveEntry.days)).where(
            LeaveEntry.staff_id == staff_id,
            LeaveEntry.leave_type_id == leave_type_id,
            LeaveEntry.year == year,
        )
    )
    return Decimal(total or 0)
