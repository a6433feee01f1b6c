"""The demonstration hall: a year of leave in all states, and a day on which much is going on.

The whole year is built once in a run, on SQLite; that both databases take it is shown with some
weeks. It is twenty past ten in the morning of Tuesday, 24 November 2026 there.
"""

import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from hallpanel import demonstration
from hallpanel.demonstration import Factors
from hallpanel.demonstration.calendar import notice_days
from hallpanel.demonstration.wishes import SUDDEN
from hallpanel.demonstration.year import SHORT_OF_PEOPLE, WHY_CANCELLED, WHY_REFUSED
from hallpanel.engine import audit, records, scope, workdays, workflow
from hallpanel.engine.approval import ApprovalStep, StepState
from hallpanel.engine.audit import AuditEvent
from hallpanel.engine.clock import hall_day
from hallpanel.engine.comments import Comment
from hallpanel.engine.deadline_sweep import marks
from hallpanel.engine.entity import REGISTRY
from hallpanel.engine.outbox import MESSAGE
from hallpanel.engine.records import open_session
from hallpanel.engine.roles import Role
from hallpanel.engine.scope import SYSTEM
from hallpanel.guard import second_factor
from hallpanel.guard.account import Account
from hallpanel.guard.actors import actor_of
from hallpanel.guard.passwords import NOBODY
from hallpanel.guard.sealing import unseal
from hallpanel.rulebook.discipline.cover import cover_of
from tests import authenticator
from tests.databases import Sqlite, migrated, once, open_engine

NOW = datetime(2026, 11, 24, 2, 20, tzinfo=UTC)
SUNDAY = datetime(2026, 11, 22, 5, tzinfo=UTC)
SOME_WEEKS = timedelta(days=45)
PASSWORD = "Eight-Horses-31"
FACTORS = Factors(authenticator.KEY, authenticator.SECRET)
CAST = 14
DECIDED = (StepState.APPROVED, StepState.REFUSED)
LIN, DIRECTOR = "lead.a", "director"


@pytest.fixture(scope="module")
def template(run: Path, entities: None, pytestconfig: pytest.Config) -> str:
    """The name of the run's database in which the demonstration's year has passed."""
    server, name = Sqlite(run), "demonstrated_sqlite"
    empty = migrated(run, server)
    with once(run, name) as first:
        if first:
            server.drop(name)
            server.copy(empty, name)
            seconds = demonstrate(server.url(name))
            pytestconfig.get_terminal_writer().line(f"demonstration hall: {seconds:.0f} s")
    return name


def demonstrate(url: str) -> float:
    """Let the year pass in a database; how many seconds it took."""
    engine = open_engine(url)
    began = time.perf_counter()
    demonstration.load(lambda: open_session(engine), NOW, PASSWORD, factors=FACTORS)
    engine.dispose()
    return time.perf_counter() - began


@pytest.fixture
def hall(template: str, run: Path) -> Iterator[Session]:
    """The demonstration hall, only to look at."""
    engine = open_engine(Sqlite(run).url(template))
    with open_session(engine) as session, records.at_desk(session, SYSTEM, NOW):
        yield session
        session.rollback()
    engine.dispose()


def all_of(session: Session, table: str, *where: Any) -> list[Any]:
    entity = REGISTRY[table]
    with scope.acting(session, SYSTEM):
        return list(session.scalars(select(entity).where(*where).order_by(entity.id)))


def requests(session: Session, *where: Any) -> list[Any]:
    return all_of(session, "leave_request", *where)


def account(session: Session, username: str) -> Account:
    return session.scalars(select(Account).where(Account.username == username)).one()


# its size


def test_the_hall_has_12_window_units_60_windows_and_180_people(hall):
    units = Counter(unit.kind.value for unit in all_of(hall, "unit"))
    assert units == {"window": 12, "office": 3}
    assert len(all_of(hall, "service_window")) == 60
    assert len(all_of(hall, "staff")) == 180


def test_a_year_of_leave_stands_in_every_state(hall):
    found = requests(hall)
    states = Counter(request.state for request in found)
    assert set(states) == set(REGISTRY["leave_request"].State)
    assert 900 <= len(found) <= 1500
    assert min(request.first_day for request in found) < hall_day(NOW) - timedelta(days=340)


def test_something_waits_for_each_tier(hall):
    turns = {request.turn for request in requests(hall) if request.turn is not None}
    assert turns == {Role.LEAD, Role.SUPERVISION, Role.DEPUTY, Role.DIRECTOR, Role.HALL_ADMIN}


def test_the_calendar_of_this_year_is_there(hall):
    rows = all_of(hall, "work_calendar_day")
    assert {row.day.year for row in rows} == {hall_day(NOW).year}
    assert {row.note for row in rows} >= {"调休上班", "春节", "国庆节"}
    assert list(notice_days(2060)) == []  # no notice, no rows


