"""Which roles an account holds, from when until when, and which nobody holds together (SOD-1)."""

from collections.abc import Iterable
from datetime import date, datetime, timedelta

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from hallpanel.engine import audit
from hallpanel.engine.clock import hall_day
from hallpanel.engine.errors import Refusal
from hallpanel.engine.roles import ROLE_LABELS, Role
from hallpanel.engine.words import Phrase, _l
from hallpanel.guard import sessions
from hallpanel.guard.account import Account, RoleGrant

ADMINISTRATORS = (Role.SYSADMIN, Role.SECADMIN, Role.AUDITOR)

# A role, and those that its holder may not hold besides.
EXCLUSIONS: tuple[tuple[Role, frozenset[Role]], ...] = (
    *((role, frozenset(Role) - {role}) for role in ADMINISTRATORS),
    (Role.SUPERVISION, frozenset({Role.HALL_ADMIN, Role.LEAD, Role.STAFF})),
)

HELD_OVER_A_UNIT = frozenset({Role.LEAD})


def roles_conflict(roles: Iterable[Role]) -> Phrase | None:
    """Why one person may not hold these roles together, or None."""
    held = frozenset(roles)
    for role, excluded in EXCLUSIONS:
        clash = sorted(held & excluded) if role in held else []
        if clash:
            return _l(
                "one person is not both %(one)s and %(other)s",
                one=ROLE_LABELS[role],
                other=ROLE_LABELS[clash[0]],
            )
    return None


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

    Raises:
        Refusal: the role needs a unit, the period is in the wrong order, or the roles clash.
    """
    first = since or hall_day(at)
    _refuse_impossible(role, unit_id, first, until)
    _hold_still(session, account_id)
    clash = roles_conflict({role, *_roles_between(session, account_id, first, until)})
    if clash is not None:
        raise Refusal(clash, field="role")
    granted = RoleGrant(account_id=account_id, role=role, unit_id=unit_id, since=first, until=until)
    session.add(granted)
    session.flush()
    sessions.end_all(session, account_id, at)
    _audit_grant(session, "grant_role", granted, at)
    return granted


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


def _roles_between(
    session: Session, account_id: int, first: date, last: date | None
) -> frozenset[Role]:
    return frozenset(held.role for held in grants_between(session, account_id, first, last))


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
    """Let two grants to one account wait for each other, so that each sees the other's roles."""
    session.execute(select(Account.id).where(Account.id == account_id).with_for_update())


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
