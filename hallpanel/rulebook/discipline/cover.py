"""Who remains at each window while people are away (L6, clause 2.1.2)."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from hallpanel.engine import workdays
from hallpanel.engine.calendar_view import HalfCover, UnitCover
from hallpanel.engine.entity import REGISTRY
from hallpanel.engine.words import Phrase, _l
from hallpanel.rulebook.discipline.leave_days import Half, HalfDay
from hallpanel.rulebook.hall.service_window import ServiceWindow
from hallpanel.rulebook.hall.staff import Staff
from hallpanel.rulebook.hall.window_assignment import WindowAssignment

AWAY_STATES = ("approved", "handed_over", "on_leave", "overstayed")
"""States in which a leave request takes its person from the post."""


@dataclass(frozen=True)
class Roster:
    """Who serves which windows of a unit in a span of days, and who of them is away when."""

    windows: dict[int, ServiceWindow]
    assignments: list[WindowAssignment]
    away: dict[int, set[HalfDay]]
    standing_in: dict[int, list[tuple[int, set[HalfDay]]]]

    def at_window(self, window_id: int, half: HalfDay) -> set[int]:
        """The staff on post at a window in one half day, those who stand in included."""
        served = {
            a.staff_id
            for a in self.assignments
            if a.window_id == window_id
            and a.since <= half.day
            and (a.until is None or a.until >= half.day)
        }
        present = {staff for staff in served if half not in self.away[staff]}
        for absent in served - present:
            present |= {
                stand_in
                for stand_in, halves in self.standing_in[absent]
                if half in halves and half not in self.away[stand_in]
            }
        return present

    def windows_relying_on(self, staff_id: int, half: HalfDay) -> list[ServiceWindow]:
        """The windows at which somebody serves or stands in during one half day."""
        found = self.windows_of(staff_id, half.day)
        for absent, stand_ins in self.standing_in.items():
            if half in self.away[absent] and (staff_id, half) in _each(stand_ins):
                found += self.windows_of(absent, half.day)
        return list(dict.fromkeys(found))

    def windows_of(self, staff_id: int, day: date) -> list[ServiceWindow]:
        """The windows that a member of staff serves on a day."""
        return [
            self.windows[a.window_id]
            for a in self.assignments
            if a.staff_id == staff_id
            and a.window_id in self.windows
            and a.since <= day
            and (a.until is None or a.until >= day)
        ]


def _each(stand_ins: Iterable[tuple[int, set[HalfDay]]]) -> set[tuple[int, HalfDay]]:
    return {(staff_id, half) for staff_id, halves in stand_ins for half in halves}


def roster(
    session: Session, unit_id: int, first: date, last: date, also_away: Iterable[Any] = ()
) -> Roster:
    """Read a unit's windows, assignments and leave that touch a span of days.

    `also_away` are requests to count as away though they are not approved yet.
    """
    in_use = or_(ServiceWindow.retired_on == None, ServiceWindow.retired_on > first)  # noqa: E711
    windows = session.scalars(
        select(ServiceWindow)
        .where(ServiceWindow.unit_id == unit_id, in_use)
        .order_by(ServiceWindow.number)
    )
    by_id = {window.id: window for window in windows}
    assignments = session.scalars(
        select(WindowAssignment).where(
            WindowAssignment.window_id.in_(by_id),
            WindowAssignment.since <= last,
            or_(WindowAssignment.until.is_(None), WindowAssignment.until >= first),
            WindowAssignment.staff.has(
                or_(Staff.retired_on == None, Staff.retired_on > first)  # noqa: E711
            ),
        )
    ).all()
    away: dict[int, set[HalfDay]] = defaultdict(set)
    standing_in: dict[int, list[tuple[int, set[HalfDay]]]] = defaultdict(list)
    for request in {*_leave_between(session, first, last), *also_away}:
        halves = set(request.span.halves())
        away[request.staff_id] |= halves
        if request.cover_accepted_at is not None:
            standing_in[request.staff_id].append((request.substitute_id, halves))
    return Roster(by_id, list(assignments), away, standing_in)


def cover_of(session: Session, unit_id: int, first: date, last: date) -> UnitCover:
    """A unit's people by window and what remains in each half day, for the leave calendar."""
    known = roster(session, unit_id, first, last)
    calendar = workdays.hall_calendar(session)
    working = calendar.working_days(first, last)
    halves = {
        (window.number, day, half.value): HalfCover(
            len(known.at_window(window.id, HalfDay(day, half))), window.minimum_staff
        )
        for window in known.windows.values()
        for day in working
        for half in Half
    }
    return UnitCover(_people(session, unit_id, known, first), halves, frozenset(working))


def _people(
    session: Session, unit_id: int, known: Roster, first: date
) -> dict[str, list[tuple[int, str]]]:
    staff = session.execute(
        select(Staff.id, Staff.name)
        .where(
            Staff.unit_id == unit_id,
            or_(Staff.retired_on == None, Staff.retired_on > first),  # noqa: E711
        )
        .order_by(Staff.number)
    ).all()
    people: dict[str, list[tuple[int, str]]] = {w.number: [] for w in known.windows.values()}
    for staff_id, name in staff:
        served = [a.window_id for a in known.assignments if a.staff_id == staff_id]
        numbers = dict.fromkeys(known.windows[w].number for w in served if w in known.windows)
        for number in numbers or [""]:
            people.setdefault(number, []).append((staff_id, name))
    return people


def _leave_between(session: Session, first: date, last: date) -> Iterable[Any]:
    request: Any = REGISTRY["leave_request"]
    query = select(request).where(
        request.state.in_(AWAY_STATES),
        request.first_day <= last,
        request.last_day >= first,
    )
    return session.scalars(query).all()


def cover_note(session: Session, record: Any) -> tuple[Phrase, bool] | None:
    """The tightest half day at the person's windows if it is approved, and whether it is short."""
    known = roster(session, record.unit_id, record.first_day, record.last_day, (record,))
    tightest: tuple[int, ServiceWindow, HalfDay, int] | None = None
    for half in record.span.working_halves(workdays.hall_calendar(session)):
        for window in known.windows_relying_on(record.staff_id, half):
            remaining = len(known.at_window(window.id, half))
            spare = remaining - window.minimum_staff
            if tightest is None or spare < tightest[0]:
                tightest = (spare, window, half, remaining)
    if tightest is None:
        return None
    spare, window, half, remaining = tightest
    phrase = _l(
        "window %(window)s keeps %(remaining)s, minimum %(minimum)s (%(day)s)",
        window=window.number,
        remaining=remaining,
        minimum=window.minimum_staff,
        day=half.day,
    )
    return phrase, spare < 0
