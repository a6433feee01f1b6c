"""A record's clock runs by the hall's figures, stands still for a reason, and warns once."""

from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import func, select, text

from hallpanel.engine import deadline
from hallpanel.engine.clock import hall_day, start_of_day
from hallpanel.engine.deadline import Deadline, DeadlineRule, DeadlineState, MarkKind
from hallpanel.engine.deadline_clock import DEADLINE, MARK, PAUSE
from hallpanel.engine.limits import LIMIT_RULE, NoLimit
from hallpanel.engine.roles import Role
from hallpanel.engine.store import Base, make_session
from hallpanel.engine.words import _l
from hallpanel.engine.workdays import WorkCalendar
from tests.engine.figures import keep
from tests.engine.racing import PROCESSES, race

CALENDAR = WorkCalendar()
MONDAY = datetime(2026, 6, 1, 1, tzinfo=UTC)  # nine in the hall
A_DAY = timedelta(days=1)
SINCE = date(2020, 1, 1)
CLOCKS = 60

CASE = DeadlineRule(
    "decision",
    label=_l("Decision"),
    clause="3.2.2",
    starts=("accept",),
    stops=("decide",),
    promise="promise",
    statute="statute",
    reminder="ahead",
)
LEAVE = DeadlineRule(
    "approval",
    label=_l("Approval"),
    clause="2.1.2",
    starts=("submit",),
    stops=("approve",),
    promise="one_day",
)
FAULT = DeadlineRule(
    "repair",
    label=_l("Repair"),
    clause="4.2.2",
    starts=("report",),
    stops=("repair",),
    promise="a_day",
    statute="three_days",
)


def figure(key, amount, unit="working_days"):
    return {"key": key, "amount": amount, "unit": unit, "clause_number": "3.2.2", "since": SINCE}


FIGURES = [
    figure("promise", 5),
    figure("statute", 20),
    figure("ahead", 1),
    figure("one_day", 1),
    figure("a_day", 24, "hours"),
    figure("three_days", 72, "hours"),
]


@pytest.fixture
def engine(empty_engine):
    keep(empty_engine, LIMIT_RULE, FIGURES)
    Base.metadata.create_all(empty_engine, tables=[DEADLINE, PAUSE, MARK])
    return empty_engine


@pytest.fixture
def session(engine):
    with make_session(engine) as session:
        yield session


def start(session, rule=CASE, record_id=1, at=MONDAY, calendar=CALENDAR, **more):
    return deadline.start(
        session, rule, "service_case", record_id, unit_id=3, at=at, calendar=calendar, **more
    )


def clock(session, deadline_id):
    return session.execute(select(DEADLINE).where(DEADLINE.c.id == deadline_id)).one()


def fired(session, at):
    return [(found.kind, found.record_id) for found in deadline.due_marks(session, at)]


def pause(session, at, reason="听证通知 3 号", rule=CASE):
    return deadline.pause(session, rule, "service_case", 1, at=at, reason=reason)


def resume(session, at, rule=CASE):
    return deadline.resume(session, rule, "service_case", 1, at=at, calendar=CALENDAR)


def stop(session, at, rule=CASE, record_id=1):
    return deadline.stop(session, rule, "service_case", record_id, at=at)


def test_a_clock_says_when_it_reminds_and_when_its_limits_end(session):
    kept = clock(session, start(session, holder_role=Role.REVIEWER))
    assert kept.remind_at == start_of_day(date(2026, 6, 5))
    assert hall_day(kept.promise_due_at) == date(2026, 6, 8)
    assert hall_day(kept.statute_due_at) == date(2026, 6, 30)  # without the Dragon Boat Festival
    assert kept.next_fire_at == kept.remind_at
    assert (kept.state, kept.provisional) == (DeadlineState.RUNNING, False)
    assert (kept.unit_id, kept.clause, kept.holder_role) == (3, "3.2.2", Role.REVIEWER)


