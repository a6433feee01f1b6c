"""What is in use is not deleted but retired with a date, and can be put back (X5)."""

from collections.abc import Iterator
from enum import StrEnum

from hallpanel.engine import records
from hallpanel.engine.clock import hall_day
from hallpanel.engine.entity import Kind
from hallpanel.engine.recipients import HoldersOf
from hallpanel.engine.roles import Role
from hallpanel.engine.who import Holds
from hallpanel.engine.words import Phrase, _l
from hallpanel.engine.workflow import Act, Ask, Transition, Workflow, effect


class Use(StrEnum):
    """Whether a thing is still in use."""

    IN_USE = "in_use"
    RETIRED = "retired"


@effect
def note_day(act: Act) -> None:
    """From the day given on, or from today, it is no longer offered."""
    act.record.retired_on = act.answers.get("retired_on") or hall_day(act.at)


@note_day.foresees
def _(act: Act) -> Iterator[Phrase]:
    for entity, count in records.users_of(act.session, act.record):
        if not entity.secluded:
            yield _l("%(count)s × %(thing)s still use it", count=count, thing=entity.label)
    yield _l("It is no longer offered in forms; records that use it stay as they are")


@effect
def clear_day(act: Act) -> None:
    """It is offered again."""
    act.record.retired_on = None


def retirement(clause: str, roles: tuple[Role, ...]) -> Workflow:
    """The workflow of a thing that is used until it is retired, by those who may edit it.

    The lead of the unit whose window, person or self it is, is told.
    """
    lead = (HoldersOf(Role.LEAD),)
    day = Ask("retired_on", _l("Retired on"), Kind.DAY, optional=True, hint=_l("Empty: today."))
    by = Holds(*roles)
    return Workflow(
        Use.IN_USE,
        Transition(
            "retire",
            Use.IN_USE,
            Use.RETIRED,
            by=by,
            clause=clause,
            asks=(day,),
            then=note_day,
            tells=lead,
            danger=True,
        ),
        Transition(
            "restore", Use.RETIRED, Use.IN_USE, by=by, clause=clause, then=clear_day, tells=lead
        ),
    )
