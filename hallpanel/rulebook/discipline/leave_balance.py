"""Granting, drawing on and closing the yearly allowance (L1, L2; clauses 2.1.2, 2.1.3)."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from hallpanel.engine import conflict, records, workdays
from hallpanel.engine.clock import hall_day
from hallpanel.engine.scope import SYSTEM
from hallpanel.rulebook.discipline.leave_days import HALF
from hallpanel.rulebook.discipline.leave_entitlement import LeaveEntitlement
from hallpanel.rulebook.discipline.leave_entry import EntryKind, LeaveEntry, balance
from hallpanel.rulebook.discipline.leave_type import Counting, Entitlement, LeaveType
from hallpanel.rulebook.hall.staff import Staff


def days_by_year(session: Session, record: Any) -> dict[int, Decimal]:
    """The days a request costs, by the year from whose allowance each is drawn."""
    calendar = workdays.hall_calendar(session)
    by_calendar = record.leave_type.counts is Counting.CALENDAR
    halves = record.span.halves() if by_calendar else record.span.working_halves(calendar)
    years: dict[int, Decimal] = defaultdict(Decimal)
    for half in halves:
        years[half.day.year] += HALF
    return dict(years)


def settle(
    session: Session, record: Any, kind: EntryKind, target: dict[int, Decimal], at: datetime
) -> None:
    """Add the entries that bring what a request has drawn, year by year, to a target (≤ 0)."""
    if not record.leave_type.keeps_balance:
        return
    drawn = _drawn(session, record)
    for year in sorted({*drawn, *target}):
        missing = target.get(year, Decimal(0)) - drawn.get(year, Decimal(0))
        if missing:
            _enter(session, record.staff_id, record.leave_type_id, year, kind, missing, at, record)


def exchange_reserved_for_used(session: Session, record: Any, at: datetime) -> None:
    """On approval what was reserved is released and used: the balance stays, its reason changes."""
    if not record.leave_type.keeps_balance:
        return
    for year, days in sorted(_drawn(session, record).items()):
        ids = (record.staff_id, record.leave_type_id, year)
        _enter(session, *ids, EntryKind.RELEASED, -days, at, record)
        _enter(session, *ids, EntryKind.USED, days, at, record)


def _drawn(session: Session, record: Any) -> dict[int, Decimal]:
    rows = session.execute(
        select(LeaveEntry.year, func.sum(LeaveEntry.days))
        .where(LeaveEntry.request_id == record.id)
        .group_by(LeaveEntry.year)
    )
    return {year: Decimal(days) for year, days in rows}


def _enter(
    session: Session,
    staff_id: int,
    leave_type_id: int,
    year: int,
    kind: EntryKind,
    days: Decimal,
    at: datetime,
    request: Any = None,
) -> None:
    values = {
        "staff_id": staff_id,
        "leave_type_id": leave_type_id,
        "year": year,
        "kind": kind,
        "days": days,
        "day": hall_day(at),
        "request": request,
    }
    records.create(session, LeaveEntry, values, actor=SYSTEM, at=at)


def years_worked(person: Staff, day: date) -> int:
    """Full years worked by a day, those before the hall included."""
    full = day.year - person.joined_on.year
    if (day.month, day.day) < (person.joined_on.month, person.joined_on.day):
        full -= 1
    return person.years_before + max(full, 0)


def entitled_days(session: Session, person: Staff, leave_type: LeaveType, year: int) -> Decimal:
    """The days a person has of a type in a year, by the figures in force when it begins."""
    if leave_type.entitlement is Entitlement.FIXED:
        return leave_type.days_a_year or Decimal(0)
    if leave_type.entitlement is Entitlement.NONE:
        return Decimal(0)
    begins = date(year, 1, 1)
    worked = years_worked(person, date(year, 12, 31))
    rows = session.scalars(
        select(LeaveEntitlement)
        .where(LeaveEntitlement.leave_type_id == leave_type.id, LeaveEntitlement.since <= begins)
        .order_by(LeaveEntitlement.since)
    )
    in_force = {row.years_from: row.days for row in rows}
    reached = [years for years in in_force if years <= worked]
    return in_force[max(reached)] if reached else Decimal(0)


def grant_year(session: Session, year: int, at: datetime) -> int:
    """Grant the year's allowances to all who have not had them; say how many were granted."""
    types = session.scalars(
        select(LeaveType).where(
            LeaveType.entitlement != Entitlement.NONE,
            LeaveType.retired_on == None,  # noqa: E711
        )
    ).all()
    granted = 0
    for leave_type in types:
        for person in _not_granted(session, leave_type, year):
            days = entitled_days(session, person, leave_type, year)
            if days:
                _enter(session, person.id, leave_type.id, year, EntryKind.GRANTED, days, at)
                granted += 1
    return granted


