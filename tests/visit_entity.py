"""Entities as later chapters declare them: an applicant's data, a complaint, who made it."""

from contextlib import contextmanager
from datetime import date
from enum import StrEnum
from typing import Any

from sqlalchemy.orm import Mapped

from hallpanel.engine.entity import (
    STANDARD_REACH,
    Access,
    Kind,
    ListView,
    Regulated,
    Secrecy,
    column,
    related,
)
from hallpanel.engine.masking import Mask
from hallpanel.engine.personal import NOBODY, Personal, Years
from hallpanel.engine.roles import Reach, Role
from hallpanel.engine.who import Holds, OwnerMay
from hallpanel.engine.words import _l
from hallpanel.engine.workflow import REASON, Transition, Workflow
from tests.declared import forgetting

WORD = _l("Word")
PURPOSE = _l("Handling the case")
READERS = (Role.SUPERVISION, Role.LEAD, Role.HALL_ADMIN, Role.KEEPER)
UNMASKING = (Role.LEAD, Role.HALL_ADMIN)


def applicant(mask: Mask) -> Personal:
    return Personal(PURPOSE, Years(3), shown=mask, unmask=UNMASKING)


def sealed(label: str, mask: Mask, **more: Any) -> Any:
    return column(
        _l(label), secrecy=Secrecy.SENSITIVE, personal=applicant(mask), sealed=True, **more
    )


class Calling(StrEnum):
    """The states of a call."""

    DRAFT = "draft"
    CLOSED = "closed"


@contextmanager
def declared() -> Any:
    """The entities, for a while."""
    from hallpanel.rulebook.hall.staff import Staff

    with forgetting():

        class Caller(Regulated):
            """An applicant, of whom the hall knows more than it shows."""

            clause, label, title = "2.1.1", _l("Caller"), "name"
            unit_bound = False
            owner = "clerk"
            access = Access(
                read={**dict.fromkeys(STANDARD_REACH, Reach.HALL), Role.KEEPER: Reach.HALL},
                create=(Role.STAFF, Role.HALL_ADMIN, Role.LEAD),
                edit=(Role.STAFF, Role.HALL_ADMIN, Role.LEAD),
                imports=(Role.HALL_ADMIN, Role.STAFF),
            )
            State = Calling

            clerk: Mapped[Staff] = related(_l("Clerk"), form=False)
            code: Mapped[str] = column(
                _l("Code"), secrecy=Secrecy.PUBLIC, length=20, unique=True, filter=True
            )
            name: Mapped[str] = column(
                _l("Caller name"),
                secrecy=Secrecy.SENSITIVE,
                personal=applicant(Mask.NAME),
                filter=True,
            )
            identity: Mapped[str] = sealed("Identity number", Mask.IDENTITY, searchable=True)
            telephone: Mapped[str | None] = sealed("Mobile", Mask.TELEPHONE, searchable=True)
            address: Mapped[str | None] = sealed("Home address", Mask.ADDRESS)
            bank: Mapped[str | None] = sealed("Bank account", Mask.BANK)
            story: Mapped[str | None] = sealed("Story", Mask.NOTHING, kind=Kind.LONG_TEXT)
            score: Mapped[int | None] = column(
                _l("Secret score"),
                filter=True,
                inline=True,
                read={Role.LEAD: tuple(Calling), Role.STAFF: (Calling.CLOSED,)},
                write=(Role.LEAD,),
            )
            finding: Mapped[str | None] = column(
                _l("Hidden finding"),
                secrecy=Secrecy.SECRET,
                personal=NOBODY,
                filter=True,
                read=(Role.LEAD, Role.HALL_ADMIN),
                write={Role.LEAD: (Calling.DRAFT,)},
            )
            backer: Mapped[Staff | None] = related(
                _l("Hidden backer"), filter=True, read=(Role.LEAD,), write=(Role.LEAD,)
            )

            workflow = Workflow(
                Calling.DRAFT,
                Transition(
                    "close",
                    Calling.DRAFT,
                    Calling.CLOSED,
                    by=OwnerMay(),
                    clause="2.1.1",
                    asks=REASON,
                ),
            )
            list_view = ListView(
                "code",
                "name",
                "identity",
                "telephone",
                "address",
                "bank",
                "score",
                "finding",
                "backer",
                "state",
                search=("code", "name", "finding", "backer.name"),
            )

        class Dossier(Regulated):
            """Something that refers to a caller."""

            clause, label, title = "2.1.1", _l("Dossier"), "topic"
            unit_bound = False
            access = Access(
                read=dict.fromkeys(STANDARD_REACH, Reach.HALL),
                create=(Role.STAFF,),
                edit=(Role.STAFF,),
            )
            topic: Mapped[str] = column(_l("Topic"), secrecy=Secrecy.PUBLIC)
            caller: Mapped[Caller] = related(_l("Of caller"), filter=True)
            list_view = ListView(
                "topic",
                "caller",
                "caller.identity",
                "caller.finding",
                search=("topic", "caller.name"),
            )

        yield Caller, Dossier


