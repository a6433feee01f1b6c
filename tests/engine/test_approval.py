"""Tiers of approval: planned, decided one by one, handed up, ended early; all on record (L5)."""

from dataclasses import replace
from datetime import date

import pytest
from sqlalchemy import select

from hallpanel.engine import approval
from hallpanel.engine.approval import LADDER, ApprovalStep, StepState
from hallpanel.engine.audit import AuditEvent
from hallpanel.engine.errors import NotAllowed, Stale
from hallpanel.engine.roles import Role
from hallpanel.engine.scope import SYSTEM, Actor, Grant
from hallpanel.engine.workflow import barred, offered
from hallpanel.rulebook.discipline.leave_request import LeaveRequest
from tests.cast import clock

State = LeaveRequest.State
MONDAY, WEDNESDAY = date(2026, 3, 2), date(2026, 3, 4)
LEAD, SUPERVISION, DEPUTY = Role.LEAD, Role.SUPERVISION, Role.DEPUTY


def tiers(cast, request):
    """What became of each tier, in order."""
    with cast.looking() as session:
        return [(step.role, step.state) for step in approval.steps_of(session, request)]


@pytest.fixture
def request_(cast):
    """Three days of Mei's, which the lead, the supervision and the deputy must agree to."""
    return cast.ask("mei", MONDAY, WEDNESDAY)


def test_a_submission_plans_its_tiers_and_the_first_ones_turn_begins_l5(cast, request_):
    assert tiers(cast, request_) == [
        (LEAD, StepState.NOW),
        (SUPERVISION, StepState.WAITING),
        (DEPUTY, StepState.WAITING),
    ]
    assert (request_.state, request_.turn) == (State.SUBMITTED, LEAD)


def test_each_tier_agrees_in_turn_and_the_last_one_approves_l5(cast, request_):
    for who, turn in (("lin", SUPERVISION), ("sun", DEPUTY)):
        cast.approve(request_, who)
        assert (request_.state, request_.turn) == (State.SUBMITTED, turn)
        assert cast.all("attendance_day") == []
    cast.approve(request_, "qian")
    assert (request_.state, request_.turn) == (State.APPROVED, None)
    assert {state for _, state in tiers(cast, request_)} == {StepState.APPROVED}
    assert len(cast.all("attendance_day")) == 3


def test_each_decision_keeps_who_when_and_the_remark_l5(cast, request_):
    cast.act("lin", request_, "approve", clock(2, 9, 11), reason="同意")
    with cast.looking() as session:
        first, second, _ = approval.steps_of(session, request_)
    assert (first.decided_by, first.decided_at, first.remark) == ("林慧敏", clock(2, 9, 11), "同意")
    assert first.account_id == cast.actor("lin").account_id
    assert first.on_behalf_of is None
    assert (second.decided_by, second.decided_at) == (None, None)


def test_nobody_decides_out_of_turn(cast, request_):
    for who in ("mei", "chen", "sun", "qian", "zhao", "he", "zhou"):
        assert isinstance(cast.act(who, request_, "approve"), NotAllowed), who
    cast.approve(request_, "lin")
    for who in ("lin", "qian", "zhao", "zhou"):
        assert isinstance(cast.act(who, request_, "approve"), NotAllowed), who
    assert tiers(cast, request_)[1] == (SUPERVISION, StepState.NOW)


def test_a_refusal_at_one_tier_ends_the_others_l5(cast, request_):
    cast.approve(request_, "lin")
    assert cast.act("sun", request_, "refuse", reason="人手不足") is None
    assert tiers(cast, request_) == [
        (LEAD, StepState.APPROVED),
        (SUPERVISION, StepState.REFUSED),
        (DEPUTY, StepState.VOID),
    ]
    assert (request_.state, request_.turn) == (State.REFUSED, None)


def test_a_withdrawal_voids_what_was_not_decided_l7(cast, request_):
    cast.approve(request_, "lin")
    assert cast.act("mei", request_, "withdraw") is None
    assert [state for _, state in tiers(cast, request_)] == [
        StepState.APPROVED,
        StepState.VOID,
        StepState.VOID,
    ]
    assert request_.turn is None


def test_who_hands_a_request_up_stays_on_record_as_having_done_so(cast, request_):
    assert cast.act("lin", request_, "escalate", reason="拿不准") is None
    assert tiers(cast, request_)[:2] == [
        (LEAD, StepState.ESCALATED),
        (SUPERVISION, StepState.NOW),
    ]
    assert (request_.state, request_.turn) == (State.SUBMITTED, SUPERVISION)
    with cast.looking() as session:
        assert approval.steps_of(session, request_)[0].remark == "拿不准"