def _not_granted(session: Session, leave_type: LeaveType, year: int) -> Iterator[Staff]:
    granted = select(LeaveEntry.staff_id).where(
        LeaveEntry.leave_type_id == leave_type.id,
        LeaveEntry.year == year,
        LeaveEntry.kind == EntryKind.GRANTED,
    )
    query = select(Staff).where(
        or_(Staff.retired_on == None, Staff.retired_on >= date(year, 1, 1)),  # noqa: E711
        Staff.id.not_in(granted),
    )
    yield from session.scalars(query).all()


def close_year(session: Session, year: int, at: datetime) -> int:
    """Carry over or let expire what is left of a past year's allowances; say how many lines.

    Days of a type that may be carried stay in their own year until the carry-over day of the next
    year; a request for the new year draws on the new allowance, so they move over as carried days
    and what is left of them expires on that day.
    """
    today = hall_day(at)
    lines = 0
    for leave_type in session.scalars(
        select(LeaveType).where(LeaveType.entitlement != Entitlement.NONE)
    ).all():
        for staff_id, left in _left_over(session, leave_type, year):
            lines += _close_one(session, staff_id, leave_type, year, left, today, at)
    return lines


def _left_over(session: Session, leave_type: LeaveType, year: int) -> list[tuple[int, Decimal]]:
    rows = session.execute(
        select(LeaveEntry.staff_id, func.sum(LeaveEntry.days))
        .where(LeaveEntry.leave_type_id == leave_type.id, LeaveEntry.year == year)
        .group_by(LeaveEntry.staff_id)
        .having(func.sum(LeaveEntry.days) > 0)
    )
    return [(staff_id, Decimal(days)) for staff_id, days in rows]


def _close_one(
    session: Session,
    staff_id: int,
    leave_type: LeaveType,
    year: int,
    left: Decimal,
    today: date,
    at: datetime,
) -> int:
    ids = (staff_id, leave_type.id)
    _enter(session, *ids, year, EntryKind.EXPIRED, -left, at)
    if leave_type.carry_until is None or today > _carry_day(leave_type, year):
        return 1
    _enter(session, *ids, year + 1, EntryKind.CARRIED, left, at)
    return 2


def expire_carried(session: Session, year: int, at: datetime) -> int:
    """After the carry-over day, take back the carried days of a year that were not used."""
    today = hall_day(at)
    lines = 0
    carried = session.execute(
        select(
            Staff.unit_id, LeaveEntry.staff_id, LeaveEntry.leave_type_id, func.sum(LeaveEntry.days)
        )
        .join(Staff, Staff.id == LeaveEntry.staff_id)
        .where(LeaveEntry.year == year, LeaveEntry.kind == EntryKind.CARRIED)
        .group_by(Staff.unit_id, LeaveEntry.staff_id, LeaveEntry.leave_type_id)
        .order_by(Staff.unit_id, LeaveEntry.staff_id)
    ).all()
    for unit_id, staff_id, leave_type_id, days in carried:
        leave_type = session.get_one(LeaveType, leave_type_id)
        ids = (staff_id, leave_type_id, year)
        past = leave_type.carry_until is not None and today > _carry_day(leave_type, year - 1)
        if past and not _expired_already(session, *ids):
            lines += _expire_one(session, unit_id, ids, Decimal(days), at)
    return lines


def _expire_one(
    session: Session, unit_id: int, ids: tuple[int, int, int], carried: Decimal, at: datetime
) -> int:
    if carried <= _taken_by(session, *ids):
        return 0
    # Nobody of the unit reserves days between the counting of what is left and its expiry.
    conflict.hold_unit(session, unit_id)
    left = min(carried - _taken_by(session, *ids), balance(session, *ids))
    if left <= 0:
        return 0
    _enter(session, *ids, EntryKind.EXPIRED, -left, at)
    return 1


def _taken_by(session: Session, staff_id: int, leave_type_id: int, year: int) -> Decimal:
    taken = session.scalar(
        select(func.sum(LeaveEntry.days)).where(
            LeaveEntry.staff_id == staff_id,
            LeaveEntry.leave_type_id == leave_type_id,
            LeaveEntry.year == year,
            LeaveEntry.request_id.is_not(None),
        )
    )
    return -Decimal(taken or 0)


def _expired_already(session: Session, staff_id: int, leave_type_id: int, year: int) -> bool:
    query = select(LeaveEntry.id).where(
        LeaveEntry.staff_id == staff_id,
        LeaveEntry.leave_type_id == leave_type_id,
        LeaveEntry.year == year,
        LeaveEntry.kind == EntryKind.EXPIRED,
    )
    return session.scalar(query.limit(1)) is not None


def _carry_day(leave_type: LeaveType, year: int) -> date:
    month, day = str(leave_type.carry_until).split("-")
    return date(year + 1, int(month), int(day))


def keep_allowances(session: Session, at: datetime) -> int:
    """What the sweep does each day: grant this year, close the last, expire what was carried."""
    year = hall_day(at).year
    # One sweep after the other, so that the second finds granted what the first has granted.
    types = select(LeaveType.id).order_by(LeaveType.id)
    session.scalars(types.with_for_update(key_share=True)).all()
    lines = close_year(session, year - 1, at)
    lines += grant_year(session, year, at)
    return lines + expire_carried(session, year, at)
