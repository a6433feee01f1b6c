"""Of those who decide at the same moment, one does; nobody's window or balance falls short."""

import os
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from decimal import Decimal
from threading import Barrier

from sqlalchemy import func, insert, select

from hallpanel.engine import audit, records, workdays, workflow
from hallpanel.engine.approval import ApprovalStep, StepState
from hallpanel.engine.audit import AuditEvent
from hallpanel.engine.errors import Refusal
from hallpanel.engine.records import open_session
from hallpanel.engine.roles import Role
from hallpanel.rulebook.discipline.leave_entry import LeaveEntry, balance
from hallpanel.rulebook.discipline.leave_request import LeaveRequest
from tests.cast import NOW, Hall
from tests.engine.racing import PROCESSES, race

State = LeaveRequest.State
MANY = 300
PAIRS = 12


def decide(engine, actor, ids, verb="approve"):
    """Make a transition on each record in turn, as a process of its own."""
    from hallpanel import load_rulebook

    load_rulebook()
    made = []
    with open_session(engine) as session, records.at_desk(session, actor, NOW):
        for number in ids:
            record = records.find(session, LeaveRequest, number)
            try:
                workflow.perform(session, record, verb, actor=actor, at=NOW)
                session.commit()
            except Refusal:
                session.rollback()
            else:
                made.append(number)
    return made


def decide_in_some_order(engine, actor, pairs):
    """Approve both of each pair, every other process the second one first."""
    turned = os.getpid() % 2
    return decide(engine, actor, [n for pair in pairs for n in (pair[::-1] if turned else pair)])


def half_days(cast, who, count):
    """So many half days of leave that wait for their one approval, put straight into the tables."""
    days = workdays.WorkCalendar().working_days(date(2026, 3, 2), date(2026, 12, 31))
    halves = [(day, half) for day in days for half in ("morning", "afternoon")][:count]
    person, kind = cast.staff(who), cast.one("leave_type", code="personal")
    same = {
        "staff_id": person.id,
        "unit_id": person.unit_id,
        "leave_type_id": kind.id,
        "days": Decimal("0.5"),
        "reason": "半天",
        "state": State.SUBMITTED,
        "turn": Role.LEAD,
        "version": 1,
        "created_at": NOW,
    }
    rows = [
        same
        | {"number": f"QJ2026-9{n:04d}", "first_day": day, "last_day": day}
        | {"first_half": half, "last_half": half}
        for n, (day, half) in enumerate(halves)
    ]
    with cast.engine.begin() as connection:
        connection.execute(insert(LeaveRequest.__table__), rows)
        ids = list(connection.scalars(select(LeaveRequest.__table__.c.id)))
        step = {"table_name": "leave_request", "round": 1, "position": 0, "role": Role.LEAD}
        steps = [step | {"state": StepState.NOW, "record_id": number} for number in ids]
        connection.execute(insert(ApprovalStep.__table__), steps)
    return ids


def count(cast, *criteria):
    with cast.desk("system") as session:
        return session.scalar(select(func.count()).select_from(criteria[0].class_).where(*criteria))


def test_three_hundred_records_are_each_decided_once_by_four_processes_pitfall_29(cast):
    ids = half_days(cast, "mei", MANY)
    made = race(cast.engine, decide, cast.actor("lin"), ids)
    assert len(made) == PROCESSES
    assert sorted(number for one in made for number in one) == ids
    with cast.desk("system") as session:
        states = session.scalars(select(LeaveRequest.state)).all()
        steps = session.scalars(select(ApprovalStep.state)).all()
        decided = select(func.count()).where(AuditEvent.action == "approve")
        assert states == [State.APPROVED] * MANY
        assert steps == [StepState.APPROVED] * MANY
        assert session.scalar(decided) == MANY
        assert audit.verify(session).ok


def test_of_two_at_one_window_only_one_goes_however_they_are_approved_l6(cast):
    days = workdays.WorkCalendar().working_days(date(2026, 3, 2), date(2026, 12, 31))[:PAIRS]
    pairs = [
        [cast.ask(who, day, last_half="morning").id for who in ("mei", "chen")] for day in days
    ]
    made = race(cast.engine, decide_in_some_order, cast.actor("lin"), pairs)
    gone = {number for one in made for number in one}
    assert [len(gone & set(pair)) for pair in pairs] == [1] * PAIRS
    assert sum(len(one) for one in made) == PAIRS
    approved = cast.all("leave_request", state=State.APPROVED)
    assert {request.id for request in approved} == gone


def at_once(cast, work, count):
    """Do something in so many threads at the same moment; what each of them gave."""
    gate = Barrier(count)

    def run(number):
        own = Hall(cast.engine)
        gate.wait(30)
        try:
            return work(own, number)
        finally:
            own.session.close()

    with ThreadPoolExecutor(count) as threads:
        return list(threads.map(run, range(count)))


def test_of_eight_who_ask_for_the_last_day_one_gets_it_l2(cast):
    mei, annual = cast.staff("mei"), cast.one("leave_type", code="annual")
    cast.make(
        "leave_entry",
        staff=mei,
        leave_type=annual,
        year=2026,
        days=Decimal(-9),
        day=date(2026, 2, 9),
    )
    days = workdays.WorkCalendar().working_days(date(2026, 3, 2), date(2026, 12, 31))[:8]
    drafts = [cast.draft("mei", day, kind="annual").id for day in days]
    refusals = at_once(
        cast, lambda own, n: own.act("mei", own.one("leave_request", id=drafts[n]), "submit"), 8
    )
    assert refusals.count(None) == 1
    assert all("has 0" in str(one) for one in refusals if one is not None)
    with cast.desk("system") as session:
        assert balance(session, mei.id, annual.id, 2026) == 0
        reserved = select(func.count()).where(LeaveEntry.kind == "reserved")
        assert session.scalar(reserved) == 1


def test_two_sweeps_and_an_approval_at_once_charge_and_write_once(cast):
    request = cast.ask("mei", date(2026, 3, 2), last_half="morning")

    def work(own, _number):
        return own.act("lin", own.one("leave_request", id=request.id), "approve") is None

    assert at_once(cast, work, 4).count(True) == 1
    assert len(cast.all("attendance_day")) == 1