def test_the_last_tier_hands_up_to_the_role_above_and_the_highest_to_nobody(cast):
    request = cast.ask("mei", MONDAY, last_half="morning")
    for who, above in (("lin", Role.SUPERVISION), ("sun", DEPUTY), ("qian", Role.DIRECTOR)):
        assert cast.act(who, request, "escalate", reason="请示") is None
        assert request.turn is above
    assert cast.act("zhao", request, "escalate", reason="请示") is None
    assert request.turn is Role.HALL_ADMIN
    refusal = cast.act("he", request, "escalate", reason="请示")
    assert str(refusal) == "there is nobody above to decide it"
    assert request.turn is Role.HALL_ADMIN
    cast.approve(request, "he")
    assert request.state is State.APPROVED


def test_nobody_is_above_the_hall_administrator():
    assert [approval.above(role) for role in LADDER] == [*LADDER[1:], None]


def test_who_comes_second_is_told_who_was_first(cast, request_):
    cast.act("lin", request_, "refuse", reason="忙")
    refusal = cast.act("lin", request_, "approve")
    assert isinstance(refusal, Stale)
    assert str(refusal) == "林慧敏 was faster; its state is now “Refused”"


# X2: nobody decides what is their own, nor through a delegate

UNIT, OTHER_UNIT = 1, 2


def person(number, *roles, unit=UNIT, delegators=()):
    grants = frozenset(Grant(role, unit if role is LEAD else None) for role in roles)
    return Actor(number, number, unit, f"某{number}", grants, delegators)


STAFF = person(1, Role.STAFF)
LEAD_OF_UNIT = person(2, Role.STAFF, LEAD)
LEAD_OF_OTHER = person(3, Role.STAFF, LEAD, unit=OTHER_UNIT)
DIRECTOR = person(4, Role.STAFF, Role.DIRECTOR, unit=9)
ADMIN = person(5, Role.STAFF, Role.HALL_ADMIN, unit=9)


def standing_in(actor, *delegators):
    return replace(actor, delegators=delegators)


MAY_APPROVE = [
    ("a lead, of the own unit", STAFF.staff_id, LEAD, LEAD_OF_UNIT, True),
    ("a lead, of another unit", STAFF.staff_id, LEAD, LEAD_OF_OTHER, False),
    ("a lead, their own", LEAD_OF_UNIT.staff_id, LEAD, LEAD_OF_UNIT, False),
    ("staff", 7, LEAD, STAFF, False),
    ("the director in the lead's turn", STAFF.staff_id, LEAD, DIRECTOR, False),
    ("the director in the director's turn", STAFF.staff_id, Role.DIRECTOR, DIRECTOR, True),
    ("the director, their own", DIRECTOR.staff_id, Role.DIRECTOR, DIRECTOR, False),
    ("the hall administrator, their own", ADMIN.staff_id, Role.HALL_ADMIN, ADMIN, False),
    ("a lead when nobody's turn it is", STAFF.staff_id, None, LEAD_OF_UNIT, False),
    ("a delegate of the lead", 7, LEAD, standing_in(STAFF, LEAD_OF_UNIT), True),
    (
        "a delegate of the lead, their own",
        STAFF.staff_id,
        LEAD,
        standing_in(STAFF, LEAD_OF_UNIT),
        False,
    ),
    (
        "a delegate of the lead, the lead's",
        LEAD_OF_UNIT.staff_id,
        LEAD,
        standing_in(STAFF, LEAD_OF_UNIT),
        False,
    ),
    (
        "a lead who is the delegate of another lead, the other's own",
        LEAD_OF_UNIT.staff_id,
        LEAD,
        standing_in(LEAD_OF_OTHER, LEAD_OF_UNIT),
        False,
    ),
    (
        "a lead who is the delegate of another lead, the other unit's",
        STAFF.staff_id,
        LEAD,
        standing_in(LEAD_OF_OTHER, LEAD_OF_UNIT),
        True,
    ),
    (
        "the director who is a delegate of the owner",
        STAFF.staff_id,
        Role.DIRECTOR,
        standing_in(DIRECTOR, STAFF),
        False,
    ),
    ("nobody at all", STAFF.staff_id, LEAD, Actor(None, None, None, "无"), False),
    ("the system", STAFF.staff_id, LEAD, SYSTEM, True),
]


def held_by(owner, turn):
    """A submitted request of somebody, in no session."""
    return LeaveRequest(staff_id=owner, unit_id=UNIT, turn=turn, state=State.SUBMITTED)


@pytest.mark.parametrize(
    ("owner", "turn", "actor", "may"),
    [row[1:] for row in MAY_APPROVE],
    ids=[r[0] for r in MAY_APPROVE],
)
def test_nobody_decides_on_their_own_leave_nor_through_a_delegate_x2_x10(
    entities, owner, turn, actor, may
):
    record = held_by(owner, turn)
    for verb in ("approve", "refuse", "escalate"):
        assert (barred(record, LeaveRequest.workflow.find(verb), actor) is None) is may


