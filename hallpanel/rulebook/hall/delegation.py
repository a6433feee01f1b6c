"""Delegation of approval (clause 2.1.2)."""

from collections.abc import Iterator
from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Mapped, Session

from hallpanel.engine.clock import hall_day
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
        if self.last_day < hall_day(at):
            yield Refusal(_l("the days are already past"), field="last_day")
        if self._overlaps(session):
            yield Refusal(_l("another delegation of yours covers some of these days"))
        if self.delegate.id == self.delegator.id:
            yield Refusal(_l("nobody stands in for themselves"), field="delegate")

    def _overlaps(self, session: Session) -> bool:
        """One person decides in one's stead at a time."""
        query = select(Delegation.id).where(
            Delegation.delegator == self.delegator,
            Delegation.id != (self.id or 0),
            Delegation.first_day <= self.last_day,
            Delegation.last_day >= self.first_day,
        )
        return session.scalar(query.limit(1)) is not None
