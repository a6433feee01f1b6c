"""Each change of a record is one event with who, when, before, after and why (X3, X4)."""

from datetime import date

import pytest
from sqlalchemy import func, select

from hallpanel.engine import audit, records, scope, trail, workflow
from hallpanel.engine.approval import ApprovalStep
from hallpanel.engine.audit import AuditEvent
from hallpanel.engine.errors import ClosedRecord, NoActor, Refusal, Stale
from hallpanel.engine.outbox import Message
from hallpanel.engine.records import open_session
from hallpanel.engine.scope import SYSTEM
from hallpanel.rulebook.discipline.blocked_date import BlockedDate
from hallpanel.rulebook.discipline.leave_request import LeaveRequest
from tests.cast import NOW, clock

State = LeaveRequest.State
MONDAY = date(2026, 3, 2)


def events(hall, record):
    """What the book says of a record, oldest first."""
    query = (
        select(AuditEvent)
        .where(
            AuditEvent.table_name == record.__tablename__, AuditEvent.record_id == str(record.id)
        )
        .order_by(AuditEvent.seq)
    )
    return list(hall.session.scalars(query))


def booked(hall):
    return hall.session.scalar(select(func.count()).select_from(AuditEvent))


@pytest.fixture
def blocked(cast):
    return cast.make(
        "blocked_date",
        "he",
        first_day=date(2026, 5, 1),
        last_day=date(2026, 5, 5),
        only_unit=cast.one("unit", code="A"),
        reason="节日高峰",
    )


def test_a_new_record_is_one_event_with_its_facts_x4(cast):
    request = cast.draft("mei", MONDAY)
    (event,) = events(cast, request)
    mei = cast.staff("mei")
    assert (event.action, event.clause, event.unit_id) == ("create", "2.1.2", mei.unit_id)
    assert (event.actor_name, event.role, event.at) == ("李梅", "staff", NOW)
    assert event.before is None
    assert event.after["number"] == request.number == "QJ2026-00001"
    assert event.after["staff"] == {"id": mei.id, "name": "李梅"}
    assert event.after["first_day"] == "2026-03-02"
    assert event.after["days"] == "1"
    assert event.after["state"] == "draft"
    assert "substitute" not in event.after


def test_an_edit_is_one_event_with_what_changed_and_nothing_else_x4(cast, blocked):
    cast.change(blocked, "he", clock(2, 10), reason="检查", only_unit=cast.one("unit", code="B"))
    _, event = events(cast, blocked)
    assert (event.action, event.actor_name, event.at) == ("edit", "何文静", clock(2, 10))
    units = [cast.one("unit", code=code) for code in "AB"]
    named = [{"id": unit.id, "name": unit.name} for unit in units]
    assert event.before == {"reason": "节日高峰", "only_unit": named[0]}
    assert event.after == {"reason": "检查", "only_unit": named[1]}


def test_an_edit_that_changes_nothing_is_no_event(cast, blocked):
    cast.change(blocked, "he", reason="节日高峰")
    assert len(events(cast, blocked)) == 1


def test_a_fact_that_is_emptied_is_told_before_and_after(cast, blocked):
    cast.change(blocked, "he", only_unit=None)
    event = events(cast, blocked)[-1]
    assert event.before["only_unit"]["name"] == "税务窗口"
    assert event.after == {"only_unit": None}


def test_a_related_name_stays_as_it_was_then_pitfall_37(cast, blocked):
    cast.change(cast.one("unit", code="A"), "he", name="税务一窗")
    (event,) = events(cast, blocked)
    assert event.after["only_unit"]["name"] == "税务窗口"


def test_a_transition_is_one_event_under_its_verb_clause_and_reason_x4(cast):
    request = cast.ask("mei", MONDAY)
    assert cast.act("lin", request, "refuse", clock(2, 10), reason="人手不足") is None
    _, submitted, refused = events(cast, request)
    assert (submitted.action, submitted.before["state"], submitted.after["state"]) == (
        "submit",
        "draft",
        "submitted",
    )
    assert (refused.action, refused.clause, refused.reason) == ("refuse", "2.1.2", "人手不足")
    assert (refused.actor_name, refused.at) == ("林慧敏", clock(2, 10))
    assert (refused.before["state"], refused.after["state"]) == ("submitted", "refused")
    assert (refused.before["turn"], refused.after["turn"]) == ("lead", None)


