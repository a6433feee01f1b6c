"""A transition: who may, what is said beforehand, what then happens, and to whom it waits (X12)."""

from datetime import date

import pytest
from sqlalchemy import select

from hallpanel.engine import deadline, workflow
from hallpanel.engine.audit import AuditEvent
from hallpanel.engine.errors import NotAllowed, Refusal, Stale
from hallpanel.engine.outbox import Message
from hallpanel.engine.roles import Role
from hallpanel.engine.who import Either, Holds, OwnerMay, lender
from hallpanel.engine.workflow import Act
from hallpanel.guard.account import Account
from hallpanel.rulebook.discipline.leave_request import LeaveRequest
from tests.cast import NOW, NUMBERS, clock

State = LeaveRequest.State
MONDAY, WEDNESDAY = date(2026, 3, 2), date(2026, 3, 4)


def foreseen(cast, who, record, verb, at=NOW):
    """What the page before a transition says."""
    with cast.desk(who, at) as session:
        transition = record.workflow.find(verb)
        act = Act(session, record, transition, cast.actor(who, at), at)
        said = [str(phrase) for phrase in workflow.foresee(act)]
        assert not session.dirty
        assert not session.new
        session.rollback()
    cast.refresh(record)
    return said


def told(cast, record):
    """Who was told what of a record."""
    query = (
        select(Account.username, Message)
        .join(Account, Account.id == Message.to_account_id)
        .where(Message.table_name == record.__tablename__, Message.record_id == record.id)
        .order_by(Message.id)
    )
    with cast.looking() as session:
        return [(name, str(message.sentence)) for name, message in session.execute(query)]


def clock_of(cast, record):
    with cast.looking() as session:
        return deadline.running(session, record.__tablename__, record.id)


# X12


def test_submitting_says_what_then_happens_x12(cast):
    request = cast.draft("mei", MONDAY, WEDNESDAY, kind="annual", substitute=cast.staff("ye"))
    said = foreseen(cast, "mei", request, "submit")
    assert {
        "3.0 days of 年假 are reserved",
        "Step 1: Section lead decides",
        "Step 2: Supervision section decides",
        "Step 3: Deputy director decides",
        "The limit “Decision on leave” starts",
        "Section lead is told",
    } <= set(said)
    assert any("叶青" in line for line in said)
    assert cast.act("mei", request, "submit") is None
    (reserved,) = cast.all("leave_entry", request_id=request.id)
    assert (reserved.kind, reserved.days) == ("reserved", -3)
    assert clock_of(cast, request).holder_role is Role.LEAD
    assert {name for name, _ in told(cast, request)} == {"lin", "ye"}


def test_agreeing_before_the_last_tier_says_to_whom_it_goes_on_x12(cast):
    request = cast.ask("mei", MONDAY, WEDNESDAY)
    said = foreseen(cast, "lin", request, "approve")
    assert "It goes on to Supervision section" in said
    assert "The limit “Decision on leave” starts anew for the next tier" in said
    assert not any("Attendance" in line for line in said)
    cast.approve(request, "lin")
    assert clock_of(cast, request).holder_role is Role.SUPERVISION


def test_the_last_tier_is_told_what_its_agreement_does_x12(cast):
    request = cast.ask("mei", MONDAY, kind="annual", last_half="morning")
    said = foreseen(cast, "lin", request, "approve")
    assert said == [
        "0.5 days of 年假 count as used",
        "Attendance: 0.5 working days are explained by this leave",
        "The limit “Decision on leave” stops",
        "李梅 is told",
    ]
    cast.approve(request, "lin")
    assert clock_of(cast, request) is None
    assert [name for name, _ in told(cast, request)][-1] == "mei"


def test_withdrawing_says_what_is_given_back_x12(cast):
    request = cast.ask("mei", MONDAY, kind="annual")
    cast.approve(request, "lin", "sun")
    said = foreseen(cast, "mei", request, "withdraw")
    assert "1.0 days of 年假 are given back" in said
    assert "Attendance is as if the leave had not been approved" in said


def test_looking_at_a_transition_changes_nothing(cast):
    request = cast.ask("mei", MONDAY)
    before = request.version
    with cast.desk("lin") as session:
        act = Act(session, request, request.workflow.find("approve"), cast.actor("lin"), NOW)
        assert workflow.look(act) is None
        assert not session.dirty
        session.commit()
    assert cast.refresh(request).version == before


# Telling


def test_the_owner_and_whoever_is_next_are_told_and_who_acts_is_not(cast):
    request = cast.ask("mei", MONDAY)
    assert [name for name, _ in told(cast, request)] == ["lin"]
    cast.act("lin", request, "approve", reason="同意")
    later = told(cast, request)[1:]
    assert {name for name, _ in later} == {"mei", "sun"}
    assert all(request.number in sentence and "林慧敏" in sentence for _, sentence in later)
    assert all("同意" in sentence for _, sentence in later)


def test_a_lead_of_another_unit_is_told_nothing(cast):
    cast.ask("mei", MONDAY)
    with cast.looking() as session:
        zhou = cast.actor("zhou").account_id
        assert not session.scalars(select(Message).where(Message.to_account_id == zhou)).all()


def test_a_closed_account_is_told_nothing(cast):
    with cast.desk("system") as session:
        account = session.scalars(select(Account).where(Account.username == "lin")).one()
        account.disabled_at = NOW
        session.commit()
    assert told(cast, cast.ask("mei", MONDAY)) == []


