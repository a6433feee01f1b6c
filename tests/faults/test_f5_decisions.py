"""Of any number who decide at once, one decides (CON-1); guards see the last word (L2, L6)."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from sqlalchemy import Engine, func, select

from hallpanel import load_rulebook, seeding
from hallpanel.engine import records, workflow
from hallpanel.engine.approval import ApprovalStep
from hallpanel.engine.audit import AuditEvent
from hallpanel.engine.entity import REGISTRY
from hallpanel.engine.errors import Refusal
from hallpanel.engine.roles import Role
from hallpanel.engine.scope import SYSTEM, Actor, Grant
from tests.engine.racing import PROCESSES, race
from tests.faults.figures import often

AT = datetime(2026, 2, 9, 2, tzinfo=UTC)
RECORDS = often(300, 1500)
EVERY_HALF_DAY = 10
"""Requests are spread over so many people, so that no two of one person overlap."""


@pytest.fixture
def hall(engine: Engine) -> Engine:
    """A unit with one window that may be left empty, and one person who decides."""
    load_rulebook()
    with records.open_session(engine) as session:
        seeding.seed(session, AT)
        with records.at_desk(session, SYSTEM, AT):
            _people(session, minimum=0)
            session.commit()
    return engine


def _people(session, minimum):
    joined = date(2019, 7, 1)
    names = [f"{number:04}" for number in range(1, EVERY_HALF_DAY + 1)]
    unit = {
        "code": "A",
        "name": "税务窗口",
        "kind": "window",
        "department": "税务局",
        "business": "税",
    }
    staff = [{"number": n, "name": f"职员{n}", "unit": "A", "joined_on": joined} for n in names]
    windows = [{"number": "A01", "unit": "A", "business": "申报", "minimum_staff": minimum}]
    serving = [{"staff": n, "window": "A01", "since": joined} for n in names]
    tables = {
        "unit": [unit],
        "staff": staff,
        "service_window": windows,
        "window_assignment": serving,
    }
    seeding.Sower(session, AT).sow(tables)


def submitted(engine, days, kind="official_duty"):
    """Ask, for every person in turn, for the morning of a day; the ids of the requests."""
    entity = REGISTRY["leave_request"]
    with records.open_session(engine) as session, records.at_desk(session, SYSTEM, AT):
        people = session.scalars(select(REGISTRY["staff"]).order_by(REGISTRY["staff"].id)).all()
        leave_type = session.scalars(
            select(REGISTRY["leave_type"]).where(REGISTRY["leave_type"].code == kind)
        ).one()
        ids = []
        for number, day in enumerate(days):
            record = records.create(
                session,
                entity,
                {
                    "staff": people[number % len(people)],
                    "leave_type": leave_type,
                    "first_day": day,
                    "last_day": day,
                    "last_half": entity.fields()["last_half"].choices("morning"),
                    "reason": "公务",
                },
                actor=SYSTEM,
                at=AT,
            )
            workflow.perform(session, record, "submit", actor=SYSTEM, at=AT)
            ids.append(record.id)
            session.commit()
    return ids


def working_days(count):
    """So many working days from the middle of March on."""
    from hallpanel.engine.workdays import WorkCalendar

    return WorkCalendar().working_days(date(2026, 3, 16), date(2026, 12, 31))[:count]


def decide(engine, ids, unit_id):
    """Approve each request as a lead of its own process; how many it was who decided."""
    load_rulebook()
    lead = Actor(None, None, unit_id, "林慧敏", frozenset({Grant(Role.LEAD, unit_id)}))
    decided = 0
    with records.open_session(engine) as session:
        for record_id in ids:
            with records.at_desk(session, lead, AT):
                record = records.find(session, REGISTRY["leave_request"], record_id)
                try:
                    workflow.perform(
                        session, record, "approve", actor=lead, at=AT, version=record.version
                    )
                    session.commit()
                    decided += 1
                except Refusal:
                    session.rollback()
                session.expire_all()
    return decided


def only_unit(engine):
    """The id of the unit."""
    with records.open_session(engine) as session, records.at_desk(session, SYSTEM, AT):
        return session.scalars(select(REGISTRY["unit"].id)).one()


def test_four_processes_make_300_decisions_on_300_records_and_no_double_con_1(hall, figures):
    days = [day for day in working_days(RECORDS // EVERY_HALF_DAY) for _ in range(EVERY_HALF_DAY)]
    ids = submitted(hall, days)
    assert len(ids) == RECORDS
    decided = race(hall, decide, ids, only_unit(hall))
    assert sum(decided) == RECORDS
    with records.open_session(hall) as session, records.at_desk(session, SYSTEM, AT):
        entity = REGISTRY["leave_request"]
        states = session.execute(select(entity.state, func.count()).group_by(entity.state)).all()
        events = session.scalar(
            select(func.count()).select_from(AuditEvent).where(AuditEvent.action == "approve")
        )
        steps = session.scalar(select(func.count()).select_from(ApprovalStep))
    figures |= {"records": RECORDS, "decisions": events, "doubles": steps - RECORDS}
    assert [(state.value, count) for state, count in states] == [("approved", RECORDS)]
    assert events == steps == RECORDS


def test_a_window_does_not_fall_below_its_minimum_however_many_approve_at_once(hall):
    """L6: ten people of one window ask for the same morning; eight may go where two must stay."""
    with records.open_session(hall) as session, records.at_desk(session, SYSTEM, AT):
        window = session.scalars(select(REGISTRY["service_window"])).one()
        records.change(session, window, {"minimum_staff": 2}, actor=SYSTEM, at=AT)
        session.commit()
    ids = submitted(hall, [date(2026, 3, 16)] * EVERY_HALF_DAY)
    decided = race(hall, decide, ids, only_unit(hall))
    assert sum(decided) == EVERY_HALF_DAY - 2


def ask_for_the_rest(engine, ids):
    """Submit drafts that each want all the days left; how many of them were taken."""
    load_rulebook()
    taken = 0
    with records.open_session(engine) as session:
        for record_id in ids:
            with records.at_desk(session, SYSTEM, AT):
                record = records.find(session, REGISTRY["leave_request"], record_id)
                try:
                    workflow.perform(session, record, "submit", actor=SYSTEM, at=AT)
                    session.commit()
                    taken += 1
                except Refusal:
                    session.rollback()
                session.expire_all()
    return taken


def test_of_eight_who_ask_for_the_last_day_at_once_one_has_it(hall):
    """L2, CON-3: the balance never goes below zero."""
    entity, entry = REGISTRY["leave_request"], REGISTRY["leave_entry"]
    with records.open_session(hall) as session, records.at_desk(session, SYSTEM, AT):
        person = session.scalars(select(REGISTRY["staff"]).order_by(REGISTRY["staff"].id)).first()
        annual = session.scalars(
            select(REGISTRY["leave_type"]).where(REGISTRY["leave_type"].code == "annual")
        ).one()
        granted = {"staff": person, "leave_type": annual, "year": 2026, "days": Decimal(1)}
        values = granted | {
            "kind": entry.fields()["kind"].choices("granted"),
            "day": date(2026, 1, 1),
        }
        records.create(session, entry, values, actor=SYSTEM, at=AT)
        ids = []
        for day in working_days(2 * PROCESSES):
            wanted = {"staff": person, "leave_type": annual, "first_day": day, "last_day": day}
            draft = records.create(session, entity, wanted | {"reason": "休"}, actor=SYSTEM, at=AT)
            ids.append(draft.id)
        session.commit()
    assert len(ids) == 8
    assert sum(race(hall, ask_for_the_rest, ids)) == 1
    with records.open_session(hall) as session, records.at_desk(session, SYSTEM, AT):
        assert session.scalar(select(func.sum(entry.days))) == 0
