"""What follows from each transition of a leave request (L2, L5–L8; clauses 2.1.1–2.1.3)."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from hallpanel.engine import (
    approval,
    conflict,
    ledger,
    outbox,
    recipients,
    records,
    workdays,
    workflow,
)
from hallpanel.engine.approval import StepState
from hallpanel.engine.clock import hall_day
from hallpanel.engine.entity import REGISTRY
from hallpanel.engine.roles import ROLE_LABELS
from hallpanel.engine.scope import SYSTEM
from hallpanel.engine.words import Phrase, _l
from hallpanel.engine.workflow import Act, effect
from hallpanel.rulebook.discipline.attendance_day import Attendance, AttendanceDay, day_of
from hallpanel.rulebook.discipline.leave_balance import (
    days_by_year,
    exchange_reserved_for_used,
    settle,
)
from hallpanel.rulebook.discipline.leave_days import Half, HalfDay, Span
from hallpanel.rulebook.discipline.leave_entry import EntryKind
from hallpanel.rulebook.discipline.leave_tier import tiers_of


@effect
def reserve_days(act: Act) -> None:
    """Days asked for, as the calendar counts them now, are reserved until they are decided."""
    act.record.prepare(act.session, act.at)
    wanted = {year: -days for year, days in days_by_year(act.session, act.record).items()}
    settle(act.session, act.record, EntryKind.RESERVED, wanted, act.at)


@reserve_days.foresees
def _(act: Act) -> Iterator[Phrase]:
    record = act.record
    if record.leave_type.keeps_balance:
        yield _l(
            "%(days)s days of %(type)s are reserved", days=record.days, type=record.leave_type.name
        )


@effect
def begin_approval(act: Act) -> None:
    """The tiers are those in force on the day of submission."""
    approval.begin(act.session, act.record, tiers_of(act.session, act.record, act.at))


@begin_approval.foresees
def _(act: Act) -> Iterator[Phrase]:
    tiers = tiers_of(act.session, act.record, act.at)
    if tiers:
        yield _l("%(person)s is told", person=ROLE_LABELS[tiers[0]])
    for position, role in enumerate(tiers, start=1):
        yield _l("Step %(position)s: %(role)s decides", position=position, role=ROLE_LABELS[role])


@effect
def ask_substitute(act: Act) -> None:
    """The substitute named on the form is asked to accept."""
    accounts = recipients.accounts_of_staff(act.session, act.record.substitute_id)
    if accounts:
        phrase = _l(
            "%(who)s asks you to stand in from %(first)s to %(last)s (%(number)s).",
            who=act.record.staff.name,
            first=act.record.first_day,
            last=act.record.last_day,
            number=act.record.number,
        )
        outbox.tell(act.session, accounts, phrase, at=act.at, record=act.record)


@ask_substitute.foresees
def _(act: Act) -> Iterator[Phrase]:
    person = act.answers.get("substitute") or act.record.substitute
    if person is not None:
        yield _l("%(person)s is asked to stand in", person=person.name)


@effect
def use_days(act: Act) -> None:
    """What was reserved counts as used."""
    exchange_reserved_for_used(act.session, act.record, act.at)


@use_days.foresees
def _(act: Act) -> Iterator[Phrase]:
    record = act.record
    if record.leave_type.keeps_balance:
        yield _l(
            "%(days)s days of %(type)s count as used", days=record.days, type=record.leave_type.name
        )


@effect
def explain_absence(act: Act) -> None:
    """Approval writes the attendance of the working half days it covers, and nothing else (L8)."""
    record = act.record
    for half in record.span.working_halves(workdays.hall_calendar(act.session)):
        _set_leave(act.session, record, half, record, act.at)
    act.session.flush()


@explain_absence.foresees
def _(act: Act) -> Iterator[Phrase]:
    halves = act.record.span.working_halves(workdays.hall_calendar(act.session))
    yield _l(
        "Attendance: %(days)s working days are explained by this leave",
        days=Decimal(len(halves)) / 2,
    )


def _set_leave(session: Session, record: Any, half: HalfDay, leave: Any, at: datetime) -> None:
    """Put leave on, or take it from, one half day; an attendance day that says nothing goes."""
    row = day_of(session, record.staff_id, half.day)
    if row is None:
        if leave is None:
            return
        values = {"staff_id": record.staff_id, "unit_id": record.unit_id, "day": half.day}
        row = records.create(session, AttendanceDay, values, actor=SYSTEM, at=at)
    setattr(row, f"{half.half.value}_leave", leave)
    setattr(row, f"{half.half.value}_leave_id", None if leave is None else leave.id)
    if row.says_nothing:
        session.delete(row)


@effect
def clear_attendance(act: Act) -> None:
    """What the approval wrote into attendance is taken out again, exactly."""
    _clear_from(act.session, act.record, act.record.span.begins, act.at)


@clear_attendance.foresees
def _(act: Act) -> Iterator[Phrase]:
    if act.record.state in ("approved", "handed_over", "on_leave"):
        yield _l("Attendance is as if the leave had not been approved")


def _clear_from(session: Session, record: Any, since: datetime, at: datetime) -> None:
    rows = session.scalars(
        select(AttendanceDay).where(
            or_(
                AttendanceDay.morning_leave_id == record.id,
                AttendanceDay.afternoon_leave_id == record.id,
            )
        )
    ).all()
    for row in rows:
        for half in Half:
            if row.leave_id(half) == record.id and HalfDay(row.day, half).begins >= since:
                _set_leave(session, record, HalfDay(row.day, half), None, at)
    session.flush()


@effect
def give_days_back(act: Act) -> None:
    """All that the request reserved or used is released."""
    settle(act.session, act.record, EntryKind.RELEASED, {}, act.at)


@give_days_back.foresees
def _(act: Act) -> Iterator[Phrase]:
    record = act.record
    if record.leave_type.keeps_balance and record.state != "draft":
        yield _l(
            "%(days)s days of %(type)s are given back",
            days=record.days,
            type=record.leave_type.name,
        )


@effect
def end_as_refused(act: Act) -> None:
    """The present tier refused; the later ones are not asked."""
    approval.end(act, StepState.REFUSED)


@effect
def end_as_void(act: Act) -> None:
    """Nobody needs to decide any more."""
    approval.end(act, StepState.VOID)


@effect
def hand_up(act: Act) -> None:
    """The turn goes one level up, and that it did stays on record."""
    approval.escalate(act)


@effect
def name_substitute(act: Act) -> None:
    """Whoever is named is asked; an earlier acceptance no longer counts."""
    act.record.substitute = act.answers["substitute"]
    act.record.substitute_id = act.answers["substitute"].id
    act.record.cover_accepted_at = None


@effect
def accept_cover(act: Act) -> None:
    """The substitute counts at the windows of the person away."""
    act.record.cover_accepted_at = act.at


@effect
def decline_cover(act: Act) -> None:
    """Without a substitute the rule of cover holds again."""
    act.record.substitute = None
    act.record.substitute_id = None


@effect
def note_leaving(act: Act) -> None:
    """When the post was left."""
    act.record.left_at = act.at


@effect
def note_return(act: Act) -> None:
    """When the person was back, or now."""
    act.record.returned_at = act.answers.get("returned_at") or act.at


@effect
def give_unused_back(act: Act) -> None:
    """Who is back early gets the half days that follow the return."""
    record = act.record
    back = record.returned_at
    if back >= record.span.ends:
        return
    _clear_from(act.session, record, back, act.at)
    used = [half for half in record.span.halves() if half.begins < back]
    if not used:
        settle(act.session, record, EntryKind.RELEASED, {}, act.at)
        return
    taken = Span(used[0].day, used[0].half, used[-1].day, used[-1].half)
    spent = {year: -days for year, days in days_by_year(act.session, _Taken(record, taken)).items()}
    settle(act.session, record, EntryKind.RELEASED, spent, act.at)


@effect
def end_other_leave(act: Act) -> None:
    """Who is back is back from all of it: what this leave extends or follows, and what extends it.

    An extension that has not begun when its leave ends early falls away.
    """
    for other in _also_ended(act):
        answers = {"returned_at": act.record.returned_at}
        _as_the_panel(act, other, "return", answers)
    early = act.record.returned_at < act.record.span.ends
    for longer in _extensions(act) if early else ():
        _as_the_panel(act, longer, "withdraw", {})


@end_other_leave.foresees
def _(act: Act) -> Iterator[Phrase]:
    for other in _also_ended(act):
        yield _l("%(number)s ends with it", number=other.number)


def _as_the_panel(act: Act, record: Any, verb: str, answers: dict[str, Any]) -> None:
    workflow.perform(act.session, record, verb, actor=SYSTEM, at=act.at, answers=answers)


def _also_ended(act: Act) -> list[Any]:
    """The person's other leave that they had left for by the time of their return."""
    entity, record = type(act.record), act.record
    back = act.answers.get("returned_at") or act.at
    left = select(entity).where(
        entity.staff_id == record.staff_id,
        entity.id != record.id,
        entity.state.in_(("on_leave", "overstayed")),
    )
    found = act.session.scalars(left.order_by(entity.id)).all()
    return [other for other in found if other.span.begins <= back]