# what a clerk would check


def test_no_balance_is_below_zero(hall):
    entry = REGISTRY["leave_entry"]
    sums = select(func.sum(entry.days)).group_by(entry.staff_id, entry.leave_type_id, entry.year)
    totals = [Decimal(total) for total in hall.scalars(sums)]
    assert len(totals) > 300
    assert min(totals) >= 0


def test_nobody_approved_their_own_leave(hall):
    own = {row.id: row.staff_id for row in hall.scalars(select(Account))}
    owners = {request.id: request.staff_id for request in requests(hall)}
    decided = hall.scalars(select(ApprovalStep).where(ApprovalStep.state.in_(DECIDED))).all()
    assert len(decided) > 1000
    assert not [step for step in decided if own[step.account_id] == owners[step.record_id]]


def test_leave_begins_and_ends_on_working_days(hall):
    calendar = workdays.hall_calendar(hall)
    asked = requests(hall, REGISTRY["leave_request"].extends_id.is_(None))
    by_working_day = [r for r in asked if r.leave_type.counts.value == "working"]
    assert all(
        calendar.is_working(day) for r in by_working_day for day in (r.first_day, r.last_day)
    )


def test_no_window_is_short_now_or_in_the_weeks_ahead(hall):
    first = hall_day(NOW)
    for unit in all_of(hall, "unit"):
        cover = cover_of(hall, unit.id, first, first + timedelta(days=40))
        assert not [where for where, half in cover.halves.items() if half.short]


def test_the_audit_of_the_year_verifies(hall):
    verdict = audit.verify(hall)
    assert verdict.ok
    assert verdict.checked > 8000


def test_each_transition_is_on_record_as_its_own_persons(hall):
    """Deeds are committed together; who did what is kept apart all the same."""
    event = audit.AuditEvent
    submitted = select(event.record_id, event.actor_account_id).where(
        event.table_name == "leave_request", event.action == "submit"
    )
    by_request = {row.record_id: row.actor_account_id for row in hall.execute(submitted)}
    own = {row.id: row.staff_id for row in hall.scalars(select(Account))}
    owners = {str(r.id): r.staff_id for r in requests(hall) if r.state.value != "draft"}
    wrong = {one: who for one, who in by_request.items() if own[who] != owners[str(one)]}
    assert len(by_request) > 900
    assert not wrong


def test_an_unanswered_request_was_marked_and_handed_up(hall):
    steps = select(func.count()).where(ApprovalStep.state == StepState.ESCALATED)
    assert (hall.scalar(steps) or 0) >= 2
    (left_lying,) = requests(hall, REGISTRY["leave_request"].turn == Role.HALL_ADMIN)
    kinds = {mark.kind.value for mark in marks(hall, "leave_request", left_lying.id)}
    assert kinds == {"yellow"}  # above the hall administrator there is nobody


def test_those_who_moved_have_two_memberships_that_meet(hall):
    rows = all_of(hall, "unit_membership")
    moved = [staff for staff, count in Counter(r.staff_id for r in rows).items() if count > 1]
    assert len(moved) == 4
    for staff_id in moved:
        before, after = (row for row in rows if row.staff_id == staff_id)
        assert before.until == after.since - timedelta(days=1)
        assert before.unit_id != after.unit_id == after.staff.unit_id


def test_sudden_leave_is_sent_back_but_never_put_off(hall):
    """Nobody chooses the day of an illness; a lead asks for what is missing instead."""
    kinds = {request.id: request.leave_type.code for request in requests(hall)}
    put_off = {*WHY_REFUSED, SHORT_OF_PEOPLE, *WHY_CANCELLED}
    query = select(AuditEvent).where(
        AuditEvent.table_name == "leave_request", AuditEvent.action.in_(("refuse", "cancel"))
    )
    given = [(kinds[int(event.record_id)], event.reason) for event in hall.scalars(query)]
    sudden = [why for code, why in given if code in SUDDEN]
    assert {"sick", "bereavement"} == SUDDEN
    assert sudden
    assert not put_off.intersection(sudden)
    assert put_off.intersection(why for code, why in given if code not in SUDDEN)


# the day of the demonstration


def waiting_for_lin(hall: Session) -> dict[str, tuple[Any, str | None]]:
    """What waits for Lin, by who asks: the request and the reason against it, if there is one."""
    lin = actor_of(hall, account(hall, LIN), NOW)
    transition = REGISTRY["leave_request"].workflow.find("approve")
    with records.at_desk(hall, lin, NOW):
        found = [r for r in requests(hall) if r.turn is Role.LEAD and r.unit_id == lin.unit_id]
        looks = [(r, workflow.look(workflow.Act(hall, r, transition, lin, NOW))) for r in found]
    return {r.staff.name: (r, refusal and refusal.why.msgid) for r, refusal in looks}