def test_a_clock_that_runs_is_not_started_again(session):
    first = start(session)
    assert start(session, at=MONDAY + A_DAY) == first
    assert start(session, rule=LEAVE) != first
    assert clock(session, first).started_at == MONDAY


def test_a_clock_that_was_stopped_starts_anew(session):
    first = start(session)
    assert stop(session, MONDAY + A_DAY)
    assert start(session, at=MONDAY + 2 * A_DAY) != first


def test_a_stopped_clock_says_nothing(session):
    kept = start(session)
    assert stop(session, MONDAY + A_DAY)
    assert not stop(session, MONDAY + 2 * A_DAY)
    assert fired(session, MONDAY + 90 * A_DAY) == []
    assert clock(session, kept).stopped_at == MONDAY + A_DAY


def test_all_clocks_of_a_record_stop_where_no_rule_is_named(session):
    start(session)
    start(session, rule=LEAVE)
    start(session, record_id=2)
    assert stop(session, MONDAY, rule=None)
    still_open = select(DEADLINE.c.record_id).where(DEADLINE.c.stopped_at.is_(None))
    assert session.scalars(still_open).all() == [2]


def test_the_clock_that_ends_first_is_the_one_to_show(session):
    assert deadline.running(session, "service_case", 1) is None
    start(session)
    start(session, rule=LEAVE)
    assert deadline.running(session, "service_case", 1).rule == "approval"
    stop(session, MONDAY + A_DAY, rule=LEAVE)
    shown = deadline.running(session, "service_case", 1)
    assert (shown.rule, shown.state) == ("decision", DeadlineState.RUNNING)
    pause(session, MONDAY + A_DAY)
    assert deadline.running(session, "service_case", 1).state is DeadlineState.PAUSED
    resume(session, MONDAY + 2 * A_DAY)
    assert deadline.running(session, "service_case", 1).paused_working_days == 1


def test_a_figure_that_the_hall_never_set_stops_the_start(session):
    unknown = DeadlineRule(
        "answer", label=_l("Answer"), clause="6.3.2", starts=(), stops=(), promise="unknown"
    )
    with pytest.raises(NoLimit, match="unknown"):
        start(session, rule=unknown)


def test_each_warning_fires_once_at_its_time_and_stays_on_record(session):
    kept = clock(session, start(session))
    instant = timedelta(microseconds=1)
    assert fired(session, kept.remind_at - instant) == []
    assert fired(session, kept.remind_at) == [(MarkKind.REMINDER, 1)]
    assert fired(session, kept.promise_due_at - instant) == []
    assert fired(session, kept.promise_due_at + instant) == [(MarkKind.YELLOW, 1)]
    assert fired(session, kept.promise_due_at + instant) == []
    assert fired(session, kept.statute_due_at + instant) == [(MarkKind.RED, 1)]
    assert fired(session, kept.statute_due_at + A_DAY) == []
    stop(session, kept.statute_due_at + A_DAY)
    kinds = [row.kind for row in deadline.marks(session, "service_case", 1)]
    assert kinds == [MarkKind.REMINDER, MarkKind.YELLOW, MarkKind.RED]


def test_a_warning_tells_whose_it_is_and_what_was_due(session):
    kept = clock(session, start(session, rule=LEAVE, holder_role=Role.LEAD))
    (found,) = deadline.due_marks(session, kept.promise_due_at)
    assert (found.deadline_id, found.rule, found.clause) == (kept.id, "approval", "2.1.2")
    assert (found.table_name, found.record_id, found.unit_id) == ("service_case", 1, 3)
    assert (found.due_at, found.holder_role) == (kept.promise_due_at, Role.LEAD)


def test_a_late_sweep_reminds_of_nothing_that_is_overdue(session):
    start(session)
    assert fired(session, MONDAY + 60 * A_DAY) == [(MarkKind.YELLOW, 1), (MarkKind.RED, 1)]