# Refusing


def test_a_refusal_names_its_clause_x6(cast):
    request = cast.draft("mei", MONDAY, WEDNESDAY, kind="sick")
    refusal = cast.act("mei", request, "submit")
    assert refusal.clause == "2.1.2"
    assert str(refusal) == "病假 of 3.0 days needs a certificate"
    assert str(refusal.then) == "Attach it to the request, then submit again."


def test_a_verb_that_is_none_is_refused(cast):
    request = cast.draft("mei", MONDAY)
    assert isinstance(cast.act("mei", request, "vanish"), NotAllowed)


def test_a_decision_on_an_older_version_is_refused_and_says_who_changed_it_x7(cast):
    request = cast.ask("mei", MONDAY)
    seen = request.version
    assert cast.act("mei", request, "name_substitute", substitute=cast.staff("ye")) is None
    with cast.desk("lin") as session:
        with pytest.raises(Stale, match="李梅 was faster"):
            workflow.perform(
                session, request, "approve", actor=cast.actor("lin"), at=NOW, version=seen
            )
        session.rollback()
    assert cast.refresh(request).state is State.SUBMITTED


def test_what_happened_to_a_record_is_said_before_whose_turn_it_is(cast):
    request = cast.ask("mei", MONDAY)
    cast.act("lin", request, "refuse", reason="忙")
    refusal = cast.act("sun", request, "approve")
    assert "Refused" in str(refusal)


def test_a_limit_without_a_figure_is_a_refusal_and_no_failure_of_the_program(cast):
    for rule in cast.all("limit_rule", key="leave_approval"):
        cast.change(rule, "he", since=date(2030, 1, 1))
    request = cast.draft("mei", MONDAY)
    refusal = cast.act("mei", request, "submit")
    assert str(refusal) == "no figure is in force for the limit “Decision on leave”"
    assert "leave_approval" in str(refusal.then)
    assert cast.refresh(request).state is State.DRAFT


# What waits for whom


def test_what_waits_for_somebody_is_what_they_may_do_x11(cast):
    cast.make(
        "delegation",
        "lin",
        delegator=cast.staff("lin"),
        delegate=cast.staff("ye"),
        first_day=date(2026, 2, 9),
        last_day=date(2026, 2, 13),
    )
    cast.draft("mei", date(2026, 4, 7))
    cast.ask("mei", MONDAY, substitute=cast.staff("ye"))
    cast.ask("ye", date(2026, 3, 9), last_half="morning")
    cast.ask("lin", date(2026, 3, 10))
    cast.ask("wu", date(2026, 3, 11))
    two_days = cast.ask("chen", date(2026, 3, 16), date(2026, 3, 17))
    cast.approve(two_days, "lin")
    cast.approve(cast.ask("chen", date(2026, 3, 19), last_half="morning"), "lin")
    records_ = cast.all("leave_request")
    for who in NUMBERS:
        actor = cast.actor(who)
        for transition in LeaveRequest.workflow.transitions:
            criterion = transition.by.awaits(LeaveRequest, actor)
            query = select(LeaveRequest.id).where(
                LeaveRequest.state.in_(transition.source), criterion
            )
            with cast.desk("system") as session:
                waiting = set(session.scalars(query))
                may = {
                    record.id
                    for record in records_
                    if record.state in transition.source
                    and workflow.barred(record, transition, actor) is None
                }
                session.rollback()
            if transition.awaited:
                assert waiting == may, (who, transition.verb)
            assert waiting <= may, (who, transition.verb)
        records_ = cast.all("leave_request")


def test_a_lender_is_named_only_where_the_right_is_borrowed(cast):
    request = cast.ask("mei", MONDAY)
    lin, ye = cast.actor("lin"), cast.actor("ye")
    lent = type(ye)(ye.account_id, ye.staff_id, ye.unit_id, ye.name, ye.grants, (lin,))
    assert lender(Holds(Role.LEAD), lent, request) == "林慧敏"
    assert lender(Holds(Role.LEAD), lin, request) is None
    assert lender(Holds(Role.STAFF), lent, request) is None
    assert lender(Either(OwnerMay(), Holds(Role.LEAD)), cast.actor("mei"), request) is None


def test_every_transition_of_a_year_keeps_the_book_right(cast):
    request = cast.ask("mei", MONDAY, kind="annual")
    cast.approve(request, "lin", "sun", at=clock(2, 10))
    cast.act("mei", request, "hand_over", clock(2, 27))
    cast.act("mei", request, "leave_post", clock(3, 2, 8))
    cast.act("mei", request, "return", clock(3, 3, 8))
    assert request.state is State.RETURNED
    with cast.looking() as session:
        verbs = session.scalars(
            select(AuditEvent.action)
            .where(AuditEvent.table_name == "leave_request")
            .order_by(AuditEvent.seq)
        ).all()
    path = ["create", "submit", "approve", "approve", "hand_over", "leave_post", "return"]
    assert verbs == path


def test_a_rule_of_an_entity_speaks_as_a_refusal(cast):
    with pytest.raises(Refusal, match="before it begins") as refused:
        cast.draft("mei", WEDNESDAY, MONDAY)
    assert refused.value.field == "last_day"
    assert refused.value.clause == "2.1.2"
