"""Service windows (clauses 1.2.1, 2.1.2)."""

from sqlalchemy.orm import Mapped

from hallpanel.engine.entity import REFERENCE, ListView, Regulated, Secrecy, column, related
from hallpanel.engine.words import _l
from hallpanel.rulebook.hall.unit import Unit


class ServiceWindow(Regulated):
    """A numbered window at which a unit serves applicants."""

    clause = "1.2.1"
    label = _l("Service window")
    plural = _l("Service windows")
    place = 30
    everyday = True
    icon = "window"
    retires = True
    access = REFERENCE

    number: Mapped[str] = column(_l("Number"), secrecy=Secrecy.PUBLIC, length=20, unique=True)
    unit: Mapped[Unit] = related(_l("Window unit"), filter=True)
    business: Mapped[str] = column(_l("Kinds of business"), secrecy=Secrecy.PUBLIC)
    minimum_staff: Mapped[int] = column(
        _l("Minimum on post"),
        default=1,
        least=0,
        inline=True,
        hint=_l("Leave is not approved while fewer would remain at this window."),
    )

    list_view = ListView(
        "number", "unit", "business", "minimum_staff", search=("number", "business")
    )