def test_nobody_is_reminded_of_what_they_were_only_just_given(session):
    brief = DeadlineRule(
        "brief",
        label=_l("Brief"),
        clause="2.1.2",
        starts=(),
        stops=(),
        promise="one_day",
        reminder="ahead",
    )
    assert clock(session, start(session, rule=brief)).remind_at is None


def test_an_escalation_is_put_on_record_once(session):
    kept = start(session, rule=LEAVE)
    assert deadline.mark(session, kept, MarkKind.ESCALATED, MONDAY)
    assert not deadline.mark(session, kept, MarkKind.ESCALATED, MONDAY + A_DAY)
    (row,) = deadline.marks(session, "service_case", 1)
    assert (row.rule, row.kind, row.at, row.due_at) == ("approval", "escalated", MONDAY, None)


def test_hours_run_by_the_clock_also_at_night(session):
    start(session, rule=FAULT)
    assert fired(session, MONDAY + timedelta(hours=23, minutes=59)) == []
    assert fired(session, MONDAY + timedelta(hours=24)) == [(MarkKind.YELLOW, 1)]
    assert fired(session, MONDAY + timedelta(hours=72)) == [(MarkKind.RED, 1)]


def test_a_pause_moves_both_limits_by_the_working_days_it_took(session):
    kept = start(session)
    assert pause(session, MONDAY + A_DAY)
    assert not pause(session, MONDAY + A_DAY)
    assert clock(session, kept).pause_reason == "听证通知 3 号"
    assert fired(session, MONDAY + 60 * A_DAY) == []
    assert resume(session, MONDAY + 7 * A_DAY)  # the next Monday: four working days fell out
    assert not resume(session, MONDAY + 7 * A_DAY)
    after = clock(session, kept)
    assert hall_day(after.promise_due_at) == date(2026, 6, 12)
    assert hall_day(after.statute_due_at) == date(2026, 7, 6)
    assert after.next_fire_at == after.remind_at == start_of_day(date(2026, 6, 11))
    assert (after.paused_working_days, after.paused_at, after.pause_reason) == (4, None, None)


def test_pauses_add_up_and_stay_on_record_with_their_reasons(session):
    kept = start(session)
    for week, reason in enumerate(("听证通知 3 号", "检测通知 8 号")):
        pause(session, MONDAY + (7 * week + 1) * A_DAY, reason)
        resume(session, MONDAY + (7 * week + 2) * A_DAY)
    assert clock(session, kept).paused_working_days == 2
    assert hall_day(clock(session, kept).promise_due_at) == date(2026, 6, 10)
    assert session.scalars(select(PAUSE.c.reason)).all() == ["听证通知 3 号", "检测通知 8 号"]


def test_a_pause_of_hours_takes_hours(session):
    kept = start(session, rule=FAULT)
    pause(session, MONDAY + timedelta(hours=2), rule=FAULT)
    resume(session, MONDAY + timedelta(hours=5), rule=FAULT)
    assert clock(session, kept).promise_due_at == MONDAY + timedelta(hours=27)


def test_a_warning_that_fired_before_a_pause_does_not_fire_again_after_it(session):
    kept = start(session)
    assert fired(session, MONDAY + 10 * A_DAY) == [(MarkKind.YELLOW, 1)]
    pause(session, MONDAY + 10 * A_DAY)
    resume(session, MONDAY + 21 * A_DAY)
    after = clock(session, kept)
    assert after.next_fire_at == after.statute_due_at
    assert fired(session, after.promise_due_at + A_DAY) == []


def test_a_paused_clock_that_is_stopped_ends_its_pause(session):
    start(session)
    pause(session, MONDAY + A_DAY)
    assert stop(session, MONDAY + 2 * A_DAY)
    assert session.scalars(select(PAUSE.c.resumed_at)).all() == [MONDAY + 2 * A_DAY]


