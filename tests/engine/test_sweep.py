"""What time itself does happens once, however often and from however many processes one sweeps."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from threading import Barrier

import pytest
from sqlalchemy import func, select

from hallpanel.engine import approval, audit, deadline, sweep
from hallpanel.engine.approval import StepState
from hallpanel.engine.audit import AuditEvent
from hallpanel.engine.deadline import MarkKind
from hallpanel.engine.ledger import PointEntry
from hallpanel.engine.outbox import Message
from hallpanel.engine.roles import Role
from hallpanel.engine.store import Base
from hallpanel.guard.account import Account
from hallpanel.rulebook.discipline.leave_request import LeaveRequest
from tests.cast import Hall, clock

State = LeaveRequest.State
MONDAY, TUESDAY, WEDNESDAY = date(2026, 3, 2), date(2026, 3, 3), date(2026, 3, 4)
SWEEPERS = 3


def sentences(cast, name, part):
    """What somebody was told that has a part in it."""
    query = (
        select(Message)
        .join(Account, Account.id == Message.to_account_id)
        .where(Account.username == name)
        .order_by(Message.id)
    )
    with cast.looking() as session:
        told = [str(message.sentence) for message in session.scalars(query)]
    return [sentence for sentence in told if part in sentence]


def marks(cast, request):
    with cast.looking() as session:
        found = deadline.marks(session, "leave_request", request.id)
    return [(mark.rule, mark.kind, mark.at) for mark in found]


def contents(cast):
    """All rows of all tables."""
    with cast.looking() as session:
        return {
            name: session.connection().execute(select(table).order_by(*table.primary_key)).all()
            for name, table in Base.metadata.tables.items()
        }


def at_once(cast, work, count=SWEEPERS):
    """Do something in so many threads at the same moment; what each of them gave."""
    gate = Barrier(count)

    def run(_number):
        own = Hall(cast.engine)
        gate.wait(60)
        try:
            return work(own)
        finally:
            own.session.close()

    with ThreadPoolExecutor(count) as threads:
        return list(threads.map(run, range(count)))


# Transitions whose time has come


def test_leave_begins_by_itself_with_its_first_half_day_l7(cast):
    request = cast.ask("mei", MONDAY, first_half="afternoon")
    cast.approve(request, "lin")
    cast.sweep(clock(3, 2, 12, 29))
    assert cast.refresh(request).state is State.APPROVED
    cast.sweep(clock(3, 2, 12, 30))
    assert cast.refresh(request).state is State.ON_LEAVE
    assert request.left_at == clock(3, 2, 12, 30)
    event = last_event(cast, request)
    assert (event.action, event.actor_name) == ("leave_post", "system")


def last_event(cast, request):
    query = (
        select(AuditEvent)
        .where(AuditEvent.table_name == "leave_request", AuditEvent.record_id == str(request.id))
        .order_by(AuditEvent.seq.desc())
    )
    with cast.looking() as session:
        return session.scalars(query).first()


def test_a_draft_or_an_undecided_request_does_not_begin(cast):
    cast.draft("mei", MONDAY)
    cast.ask("chen", MONDAY)
    cast.sweep(clock(3, 2))
    states = {request.state for request in cast.all("leave_request")}
    assert states == {State.DRAFT, State.SUBMITTED}


# Deadlines


def test_what_nobody_decides_in_time_goes_up_once_and_is_told_to_both_l5(cast):
    request = cast.ask("mei", MONDAY)
    assert cast.sweep(clock(2, 10, 23, 59)).marks == 0
    assert cast.sweep(clock(2, 11, 9)).marks == 1
    assert cast.refresh(request).turn is Role.SUPERVISION
    assert marks(cast, request) == [
        ("approval", MarkKind.YELLOW, clock(2, 11, 9)),
        ("approval", MarkKind.ESCALATED, clock(2, 11, 9)),
    ]
    for name in ("lin", "sun"):
        assert len(sentences(cast, name, "has gone one level up")) == 1
    assert len(sentences(cast, "lin", "overdue")) == 1
    with cast.looking() as session:
        steps = [step.state for step in approval.steps_of(session, request)]
        running = deadline.running(session, "leave_request", request.id)
    assert steps == [StepState.ESCALATED, StepState.NOW]
    assert (running.started_at, running.holder_role) == (clock(2, 11, 9), Role.SUPERVISION)


def test_each_tier_has_its_own_time_and_the_highest_is_only_warned(cast):
    request = cast.ask("mei", MONDAY, last_half="morning", at=clock(2, 2))
    turns = []
    for day in (4, 6, 10, 12, 24):
        cast.sweep(clock(2, day, 9))
        turns.append(cast.refresh(request).turn)
    assert turns == [
        Role.SUPERVISION,
        Role.DEPUTY,
        Role.DIRECTOR,
        Role.HALL_ADMIN,
        Role.HALL_ADMIN,
    ]
    assert [kind for _, kind, _ in marks(cast, request)].count(MarkKind.ESCALATED) == 4
    assert cast.sweep(clock(2, 25, 9)).refused == ["there is nobody above to decide it"]
    cast.approve(request, "he", at=clock(2, 25))
    assert cast.sweep(clock(2, 26, 9)).refused == []


def test_a_warning_stays_on_record_after_the_decision_x4(cast):
    request = cast.ask("mei", MONDAY, last_half="morning")
    cast.sweep(clock(2, 11, 9))
    cast.approve(request, "sun", at=clock(2, 11))
    cast.sweep(clock(2, 28, 9))
    assert [kind for _, kind, _ in marks(cast, request)] == [MarkKind.YELLOW, MarkKind.ESCALATED]


# Reminders


def test_what_waits_is_recalled_once_a_day_while_it_waits_x11(cast):
    request = cast.ask("mei", MONDAY, last_half="morning")
    for hour in (11, 12, 13):
        cast.sweep(clock(2, 9, hour))
    assert sentences(cast, "lin", "is waiting for your decision") == []
    for hour in (9, 10, 23):
        cast.sweep(clock(2, 10, hour))
    assert len(sentences(cast, "lin", "is waiting for your decision")) == 1
    cast.sweep(clock(2, 11, 9))
    assert len(sentences(cast, "sun", "is waiting for your decision")) == 1
    cast.approve(request, "sun", at=clock(2, 11, 10))
    cast.sweep(clock(2, 12, 9))
    assert len(sentences(cast, "sun", "is waiting for your decision")) == 1
    assert len(sentences(cast, "lin", "is waiting for your decision")) == 1


def test_who_is_away_is_reminded_the_day_before_the_end_l7(cast):
    request = cast.ask("mei", MONDAY, WEDNESDAY)
    cast.approve(request, "lin", "sun", "qian")
    for day in (2, 3, 3, 4):
        cast.sweep(clock(3, day, 9))
    (told,) = sentences(cast, "mei", "ends tomorrow")
    assert cast.refresh(request).number in told


# Once


def busy(cast):
    """A hall in which a sweep on 3 March finds something of everything to do; the moment of it."""
    for who, first, tiers in (
        ("mei", MONDAY, ("lin", "sun")),
        ("wang", TUESDAY, ("lin", "sun")),
        ("wu", WEDNESDAY, ("zhou", "sun")),
    ):
        cast.approve(cast.ask(who, first), *tiers)
    cast.sweep(clock(3, 2, 9))
    cast.ask("chen", date(2026, 3, 16), at=clock(2, 26))
    cast.ask("huang", date(2026, 3, 17), at=clock(2, 27))
    return clock(3, 3, 13)


def test_sweeping_again_at_the_same_moment_changes_nothing(cast):
    at = busy(cast)
    first = cast.sweep(at)
    assert first.marks == 2
    assert first.transitions >= 4
    assert first.reminders >= 2
    before = contents(cast)
    assert cast.sweep(at) == sweep.Swept()
    assert contents(cast) == before


def test_several_sweeps_at_once_do_each_thing_once(cast):
    at = busy(cast)
    swept = at_once(cast, lambda own: own.sweep(at))
    assert sum(one.marks for one in swept) == 2
    requests = cast.all("leave_request")
    by_first_day = {request.first_day: request.state for request in requests}
    assert by_first_day[MONDAY] is State.OVERSTAYED
    assert by_first_day[TUESDAY] is State.ON_LEAVE
    assert {r.turn for r in requests if r.state is State.SUBMITTED} == {Role.SUPERVISION}
    with cast.looking() as session:
        seen = select(AuditEvent.record_id, AuditEvent.action, func.count())
        seen = seen.where(AuditEvent.actor_name == "system", AuditEvent.at == at)
        seen = seen.where(AuditEvent.table_name.in_(["leave_request", "attendance_day"]))
        counts = session.execute(seen.group_by(AuditEvent.record_id, AuditEvent.action)).all()
        assert counts
        assert {count for *_, count in counts} == {1}
        assert session.scalar(select(func.count()).select_from(PointEntry)) == 1
        assert audit.verify(session).ok
    for name, part, count in (
        ("lin", "has gone one level up", 1),
        ("zhou", "has gone one level up", 1),
        ("sun", "has gone one level up", 2),
    ):
        assert len(sentences(cast, name, part)) == count, (name, part)
    waiting = [sentences(cast, name, "is waiting for") for name in ("lin", "zhou", "sun")]
    assert sum(map(len, waiting)) == 2  # whose turn it is meanwhile is the sweeps' own race
    before = contents(cast)
    cast.sweep(at)
    assert contents(cast) == before


NEW_YEAR = datetime(2026, 12, 31, 17, tzinfo=UTC)


def test_several_sweeps_at_new_year_grant_and_carry_each_allowance_once_l2(cast):
    def entries(year):
        found = cast.all("leave_entry", year=year)
        return sorted((e.staff_id, e.leave_type_id, e.kind, e.days) for e in found)

    at_once(cast, lambda own: own.sweep(NEW_YEAR))
    granted = [entry for entry in entries(2027) if entry[2] == "granted"]
    assert granted
    assert len(granted) == len({entry[:2] for entry in granted})
    carried = [entry for entry in entries(2027) if entry[2] == "carried"]
    assert len(carried) == len({entry[:2] for entry in carried})
    before = contents(cast)
    cast.sweep(NEW_YEAR)
    assert contents(cast) == before


@pytest.mark.parametrize("turn", range(2))
def test_absences_found_by_several_sweeps_are_marked_and_charged_once_l7(cast, turn):
    request = cast.ask("mei", MONDAY)
    cast.approve(request, "lin", "sun")
    cast.sweep(clock(3, 2, 9))
    cast.sweep(clock(3, 3, 0, 1))
    assert cast.refresh(request).state is State.OVERSTAYED
    at = clock(3, 4 + turn, 9)
    at_once(cast, lambda own: own.sweep(at))
    days = {day.day: (day.morning, day.afternoon) for day in cast.all("attendance_day")}
    absent = [half for day, halves in days.items() for half in halves if half == "absent"]
    assert len(absent) == 2 * (turn + 1)
    with cast.looking() as session:
        assert session.scalar(select(func.count()).select_from(PointEntry)) == len(absent)
