"""Tiers of approval by length of leave (clause 2.1.2)."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Mapped, Session

from hallpanel.engine import recipients
from hallpanel.engine.approval import LADDER
from hallpanel.engine.clock import hall_day
from hallpanel.engine.entity import REFERENCE, ListView, Regulated, column
from hallpanel.engine.roles import ROLE_LABELS, Role
from hallpanel.engine.words import _l
from hallpanel.rulebook.discipline.leave_days import HALF
from hallpanel.rulebook.discipline.leave_type import DecidedBy


class LeaveTier(Regulated):
    """A role must agree to leave of more than so many days (L5)."""

    clause = "2.1.2"
    label = _l("Approval tier")
    plural = _l("Approval tiers")
    title = "id"
    icon = "ladder"
    unit_bound = False
    access = REFERENCE
    unique_together = ("role", "since")

    role: Mapped[Role] = column(
        _l("Role"), labels={role.value: ROLE_LABELS[role] for role in LADDER}
    )
    above_days: Mapped[Decimal] = column(_l("For leave of more than (days)"), places=1, least=0)
    since: Mapped[date] = column(_l("In force since"))

    list_view = ListView("role", "above_days", "since", search=(), order=("above_days",))


def tiers_of(session: Session, record: Any, at: datetime) -> list[Role]:
    """The roles that must agree to a request; what is only filed here is seen by the lowest."""
    held = recipients.roles_of_staff(session, record.staff_id, at)
    filed = record.leave_type.decided is DecidedBy.FILED
    tiers = tiers_for(session, HALF if filed else record.days, hall_day(at), held)
    return tiers[:1] if filed else tiers


def tiers_for(
    session: Session, days: Decimal, day: date, owner_roles: frozenset[Role]
) -> list[Role]:
    """The roles that must agree to so many days of leave, lowest first.

    The tiers in force on `day` decide. Whoever holds a tier starts one above it: a lead's own
    leave goes up (X2); when no tier is left, the role above the person's own decides.
    """
    rows = session.scalars(
        select(LeaveTier).where(LeaveTier.since <= day).order_by(LeaveTier.since)
    )
    in_force = {row.role: row.above_days for row in rows}
    needed = [role for role in LADDER if role in in_force and days > in_force[role]]
    held = [LADDER.index(role) for role in owner_roles if role in LADDER]
    if not held:
        return needed
    lowest = min(max(held) + 1, len(LADDER) - 1)
    return [role for role in needed if LADDER.index(role) >= lowest] or [LADDER[lowest]]
