"""Who must agree to leave: by its days, as data with dates, and one level up for deciders (L5)."""

from datetime import date
from decimal import Decimal

import pytest
from sqlalchemy import select

from hallpanel.engine.roles import Role
from hallpanel.guard.account import RoleGrant
from hallpanel.rulebook.discipline.leave_tier import tiers_for

TODAY = date(2026, 2, 9)
LEAD, SUPERVISION, DEPUTY, DIRECTOR, ADMIN = (
    Role.LEAD,
    Role.SUPERVISION,
    Role.DEPUTY,
    Role.DIRECTOR,
    Role.HALL_ADMIN,
)
STAFF = frozenset({Role.STAFF})
TABLE = [
    (STAFF, "0.5", [LEAD]),
    (STAFF, "1", [LEAD, SUPERVISION]),
    (STAFF, "1.5", [LEAD, SUPERVISION, DEPUTY]),
    (STAFF, "3", [LEAD, SUPERVISION, DEPUTY]),
    (STAFF, "3.5", [LEAD, SUPERVISION, DEPUTY, DIRECTOR]),
    (STAFF, "10", [LEAD, SUPERVISION, DEPUTY, DIRECTOR]),
    (STAFF | {LEAD}, "0.5", [SUPERVISION]),
    (STAFF | {LEAD}, "1", [SUPERVISION]),
    (STAFF | {LEAD}, "2", [SUPERVISION, DEPUTY]),
    (STAFF | {LEAD}, "10", [SUPERVISION, DEPUTY, DIRECTOR]),
    (frozenset({SUPERVISION}), "0.5", [DEPUTY]),
    (frozenset({SUPERVISION}), "4", [DEPUTY, DIRECTOR]),
    (STAFF | {DEPUTY}, "0.5", [DIRECTOR]),
    (STAFF | {DEPUTY}, "5", [DIRECTOR]),
    (STAFF | {DIRECTOR}, "0.5", [ADMIN]),
    (STAFF | {DIRECTOR}, "5", [ADMIN]),
    (STAFF | {Role.REVIEWER}, "1", [LEAD, SUPERVISION]),
    (frozenset(), "1", [LEAD, SUPERVISION]),
]


@pytest.fixture
def asked(cast):
    """Ask for the tiers, as of a day."""

    def _asked(days, roles=STAFF, day=TODAY):
        with cast.desk("system") as session:
            return tiers_for(session, Decimal(days), day, roles)

    return _asked


def test_each_length_of_leave_has_its_tiers_and_who_holds_one_starts_above_it_l5_x2(asked):
    for roles, days, tiers in TABLE:
        assert asked(days, roles) == tiers, (sorted(roles), days)
        assert not roles & set(tiers)


def test_days_are_compared_as_numbers_l5(asked):
    assert asked("10") == asked("10.0") == asked("9.5")
    assert asked("1.0") == asked("1") != asked("1.5")


def test_a_new_figure_holds_from_its_day_and_leaves_the_past_as_it_was_l5(cast, asked):
    cast.make("leave_tier", "he", role=DEPUTY, above_days=Decimal(2), since=date(2026, 7, 1))
    assert asked("2", day=date(2026, 6, 30)) == [LEAD, SUPERVISION, DEPUTY]
    assert asked("2", day=date(2026, 7, 1)) == [LEAD, SUPERVISION]
    assert asked("2.5", day=date(2026, 7, 1)) == [LEAD, SUPERVISION, DEPUTY]


def test_where_no_figure_is_in_force_nobody_could_decide_so_nothing_is_submitted(cast, asked):
    assert asked("1", day=date(2019, 12, 31)) == []
    for tier in cast.all("leave_tier"):
        cast.change(tier, "he", since=date(2030, 1, 1))
    refusal = cast.act("mei", cast.draft("mei", date(2026, 3, 2)), "submit")
    assert str(refusal) == "no tier of approval is in force for it"


def test_what_is_only_filed_here_is_seen_by_the_lowest_tier_alone_l1(cast):
    request = cast.draft("mei", date(2026, 3, 2), date(2026, 8, 6), kind="maternity")
    cast.certify("mei", request)
    assert cast.act("mei", request, "submit") is None
    assert (request.days, request.turn) == (158, LEAD)
    cast.approve(request, "lin")
    assert request.state == "approved"


def test_a_role_that_is_over_counts_no_more(cast):
    lin = cast.actor("lin").account_id
    with cast.desk("system") as session:
        held = RoleGrant.account_id == lin, RoleGrant.role == LEAD
        session.scalars(select(RoleGrant).where(*held)).one().until = date(2026, 2, 8)
        session.commit()
    assert cast.ask("lin", date(2026, 3, 2), last_half="morning").turn is LEAD
