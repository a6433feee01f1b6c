"""Staff (clauses 1.2.1, 2.1.1)."""

from collections.abc import Iterator
from datetime import date, datetime
from typing import Optional

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
from hallpanel.engine.personal import EMPLOYMENT
from hallpanel.engine.roles import Reach, Role
from hallpanel.engine.words import _l
from hallpanel.rulebook.hall import unit_membership
from hallpanel.rulebook.hall.post import Post
from hallpanel.rulebook.hall.unit import Unit


class Staff(Regulated):
    """A member of staff of the hall or of a window unit."""

    clause = "1.2.1"
    label = _l("Member of staff")
    plural = _l("Staff")
    title = "name"
    owner = "self"
    place = 10
    everyday = True
    icon = "people"
    retires = True
    state_words = {"in_use": _l("In service"), "retired": _l("Left the service")}
    access = Access(
        # Colleagues of the own unit are seen by name: one of them is asked to stand in.
        read={
            Role.STAFF: Reach.UNIT,
            Role.LEAD: Reach.UNIT,
            Role.SUPERVISION: Reach.HALL,
            Role.DEPUTY: Reach.HALL,
            Role.DIRECTOR: Reach.HALL,
            Role.HALL_ADMIN: Reach.HALL,
        },
        create=(Role.HALL_ADMIN,),
        edit=(Role.HALL_ADMIN,),
        delete=(Role.HALL_ADMIN,),
        imports=(Role.HALL_ADMIN,),
        export=(Role.LEAD, Role.SUPERVISION, Role.DEPUTY, Role.DIRECTOR, Role.HALL_ADMIN),
    )

    partner_id: Mapped[int | None]

    number: Mapped[str] = column(
        _l("Staff number"),
        secrecy=Secrecy.INTERNAL,
        length=20,
        unique=True,
        personal=EMPLOYMENT,
    )
    name: Mapped[str] = column(
        _l("Full name"), secrecy=Secrecy.INTERNAL, length=80, index=True, personal=EMPLOYMENT
    )
    unit: Mapped[Unit] = related(_l("Window unit"), filter=True)
    post: Mapped[Post | None] = related(_l("Post"), filter=True)
    partner: Mapped[Optional["Staff"]] = related(
        _l("A/B partner"), hint=_l("One of the two stays on post while the other is away.")
    )
    joined_on: Mapped[date] = column(_l("Joined on"), filter=True, personal=EMPLOYMENT)
    years_before: Mapped[int] = column(
        _l("Years worked before"),
        default=0,
        least=0,
        hint=_l("Counts towards annual leave."),
        personal=EMPLOYMENT,
    )

    list_view = ListView(
        "number", "name", "unit", "post", "partner", "joined_on", search=("number", "name")
    )

    def saved(self, session: Session, at: datetime) -> None:
        """Keep which unit the person belonged to on which day (H1)."""
        unit_membership.keep(session, self, at)

    def problems(self, session: Session, at: datetime) -> Iterator[Refusal]:
        """A pair is two people of one unit."""
        if self.partner is not None and self.partner.id == self.id and self.id is not None:
            yield Refusal(_l("nobody is their own A/B partner"), field="partner")
