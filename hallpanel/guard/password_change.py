"""Changing one's own password: the old one proves who asks, and all sessions end (SESS-1)."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from hallpanel.engine import audit
from hallpanel.engine.errors import Refusal
from hallpanel.engine.words import _l
from hallpanel.guard import (
    one_time,
    password_history,
    password_policy,
    passwords,
    second_factor,
    sessions,
    signing_in,
)
from hallpanel.guard.account import Account
from hallpanel.guard.actors import actor_of
from hallpanel.guard.password_policy import DJBH3, Owner, Profile
from hallpanel.guard.sessions import LIFETIME, UNKNOWN, Lifetime, Origin


def change_password(
    session: Session,
    account_id: int,
    old: str,
    new: str,
    at: datetime,
    origin: Origin = UNKNOWN,
    lifetime: Lifetime = LIFETIME,
    profile: Profile = DJBH3,
) -> str:
    """Change the password, end all sessions and give the id of a new one.

    Whoever came with a one-time code has no old password; the code is used up and proved it.

    A wrong old password counts as a failed sign-in, or a borrowed browser could guess for ever;
    the caller commits after a refusal too.

    Raises:
        Refusal: at the field "old" or "password".
    """
    account = session.scalars(
        select(Account).where(Account.id == account_id).execution_options(populate_existing=True)
    ).one()
    if account.one_time_until is None:
        _refuse_wrong_old(session, account, old, at)
    _refuse_same(account, new)
    password_policy.refuse_weak(new, _owner(session, account, at), profile)
    present = 1 if account.one_time_until is None else 0
    password_policy.refuse_former(session, account_id, new, profile.history - present)
    _store(session, account, new, at)
    sessions.end_all(session, account_id, at)
    _audit_change(session, account_id, at, audit.DONE)
    return sessions.open_session(session, account_id, at, origin, lifetime)


def _refuse_wrong_old(session: Session, account: Account, old: str, at: datetime) -> None:
    locked = account.locked_until is not None and at < account.locked_until
    if passwords.verify(account.password_hash, old) and not locked:
        return
    signing_in.count_failure(session, account.id, at)
    _audit_change(session, account.id, at, "refused")
    raise Refusal(
        _l("the present password is wrong, or the account is locked"),
        then=signing_in.LOCKED_AFTER,
        field="old",
    )


def _owner(session: Session, account: Account, at: datetime) -> Owner:
    """What is known of the person; whoever must pass a second factor has one, or gets it next."""
    roles = actor_of(session, account, at).reachable_roles
    has_factor = account.totp_secret is not None or second_factor.is_required(roles)
    hall = password_policy.hall_name(session)
    return Owner(account.username, account.display_name, hall, has_factor)


def _refuse_same(account: Account, new: str) -> None:
    if account.one_time_until is None:
        if passwords.verify(account.password_hash, new):
            raise Refusal(_l("the new password is the old one"), field="password")
    elif passwords.verify(account.password_hash, one_time.as_compared(new)):
        raise Refusal(_l("the one-time code is not a password"), field="password")


def _store(session: Session, account: Account, new: str, at: datetime) -> None:
    if account.one_time_until is None:
        password_history.keep(session, account.id, account.password_hash, at)
    account.one_time_until = None
    account.password_hash = passwords.hash_password(new)
    account.password_changed_at = at
    account.must_change_password = False
    account.failures = 0
    session.flush()


def _audit_change(session: Session, account_id: int, at: datetime, result: str) -> None:
    audit.record(
        session,
        audit.Event(
            action="change_password",
            table_name="account",
            record_id=account_id,
            result=result,
            at=at,
        ),
    )
