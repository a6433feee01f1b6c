"""What a person has to do before anything else opens to them (AUTH-8, AUTH-9)."""

from datetime import datetime
from enum import StrEnum

from hallpanel.guard import second_factor
from hallpanel.guard.actors import SignedIn
from hallpanel.guard.password_policy import Profile


class Duty(StrEnum):
    """A step that nobody goes around."""

    PASSWORD = "password"  # noqa: S105 - the name of a duty
    FACTOR = "factor"


def duty(who: SignedIn, profile: Profile, at: datetime) -> Duty | None:
    """The first thing that a person who signed in still has to do, or None.

    Roles that are borrowed count like own ones: a deputy opens what the other could open.
    """
    account = who.account
    if account.must_change_password or profile.is_old(account.password_changed_at, at):
        return Duty.PASSWORD
    required = second_factor.is_required(who.actor.reachable_roles)
    return Duty.FACTOR if required and account.totp_secret is None else None