def _extensions(act: Act) -> list[Any]:
    entity = type(act.record)
    waiting = entity.state.in_(("submitted", "approved", "handed_over"))
    query = select(entity).where(entity.extends_id == act.record.id, waiting)
    return [one for one in act.session.scalars(query) if one.span.begins > act.at]


class _Taken:
    """The part of a request that was taken, as the balance counts it."""

    def __init__(self, record: Any, span: Span) -> None:
        self.leave_type, self.span = record.leave_type, span


@effect
def request_extension(act: Act) -> None:
    """An extension is a request of its own, submitted at once and decided by the same tiers."""
    record = act.record
    values = {
        "staff": record.staff,
        "leave_type": record.leave_type,
        "first_day": record.span.following.day,
        "first_half": record.span.following.half,
        "last_day": act.answers["last_day"],
        "last_half": Half.AFTERNOON,
        "reason": act.reason,
        "extends": record,
    }
    longer = records.create(act.session, type(record), values, actor=act.actor, at=act.at)
    workflow.perform(act.session, longer, "submit", actor=act.actor, at=act.at)


@request_extension.foresees
def _(act: Act) -> Iterator[Phrase]:
    yield _l("A request for the added days is made and goes through approval")


@effect
def mark_absence(act: Act) -> None:
    """From the half day after the leave ends, each working half day not worked is absence (L7)."""
    absent_until(act.session, act.record, act.at)


