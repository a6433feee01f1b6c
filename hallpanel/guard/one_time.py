"""One-time codes: an account begins, and begins again, by nobody else's password (AUTH-9).

A code stands in the place of the password: argon2id like it, compared at the same cost. It opens
one session, which can only choose a password; after that, or after a day, it opens nothing.
"""

import re
import secrets
from datetime import UTC, datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from hallpanel.engine import audit
from hallpanel.engine.errors import Refusal
from hallpanel.engine.words import _l
from hallpanel.guard import password_history, passwords, sessions
from hallpanel.guard.account import Account

SIGNS = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"  # 32 of them: no 0 and O, no 1 and I to be mixed up
LENGTH = 16  # of 5 bits each: 80 bits
GROUP = 4
VALID_FOR = timedelta(hours=24)

USED = datetime(1970, 1, 1, tzinfo=UTC)
"""Until when a code that was used is valid: so it stays used if the clock goes back."""


def issue(session: Session, account_id: int, at: datetime) -> str:
    """Give an account a one-time code, to be shown once to whoever hands it over.

    It replaces the password and the second factor and lifts a lock; every session ends, and after
    signing in with it a password must be chosen. The audit tells of it and not of the code.

    Raises:
        Refusal: the account is disabled.
    """
    account = session.scalars(
        select(Account)
        .where(Account.id == account_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one()
    if account.disabled_at is not None:
        raise Refusal(_l("this account is disabled"))
    if account.password_hash != passwords.NOBODY and account.one_time_until is None:
        password_history.keep(session, account_id, account.password_hash, at)
    code = "".join(secrets.choice(SIGNS) for _ in range(LENGTH))
    account.password_hash = passwords.hash_password(code)
    account.one_time_until = at + VALID_FOR
    account.must_change_password = True
    account.totp_secret = account.totp_step = account.totp_since = None
    account.failures, account.locked_until = 0, None
    session.flush()
    sessions.end_all(session, account_id, at)
    audit.record(session, audit.Event("issue_one_time_code", "account", account_id, at=at))
    return "-".join(code[i : i + GROUP] for i in range(0, LENGTH, GROUP))


def as_compared(typed: str) -> str:
    """A code as it is compared: in capitals, whatever stands between its groups."""
    return re.sub(r"[\s\u2010-\u2015_-]+", "", typed).upper()