def test_when_a_years_notice_is_entered_provisional_clocks_are_counted_anew(session):
    late = datetime(2026, 12, 30, 1, tzinfo=UTC)
    kept, settled = start(session, at=late), start(session, record_id=2)
    paused = start(session, rule=LEAVE, at=datetime(2026, 12, 31, 1, tzinfo=UTC))
    pause(session, datetime(2026, 12, 31, 2, tzinfo=UTC), rule=LEAVE)
    before = clock(session, kept)
    assert before.provisional
    noticed = WorkCalendar({date(2027, 1, 2): True}, noticed_years=[2027])
    moved = {found.deadline_id: found for found in deadline.recompute(session, noticed)}
    assert moved.keys() == {kept, paused}
    assert moved[kept].promise_before == before.promise_due_at
    assert moved[kept].promise_due_at == before.promise_due_at - A_DAY  # a Saturday worked
    assert not moved[kept].provisional
    assert clock(session, kept).next_fire_at == clock(session, kept).remind_at
    assert clock(session, paused).next_fire_at is None
    assert not clock(session, settled).provisional
    assert deadline.recompute(session, noticed) == []


def test_many_clocks_are_counted_anew_some_at_a_time(session, monkeypatch):
    monkeypatch.setattr(deadline, "BATCH", 2)
    for record_id in range(5):
        start(session, record_id=record_id)
    closed = WorkCalendar({date(2026, 6, 2): False})
    assert len(deadline.recompute(session, closed)) == 5


def test_what_a_rolled_back_sweep_claimed_is_due_again(session):
    start(session, rule=LEAVE)
    session.commit()
    assert fired(session, MONDAY + 9 * A_DAY) == [(MarkKind.YELLOW, 1)]
    session.rollback()
    assert fired(session, MONDAY + 9 * A_DAY) == [(MarkKind.YELLOW, 1)]
    session.commit()
    assert fired(session, MONDAY + 9 * A_DAY) == []


def test_the_sweep_takes_so_many_at_a_time_the_longest_due_first(session):
    for record_id, later in ((1, 2), (2, 0), (3, 1)):
        start(session, rule=LEAVE, record_id=record_id, at=MONDAY + later * A_DAY)
    swept = []
    while some := deadline.due_marks(session, MONDAY + 9 * A_DAY, batch=2):
        swept.append([found.record_id for found in some])
    assert swept == [[2, 3], [1]]


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)  # plans are read as SQLite's
def test_the_sweep_asks_an_index_that_only_open_clocks_are_in(session):
    due = "SELECT * FROM deadline WHERE next_fire_at <= '2026-06-01' ORDER BY next_fire_at, id"
    plan = session.execute(text(f"EXPLAIN QUERY PLAN {due}")).all()
    assert [row.detail for row in plan] == [
        "SEARCH deadline USING INDEX ix_deadline_next_fire_at (next_fire_at<?)"
    ]


def start_all(engine):
    with make_session(engine) as session:
        for record_id in range(CLOCKS):
            start(session, record_id=record_id)
        session.commit()


def sweep(engine, at):
    found = []
    with make_session(engine) as session:
        while some := deadline.due_marks(session, at, batch=7):
            session.commit()
            found += [(one.record_id, one.kind) for one in some]
    return found


def test_four_sweeps_at_once_say_each_thing_once(engine):
    start_all(engine)
    found = [one for some in race(engine, sweep, MONDAY + 60 * A_DAY) for one in some]
    both = (MarkKind.YELLOW, MarkKind.RED)
    assert sorted(found) == sorted((record, kind) for record in range(CLOCKS) for kind in both)
    with make_session(engine) as session:
        assert session.scalar(select(func.count()).select_from(MARK)) == 2 * CLOCKS


def start_same(engine):
    with make_session(engine) as session, session.begin():
        return [start(session, record_id=record_id) for record_id in range(CLOCKS)]


def test_four_processes_start_one_clock_for_each_record(engine):
    started = race(engine, start_same)
    assert len({tuple(ids) for ids in started}) == 1
    assert len(started) == PROCESSES
    with make_session(engine) as session:
        assert session.scalar(select(func.count()).select_from(Deadline)) == CLOCKS
