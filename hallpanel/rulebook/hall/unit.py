"""Window units resident in the hall, and the hall's own offices (clause 1.2.1)."""

from enum import StrEnum

from sqlalchemy.orm import Mapped

from hallpanel.engine.entity import REFERENCE, Kind, ListView, Regulated, Secrecy, column
from hallpanel.engine.personal import Personal, Years
from hallpanel.engine.words import _l

LIAISON = Personal(_l("Reaching the unit during and outside office hours"), Years(1))


class UnitKind(StrEnum):
    """Whether a unit serves applicants or runs the hall."""

    WINDOW = "window"
    OFFICE = "office"


class Unit(Regulated):
    """A unit that answers for its windows, its people and their records."""

    clause = "1.2.1"
    label = _l("Window unit")
    plural = _l("Window units")
    title = "name"
    place = 20
    everyday = True
    icon = "building"
    unit_bound = False
    retires = True
    access = REFERENCE

    code: Mapped[str] = column(_l("Code"), secrecy=Secrecy.PUBLIC, length=20, unique=True)
    name: Mapped[str] = column(_l("Name"), secrecy=Secrecy.PUBLIC, unique=True)
    kind: Mapped[UnitKind] = column(
        _l("Kind"),
        filter=True,
        default=UnitKind.WINDOW,
        labels={"window": _l("Window unit"), "office": _l("Hall office")},
    )
    department: Mapped[str] = column(_l("Home department"), secrecy=Secrecy.PUBLIC)
    business: Mapped[str] = column(
        _l("Kinds of business"), kind=Kind.LONG_TEXT, secrecy=Secrecy.PUBLIC
    )
    contact: Mapped[str | None] = column(_l("Contact"), secrecy=Secrecy.INTERNAL, personal=LIAISON)
    telephone: Mapped[str | None] = column(
        _l("Telephone"), secrecy=Secrecy.INTERNAL, length=40, personal=LIAISON
    )
    chief: Mapped[str | None] = column(
        _l("Chief representative"), secrecy=Secrecy.INTERNAL, personal=LIAISON
    )

    list_view = ListView(
        "code", "name", "kind", "department", "contact", "telephone", search=("code", "name")
    )

    @property
    def unit_id(self) -> int:
        """A unit answers for itself."""
        return self.id
