"""Delegation of approval (clause 2.1.2)."""

from collections.abc import Iterator
from datetime import date, datetime

from sqlalchemy.orm import Mapped, Session

from hallpanel.engine.entity import (
    Access,
    ListView,
    Regulated,
    Secrecy,
    column,
    related,
)
from hallpanel.engine.errors import Refusal
from hallpanel.engine.roles import Reach, Role
from hallpanel.engine.words import _l
from hallpanel.rulebook.hall.staff import Staff

DECIDERS = (Role.LEAD, Role.SUPERVISION, Role.DEPUTY, Role.DIRECTOR, Role.HALL_ADMIN)


class Delegation(Regulated):
    """A person who approves names another to decide in their stead for some days (X10)."""

    clause = "2.1.2"
    label = _l("Delegation of approval")
    plural = _l("Delegations")
    title = "id"
    owner = "delegator"
    parties = ("delegate",)
    place = 40
    everyday = True
    icon = "person-check"
    access = Access(
        read={
            Role.STAFF: Reach.OWN,
            Role.LEAD: Reach.OWN,
            Role.SUPERVISION: Reach.OWN,
            Role.DEPUTY: Reach.OWN,
            Role.DIRECTOR: Reach.OWN,
            Role.HALL_ADMIN: Reach.HALL,
        },
        create=DECIDERS,
        edit=DECIDERS,
        delete=DECIDERS,
    )

    delegator: Mapped[Staff] = related(_l("Who delegates"), form=False)
    delegate: Mapped[Staff] = related(_l("Who decides instead"))
    first_day: Mapped[date] = column(_l("From"), filter=True)
    last_day: Mapped[date] = column(_l("Until"), filter=True)
    reason: Mapped[str | None] = column(_l("Reason"), secrecy=Secrecy.INTERNAL)

    list_view = ListView(
        "delegator",
        "delegate",
        "first_day",
        "last_day",
        "reason",
        search=("delegator.name", "delegate.name"),
        order=("-first_day",),
    )

    def problems(self, session: Session, at: datetime) -> Iterator[Refusal]:
        """Days run forward, and nobody stands in for themselves."""
        if self.last_day < self.first_day:
            yield Refusal(_l("the last day is before the first"), field="last_day")
        if self.delegate.id == self.delegator.id:
            yield Refusal(_l("nobody stands in for themselves"), field="delegate")