def test_four_or_more_wait_for_lin_and_two_of_them_cannot_be_approved_yet(hall):
    waiting = waiting_for_lin(hall)
    assert len(waiting) >= 4
    assert "window %(window)s would have" in str(waiting["唐雨晴"][1])
    assert "the A/B partner %(partner)s is away" in str(waiting["陈晓"][1])
    assert sum(against is None for _, against in waiting.values()) >= 2


def test_a_substitute_has_accepted_and_another_is_asked(hall):
    request, against = waiting_for_lin(hall)["宋博"]
    assert against is None
    assert request.cover_accepted_at is not None
    asked = [r for r in requests(hall) if r.substitute_id and r.cover_accepted_at is None]
    assert "吴彤" in {r.substitute.name for r in asked if r.state.value == "submitted"}


def test_somebody_is_away_today_and_the_director_stands_in_for_the_deputy(hall):
    on_leave = [r for r in requests(hall) if r.state.value == "on_leave"]
    assert any(r.first_day <= hall_day(NOW) <= r.last_day for r in on_leave)
    director = actor_of(hall, account(hall, DIRECTOR), NOW)
    assert [person.roles for person in director.delegators] == [{Role.STAFF, Role.DEPUTY}]


def test_days_are_blocked_ahead_and_people_have_remarked_on_requests(hall):
    assert any(row.first_day > hall_day(NOW) for row in all_of(hall, "blocked_date"))
    assert hall.scalar(select(func.count()).select_from(Comment)) > 5


def test_only_what_is_new_is_unread_and_nothing_waits_for_the_mail(hall):
    unread = hall.scalars(select(MESSAGE.c.created_at).where(MESSAGE.c.read_at.is_(None))).all()
    assert unread
    assert min(unread) >= NOW - timedelta(days=4)
    posted = select(func.count()).where(MESSAGE.c.posted_at.is_(None))
    assert hall.scalar(posted) == 0


# its accounts


def test_only_the_cast_can_sign_in(hall):
    accounts = hall.scalars(select(Account)).all()
    assert len(accounts) == 180
    usable = [one for one in accounts if one.password_hash != NOBODY]
    assert len(usable) == CAST
    assert all(one.demonstration and not one.must_change_password for one in usable)
    assert not any(one.demonstration for one in accounts if one not in usable)


def test_who_needs_a_second_factor_has_one_and_passwords_are_of_today_auth_8(hall):
    usable = [one for one in hall.scalars(select(Account)) if one.password_hash != NOBODY]
    enrolled = {one.username for one in usable if one.totp_secret}
    assert enrolled == {"sysadmin", "secadmin", "auditor", "halladmin", "keeper"}
    for one in usable:
        roles = actor_of(hall, one, NOW).reachable_roles
        assert second_factor.is_required(roles) is (one.username in enrolled)
        assert one.password_changed_at == NOW
        if one.totp_secret:
            kept = unseal(authenticator.KEY, one.totp_secret, f"account {one.id}")
            assert kept == authenticator.SECRET


# on both databases, and on any day


@pytest.mark.parametrize("at", [SUNDAY], ids=["on a Sunday"])
def test_some_weeks_stand_on_both_databases_and_are_not_set_up_twice(engine, at):
    factors = Factors(authenticator.KEY)
    printed = demonstration.load(lambda: open_session(engine), at, span=SOME_WEEKS, factors=factors)
    assert len({one.secret for one in printed if one.secret}) == 5
    assert len({one.username for one in printed}) == CAST
    assert len({one.password for one in printed}) == CAST
    with open_session(engine) as session:
        count = len(requests(session))
        assert {r.state.value for r in requests(session)} >= {
            *("draft", "submitted", "approved", "on_leave", "overstayed", "returned"),
        }
        assert audit.verify(session).ok
    assert demonstration.load(lambda: open_session(engine), at) == []
    with open_session(engine) as session:
        assert len(requests(session)) == count


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)  # a question of days alone
def test_the_new_year_can_be_asked_for_before_it_begins(engine):
    """On the third of January the scenes reach back into December and draw on both years."""
    at = datetime(2027, 1, 3, 10, tzinfo=UTC)
    demonstration.load(lambda: open_session(engine), at, PASSWORD, SOME_WEEKS)
    new_year = datetime(2026, 12, 31, 16, tzinfo=UTC)
    with open_session(engine) as session, records.at_desk(session, SYSTEM, at):
        asked = [r for r in requests(session) if r.created_at < new_year]
        ahead = [r for r in asked if r.first_day >= date(2027, 1, 1)]
        assert "annual" in {r.leave_type.code for r in ahead}
