"""The device of whoever needs a second factor in a test: one secret, and the code it shows now."""

from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from hallpanel.engine.clock import utc_now
from hallpanel.guard import second_factor

SECRET = "KVKVEUSTKRMFSTKVKVEUSTKRMFSTKVKV"
KEY = "7d1f4c0a9be2653880f7c1d46b5e29a3"  # the installation's, in every test
NEXT = timedelta(seconds=second_factor.PERIOD)


def shown(at: datetime | None = None) -> str:
    """The code on the device's screen."""
    return second_factor.code_at(SECRET, at or utc_now())


def shown_next() -> str:
    """The code that follows, for whoever signs in twice within half a minute."""
    return shown(utc_now() + NEXT)


def hand_out(session: Session, account_id: int, at: datetime) -> None:
    """Set the device up for an account, as its holder did on an earlier day."""
    second_factor.enrol(session, account_id, SECRET, KEY, at, step=None)
