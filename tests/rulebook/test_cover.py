"""Leave is not approved while a window would stand empty or a whole pair would be away (L6)."""

from datetime import date, timedelta

import pytest

from hallpanel.rulebook.discipline.cover import cover_note, cover_of, roster
from hallpanel.rulebook.discipline.leave_days import Half, HalfDay
from tests.cast import clock

MONDAY, TUESDAY = date(2026, 3, 2), date(2026, 3, 3)
AM, PM = Half.MORNING, Half.AFTERNOON


def present(cast, number, day=MONDAY, half=AM):
    """Who is at a window in a half day, by staff number."""
    window = cast.one("service_window", number=number)
    with cast.desk("system") as session:
        found = roster(session, window.unit_id, day, day).at_window(window.id, HalfDay(day, half))
    numbers = {person.id: person.number for person in cast.all("staff")}
    return {numbers[staff_id] for staff_id in found}


def refused(cast, request, who="lin"):
    """Why a request is not approved now, or None where it could be."""
    refusal = cast.act(who, request, "approve")
    return None if refusal is None else str(refusal)


def half_day(cast, who, day=MONDAY, **values):
    """A morning's leave, which the lead alone decides."""
    return cast.ask(who, day, last_half="morning", **values)


def test_all_who_serve_a_window_are_at_it_and_who_is_away_is_not(cast):
    assert present(cast, "A01") == {"1002", "1003"}
    cast.approve(half_day(cast, "mei"), "lin")
    assert present(cast, "A01") == {"1003"}
    assert present(cast, "A01", half=PM) == {"1002", "1003"}
    assert present(cast, "A01", day=TUESDAY) == {"1002", "1003"}


def test_who_only_asks_is_still_at_the_post(cast):
    half_day(cast, "mei")
    assert present(cast, "A01") == {"1002", "1003"}


def test_an_assignment_counts_from_its_first_to_its_last_day(cast):
    window, mei = cast.one("service_window", number="A05"), cast.staff("mei")
    cast.make("window_assignment", "he", staff=mei, window=window, since=MONDAY, until=TUESDAY)
    days = [MONDAY - timedelta(days=3), MONDAY, TUESDAY, TUESDAY + timedelta(days=1)]
    assert [present(cast, "A05", day) for day in days] == [set(), {"1002"}, {"1002"}, set()]


def test_a_window_that_would_stand_empty_stops_the_approval_l6(cast):
    request = half_day(cast, "ye")
    why = refused(cast, request)
    assert why.startswith("window A04 would have nobody on 2026-03-02")
    assert request.state == "submitted"


def test_a_window_below_its_minimum_stops_the_approval_l6(cast):
    request = half_day(cast, "tang")
    assert "window A03 would have 1" in refused(cast, request)
    cast.change(cast.one("service_window", number="A03"), "he", minimum_staff=1)
    assert refused(cast, request) is None


def test_it_is_the_half_day_that_counts_l6(cast):
    cast.approve(half_day(cast, "mei"), "lin")
    afternoon = cast.ask("chen", MONDAY, first_half="afternoon")
    assert refused(cast, afternoon) is None


def test_rest_days_need_no_cover_l6(cast):
    friday, next_monday = date(2026, 3, 6), date(2026, 3, 9)
    cast.approve(cast.ask("mei", friday), "lin", "sun")
    assert refused(cast, cast.ask("chen", next_monday, last_half="morning")) is None


def test_a_retired_window_needs_nobody(cast):
    window = cast.one("service_window", number="A04")
    assert cast.act("he", window, "retire", retired_on=date(2026, 2, 28)) is None
    assert refused(cast, half_day(cast, "ye")) is None


def test_who_has_left_the_hall_covers_nothing(cast):
    assert cast.act("he", cast.staff("chen"), "retire", retired_on=date(2026, 2, 28)) is None
    assert "window A01 would have nobody" in refused(cast, half_day(cast, "mei"))


# The pair


@pytest.fixture
def roomy(cast):
    """A third person serves A01, so that only the pair matters there."""
    window = cast.one("service_window", number="A01")
    cast.make("window_assignment", "he", staff=cast.staff("wang"), window=window, since=MONDAY)
    return cast


def test_both_of_a_pair_are_not_away_in_the_same_half_day_l6(roomy):
    roomy.approve(half_day(roomy, "mei"), "lin")
    chen = half_day(roomy, "chen")
    assert "the A/B partner 李梅 is away on 2026-03-02" in refused(roomy, chen)
    assert refused(roomy, roomy.ask("chen", MONDAY, first_half="afternoon")) is None


def test_a_pair_holds_also_where_only_one_names_the_other_l6(roomy):
    roomy.change(roomy.staff("chen"), "he", partner=None)
    roomy.approve(half_day(roomy, "mei"), "lin")
    assert "the A/B partner 李梅" in refused(roomy, half_day(roomy, "chen"))


