"""Leave is counted by the work calendar, in half days (L3)."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hallpanel.engine.workdays import WorkCalendar
from hallpanel.rulebook.discipline.leave_days import Half, HalfDay, Span

AM, PM = Half.MORNING, Half.AFTERNOON
OFFICIAL = WorkCalendar()


def span(first, last=None, first_half=AM, last_half=PM):
    return Span(first, first_half, last or first, last_half)


def test_leave_over_the_spring_festival_of_2026_is_five_days_l3():
    festival = span(date(2026, 2, 12), date(2026, 2, 25))
    assert festival.days(OFFICIAL) == 5
    assert festival.days(OFFICIAL, calendar_days=True) == 14
    days = sorted({half.day for half in festival.working_halves(OFFICIAL)})
    assert [day.day for day in days] == [12, 13, 14, 24, 25]


COUNTED = [
    ("a whole day", span(date(2026, 3, 2)), "1"),
    ("a morning", span(date(2026, 3, 2), last_half=AM), "0.5"),
    ("an afternoon", span(date(2026, 3, 2), first_half=PM), "0.5"),
    ("from noon to noon", span(date(2026, 3, 2), date(2026, 3, 3), PM, AM), "1"),
    ("a week from Monday noon", span(date(2026, 3, 2), date(2026, 3, 6), PM), "4.5"),
    ("over a weekend", span(date(2026, 3, 6), date(2026, 3, 9)), "2"),
    ("a weekend", span(date(2026, 3, 7), date(2026, 3, 8)), "0"),
    ("a Sunday that is worked", span(date(2026, 1, 4)), "1"),
    ("a holiday on a weekday", span(date(2026, 1, 1)), "0"),
    ("a half holiday", span(date(2025, 12, 31), date(2026, 1, 1), PM, AM), "0.5"),
]


@pytest.mark.parametrize(
    ("asked", "days"), [row[1:] for row in COUNTED], ids=[r[0] for r in COUNTED]
)
def test_half_days_count_at_either_end_l3(asked, days):
    assert asked.days(OFFICIAL) == Decimal(days)


def test_the_halls_own_calendar_decides():
    asked = span(date(2026, 3, 6), date(2026, 3, 9))
    assert asked.days(WorkCalendar({date(2026, 3, 7): True, date(2026, 3, 9): False})) == 2


def test_a_morning_begins_at_midnight_and_an_afternoon_at_half_past_twelve_in_the_hall():
    day = date(2026, 3, 2)
    assert HalfDay(day, AM).begins == datetime(2026, 3, 1, 16, 0, tzinfo=UTC)
    assert HalfDay(day, PM).begins == datetime(2026, 3, 2, 4, 30, tzinfo=UTC)


def test_a_span_ends_where_the_half_day_after_it_begins():
    day, next_day = date(2026, 3, 2), date(2026, 3, 3)
    assert span(day).following == HalfDay(next_day, AM)
    assert span(day, last_half=AM).following == HalfDay(day, PM)
    assert span(day).ends == datetime(2026, 3, 2, 16, 0, tzinfo=UTC)
    assert span(day, last_half=AM).ends == HalfDay(day, PM).begins


def test_a_span_may_run_backwards_on_one_day_too():
    day = date(2026, 3, 2)
    assert not span(day).runs_backwards
    assert not span(day, last_half=AM).runs_backwards
    assert span(day, first_half=PM, last_half=AM).runs_backwards
    assert span(day, day - timedelta(days=1)).runs_backwards


def test_only_a_span_without_half_days_is_of_whole_days():
    day = date(2026, 3, 2)
    halves = [(AM, PM), (PM, PM), (AM, AM)]
    assert [span(day, None, *ends).whole_days for ends in halves] == [True, False, False]


DAYS = st.dates(date(2026, 1, 1), date(2026, 12, 31))
HALVES = st.sampled_from(list(Half))
SPANS = st.builds(Span, DAYS, HALVES, DAYS, HALVES).filter(lambda one: not one.runs_backwards)


@given(SPANS)
def test_the_half_days_of_a_span_follow_one_another_without_gap(one):
    halves = list(one.halves())
    assert halves[0] == HalfDay(one.first_day, one.first_half)
    assert halves[-1] == HalfDay(one.last_day, one.last_half)
    for earlier, later in pairwise(halves):
        assert span(earlier.day, earlier.day, earlier.half, earlier.half).following == later
    assert one.begins == halves[0].begins
    assert one.ends > halves[-1].begins


@given(SPANS)
def test_days_are_half_the_working_half_days_and_never_more_than_the_calendar_days(one):
    working = one.working_halves(OFFICIAL)
    assert one.days(OFFICIAL) == Decimal(len(working)) / 2
    assert all(OFFICIAL.is_working(half.day) for half in working)
    assert one.days(OFFICIAL) <= one.days(OFFICIAL, calendar_days=True)


@given(SPANS, st.integers(0, 400))
def test_the_parts_of_a_span_count_as_much_as_the_whole(one, cut):
    halves = list(one.halves())
    before, after = halves[: cut + 1], halves[cut + 1 :]
    if not after:
        return
    parts = [Span(p[0].day, p[0].half, p[-1].day, p[-1].half) for p in (before, after)]
    assert sum(part.days(OFFICIAL) for part in parts) == one.days(OFFICIAL)
