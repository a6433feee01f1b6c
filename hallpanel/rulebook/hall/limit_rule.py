"""Limits as figures with the day from which they hold (clauses 2.3.2, 3.2.2)."""

from datetime import date

from sqlalchemy.orm import Mapped

from hallpanel.engine.entity import REFERENCE, ListView, Regulated, Secrecy, column
from hallpanel.engine.limits import LimitUnit
from hallpanel.engine.words import _l


class LimitRule(Regulated):
    """How much time the hall gives for something, from a day on; what was in force decides."""

    clause = "2.3.2"
    label = _l("Limit")
    plural = _l("Limits")
    title = "name"
    icon = "hourglass-split"
    unit_bound = False
    access = REFERENCE
    unique_together = ("key", "since")

    name: Mapped[str] = column(_l("Limit of"), secrecy=Secrecy.PUBLIC, length=80)
    key: Mapped[str] = column(_l("Code"), secrecy=Secrecy.PUBLIC, length=60, filter=True)
    amount: Mapped[int] = column(_l("How much"), least=0)
    unit: Mapped[LimitUnit] = column(
        _l("Counted in"),
        labels={
            "working_days": _l("Working days"),
            "calendar_days": _l("Calendar days"),
            "hours": _l("Hours"),
        },
    )
    clause_number: Mapped[str] = column(_l("Clause"), secrecy=Secrecy.PUBLIC, length=20)
    since: Mapped[date] = column(_l("In force since"), filter=True)
    note: Mapped[str | None] = column(_l("Note"), secrecy=Secrecy.PUBLIC)

    list_view = ListView(
        "name", "amount", "unit", "clause_number", "since", "note", search=("name", "key")
    )
