"""What administrators do to accounts and roles, and what of it takes two people (SOD-3).

Nobody does any of it to an account of their own (SOD-2). What touches an administrator's account
(a role, a new start, its end) is a request that a second person agrees to.
"""

from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from hallpanel.engine.clock import hall_day
from hallpanel.engine.errors import NotAllowed, Refusal
from hallpanel.engine.roles import ROLE_LABELS, Role
from hallpanel.engine.scope import Actor
from hallpanel.engine.words import Phrase, _l
from hallpanel.guard import account as accounts
from hallpanel.guard import dual_control, granting, one_time
from hallpanel.guard.account import Account, RoleGrant
from hallpanel.guard.dual_control import DualControl, Kind, Payload, register
from hallpanel.guard.exclusions import ADMINISTRATORS

MASS = 20
"""More records than this are not retired by one person at once."""

BUSINESS = frozenset(Role) - frozenset(ADMINISTRATORS)
HEADS = frozenset({Role.HALL_ADMIN, Role.DEPUTY, Role.DIRECTOR})
SECADMIN, AUDITOR, SYSADMIN = ({Role.SECADMIN}, {Role.AUDITOR}, {Role.SYSADMIN})


def find_account(session: Session, account_id: int) -> Account | None:
    """An account as it is stored now."""
    found = select(Account).where(Account.id == account_id)
    return session.scalar(found.execution_options(populate_existing=True))


def find_grant(session: Session, grant_id: int) -> RoleGrant | None:
    """A grant as it is stored now."""
    found = select(RoleGrant).where(RoleGrant.id == grant_id)
    return session.scalar(found.execution_options(populate_existing=True))


def grants_now(session: Session, account_id: int, at: datetime) -> list[RoleGrant]:
    """The grants of an account that hold or will hold."""
    return granting.grants_between(session, account_id, hall_day(at), None)


def is_administrator(session: Session, account_id: int, at: datetime) -> bool:
    """Whether an account holds, or will hold, one of the three administrators' roles."""
    return any(held.role in ADMINISTRATORS for held in grants_now(session, account_id, at))


def is_own(account: Account, actor: Actor) -> bool:
    """Whether an account is the actor's own, or of one for whom they act, under whatever name."""
    return any(
        account.id == person.account_id
        or (account.staff_id is not None and account.staff_id == person.staff_id)
        for person in actor.people
    )


def refuse_own(account: Account, actor: Actor) -> None:
    """Refuse what somebody would do to an account of their own.

    Raises:
        NotAllowed: it is their own.
    """
    if is_own(account, actor):
        raise NotAllowed(_l("nobody administers an account of their own"))


def grant_role(
    session: Session,
    account: Account,
    role: Role,
    actor: Actor,
    at: datetime,
    *,
    reason: str,
    unit_id: int | None = None,
    since: date | None = None,
    until: date | None = None,
) -> RoleGrant | DualControl:
    """Grant a role, or ask a second person to where it is an administrator's.

    Raises:
        Refusal: it is the actor's own account, or a rule is against the grant.
    """
    refuse_own(account, actor)
    if account.disabled_at is not None:
        raise Refusal(_l("this account is disabled"))
    if role not in ADMINISTRATORS:
        return granting.grant(
            session, account.id, role, at, unit_id=unit_id, since=since, until=until
        )
    granting.refuse_clash(session, account.id, role, since or hall_day(at), until)
    payload = {
        "account_id": account.id,
        "role": role.value,
        "since": since and since.isoformat(),
        "until": until and until.isoformat(),
    }
    return dual_control.ask(session, GRANT.name, payload, reason, actor, at)


def revoke_role(
    session: Session, held: RoleGrant, actor: Actor, at: datetime, *, reason: str
) -> DualControl | None:
    """Take a role away, or ask a second person to where it is an administrator's.

    Raises:
        Refusal: it is the actor's own.
    """
    account = find_account(session, held.account_id)
    assert account is not None
    refuse_own(account, actor)
    if held.role not in ADMINISTRATORS:
        granting.revoke(session, held, at)
        return None
    payload = {"account_id": held.account_id, "grant_id": held.id, "role": held.role.value}
    return dual_control.ask(session, REVOKE.name, payload, reason, actor, at)


def disable(
    session: Session, account: Account, actor: Actor, at: datetime, *, reason: str
) -> DualControl | None:
    """Close an account, or ask a second person to where it is an administrator's.

    Raises:
        Refusal: it is the actor's own.
    """
    refuse_own(account, actor)
    if not is_administrator(session, account.id, at):
        accounts.disable(session, account.id, at)
        return None
    return dual_control.ask(session, DISABLE.name, {"account_id": account.id}, reason, actor, at)


def new_start(session: Session, account: Account, actor: Actor, at: datetime) -> str:
    """Give an account a one-time code; an administrator's only after a second person agreed.

    Raises:
        Refusal: it is the actor's own, or nobody agreed yet.
    """
    refuse_own(account, actor)
    if is_administrator(session, account.id, at):
        refusal = dual_control.demand(session, CODE.name, {"account_id": account.id}, actor, at)
        if refusal is not None:
            raise refusal
    return one_time.issue(session, account.id, at)


# The kinds


