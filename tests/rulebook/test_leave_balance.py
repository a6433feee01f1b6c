"""Allowances: granted by years worked, drawn on, given back to the half day, carried (L1, L2)."""

from datetime import date, datetime, time
from decimal import Decimal

import pytest

from hallpanel.engine import records
from hallpanel.engine.clock import hall_instant
from hallpanel.engine.errors import NotAllowed, Refusal
from hallpanel.engine.scope import SYSTEM
from hallpanel.rulebook.discipline.leave_balance import (
    entitled_days,
    grant_year,
    keep_allowances,
    years_worked,
)
from hallpanel.rulebook.discipline.leave_entry import balance, standings
from hallpanel.rulebook.hall.staff import Staff
from tests.cast import NOW, clock

MONDAY = date(2026, 3, 2)
NEXT_YEAR = 2027


def morning(year, month, day):
    return hall_instant(date(year, month, day), time(9))


def left(cast, who="mei", kind="annual", year=2026):
    """What somebody has left of a type's allowance."""
    staff, leave_type = cast.staff(who), cast.one("leave_type", code=kind)
    with cast.desk("system") as session:
        return balance(session, staff.id, leave_type.id, year)


def entries(cast, **values):
    """The lines of the ledger: kind and signed days, in order."""
    return [(entry.kind.value, entry.days) for entry in cast.all("leave_entry", **values)]


def keep(cast, at: datetime):
    """What the sweep does about allowances at an instant; how many lines it wrote."""
    with records.at_desk(cast.session, SYSTEM, at) as session:
        lines = keep_allowances(session, at)
        session.commit()
    return lines


# Granting

WORKED = [
    (date(2016, 3, 1), 0, date(2026, 2, 28), 9),
    (date(2016, 3, 1), 0, date(2026, 3, 1), 10),
    (date(2016, 3, 1), 5, date(2026, 3, 1), 15),
    (date(2024, 2, 29), 0, date(2025, 2, 28), 0),
    (date(2024, 2, 29), 0, date(2025, 3, 1), 1),
    (date(2026, 6, 1), 3, date(2026, 1, 1), 3),
]


@pytest.mark.parametrize(("joined", "before", "day", "years"), WORKED)
def test_full_years_count_and_those_before_the_hall_too_l1(entities, joined, before, day, years):
    person = Staff(joined_on=joined, years_before=before)
    assert years_worked(person, day) == years


ENTITLED = [(0, 0), (1, 5), (9, 5), (10, 10), (19, 10), (20, 15), (45, 15)]


def test_annual_leave_is_five_ten_and_fifteen_days_by_years_worked_l1(cast):
    annual = cast.one("leave_type", code="annual")
    with cast.desk("system") as session:
        for years, days in ENTITLED:
            person = Staff(joined_on=date(2026, 1, 1), years_before=years)
            assert entitled_days(session, person, annual, 2026) == days, years


def test_other_types_give_a_fixed_number_or_keep_no_allowance_l1(cast):
    mei = cast.staff("mei")
    types = {code: cast.one("leave_type", code=code) for code in ("childcare", "personal")}
    with cast.desk("system") as session:
        assert entitled_days(session, mei, types["childcare"], 2026) == 10
        assert entitled_days(session, mei, types["personal"], 2026) == 0


def test_a_new_figure_holds_for_the_years_that_begin_after_it_l1(cast):
    annual, mei = cast.one("leave_type", code="annual"), cast.staff("mei")
    cast.make(
        "leave_entitlement",
        "he",
        leave_type=annual,
        years_from=10,
        days=Decimal(12),
        since=date(2026, 7, 1),
    )
    with cast.desk("system") as session:
        assert entitled_days(session, mei, annual, 2026) == 10
        assert entitled_days(session, mei, annual, 2027) == 12


def test_everyone_is_granted_once_a_year_and_newcomers_when_they_come_l2(cast):
    assert left(cast) == 10
    with records.at_desk(cast.session, SYSTEM, NOW) as session:
        assert grant_year(session, 2026, NOW) == 0
        session.commit()
    cast.make(
        "staff",
        "he",
        number="1099",
        name="新人",
        unit=cast.one("unit", code="A"),
        joined_on=date(2026, 2, 9),
        years_before=25,
    )
    assert keep(cast, NOW) == 2
    assert keep(cast, NOW) == 0
    assert ("granted", Decimal(15)) in entries(cast, staff_id=cast.one("staff", number="1099").id)