def test_a_step_that_leaves_the_state_tells_only_whose_turn_it_is_now_l5(cast):
    request = cast.ask("mei", MONDAY)
    cast.approve(request, "lin")
    event = events(cast, request)[-1]
    assert (event.action, event.before, event.after) == (
        "approve",
        {"turn": "lead"},
        {"turn": "supervision"},
    )


def test_a_transition_of_several_flushes_is_still_one_event(cast):
    request = cast.ask("mei", MONDAY, last_half="morning")
    cast.approve(request, "lin")
    assert [event.action for event in events(cast, request)] == ["create", "submit", "approve"]


def test_what_a_transition_does_to_other_records_is_an_event_of_each(cast):
    request = cast.ask("mei", MONDAY, last_half="morning")
    cast.approve(request, "lin")
    (day,) = cast.all("attendance_day")
    (event,) = events(cast, day)
    assert (event.action, event.actor_name) == ("create", "林慧敏")
    assert event.after["morning_leave"] == {"id": request.id, "name": request.number}


def test_a_removal_is_one_event_with_what_was_x4(cast, blocked):
    with cast.desk("he") as session:
        records.remove(session, blocked, actor=cast.actor("he"))
        session.commit()
    event = events(cast, blocked)[-1]
    assert (event.action, event.after) == ("delete", None)
    assert event.before["reason"] == "节日高峰"
    assert event.before["only_unit"]["name"] == "税务窗口"


def test_a_refused_transition_leaves_nothing(cast):
    request = cast.draft("mei", MONDAY, date(2026, 3, 4), kind="sick")
    before = booked(cast), cast.refresh(request).version
    refusal = cast.act("mei", request, "submit")
    assert "certificate" in str(refusal)
    assert (booked(cast), cast.refresh(request).version) == before
    assert request.state is State.DRAFT
    assert not cast.session.scalars(select(ApprovalStep)).all()
    assert not cast.session.scalars(select(Message)).all()


def test_an_effect_that_fails_takes_the_whole_transition_back(cast, monkeypatch):
    request = cast.ask("mei", MONDAY)
    cast.approve(request, "lin")
    before = booked(cast)

    def fails(_session, *_arguments, **_named):
        raise RuntimeError("the disk is full")

    monkeypatch.setattr(workflow.outbox, "tell", fails)
    with pytest.raises(RuntimeError, match="disk"):
        cast.act("sun", request, "approve")
    cast.session.rollback()
    monkeypatch.undo()
    assert cast.refresh(request).state is State.SUBMITTED
    assert booked(cast) == before
    assert cast.all("attendance_day") == []


def test_nothing_is_changed_by_nobody(cast, blocked):
    blocked.reason = "别的"
    with scope.acting(cast.session, SYSTEM), pytest.raises(NoActor):
        cast.session.commit()
    cast.session.rollback()
    assert cast.refresh(blocked).reason == "节日高峰"


# What may not be changed


def test_a_state_is_changed_by_a_transition_only(cast):
    request = cast.draft("mei", MONDAY)
    with pytest.raises(ClosedRecord, match="by a transition only"):
        cast.change(request, "mei", state=State.APPROVED)
    for facts in ({"state": State.APPROVED}, {"state": State.APPROVED, "reason": "x"}):
        with cast.desk("mei") as session:
            for name, value in facts.items():
                setattr(request, name, value)
            with pytest.raises(ClosedRecord, match="by a transition only"):
                session.commit()
            session.rollback()
    assert cast.refresh(request).state is State.DRAFT


def test_a_record_is_born_in_its_first_state(cast):
    for state in set(State) - {State.DRAFT}:
        with pytest.raises(ClosedRecord, match="by a transition only"):
            cast.draft("mei", MONDAY, state=state)
    assert cast.all("leave_request") == []


def test_a_record_that_left_its_first_state_is_not_edited_x3(cast):
    request = cast.ask("mei", MONDAY)
    before = booked(cast)
    with pytest.raises(ClosedRecord, match="can no longer be edited"):
        cast.change(request, "mei", reason="别的")
    for who in ("mei", "he", "system"):
        with cast.desk(who) as session:
            request.reason = "别的"
            with pytest.raises(ClosedRecord, match="its state is “Awaiting approval”"):
                session.commit()
            session.rollback()
    assert cast.refresh(request).reason == "家里有事"
    assert booked(cast) == before