@contextmanager
def complaints() -> Any:
    """A complaint about a member of staff, and who made it."""
    from hallpanel.rulebook.hall.staff import Staff

    with forgetting():

        class Grievance(Regulated):
            """What somebody complains about; nobody in it learns that it exists."""

            clause, label, series = "2.1.1", _l("Grievance"), "TS"
            unit_bound = False
            everyday = True
            secluded = True
            conflicted = ("accused",)
            access = Access(
                read=dict.fromkeys(
                    (Role.SUPERVISION, Role.LEAD, Role.HALL_ADMIN, Role.KEEPER), Reach.HALL
                ),
                create=(Role.SUPERVISION, Role.KEEPER),
                edit=(Role.SUPERVISION,),
            )

            class State(StrEnum):
                DRAFT = "draft"
                CLOSED = "closed"

            accused: Mapped[Staff] = related(_l("Accused"), filter=True)
            handler: Mapped[Staff | None] = related(_l("Handler"), filter=True)
            what: Mapped[str] = column(_l("What"), secrecy=Secrecy.SECRET, personal=NOBODY)
            received_on: Mapped[date] = column(_l("Received"), filter=True)

            workflow = Workflow(
                State.DRAFT,
                Transition(
                    "close",
                    State.DRAFT,
                    State.CLOSED,
                    by=Holds(Role.SUPERVISION, Role.HALL_ADMIN),
                    clause="2.1.1",
                    asks=REASON,
                    awaited=True,
                    bulk=True,
                    tells=(Everybody(),),
                ),
            )
            list_view = ListView(
                "number", "accused", "handler", "what", "received_on", search=("number", "what")
            )

        class Complainant(Regulated):
            """Who complained; the keeper alone reads it."""

            clause, label, title = "2.1.1", _l("Complainant"), "id"
            unit_bound = False
            secluded = True
            conflicted = ("grievance.accused",)
            access = Access(
                read={Role.KEEPER: Reach.HALL}, create=(Role.KEEPER,), edit=(Role.KEEPER,)
            )
            grievance: Mapped[Grievance] = related(_l("Grievance"))
            name: Mapped[str] = column(
                _l("Complainant name"),
                secrecy=Secrecy.SECRET,
                sealed=True,
                personal=Personal(PURPOSE, Years(3), shown=Mask.NAME, unmask=(Role.KEEPER,)),
            )
            list_view = ListView("grievance", "name", search=())

        yield Grievance, Complainant


class Everybody:
    """All accounts there are: a notice that is written without a thought for who is in it."""

    def accounts(self, session: Any, record: Any, at: Any) -> list[int]:
        from sqlalchemy import select

        from hallpanel.guard.account import Account

        return list(session.scalars(select(Account.id)))

    def named(self, session: Any, record: Any) -> list[Any]:
        return []