def absent_until(session: Session, record: Any, at: datetime) -> int:
    """Mark the half days between the end of an overstayed leave and now; say how many are new."""
    first = record.span.following
    after = Span(first.day, first.half, hall_day(at), Half.AFTERNOON)
    if after.runs_backwards:
        return 0
    new = 0
    for half in after.working_halves(workdays.hall_calendar(session)):
        over = HalfDay(half.day, half.half)
        if _ends(over) <= at and _mark_absent(session, record, half, at):
            new += 1
    session.flush()
    return new


def extend_absences(session: Session, at: datetime) -> int:
    """Each half day that passes while somebody has not reported back is one more of absence."""
    entity: Any = REGISTRY["leave_request"]
    overstayed = select(entity).where(entity.state == "overstayed")
    marked = 0
    for record in session.scalars(overstayed.order_by(entity.unit_id, entity.id)).all():
        conflict.hold_unit(session, record.unit_id)
        session.refresh(record)
        if record.state == "overstayed":
            marked += absent_until(session, record, at)
    return marked


def _ends(half: HalfDay) -> datetime:
    if half.half is Half.MORNING:
        return HalfDay(half.day, Half.AFTERNOON).begins
    return HalfDay(half.day + timedelta(days=1), Half.MORNING).begins


def _mark_absent(session: Session, record: Any, half: HalfDay, at: datetime) -> bool:
    row = day_of(session, record.staff_id, half.day)
    if row is None:
        values = {"staff_id": record.staff_id, "unit_id": record.unit_id, "day": half.day}
        row = records.create(session, AttendanceDay, values, actor=SYSTEM, at=at)
    if row.mark(half.half) is not None or row.leave_id(half.half) is not None:
        return False
    setattr(row, half.half.value, Attendance.ABSENT)
    session.flush()
    ledger.charge(
        session,
        source=(row.__tablename__, row.id, half.half.value),
        key="absence",
        day=half.day,
        staff_id=record.staff_id,
        unit_id=record.unit_id,
        at=at,
    )
    return True