def test_a_record_of_the_hall_is_withdrawn_and_not_deleted_x5(cast):
    request = cast.draft("mei", MONDAY)
    with cast.desk("system") as session, pytest.raises(Refusal):
        records.remove(session, request, actor=SYSTEM)
    cast.session.rollback()
    with cast.desk("system") as session:
        session.delete(request)
        with pytest.raises(ClosedRecord, match="withdraw it instead"):
            session.commit()
    cast.session.rollback()
    assert cast.refresh(request).state is State.DRAFT


def test_an_edit_of_an_older_version_is_refused_x7(cast, blocked):
    seen = blocked.version
    cast.change(blocked, "he", reason="检查")
    with cast.desk("he") as session:
        with pytest.raises(Stale):
            records.change(
                session, blocked, {"reason": "迟了"}, actor=cast.actor("he"), at=NOW, version=seen
            )
        session.rollback()
    assert cast.refresh(blocked).reason == "检查"


def test_of_two_who_edit_at_once_the_second_is_refused_pitfall_15(cast, blocked):
    he = cast.actor("he")
    with open_session(cast.engine) as other, records.at_desk(other, he, NOW):
        theirs = records.find(other, BlockedDate, blocked.id)
        other.commit()
        cast.change(blocked, "he", reason="先到")
        with pytest.raises(Stale):
            records.change(other, theirs, {"reason": "后到"}, actor=he, at=NOW)
        other.rollback()
    assert cast.refresh(blocked).reason == "先到"


# Savepoints, as an import uses them


def test_what_a_savepoint_takes_back_is_not_told_and_the_rest_is(cast):
    with cast.desk("he") as session:
        he = cast.actor("he")

        def block(reason):
            days = {"first_day": date(2026, 6, 1), "last_day": date(2026, 6, 1)}
            return records.create(
                session, BlockedDate, {"reason": reason, **days}, actor=he, at=NOW
            )

        kept = block("先")
        taken_back = session.begin_nested()
        records.change(session, kept, {"reason": "改"}, actor=he, at=NOW)
        block("不要")
        taken_back.rollback()
        with session.begin_nested():
            also = block("后")
        session.commit()
    told = cast.session.scalars(
        select(AuditEvent).where(AuditEvent.table_name == "blocked_date").order_by(AuditEvent.seq)
    ).all()
    assert [(event.action, event.after["reason"]) for event in told] == [
        ("create", "先"),
        ("create", "后"),
    ]
    assert [event.record_id for event in told] == [str(kept.id), str(also.id)]
    with scope.acting(cast.session, SYSTEM):
        assert [one.reason for one in cast.all("blocked_date")] == ["先", "后"]


def test_a_savepoint_kept_within_one_taken_back_is_not_told_either(cast, blocked):
    with cast.desk("he") as session:
        he = cast.actor("he")
        outer = session.begin_nested()
        records.change(session, blocked, {"reason": "外"}, actor=he, at=NOW)
        with session.begin_nested():
            records.change(session, blocked, {"reason": "内"}, actor=he, at=NOW)
        outer.rollback()
        with session.begin_nested():
            records.change(session, blocked, {"reason": "后"}, actor=he, at=NOW)
        session.commit()
    query = select(AuditEvent).where(AuditEvent.action == "edit")
    (told,) = cast.session.scalars(query.where(AuditEvent.table_name == "blocked_date")).all()
    assert told.after == {"reason": "后"}
    assert told.before["reason"] not in ("外", "内")


def test_the_book_holds_after_all_of_this(cast, blocked):
    cast.approve(cast.ask("mei", MONDAY, last_half="morning"), "lin")
    cast.change(blocked, "he", reason="检查")
    assert audit.verify(cast.session).ok


def test_the_last_decision_is_known_by_name(cast):
    request = cast.ask("mei", MONDAY)
    assert trail.last_decision(cast.session, request) == "李梅"
    cast.approve(request, "lin")
    assert trail.last_decision(cast.session, request) == "林慧敏"
    with scope.acting(cast.session, SYSTEM):
        assert trail.present_state(cast.session, request) == "submitted"
