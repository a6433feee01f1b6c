"""The second factor: a code from the person's own device, which works once (AUTH-8)."""

import base64
import unicodedata
from collections.abc import Iterable
from datetime import datetime

import pyotp
from sqlalchemy import or_, update
from sqlalchemy.orm import Session

from hallpanel.engine import audit
from hallpanel.engine.errors import Refusal
from hallpanel.engine.roles import Role
from hallpanel.engine.words import _l
from hallpanel.guard import sessions
from hallpanel.guard.account import Account
from hallpanel.guard.sealing import BrokenSeal, derive, seal, unseal

PERIOD = 30  # seconds
DRIFT = 1  # periods by which the clock of a device may be off, to either side
SECRET_BYTES = 20
ISSUER = "hallpanel"

SECOND_FACTOR_ROLES: set[Role] = {
    Role.SYSADMIN,
    Role.SECADMIN,
    Role.AUDITOR,
    Role.HALL_ADMIN,
    Role.KEEPER,
}
"""Whoever administers or opens what is masked; other declarations add theirs by `require_of`."""

WRONG_CODE = _l("the code is wrong or was used before")
NEXT_CODE = _l("Wait for the next code on your device; its clock must be right.")


def require_of(roles: Iterable[Role]) -> None:
    """Let these roles pass a second factor too, for example because they may unmask."""
    SECOND_FACTOR_ROLES.update(roles)


def is_required(roles: Iterable[Role]) -> bool:
    """Tell whether somebody with these roles, own or borrowed, must pass a second factor."""
    return not SECOND_FACTOR_ROLES.isdisjoint(roles)


def new_secret() -> str:
    """A secret by chance."""
    return pyotp.random_base32()


def offered_secret(key: str, token: str) -> str:
    """The secret that is offered to a session: the same at each look, and kept nowhere yet."""
    label = b"hallpanel offered factor 1 " + token.encode("utf-8", "surrogatepass")
    return base64.b32encode(derive(key, label, SECRET_BYTES)).decode()


def address_of(secret: str, username: str) -> str:
    """The otpauth: address that authenticators read from the square."""
    return pyotp.TOTP(secret, interval=PERIOD).provisioning_uri(name=username, issuer_name=ISSUER)


def code_at(secret: str, at: datetime) -> str:
    """The code that a device shows at an instant."""
    return pyotp.TOTP(secret, interval=PERIOD).at(at)


def enrol(
    session: Session, account_id: int, secret: str, key: str, at: datetime, *, step: int | None
) -> None:
    """Keep a person's second factor, sealed; every session ends, for it knew only the password.

    `step` is the time of the code that proved it, which then works no more.
    """
    session.execute(
        update(Account)
        .where(Account.id == account_id)
        .values(totp_secret=seal(key, secret, _place(account_id)), totp_step=step, totp_since=at)
    )
    sessions.end_all(session, account_id, at)
    audit.record(session, audit.Event("enrol_second_factor", "account", account_id, at=at))


def confirm(
    session: Session, account_id: int, secret: str, code: str, key: str, at: datetime
) -> None:
    """Enrol the offered secret, if the person's device shows its code.

    Raises:
        Refusal: at the field "code".
    """
    step = matching_step(secret, code, at)
    if step is None:
        raise Refusal(WRONG_CODE, then=NEXT_CODE, field="code")
    enrol(session, account_id, secret, key, at, step=step)


def accept(session: Session, account: Account, code: str, key: str, at: datetime) -> bool:
    """Take a code once: its time must be after that of the last one taken.

    One UPDATE decides, so that of two at once one wins; and since times only go up, a clock that
    goes back brings no code back.
    """
    step = _step_of(account, code, key, at)
    if step is None:
        return False
    taken = session.scalar(
        update(Account)
        .where(
            Account.id == account.id,
            Account.totp_secret == account.totp_secret,
            or_(Account.totp_step.is_(None), Account.totp_step < step),
        )
        .values(totp_step=step)
        .returning(Account.id)
        .execution_options(synchronize_session=False)
    )
    return taken is not None


def matching_step(secret: str, code: str, at: datetime) -> int | None:
    """The time, in periods since 1970, for which a device with the secret shows the code."""
    typed = "".join(unicodedata.normalize("NFKC", code).split())
    now = int(at.timestamp()) // PERIOD
    device = pyotp.TOTP(secret, interval=PERIOD)
    for step in range(now - DRIFT, now + DRIFT + 1):
        if pyotp.utils.strings_equal(device.generate_otp(step), typed):
            return step
    return None


def _step_of(account: Account, code: str, key: str, at: datetime) -> int | None:
    """With another key than that of the enrolment no code fits: the person gets a new start."""
    if account.totp_secret is None:
        return None
    try:
        secret = unseal(key, account.totp_secret, _place(account.id))
    except BrokenSeal:
        return None
    return matching_step(secret, code, at)


def _place(account_id: int) -> str:
    return f"account {account_id}"
