"""Signing in: name and password, counted failures, one answer to all who may not (AUTH-6)."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, case, or_, select, update
from sqlalchemy.orm import Session

from hallpanel.engine import audit
from hallpanel.engine.words import Phrase, _l
from hallpanel.guard import passwords, sessions
from hallpanel.guard.account import Account, find_account
from hallpanel.guard.sessions import LIFETIME, UNKNOWN, Lifetime, Origin

FAILURES = 5
LOCKED_FOR = timedelta(minutes=15)

WELCOME = _l("You are signed in.")
LOCKED_AFTER = _l(
    "After %(failures)s failures in a row an account is locked for %(minutes)s minutes.",
    failures=FAILURES,
    minutes=LOCKED_FOR // timedelta(minutes=1),
)
REFUSED = _l(
    "The user name or the password is wrong, or the account is locked. %(rule)s",
    rule=LOCKED_AFTER,
)


@dataclass(frozen=True)
class Claim:
    """Who somebody says they are, and what the database knows to compare it with."""

    account_id: int | None
    password_hash: str | None


@dataclass(frozen=True)
class Proof:
    """Whether the password was right, and its new hash where the old one was made too weak."""

    holds: bool
    new_hash: str | None = None


@dataclass(frozen=True)
class Outcome:
    """What became of a sign-in: the session's id for the browser, or the one refusal."""

    token: str | None
    account: Account | None
    message: Phrase


def sign_in(
    session: Session,
    username: str,
    password: str,
    at: datetime,
    origin: Origin = UNKNOWN,
    lifetime: Lifetime = LIFETIME,
) -> Outcome:
    """Sign in within one session; a door that must not hold the write lock takes the steps."""
    claim = look_up(session, username)
    return conclude(session, claim, prove(claim, password), at, origin, lifetime)


def look_up(session: Session, username: str) -> Claim:
    """First step: find what the password is to be compared with."""
    account = find_account(session, username)
    return Claim(None, None) if account is None else Claim(account.id, account.password_hash)


def prove(claim: Claim, password: str) -> Proof:
    """Second step, without the database: compare, at the same cost for a name nobody has."""
    holds = passwords.verify(claim.password_hash, password)
    if holds and claim.password_hash and passwords.needs_rehash(claim.password_hash):
        return Proof(holds=True, new_hash=passwords.hash_password(password))
    return Proof(holds=holds)


def conclude(
    session: Session,
    claim: Claim,
    proof: Proof,
    at: datetime,
    origin: Origin = UNKNOWN,
    lifetime: Lifetime = LIFETIME,
) -> Outcome:
    """Third step: one UPDATE decides, so that guesses in parallel count like guesses in a row."""
    account = _admitted(session, claim, proof, at) if proof.holds else None
    if account is None:
        counted = count_failure(session, claim.account_id, at)
        _audit_refusal(session, claim, at, origin, counted=counted)
        return Outcome(None, None, REFUSED)
    token = sessions.open_session(session, account.id, at, origin, lifetime)
    _audit_welcome(session, account, token, at, origin)
    return Outcome(token, account, WELCOME)


def count_failure(session: Session, account_id: int | None, at: datetime) -> bool:
    """Count one wrong password, and lock the account at the last one it has; False if none counts.

    While an account is locked nothing is counted, so a stranger cannot keep it locked for ever.
    """
    failures = case((Account.locked_until.is_not(None), 1), else_=Account.failures + 1)
    counted = session.scalar(
        update(Account)
        .where(Account.id == account_id, Account.disabled_at.is_(None), _unlocked(at))
        .values(
            failures=failures,
            locked_until=case((failures >= FAILURES, at + LOCKED_FOR), else_=None),
        )
        .returning(Account.id)
        .execution_options(synchronize_session=False)
    )
    return counted is not None


def _admitted(session: Session, claim: Claim, proof: Proof, at: datetime) -> Account | None:
    """The account, if it may come in and still has the password that was compared."""
    account_id = session.scalar(
        update(Account)
        .where(
            Account.id == claim.account_id,
            Account.password_hash == claim.password_hash,
            Account.disabled_at.is_(None),
            _unlocked(at),
        )
        .values(failures=0, locked_until=None, password_hash=proof.new_hash or claim.password_hash)
        .returning(Account.id)
        .execution_options(synchronize_session=False)
    )
    if account_id is None:
        return None
    found = select(Account).where(Account.id == account_id)
    return session.scalars(found.execution_options(populate_existing=True)).one()


def _unlocked(at: datetime) -> ColumnElement[bool]:
    return or_(Account.locked_until.is_(None), Account.locked_until <= at)


def _audit_welcome(
    session: Session, account: Account, token: str, at: datetime, origin: Origin
) -> None:
    who = audit.AuditContext(
        at,
        account.id,
        account.display_name,
        address=origin.address,
        session_hash=sessions.shown_hash(sessions.id_hash(token)),
        request_id=origin.request_id,
    )
    with audit.context(session, who):
        audit.record(session, audit.Event("sign_in", "account", account.id))


def _audit_refusal(
    session: Session, claim: Claim, at: datetime, origin: Origin, *, counted: bool
) -> None:
    """Write why, for the auditor. What was typed is not kept: it may be a password (AUD-8)."""
    if claim.account_id is None:
        reason = "unknown user name"
    else:
        reason = "wrong password" if counted else "locked or disabled"
    nobody = audit.AuditContext(at, None, "", address=origin.address, request_id=origin.request_id)
    refused = audit.Event("sign_in", "account", claim.account_id, reason=reason, result="refused")
    with audit.context(session, nobody):
        audit.record(session, refused)
