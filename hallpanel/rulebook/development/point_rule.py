"""The point schedule: what each kind of fact costs, from a day on (clauses 2.1.3, 7.3.1)."""

from datetime import date
from decimal import Decimal

from sqlalchemy.orm import Mapped

from hallpanel.engine.entity import REFERENCE, ListView, Regulated, Secrecy, column
from hallpanel.engine.ledger import SubjectKind
from hallpanel.engine.words import _l


class PointRule(Regulated):
    """So many points for a kind of fact; what was in force on the day of the fact decides."""

    clause = "7.3.1"
    label = _l("Point rule")
    plural = _l("Point schedule")
    title = "name"
    icon = "sliders"
    unit_bound = False
    access = REFERENCE
    unique_together = ("key", "subject_kind", "since")

    key: Mapped[str] = column(_l("Fact"), secrecy=Secrecy.PUBLIC, length=60, index=True)
    name: Mapped[str] = column(_l("Name"), secrecy=Secrecy.PUBLIC, length=80)
    clause_number: Mapped[str] = column(_l("Clause"), secrecy=Secrecy.PUBLIC, length=20)
    points: Mapped[Decimal] = column(_l("Points"), hint=_l("Deductions are negative."))
    subject_kind: Mapped[SubjectKind] = column(
        _l("Charged to"),
        filter=True,
        default=SubjectKind.PERSON,
        labels={"person": _l("The person"), "unit": _l("The unit")},
    )
    since: Mapped[date] = column(_l("In force since"), filter=True)

    list_view = ListView(
        "name", "points", "subject_kind", "clause_number", "since", search=("name", "key")
    )