def test_the_offer_of_actions_follows_the_same_rule_x2(entities):
    mine = held_by(STAFF.staff_id, LEAD)
    assert [t.verb for t in offered(mine, STAFF)] == ["name_substitute", "withdraw"]
    assert {"approve", "refuse", "escalate"} <= {t.verb for t in offered(mine, LEAD_OF_UNIT)}
    assert not offered(mine, LEAD_OF_OTHER)


def test_only_the_sweep_marks_an_overstay(entities):
    record = held_by(STAFF.staff_id, None)
    overstay = LeaveRequest.workflow.find("overstay")
    for actor in (STAFF, LEAD_OF_UNIT, DIRECTOR, ADMIN):
        assert barred(record, overstay, actor)
    assert barred(record, overstay, SYSTEM) is None


def test_a_leads_own_leave_goes_one_level_up_x2(cast):
    request = cast.ask("lin", MONDAY, last_half="morning")
    assert tiers(cast, request) == [(SUPERVISION, StepState.NOW)]
    assert isinstance(cast.act("lin", request, "approve"), NotAllowed)
    cast.approve(request, "sun")
    assert request.state is State.APPROVED


# X10: whoever is named decides in another's stead, and both stay on record


@pytest.fixture
def ye_for_lin(cast):
    """Ye decides for Lin this week."""
    cast.make(
        "delegation",
        "lin",
        delegator=cast.staff("lin"),
        delegate=cast.staff("ye"),
        first_day=date(2026, 2, 9),
        last_day=date(2026, 2, 13),
    )
    return cast


def test_a_delegate_decides_and_it_says_for_whom_x10(ye_for_lin, cast):
    request = cast.ask("mei", MONDAY, last_half="morning")
    cast.approve(request, "ye")
    with cast.looking() as session:
        (step,) = approval.steps_of(session, request)
        event = session.scalars(select(AuditEvent).where(AuditEvent.action == "approve")).one()
    assert (step.decided_by, step.on_behalf_of) == ("叶青", "林慧敏")
    assert (event.actor_name, event.on_behalf_of) == ("叶青", "林慧敏")


def test_what_a_delegate_does_in_their_own_right_is_on_nobodys_behalf_x10(ye_for_lin, cast):
    request = cast.ask("ye", MONDAY, last_half="morning")
    assert cast.act("ye", request, "withdraw") is None
    with cast.looking() as session:
        (step,) = session.scalars(select(ApprovalStep)).all()
        events = session.scalars(
            select(AuditEvent).where(AuditEvent.table_name == "leave_request")
        ).all()
    assert step.on_behalf_of is None
    assert [(event.action, event.on_behalf_of) for event in events] == [
        ("create", None),
        ("submit", None),
        ("withdraw", None),
    ]


def test_a_lead_who_decides_for_another_lead_does_so_on_their_behalf_x10(cast):
    cast.make(
        "delegation",
        "lin",
        delegator=cast.staff("lin"),
        delegate=cast.staff("zhou"),
        first_day=date(2026, 2, 9),
        last_day=date(2026, 2, 13),
    )
    theirs = cast.ask("mei", MONDAY, last_half="morning")
    own = cast.ask("wu", MONDAY, last_half="morning")
    cast.approve(theirs, "zhou")
    cast.approve(own, "zhou")
    with cast.looking() as session:
        lent = [approval.steps_of(session, one)[0].on_behalf_of for one in (theirs, own)]
    assert lent == ["林慧敏", None]


def test_a_delegation_ends_with_its_last_day_x10(ye_for_lin, cast):
    request = cast.ask("mei", MONDAY, last_half="morning")
    assert isinstance(cast.act("ye", request, "approve", clock(2, 14)), NotAllowed)
    assert cast.act("ye", request, "approve", clock(2, 13, 23, 59)) is None


def test_a_delegate_decides_neither_on_the_own_leave_nor_on_the_delegators_x2(ye_for_lin, cast):
    own = cast.ask("ye", MONDAY, last_half="morning")
    assert "own record" in str(cast.act("ye", own, "approve"))
    theirs = cast.ask("lin", date(2026, 3, 9), last_half="morning")
    assert isinstance(cast.act("ye", theirs, "approve"), NotAllowed)
    assert {one.state for one in cast.all("leave_request")} == {State.SUBMITTED}


def test_a_second_round_of_approval_begins_anew(cast, request_):
    with cast.desk("system") as session:
        approval.begin(session, request_, [LEAD])
        session.flush()
        rounds = [(step.round, step.position) for step in approval.steps_of(session, request_)]
        session.rollback()
    assert rounds == [(1, 0), (1, 1), (1, 2), (2, 0)]
