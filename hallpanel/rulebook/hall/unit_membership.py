"""Which unit a member of staff belonged to, day by day (clause 1.2.1)."""

from datetime import date

from sqlalchemy.orm import Mapped

from hallpanel.engine.entity import REFERENCE, ListView, Regulated, column, related
from hallpanel.engine.words import _l
from hallpanel.rulebook.hall.staff import Staff
from hallpanel.rulebook.hall.unit import Unit


class UnitMembership(Regulated):
    """A member of staff belongs to a unit from one day to another."""

    clause = "1.2.1"
    label = _l("Unit membership")
    plural = _l("Unit memberships")
    title = "id"
    icon = "arrow-left-right"
    access = REFERENCE
    unique_together = ("staff_id", "since")

    staff_id: Mapped[int]

    staff: Mapped[Staff] = related(_l("Member of staff"), filter=True)
    unit: Mapped[Unit] = related(_l("Window unit"), filter=True)
    since: Mapped[date] = column(_l("Since"))
    until: Mapped[date | None] = column(_l("Until"))

    list_view = ListView("staff", "unit", "since", "until", search=("staff.name",))
