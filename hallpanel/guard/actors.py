"""From an account to the person who asks: staff, unit, roles in force, and for whom they act."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Date,
    Integer,
    Row,
    Select,
    String,
    and_,
    column,
    or_,
    select,
    table,
)
from sqlalchemy.orm import Session, aliased

from hallpanel.engine.clock import hall_day
from hallpanel.engine.roles import Role
from hallpanel.engine.scope import Actor, Grant
from hallpanel.guard.account import Account, RoleGrant
from hallpanel.guard.sessions import LIFETIME, Lifetime, SignInSession, id_hash

# The rule book declares these tables and the guard does not import it. Before anybody is known
# there is no scope to read them through, so the guard names the few columns it needs; a test
# holds them against the declarations.
STAFF = table("staff", column("id", Integer), column("name", String), column("unit_id", Integer))
UNIT = table("unit", column("id", Integer), column("name", String))
DELEGATION = table(
    "delegation",
    column("delegator_id", Integer),
    column("delegate_id", Integer),
    column("first_day", Date),
    column("last_day", Date),
    column("state", String),
)
IN_FORCE = "granted"


@dataclass(frozen=True)
class SignedIn:
    """Who is behind a request: the account, the session it came with, and the person who asks."""

    account: Account
    session_row: SignInSession
    actor: Actor


@dataclass(frozen=True)
class HeldRole:
    """A role in force, as its holder reads it."""

    role: Role
    unit_name: str | None
    since: date
    until: date | None


def load_signed_in(
    session: Session, token: str, at: datetime, lifetime: Lifetime = LIFETIME
) -> SignedIn | None:
    """The person of an open session and those they act for, in one query."""
    found = _people_of_session(hall_day(at)).where(SignInSession.id_hash == id_hash(token))
    rows = session.execute(found.execution_options(populate_existing=True)).all()
    if not rows:
        return None
    account, session_row = rows[0].Account, rows[0].SignInSession
    actor, *delegators = _actors(rows)
    actor = replace(actor, delegators=tuple(delegators))
    lives = lifetime.of(actor.reachable_roles)
    if account.disabled_at is not None or not session_row.is_open(at, lives):
        return None
    return SignedIn(account, session_row, actor)


def _people_of_session(day: date) -> Select[Any]:
    """The account of a session, and after it those of whoever put it in their place today."""
    own = aliased(Account)
    stands_in_for = select(DELEGATION.c.delegator_id).where(
        DELEGATION.c.delegate_id == own.staff_id, _on(day)
    )
    delegated = and_(Account.staff_id.in_(stands_in_for), Account.disabled_at.is_(None))
    people = (
        select(Account, STAFF.c.name, STAFF.c.unit_id, RoleGrant, SignInSession)
        .select_from(SignInSession)
        .join(own, own.id == SignInSession.account_id)
        .join(Account, or_(Account.id == own.id, delegated))
    )
    return _with_staff_and_grants(people, day).order_by(Account.id != own.id, Account.id)


def actor_of(session: Session, account: Account, at: datetime) -> Actor:
    """The person of an account at an instant, in two queries; a disabled account has no roles."""
    day = hall_day(at)
    people = select(Account, STAFF.c.name, STAFF.c.unit_id, RoleGrant)
    found = _with_staff_and_grants(people, day).where(Account.id == account.id)
    actor = _actors(session.execute(found).all())[0]
    if account.disabled_at is not None:
        return replace(actor, grants=frozenset())
    return _with_delegators(session, actor, day)


def held_roles(session: Session, account_id: int, at: datetime) -> list[HeldRole]:
    """The roles of an account in force, for its holder to read."""
    rows = session.execute(
        select(RoleGrant.role, UNIT.c.name, RoleGrant.since, RoleGrant.until)
        .outerjoin(UNIT, UNIT.c.id == RoleGrant.unit_id)
        .where(RoleGrant.account_id == account_id, _in_force(day=hall_day(at)))
        .order_by(RoleGrant.since, RoleGrant.id)
    )
    return [HeldRole(*row) for row in rows]


def _with_delegators(session: Session, actor: Actor, day: date) -> Actor:
    """The person with those who put them in their own place today (X10); it is not passed on."""
    if actor.staff_id is None:
        return actor
    people = select(Account, STAFF.c.name, STAFF.c.unit_id, RoleGrant)
    found = _with_staff_and_grants(
        people.join(DELEGATION, DELEGATION.c.delegator_id == Account.staff_id), day
    ).where(
        DELEGATION.c.delegate_id == actor.staff_id,
        _on(day),
        Account.disabled_at.is_(None),
    )
    delegators = _actors(session.execute(found.order_by(Account.id)).all())
    return replace(actor, delegators=delegators)


def _with_staff_and_grants(people: Select[Any], day: date) -> Select[Any]:
    """Accounts with staff and grants in force: a row for each grant, and one where none is."""
    return people.outerjoin(STAFF, STAFF.c.id == Account.staff_id).outerjoin(
        RoleGrant, and_(RoleGrant.account_id == Account.id, _in_force(day))
    )


def _on(day: date) -> ColumnElement[bool]:
    """Delegations for a day; one that was ended holds no more, whatever its days."""
    days = and_(DELEGATION.c.first_day <= day, DELEGATION.c.last_day >= day)
    return and_(days, DELEGATION.c.state == IN_FORCE)


def _in_force(day: date) -> ColumnElement[bool]:
    return and_(RoleGrant.since <= day, or_(RoleGrant.until.is_(None), RoleGrant.until >= day))


def _actors(rows: Sequence[Row[Any]]) -> tuple[Actor, ...]:
    """The people in rows of one grant each."""
    people: dict[int, Actor] = {}
    for row in rows:
        account, held = row.Account, row.RoleGrant
        person = people.get(account.id) or Actor(
            account.id, account.staff_id, row.unit_id, row.name or account.display_name
        )
        if held is not None:
            person = replace(person, grants=person.grants | {Grant(held.role, held.unit_id)})
        people[account.id] = person
    return tuple(people.values())


def demonstration_accounts(session: Session, at: datetime) -> list[tuple[str, list[Role]]]:
    """The open accounts of a demonstration, with their roles; a real hall has none."""
    rows = session.execute(
        select(Account.username, RoleGrant.role)
        .join(RoleGrant, and_(RoleGrant.account_id == Account.id, _in_force(hall_day(at))))
        .where(Account.demonstration, Account.disabled_at.is_(None))
        .order_by(Account.id, RoleGrant.id)
    )
    roles: dict[str, list[Role]] = {}
    for username, role in rows:
        roles.setdefault(username, []).append(role)
    return list(roles.items())
