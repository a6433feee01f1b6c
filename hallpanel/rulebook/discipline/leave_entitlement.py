"""Days of leave by years worked (clause 2.1.2)."""

from datetime import date
from decimal import Decimal

from sqlalchemy.orm import Mapped

from hallpanel.engine.entity import REFERENCE, ListView, Regulated, column, related
from hallpanel.engine.words import _l
from hallpanel.rulebook.discipline.leave_type import LeaveType


class LeaveEntitlement(Regulated):
    """From so many years worked, a type of leave gives so many days a year."""

    clause = "2.1.2"
    label = _l("Allowance by years worked")
    plural = _l("Allowances by years worked")
    title = "id"
    icon = "bar-chart-steps"
    unit_bound = False
    access = REFERENCE
    unique_together = ("leave_type_id", "years_from", "since")

    leave_type_id: Mapped[int]

    leave_type: Mapped[LeaveType] = related(_l("Leave type"), filter=True)
    years_from: Mapped[int] = column(_l("From years worked"), least=0)
    days: Mapped[Decimal] = column(_l("Days a year"), places=1, least=0)
    since: Mapped[date] = column(_l("In force since"))

    list_view = ListView("leave_type", "years_from", "days", "since", search=("leave_type.name",))