def test_a_substitute_who_has_accepted_lets_both_go_l6(roomy):
    roomy.approve(half_day(roomy, "mei"), "lin")
    chen = half_day(roomy, "chen", substitute=roomy.staff("ye"))
    assert "A/B partner" in refused(roomy, chen)
    assert roomy.act("ye", chen, "accept_cover") is None
    assert refused(roomy, chen) is None


# Substitutes


def test_a_substitute_counts_at_the_window_once_they_have_accepted_l6(cast):
    request = half_day(cast, "tang", substitute=cast.staff("ye"))
    assert "window A03 would have 1" in refused(cast, request)
    assert cast.act("ye", request, "accept_cover") is None
    assert refused(cast, request) is None
    assert present(cast, "A03") == {"1007", "1008"}


def test_a_substitute_who_declines_leaves_the_rule_as_it_was_l6(cast):
    request = half_day(cast, "tang", substitute=cast.staff("ye"))
    assert cast.act("ye", request, "decline_cover", reason="走不开") is None
    assert cast.refresh(request).substitute_id is None
    assert "window A03" in refused(cast, request)


def test_another_substitute_must_accept_for_themselves_l6(cast):
    request = half_day(cast, "tang", substitute=cast.staff("ye"))
    cast.act("ye", request, "accept_cover")
    assert cast.act("tang", request, "name_substitute", substitute=cast.staff("mei")) is None
    assert cast.refresh(request).cover_accepted_at is None
    assert "window A03" in refused(cast, request)
    assert "not your turn" in str(cast.act("ye", request, "accept_cover"))


def test_a_substitute_answers_once(cast):
    request = half_day(cast, "tang", substitute=cast.staff("ye"))
    cast.act("ye", request, "accept_cover")
    assert str(cast.act("ye", request, "decline_cover", reason="x")) == (
        "the cover is already accepted"
    )


def test_who_stands_in_does_not_leave_before_somebody_else_does_l6(cast):
    request = half_day(cast, "tang", substitute=cast.staff("mei"))
    cast.act("mei", request, "accept_cover")
    cast.approve(request, "lin")
    own = half_day(cast, "mei")
    assert "window A03 would have 1" in refused(cast, own)
    assert refused(cast, half_day(cast, "mei", date(2026, 3, 9))) is None


def test_a_substitute_is_a_colleague_who_is_there_l6(cast):
    cast.approve(half_day(cast, "mei"), "lin")
    request = half_day(cast, "tang")
    for name, why in (
        ("tang", "nobody stands in for themselves"),
        ("wu", "the substitute is of another unit"),
        ("mei", "李梅 is away on 2026-03-02 too"),
    ):
        refusal = cast.act("tang", request, "name_substitute", substitute=cast.staff(name))
        assert str(refusal) == why
        assert refusal.field == "substitute"


def test_a_substitute_named_on_the_form_is_a_colleague_who_is_there_too_l6(cast):
    cast.approve(half_day(cast, "mei"), "lin")
    for name, why in (("wu", "another unit"), ("mei", "is away on")):
        request = cast.draft("tang", MONDAY, last_half="morning", substitute=cast.staff(name))
        assert why in str(cast.act("tang", request, "submit"))


# What the lead sees


def test_the_lead_sees_how_many_remain_before_deciding_l6(cast):
    fine = half_day(cast, "mei")
    with cast.desk("system") as session:
        note, short = cover_note(session, fine)
    assert (note.params["window"], note.params["remaining"], short) == ("A01", 1, False)
    empty = half_day(cast, "ye")
    with cast.desk("system") as session:
        note, short = cover_note(session, empty)
    assert (note.params["window"], note.params["remaining"], short) == ("A04", 0, True)


def test_who_serves_no_window_leaves_none_short(cast):
    with cast.desk("system") as session:
        assert cover_note(session, half_day(cast, "zhao")) is None


def test_the_calendar_has_each_window_and_half_day_with_who_remains_l6(cast):
    cast.approve(half_day(cast, "mei"), "lin")
    unit = cast.one("unit", code="A")
    with cast.desk("system") as session:
        cover = cover_of(session, unit.id, MONDAY, date(2026, 3, 8))
    assert len(cover.working) == 5
    assert cover.halves["A01", MONDAY, "morning"].remaining == 1
    assert cover.halves["A01", MONDAY, "afternoon"].remaining == 2
    assert not cover.halves["A01", MONDAY, "morning"].short
    assert cover.halves["A05", MONDAY, "morning"].short
    assert ("A01", date(2026, 3, 7), "morning") not in cover.halves
    assert [name for _, name in cover.people["A01"]] == ["李梅", "陈晓"]
    assert [name for _, name in cover.people[""]] == ["林慧敏"]
    assert [name for _, name in cover.people["A04"]] == ["叶青"]


def test_a_bulk_of_approvals_is_judged_one_after_the_other_x8(cast):
    requests = [half_day(cast, who) for who in ("mei", "chen")]
    answers = [cast.act("lin", one, "approve", clock(2, 10)) for one in requests]
    assert answers[0] is None
    assert "A/B partner 李梅" in str(answers[1])
