"""The hall itself (clauses 1.2.1, 1.3.3)."""

from sqlalchemy.orm import Mapped

from hallpanel.engine.entity import REFERENCE, Kind, ListView, Regulated, Secrecy, column
from hallpanel.engine.words import _l


class Hall(Regulated):
    """The service hall that the rule book binds."""

    clause = "1.2.1"
    label = _l("Hall")
    plural = _l("The hall")
    title = "name"
    icon = "bank"
    unit_bound = False
    access = REFERENCE

    name: Mapped[str] = column(_l("Name"), secrecy=Secrecy.PUBLIC, unique=True)
    address: Mapped[str] = column(_l("Address"), secrecy=Secrecy.PUBLIC)
    opening_hours: Mapped[str] = column(
        _l("Opening hours"), kind=Kind.LONG_TEXT, secrecy=Secrecy.PUBLIC
    )
    telephone: Mapped[str] = column(_l("Telephone"), secrecy=Secrecy.PUBLIC, length=40)

    list_view = ListView("name", "address", "opening_hours", "telephone", search=("name",))
