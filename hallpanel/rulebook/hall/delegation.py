"""Delegation of approval (clause 2.1.2)."""

from collections.abc import Iterator
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, select
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
from hallpanel.engine.personal import Personal, Years
from hallpanel.engine.recipients import Party
from hallpanel.engine.roles import Reach, Role
from hallpanel.engine.sweep import Timed
from hallpanel.engine.who import Either, Holds, OwnerMay, SystemMay
from hallpanel.engine.words import Phrase, _l
from hallpanel.engine.workflow import Act, Transition, Workflow, effect
from hallpanel.rulebook.hall.staff import Staff

DECIDERS = (Role.LEAD, Role.SUPERVISION, Role.DEPUTY, Role.DIRECTOR, Role.HALL_ADMIN)


@effect
def hand_back(act: Act) -> None:
    """Nothing is written: whoever asks next is asked by the state of the delegation."""


@hand_back.foresees
def _(act: Act) -> Iterator[Phrase]:
    names = {"delegate": act.record.delegate.name, "delegator": act.record.delegator.name}
    yield _l("From now on %(delegate)s no longer decides for %(delegator)s", **names)
    yield _l("What %(delegate)s has decided for %(delegator)s stays as it is", **names)


def over_at(entity: Any, at: datetime) -> ColumnElement[bool]:
    """Delegations whose last day is past."""
    past: ColumnElement[bool] = entity.last_day < hall_day(at)
    return past


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
    )

    class State(StrEnum):
        """Granted for its days, until it is ended or they are over."""

        GRANTED = "granted"
        ENDED = "ended"

    state_words = {"granted": _l("Delegated"), "ended": _l("Ended")}

    delegator: Mapped[Staff] = related(_l("Who delegates"), form=False)
    delegate: Mapped[Staff] = related(_l("Who decides instead"))
    first_day: Mapped[date] = column(_l("From"), filter=True)
    last_day: Mapped[date] = column(_l("Until"), filter=True)
    reason: Mapped[str | None] = column(
        _l("Reason"),
        secrecy=Secrecy.INTERNAL,
        personal=Personal(_l("Saying why somebody decides for another"), Years(5)),
    )

    workflow = Workflow(
        State.GRANTED,
        Transition(
            "end",
            State.GRANTED,
            State.ENDED,
            label=_l("End the delegation"),
            told=_l("%(thing)s was ended by %(who)s."),
            by=Either(OwnerMay(), Holds(Role.HALL_ADMIN)),
            clause="2.1.2",
            then=hand_back,
            tells=(Party("delegate"),),
        ),
        Transition(
            "lapse",
            State.GRANTED,
            State.ENDED,
            label=_l("Over"),
            told=_l("%(thing)s is over."),
            by=SystemMay(),
            clause="2.1.2",
            tells=(Party("delegate"),),
        ),
    )
    timed = (Timed("lapse", over_at),)
    list_view = ListView(
        "delegator",
        "delegate",
        "first_day",
        "last_day",
        "state",
        "reason",
        search=("delegator.name", "delegate.name"),
        order=("-first_day",),
    )

    def display(self) -> str:
        """Who decides for whom, and on which days."""
        days = f"{self.first_day}"
        if self.last_day != self.first_day:
            days = f"{self.first_day} – {self.last_day}"
        return f"{self.delegator.name} → {self.delegate.name}, {days}"

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
            Delegation.state == Delegation.State.GRANTED,
            Delegation.id != (self.id or 0),
            Delegation.first_day <= self.last_day,
            Delegation.last_day >= self.first_day,
        )
        return session.scalar(query.limit(1)) is not None
