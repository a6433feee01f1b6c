"""Who is told: the accounts of the owner, of whoever's turn it is, of a party, of a role.

The tables of staff, units and accounts belong to other rooms; only the columns named here are
relied on, by the names the design fixes.
"""

from datetime import datetime
from typing import Any, Protocol

from sqlalchemy import Date, Integer, String, and_, column, or_, select, table
from sqlalchemy.orm import Session

from hallpanel.engine.clock import hall_day
from hallpanel.engine.roles import ROLE_LABELS, Role
from hallpanel.engine.words import Phrase

UNIT = table("unit", column("id", Integer), column("name", String))
STAFF = table("staff", column("id", Integer), column("name", String), column("unit_id", Integer))
ACCOUNT = table(
    "account", column("id", Integer), column("staff_id", Integer), column("disabled_at")
)
ROLE_GRANT = table(
    "role_grant",
    column("account_id", Integer),
    column("role", String),
    column("unit_id", Integer),
    column("since", Date),
    column("until", Date),
)


def accounts_of_staff(session: Session, staff_id: int | None) -> list[int]:
    """The open accounts of a member of staff."""
    if staff_id is None:
        return []
    query = select(ACCOUNT.c.id).where(
        ACCOUNT.c.staff_id == staff_id, ACCOUNT.c.disabled_at.is_(None)
    )
    return list(session.scalars(query))


def accounts_with_role(
    session: Session, role: Role, unit_id: int | None, at: datetime
) -> list[int]:
    """The open accounts that hold a role on this hall day; a lead over the given unit only."""
    today = hall_day(at)
    grant = ROLE_GRANT.c
    query = (
        select(ACCOUNT.c.id)
        .join(ROLE_GRANT, grant.account_id == ACCOUNT.c.id)
        .where(
            ACCOUNT.c.disabled_at.is_(None),
            grant.role == role.value,
            and_(grant.since <= today, or_(grant.until.is_(None), grant.until >= today)),
        )
    )
    if role is Role.LEAD:
        query = query.where(grant.unit_id == unit_id)
    return list(session.scalars(query.distinct()))


def roles_of_staff(session: Session, staff_id: int, at: datetime) -> frozenset[Role]:
    """The roles that a member of staff holds on this hall day, on any of their accounts."""
    today, grant = hall_day(at), ROLE_GRANT.c
    query = (
        select(grant.role)
        .join(ACCOUNT, ACCOUNT.c.id == grant.account_id)
        .where(
            ACCOUNT.c.staff_id == staff_id,
            ACCOUNT.c.disabled_at.is_(None),
            grant.since <= today,
            or_(grant.until.is_(None), grant.until >= today),
        )
    )
    return frozenset(Role(role) for role in session.scalars(query))


def staff_name(session: Session, staff_id: int | None) -> str | None:
    """The name of a member of staff."""
    return session.scalar(select(STAFF.c.name).where(STAFF.c.id == staff_id))


class Recipient(Protocol):
    """Somebody who is told of a transition."""

    def accounts(self, session: Session, record: Any, at: datetime) -> list[int]:
        """Their accounts, once the transition is made."""
        ...

    def named(self, session: Session, record: Any) -> list[Phrase | str]:
        """What they are called, before it is made."""
        ...


class _Owner:
    def accounts(self, session: Session, record: Any, at: datetime) -> list[int]:
        return accounts_of_staff(session, record.owner_id())

    def named(self, session: Session, record: Any) -> list[Phrase | str]:
        name = staff_name(session, record.owner_id())
        return [name] if name else []


class _Turn:
    def accounts(self, session: Session, record: Any, at: datetime) -> list[int]:
        if record.turn is None:
            return []
        return accounts_with_role(session, record.turn, record.unit_id, at)

    def named(self, session: Session, record: Any) -> list[Phrase | str]:
        return []


class Party:
    """The person named in a relation of the record."""

    def __init__(self, relation: str) -> None:
        self.relation = relation

    def accounts(self, session: Session, record: Any, at: datetime) -> list[int]:
        """The named person's accounts."""
        return accounts_of_staff(session, getattr(record, f"{self.relation}_id"))

    def named(self, session: Session, record: Any) -> list[Phrase | str]:
        """The named person's name."""
        name = staff_name(session, getattr(record, f"{self.relation}_id"))
        return [name] if name else []


class HoldersOf:
    """All who hold a role."""

    def __init__(self, role: Role) -> None:
        self.role = role

    def accounts(self, session: Session, record: Any, at: datetime) -> list[int]:
        """The holders' accounts; a lead's over the record's unit."""
        return accounts_with_role(session, self.role, getattr(record, "unit_id", None), at)

    def named(self, session: Session, record: Any) -> list[Phrase | str]:
        """The role's word; of a record without a unit there is no lead."""
        if self.role is Role.LEAD and getattr(record, "unit_id", None) is None:
            return []
        return [ROLE_LABELS[self.role]]


OWNER = _Owner()
TURN = _Turn()
