"""Which windows a member of staff serves, and since when (clauses 1.2.1, 2.1.2)."""

from datetime import date

from sqlalchemy.orm import Mapped

from hallpanel.engine.entity import STANDARD_REACH, Access, ListView, Regulated, column, related
from hallpanel.engine.roles import Reach, Role
from hallpanel.engine.words import _l
from hallpanel.rulebook.hall.service_window import ServiceWindow
from hallpanel.rulebook.hall.staff import Staff


class WindowAssignment(Regulated):
    """A member of staff serves a window from one day to another."""

    clause = "2.1.2"
    label = _l("Window assignment")
    plural = _l("Window assignments")
    title = "id"
    icon = "person-badge"
    owner = "staff"
    access = Access(
        read={**STANDARD_REACH, Role.STAFF: Reach.UNIT},
        create=(Role.HALL_ADMIN,),
        edit=(Role.HALL_ADMIN,),
        delete=(Role.HALL_ADMIN,),
        imports=(Role.HALL_ADMIN,),
    )
    unique_together = ("staff_id", "window_id", "since")

    staff_id: Mapped[int]
    window_id: Mapped[int]

    staff: Mapped[Staff] = related(_l("Member of staff"), filter=True)
    window: Mapped[ServiceWindow] = related(_l("Service window"), filter=True)
    since: Mapped[date] = column(_l("Since"))
    until: Mapped[date | None] = column(_l("Until"))

    list_view = ListView(
        "staff", "window", "since", "until", search=("staff.name", "window.number")
    )