def test_who_has_left_the_hall_is_granted_nothing(cast):
    cast.act("he", cast.staff("mei"), "retire", retired_on=date(2026, 12, 31))
    keep(cast, morning(NEXT_YEAR, 1, 1))
    granted = [e.staff_id for e in cast.all("leave_entry", year=NEXT_YEAR) if e.kind == "granted"]
    assert cast.staff("mei").id not in granted
    assert cast.staff("chen").id in granted


# Drawing and giving back


def test_a_request_reserves_and_its_approval_uses_l2(cast):
    request = cast.ask("mei", MONDAY, date(2026, 3, 3), kind="annual")
    assert entries(cast, request_id=request.id) == [("reserved", Decimal(-2))]
    assert left(cast) == 8
    cast.approve(request, "lin", "sun", "qian")
    assert entries(cast, request_id=request.id) == [
        ("reserved", Decimal(-2)),
        ("released", Decimal(2)),
        ("used", Decimal(-2)),
    ]
    assert left(cast) == 8


@pytest.mark.parametrize("ending", ["refuse", "withdraw", "withdraw approved", "cancel"])
def test_whatever_ends_a_request_gives_its_days_back_exactly_l2_l7(cast, ending):
    before = left(cast)
    request = cast.ask("mei", MONDAY, date(2026, 3, 3), kind="annual", first_half="afternoon")
    assert left(cast) == before - Decimal("1.5")
    if ending in ("cancel", "withdraw approved"):
        cast.approve(request, "lin", "sun", "qian")
    who, verb = ("mei", "withdraw") if "withdraw" in ending else ("lin", ending)
    assert cast.act(who, request, verb, reason="不去了") is None
    assert left(cast) == before
    assert sum(days for _, days in entries(cast, request_id=request.id)) == 0


def test_leave_over_new_year_draws_on_both_years_l2(cast):
    at = clock(12, 20)
    keep(cast, morning(NEXT_YEAR, 1, 1))
    granted = left(cast, year=NEXT_YEAR)
    carried = left(cast)
    assert carried == 0
    cast.make(
        "leave_entry",
        staff=cast.staff("mei"),
        leave_type=cast.one("leave_type", code="annual"),
        year=2026,
        days=Decimal(5),
        day=date(2026, 12, 1),
    )
    cast.ask("mei", date(2026, 12, 30), date(2027, 1, 4), kind="annual", at=at)
    assert left(cast) == 3
    assert left(cast, year=NEXT_YEAR) == granted - 1


def test_more_than_is_left_is_refused_to_the_half_day_l2_l4(cast):
    annual, mei = cast.one("leave_type", code="annual"), cast.staff("mei")
    line = {"staff": mei, "leave_type": annual, "year": 2026, "day": MONDAY}
    cast.make("leave_entry", "he", days=Decimal("-8.5"), **line)
    too_much = cast.draft("mei", MONDAY, date(2026, 3, 3), kind="annual")
    assert "1.5 days left" in str(cast.act("mei", too_much, "submit"))
    enough = cast.draft("mei", MONDAY, date(2026, 3, 3), kind="annual", first_half="afternoon")
    assert cast.act("mei", enough, "submit") is None
    assert left(cast) == 0


def test_a_type_without_an_allowance_draws_on_nothing(cast):
    request = cast.ask("mei", MONDAY)
    cast.approve(request, "lin", "sun")
    assert entries(cast, request_id=request.id) == []


def test_a_correction_never_takes_more_than_is_left_l2(cast):
    annual, mei = cast.one("leave_type", code="annual"), cast.staff("mei")
    line = {"staff": mei, "leave_type": annual, "year": 2026, "day": MONDAY}
    with pytest.raises(Refusal, match="days are left"):
        cast.make("leave_entry", "he", days=Decimal("-10.5"), **line)
    cast.make("leave_entry", "he", days=Decimal(-10), **line)
    assert left(cast) == 0
    cast.make("leave_entry", "he", days=Decimal(2), **line)
    assert left(cast) == 2


def test_only_the_hall_administrator_corrects_an_allowance(cast):
    annual, mei = cast.one("leave_type", code="annual"), cast.staff("mei")
    line = {"staff": mei, "leave_type": annual, "year": 2026, "day": MONDAY, "days": Decimal(9)}
    for who in ("mei", "lin", "sun", "zhao"):
        with pytest.raises(NotAllowed):
            cast.make("leave_entry", who, **line)