def _name(session: Session, payload: Payload) -> str:
    account = find_account(session, payload["account_id"])
    return "" if account is None else f"{account.display_name} ({account.username})"


def _concerned(payload: Payload) -> frozenset[int]:
    return frozenset({payload["account_id"]})


def _day(text: str | None) -> date | None:
    return None if text is None else date.fromisoformat(text)


def _told_grant(session: Session, payload: Payload) -> Phrase:
    role = ROLE_LABELS[Role(payload["role"])]
    if payload.get("until"):
        return _l(
            "%(name)s becomes %(role)s until %(day)s",
            name=_name(session, payload),
            role=role,
            day=_day(payload["until"]),
        )
    return _l("%(name)s becomes %(role)s", name=_name(session, payload), role=role)


def _carry_out_grant(session: Session, request: DualControl, at: datetime) -> None:
    wanted = request.payload
    since, until = _day(wanted["since"]), _day(wanted["until"])
    granting.grant(
        session, wanted["account_id"], Role(wanted["role"]), at, since=since, until=until
    )


def _told_revoke(session: Session, payload: Payload) -> Phrase:
    role = ROLE_LABELS[Role(payload["role"])]
    return _l("%(name)s is no longer %(role)s", name=_name(session, payload), role=role)


def _carry_out_revoke(session: Session, request: DualControl, at: datetime) -> None:
    held = find_grant(session, request.payload["grant_id"])
    ended = held is None or (held.until is not None and held.until < hall_day(at))
    if held is None or ended:
        raise Refusal(_l("this role has ended already"))
    granting.revoke(session, held, at)


def _told_disable(session: Session, payload: Payload) -> Phrase:
    return _l("The account of %(name)s is closed for good", name=_name(session, payload))


def _carry_out_disable(session: Session, request: DualControl, at: datetime) -> None:
    accounts.disable(session, request.payload["account_id"], at)


def _told_code(session: Session, payload: Payload) -> Phrase:
    return _l("%(name)s gets a one-time code", name=_name(session, payload))


def _told_file(_session: Session, payload: Payload) -> Phrase:
    return _l(
        "The backup %(file)s (SHA-256 %(digest)s…) replaces all records",
        file=payload["file"],
        digest=str(payload["digest"])[:16],
    )


def _told_retirement(_session: Session, payload: Payload) -> Phrase:
    return _l(
        "%(count)s records of %(table)s are retired at once",
        count=len(payload["ids"]),
        table=payload["table"],
    )


def told_facts(_session: Session, payload: Payload) -> Phrase:
    """A deed told by what it names, for kinds whose room has no better words."""
    facts = ", ".join(f"{name}: {value}" for name, value in sorted(payload.items()))
    return _l("%(facts)s", facts=facts)


GRANT = register(
    Kind(
        "grant_administrator",
        _l("Make somebody an administrator"),
        may_ask=frozenset(SECADMIN),
        may_approve=frozenset(SECADMIN),
        else_by=frozenset(AUDITOR),
        told=_told_grant,
        carry_out=_carry_out_grant,
        concerns=_concerned,
    )
)
REVOKE = register(
    Kind(
        "revoke_administrator",
        _l("Take an administrator's role away"),
        may_ask=frozenset(SECADMIN),
        may_approve=frozenset(SECADMIN),
        else_by=frozenset(AUDITOR),
        told=_told_revoke,
        carry_out=_carry_out_revoke,
        concerns=_concerned,
    )
)
DISABLE = register(
    Kind(
        "disable_administrator",
        _l("Close an administrator's account"),
        may_ask=frozenset(SYSADMIN),
        may_approve=frozenset(SECADMIN | AUDITOR),
        told=_told_disable,
        carry_out=_carry_out_disable,
        concerns=_concerned,
    )
)
CODE = register(
    Kind(
        "administrator_code",
        _l("Give an administrator a one-time code"),
        may_ask=frozenset(SECADMIN | SYSADMIN),
        may_approve=frozenset(SECADMIN | AUDITOR | SYSADMIN),
        told=_told_code,
        concerns=_concerned,
    )
)
AUDIT_SETTING = register(
    Kind(
        "audit_setting",
        _l("Change how long records or the audit are kept"),
        may_ask=frozenset(SECADMIN | AUDITOR),
        may_approve=frozenset(SECADMIN | AUDITOR),
        told=told_facts,
    )
)
RESTORE = register(
    Kind(
        "restore",
        _l("Restore a backup over the records"),
        may_ask=frozenset(SYSADMIN),
        may_approve=frozenset(SECADMIN | SYSADMIN),
        told=_told_file,
    )
)
EXPORT = register(
    Kind(
        "export_personal",
        _l("Export many people's data"),
        may_ask=BUSINESS,
        may_approve=HEADS,
        told=told_facts,
    )
)
UNMASK = register(
    Kind(
        "unmask_complainant",
        _l("Open a complainant's identity"),
        may_ask=frozenset({Role.KEEPER}),
        may_approve=frozenset({Role.KEEPER, Role.HALL_ADMIN, Role.DIRECTOR}),
        told=told_facts,
    )
)
MASS_RETIREMENT = register(
    Kind(
        "mass_retirement",
        _l("Retire many records at once"),
        may_ask=frozenset({Role.HALL_ADMIN}),
        may_approve=HEADS,
        told=_told_retirement,
    )
)
