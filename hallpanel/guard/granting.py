"""Which roles an account holds, from when until when, and which nobody holds together (SOD-1)."""

from datetime import date, datetime, timedelta

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from hallpanel.engine import audit
from hallpanel.engine.clock import hall_day
from hallpanel.engine.errors import Refusal
from hallpanel.engine.roles import ROLE_LABELS, Role
from hallpanel.engine.words import _l
from hallpanel.guard import sessions
from hallpanel.guard.account import Account, RoleGrant
from hallpanel.guard.exclusions import ADMINISTRATORS, EXCLUSIONS, roles_conflict

__all__ = [
    "ADMINISTRATORS",
    "EXCLUSIONS",
    "HELD_OVER_A_UNIT",
    "grant",
    "grants_between",
    "holders",
    "refuse_alone",
    "refuse_clash",
    "revoke",
    "roles_conflict",
]

HELD_OVER_A_UNIT = frozenset({Role.LEAD})


def grant(
    session: Session,
    account_id: int,
    role: Role,
    at: datetime,
    *,
    unit_id: int | None = None,
    since: date | None = None,
    until: date | None = None,
) -> RoleGrant:
    """Give a role from a day (today) until a day (open); the account signs in anew (SESS-1).

    What clashes is looked for among all accounts of the same member of staff (SOD-1).

    Raises:
        Refusal: the role needs a unit, the period is in the wrong order, or the roles clash.
    """
    first = since or hall_day(at)
    _refuse_impossible(role, unit_id, first, until)
    _hold_still(session, account_id)
    refuse_clash(session, account_id, role, first, until)
    granted = RoleGrant(account_id=account_id, role=role, unit_id=unit_id, since=first, until=until)
    session.add(granted)
    session.flush()
    sessions.end_all(session, account_id, at)
    _audit_grant(session, "grant_role", granted, at)
    return granted


def refuse_clash(
    session: Session, account_id: int, role: Role, first: date, last: date | None
) -> None:
    """Refuse a role that the person may not hold besides what they hold in a period (SOD-1).

    Raises:
        Refusal: the roles clash.
    """
    clash = roles_conflict({role, *_roles_between(session, account_id, first, last)})
    if clash is not None:
        raise Refusal(clash, field="role")


def revoke(session: Session, granted: RoleGrant, at: datetime) -> None:
    """Take a role away now: yesterday was its last day, and the account signs in anew.

    A grant of today leaves no day at all, so its row goes; the audit keeps both.
    """
    last = hall_day(at) - timedelta(days=1)
    if granted.since > last:
        session.delete(granted)
    else:
        granted.until = last
    session.flush()
    sessions.end_all(session, granted.account_id, at)
    _audit_grant(session, "revoke_role", granted, at)


def grants_between(
    session: Session, account_id: int, first: date, last: date | None
) -> list[RoleGrant]:
    """The grants of an account that hold on any day of a period; `last` None is without end."""
    begins_in_time = () if last is None else (RoleGrant.since <= last,)
    rows = session.scalars(
        select(RoleGrant)
        .where(
            RoleGrant.account_id == account_id,
            or_(RoleGrant.until.is_(None), RoleGrant.until >= first),
            *begins_in_time,
        )
        .order_by(RoleGrant.since, RoleGrant.id)
    )
    return list(rows)


def refuse_alone(session: Session, role: Role, at: datetime) -> None:
    """Refuse to give an administrator's role by one hand, once somebody holds it (SOD-3).

    The command line opens the first account of each of the three; the panel, in which two people
    agree, all that follow.

    Raises:
        Refusal: the role is an administrator's, and somebody holds it.
    """
    if role in ADMINISTRATORS and holders(session, role, at):
        raise Refusal(
            _l("%(role)s is granted by two people", role=ROLE_LABELS[role]),
            then=_l("The security administrator asks for it in the panel, under Accounts."),
            field="role",
        )


def holders(session: Session, role: Role, at: datetime) -> list[Account]:
    """The open accounts that hold a role on the day of an instant."""
    day = hall_day(at)
    rows = session.scalars(
        select(Account)
        .join(RoleGrant, RoleGrant.account_id == Account.id)
        .where(
            RoleGrant.role == role,
            RoleGrant.since <= day,
            or_(RoleGrant.until.is_(None), RoleGrant.until >= day),
            Account.disabled_at.is_(None),
        )
        .distinct()
        .order_by(Account.id)
    )
    return list(rows)


def _roles_between(
    session: Session, account_id: int, first: date, last: date | None
) -> frozenset[Role]:
    """The roles of a person in a period, whichever of their open accounts holds them."""
    accounts = [account_id, *_other_accounts(session, account_id)]
    return frozenset(
        held.role for one in accounts for held in grants_between(session, one, first, last)
    )


def _other_accounts(session: Session, account_id: int) -> list[int]:
    staff = select(Account.staff_id).where(Account.id == account_id).scalar_subquery()
    others = select(Account.id).where(
        Account.staff_id == staff, Account.id != account_id, Account.disabled_at.is_(None)
    )
    return list(session.scalars(others.order_by(Account.id)))


def _refuse_impossible(role: Role, unit_id: int | None, first: date, last: date | None) -> None:
    if role in HELD_OVER_A_UNIT and unit_id is None:
        raise Refusal(
            _l("%(role)s is held over a unit", role=ROLE_LABELS[role]),
            then=_l("Name the unit."),
            field="unit",
        )
    if last is not None and last < first:
        raise Refusal(_l("the last day is before the first"), field="until")


def _hold_still(session: Session, account_id: int) -> None:
    """Let two grants to one person wait for each other, so that each sees the other's roles."""
    staff = select(Account.staff_id).where(Account.id == account_id).scalar_subquery()
    mine = select(Account.id).where(or_(Account.id == account_id, Account.staff_id == staff))
    session.execute(mine.order_by(Account.id).with_for_update(key_share=True))


def _audit_grant(session: Session, action: str, granted: RoleGrant, at: datetime) -> None:
    audit.record(
        session,
        audit.Event(
            action=action,
            table_name="role_grant",
            record_id=granted.id,
            unit_id=granted.unit_id,
            at=at,
            after={
                "account_id": granted.account_id,
                "role": granted.role,
                "since": granted.since,
                "until": granted.until,
            },
        ),
    )
