"""Signing in: name and password, counted failures, one answer to all who may not (AUTH-6)."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, case, or_, select, update
from sqlalchemy.orm import Session

from hallpanel.engine import audit
from hallpanel.engine.words import Phrase, _l
from hallpanel.guard import one_time, passwords, second_factor, sessions
from hallpanel.guard.account import Account, find_account
from hallpanel.guard.actors import actor_of
from hallpanel.guard.sessions import LIFETIME, UNKNOWN, Lifetime, Origin, SignInSession

FAILURES = 5
LOCKED_FOR = timedelta(minutes=15)

WELCOME = _l("You are signed in.")
LOCKED_AFTER = _l(
    "After %(failures)s failures in a row an account is locked for %(minutes)s minutes.",
    failures=FAILURES,
    minutes=LOCKED_FOR // timedelta(minutes=1),
)
ASKED_FOR_CODE = _l("Now the code from your authenticator.")
REFUSED_CODE = _l(
    "The code is wrong or was used before, or the account is locked. %(rule)s", rule=LOCKED_AFTER
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
    one_time: bool = False


@dataclass(frozen=True)
class Proof:
    """Whether the password was right, and its new hash where the old one was made too weak."""

    holds: bool
    new_hash: str | None = None


@dataclass(frozen=True)
class Outcome:
    """What became of a sign-in: the session's id for the browser, or the one refusal.

    `awaits_code`: the id opens nothing yet but the question for the second factor's code.
    `ended`: how many sessions elsewhere had to end for it.
    """

    token: str | None
    account: Account | None
    message: Phrase
    awaits_code: bool = False
    ended: int = 0


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
    if account is None:
        return Claim(None, None)
    return Claim(account.id, account.password_hash, account.one_time_until is not None)


def prove(claim: Claim, password: str) -> Proof:
    """Second step, without the database: compare, at the same cost for a name nobody has."""
    typed = one_time.as_compared(password) if claim.one_time else password
    holds = passwords.verify(claim.password_hash, typed)
    stored = claim.password_hash or passwords.NOBODY
    if holds and not claim.one_time and passwords.needs_rehash(stored):
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
        _audit_refusal(session, claim.account_id, "password", at, origin, counted=counted)
        return Outcome(None, None, REFUSED)
    if account.totp_secret is None:
        return _welcome(session, account, at, origin, lifetime)
    token = sessions.await_code(session, account.id, at, origin)
    with audit.context(session, _whom(account, sessions.id_hash(token), at, origin)):
        audit.record(session, audit.Event("sign_in_password", "account", account.id))
    return Outcome(token, account, ASKED_FOR_CODE, awaits_code=True)


def sign_in_with_code(
    session: Session,
    waiting: SignInSession,
    code: str,
    key: str,
    at: datetime,
    origin: Origin = UNKNOWN,
    lifetime: Lifetime = LIFETIME,
) -> Outcome:
    """Last step where a second factor is asked: its code, once, opens a session with a new id."""
    account = _unlocked_account(session, waiting.account_id, at)
    if account is None or not second_factor.accept(session, account, code, key, at):
        counted = count_failure(session, waiting.account_id, at)
        _audit_refusal(session, waiting.account_id, "code", at, origin, counted=counted)
        return Outcome(None, None, REFUSED_CODE)
    sessions.end(session, waiting.id_hash, at)
    session.execute(
        update(Account).where(Account.id == account.id).values(failures=0, locked_until=None)
    )
    return _welcome(session, account, at, origin, lifetime)


def _welcome(
    session: Session, account: Account, at: datetime, origin: Origin, lifetime: Lifetime
) -> Outcome:
    roles = actor_of(session, account, at).reachable_roles
    ended = sessions.make_room(session, account.id, at, lifetime.of(roles))
    token = sessions.open_session(session, account.id, at, origin, lifetime)
    with audit.context(session, _whom(account, sessions.id_hash(token), at, origin)):
        audit.record(session, audit.Event("sign_in", "account", account.id))
        if ended:
            told = audit.Event("end_session", "account", account.id, reason="too many sessions")
            audit.record(session, told)
    return Outcome(token, account, WELCOME, ended=ended)


def end_strange(
    session: Session,
    account: Account,
    row: SignInSession,
    strange: str,
    at: datetime,
    origin: Origin = UNKNOWN,
) -> None:
    """End a session that somebody else seems to use, and raise one alarm for it (SESS-5)."""
    if not sessions.end(session, row.id_hash, at):
        return
    alarm = audit.Event("session_anomaly", "account", account.id, reason=strange, result="refused")
    with audit.context(session, _whom(account, row.id_hash, at, origin)):
        audit.record(session, alarm)


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
    """The account, if it may come in and still has the password that was compared.

    A one-time code is used up by it. Failures are forgotten only by whoever passes the second
    factor too, or one who knows the password could guess codes for ever.
    """
    asks_code = Account.totp_secret.is_not(None)
    account_id = session.scalar(
        update(Account)
        .where(
            Account.id == claim.account_id,
            Account.password_hash == claim.password_hash,
            Account.disabled_at.is_(None),
            or_(Account.one_time_until.is_(None), Account.one_time_until > at),
            _unlocked(at),
        )
        .values(
            failures=case(
                (and_(asks_code, Account.locked_until.is_(None)), Account.failures), else_=0
            ),
            locked_until=None,
            password_hash=proof.new_hash or claim.password_hash,
            one_time_until=case((Account.one_time_until.is_not(None), one_time.USED), else_=None),
        )
        .returning(Account.id)
        .execution_options(synchronize_session=False)
    )
    return None if account_id is None else _account(session, account_id)


def _unlocked_account(session: Session, account_id: int, at: datetime) -> Account | None:
    """The account, held by this transaction, if a code may be tried."""
    found = session.scalar(
        select(Account.id)
        .where(Account.id == account_id, Account.disabled_at.is_(None), _unlocked(at))
        .with_for_update()
    )
    return None if found is None else _account(session, found)


def _account(session: Session, account_id: int) -> Account:
    found = select(Account).where(Account.id == account_id)
    return session.scalars(found.execution_options(populate_existing=True)).one()


def _unlocked(at: datetime) -> ColumnElement[bool]:
    return or_(Account.locked_until.is_(None), Account.locked_until <= at)


def _whom(account: Account, id_hash: str, at: datetime, origin: Origin) -> audit.AuditContext:
    return audit.AuditContext(
        at,
        account.id,
        account.display_name,
        address=origin.address,
        session_hash=sessions.shown_hash(id_hash),
        request_id=origin.request_id,
    )


def _audit_refusal(
    session: Session,
    account_id: int | None,
    tried: str,
    at: datetime,
    origin: Origin,
    *,
    counted: bool,
) -> None:
    """Write why, for the auditor. What was typed is not kept: it may be a password (AUD-8)."""
    if account_id is None:
        reason = "unknown user name"
    else:
        reason = f"wrong {tried}" if counted else "locked or disabled"
    nobody = audit.AuditContext(at, None, "", address=origin.address, request_id=origin.request_id)
    refused = audit.Event("sign_in", "account", account_id, reason=reason, result="refused")
    with audit.context(session, nobody):
        audit.record(session, refused)