def test_a_persons_standing_is_what_is_left_of_what_was_given(cast):
    cast.ask("mei", MONDAY, kind="annual", last_half="morning")
    mei = cast.staff("mei")
    with cast.desk("mei") as session:
        by_type = {one.label: (one.left, one.of) for one in standings(session, mei.id, NOW)}
    assert by_type == {"年假": (Decimal("9.5"), Decimal(10)), "育儿假": (Decimal(10), Decimal(10))}


# The turn of the year


def test_what_is_left_moves_over_and_expires_after_the_carry_over_day_l1(cast):
    cast.approve(cast.ask("mei", MONDAY, kind="annual"), "lin", "sun")
    keep(cast, morning(NEXT_YEAR, 1, 1))
    assert left(cast) == 0
    assert left(cast, year=NEXT_YEAR) == 10 + 9
    assert left(cast, kind="childcare", year=NEXT_YEAR) == 10
    assert keep(cast, morning(NEXT_YEAR, 3, 31)) == 0
    assert left(cast, year=NEXT_YEAR) == 19
    assert keep(cast, morning(NEXT_YEAR, 4, 1)) > 0
    assert left(cast, year=NEXT_YEAR) == 10
    assert keep(cast, morning(NEXT_YEAR, 4, 1)) == 0


def test_days_taken_in_the_new_year_come_first_from_what_was_carried_l1(cast):
    keep(cast, morning(NEXT_YEAR, 1, 1))
    at = morning(NEXT_YEAR, 1, 4)
    request = cast.ask("mei", date(2027, 2, 1), date(2027, 2, 3), kind="annual", at=at)
    cast.approve(request, "lin", "sun", "qian", at=at)
    keep(cast, morning(NEXT_YEAR, 4, 1))
    assert left(cast, year=NEXT_YEAR) == 10
    expired = [
        days
        for kind, days in entries(cast, year=NEXT_YEAR, staff_id=cast.staff("mei").id)
        if kind == "expired"
    ]
    assert expired == [Decimal(-7)]


def test_carried_days_that_were_all_taken_leave_nothing_to_expire(cast):
    keep(cast, morning(NEXT_YEAR, 1, 1))
    at = morning(NEXT_YEAR, 1, 4)
    request = cast.ask("mei", date(2027, 2, 22), date(2027, 3, 5), kind="annual", at=at)
    assert request.days == 10
    keep(cast, morning(NEXT_YEAR, 4, 1))
    assert left(cast, year=NEXT_YEAR) == 10
    kinds = [kind for kind, _ in entries(cast, year=NEXT_YEAR, staff_id=cast.staff("mei").id)]
    assert "expired" not in kinds


def test_days_that_come_back_after_the_turn_of_the_year_move_over_too_l2(cast):
    request = cast.ask("mei", date(2026, 12, 30), kind="annual", at=clock(12, 1))
    keep(cast, morning(NEXT_YEAR, 1, 1))
    assert left(cast, year=NEXT_YEAR) == 10 + 9
    assert cast.act("lin", request, "refuse", morning(NEXT_YEAR, 1, 4), reason="晚了") is None
    keep(cast, morning(NEXT_YEAR, 1, 5))
    assert (left(cast), left(cast, year=NEXT_YEAR)) == (0, 20)


def test_what_comes_late_after_the_carry_over_day_expires_at_once_l1(cast):
    keep(cast, morning(NEXT_YEAR, 4, 1))
    assert left(cast) == 0
    assert left(cast, year=NEXT_YEAR) == 10


def test_no_balance_of_anybody_is_ever_below_zero_l2(cast):
    request = cast.ask("mei", MONDAY, date(2026, 3, 13), kind="annual")
    cast.approve(request, "lin", "sun", "qian", "zhao")
    for at in (morning(NEXT_YEAR, 1, 1), morning(NEXT_YEAR, 4, 1), morning(NEXT_YEAR, 12, 31)):
        keep(cast, at)
        sums = {}
        for entry in cast.all("leave_entry"):
            key = (entry.staff_id, entry.leave_type_id, entry.year)
            sums[key] = sums.get(key, 0) + entry.days
        assert min(sums.values()) >= 0
