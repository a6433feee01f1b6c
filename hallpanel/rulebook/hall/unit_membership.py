"""Which unit a member of staff belonged to, day by day (clause 1.2.1)."""

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import select
from sqlalchemy.orm import Mapped, Session

from hallpanel.engine import records
from hallpanel.engine.clock import hall_day
from hallpanel.engine.entity import STANDARD_REACH, Access, ListView, Regulated, column, related
from hallpanel.engine.roles import Reach, Role
from hallpanel.engine.scope import SYSTEM
from hallpanel.engine.words import _l
from hallpanel.rulebook.hall.unit import Unit

if TYPE_CHECKING:
    from hallpanel.rulebook.hall.staff import Staff


class UnitMembership(Regulated):
    """A member of staff belongs to a unit from one day to another."""

    clause = "1.2.1"
    label = _l("Unit membership")
    plural = _l("Unit memberships")
    title = "id"
    icon = "arrow-left-right"
    owner = "staff"
    access = Access(
        read={**STANDARD_REACH, Role.STAFF: Reach.UNIT},
        create=(Role.HALL_ADMIN,),
        edit=(Role.HALL_ADMIN,),
        delete=(Role.HALL_ADMIN,),
        imports=(Role.HALL_ADMIN,),
    )
    unique_together = ("staff_id", "since")

    staff_id: Mapped[int]

    staff: Mapped["Staff"] = related(_l("Member of staff"), filter=True)
    unit: Mapped[Unit] = related(_l("Window unit"), filter=True)
    since: Mapped[date] = column(_l("Since"))
    until: Mapped[date | None] = column(_l("Until"))

    list_view = ListView("staff", "unit", "since", "until", search=("staff.name",))


def keep(session: Session, person: "Staff", at: datetime) -> None:
    """Note from which day on a person belongs to their present unit, and until when to the last."""
    today = hall_day(at)
    present = session.scalars(
        select(UnitMembership)
        .where(UnitMembership.staff_id == person.id, UnitMembership.until.is_(None))
        .order_by(UnitMembership.since.desc())
    ).first()
    if present is not None and present.unit_id == person.unit_id:
        return
    if present is None:
        since = min(person.joined_on, today)
    elif present.since >= today:
        present.unit, present.unit_id = person.unit, person.unit_id
        return
    else:
        present.until, since = today - timedelta(days=1), today
    values = {"staff": person, "unit": person.unit, "since": since}
    records.create(session, UnitMembership, values, actor=SYSTEM, at=at)
