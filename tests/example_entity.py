"""Lost property found in the hall (clause 2.3.1)."""

from datetime import date
from enum import StrEnum

from sqlalchemy.orm import Mapped

from hallpanel.engine.deadline import DeadlineRule
from hallpanel.engine.entity import (
    STANDARD_REACH,
    Access,
    ListView,
    Regulated,
    Secrecy,
    column,
    related,
)
from hallpanel.engine.personal import NOBODY
from hallpanel.engine.roles import Role
from hallpanel.engine.who import Holds, OwnerMay
from hallpanel.engine.words import _l
from hallpanel.engine.workflow import REASON, Transition, Workflow
from hallpanel.rulebook.hall.staff import Staff


class LostItem(Regulated):
    """Something an applicant left behind, kept until it is fetched."""

    clause, label, series, owner = "2.3.1", _l("Lost item"), "SW", "finder"
    access = Access(read=STANDARD_REACH, create=(Role.STAFF,), edit=(Role.STAFF,))

    class State(StrEnum):
        KEPT = "kept"
        FETCHED = "fetched"
        HANDED_ON = "handed_on"

    state_words = {"kept": _l("Kept"), "fetched": _l("Fetched"), "handed_on": _l("Handed on")}

    finder: Mapped[Staff] = related(_l("Finder"), filter=True, form=False)
    what: Mapped[str] = column(_l("What"), secrecy=Secrecy.INTERNAL, filter=True, personal=NOBODY)
    found_on: Mapped[date] = column(_l("Found on"), filter=True)

    workflow = Workflow(
        State.KEPT,
        Transition("fetch", State.KEPT, State.FETCHED, clause="2.3.1", label=_l("Give back"),
                   by=OwnerMay(), asks=REASON, awaited=True),
        Transition("hand_on", State.KEPT, State.HANDED_ON, clause="2.3.3", label=_l("Hand on"),
                   by=Holds(Role.LEAD), bulk=True),
    )  # fmt: skip
    deadlines = (
        DeadlineRule("keeping", label=_l("Keeping"), clause="2.3.3", promise="leave_approval",
                     starts=("create",), stops=("fetch", "hand_on")),
    )  # fmt: skip
    list_view = ListView("number", "what", "finder", "found_on", "state", search=("number", "what"))
