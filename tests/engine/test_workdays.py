"""Days are counted as the State Council's notices and the hall's own calendar say."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hallpanel.engine.store import make_session
from hallpanel.engine.workdays import WORK_CALENDAR_DAY, Due, WorkCalendar, hall_calendar
from tests.engine.figures import keep

OFFICIAL = WorkCalendar()
A_DAY = timedelta(days=1)
days = st.dates(date(2020, 1, 1), date(2028, 12, 31))
spans = st.integers(0, 60)


@pytest.mark.parametrize(
    ("day", "works"),
    [
        (date(2026, 2, 13), True),
        (date(2026, 2, 14), True),  # a Saturday, worked for the Spring Festival
        (date(2026, 2, 15), False),
        (date(2026, 2, 23), False),  # the last day of the holiday
        (date(2026, 2, 28), True),
        (date(2026, 5, 4), False),  # Labour Day holiday, on a Monday
        (date(2026, 5, 9), True),  # a Saturday, worked in its place
        (date(2026, 7, 18), False),
        (date(2011, 12, 31), True),  # a Saturday, worked for the New Year of 2012
        (date(1930, 5, 1), True),  # before there were holidays
        (date(1930, 5, 3), False),
        (date(9999, 12, 31), True),
    ],
)
def test_weekends_holidays_and_days_worked_in_their_place_are_known(day, works):
    assert OFFICIAL.is_working(day) is works


def test_leave_over_the_spring_festival_counts_five_days():
    assert OFFICIAL.count(date(2026, 2, 12), date(2026, 2, 25)) == 5
    assert OFFICIAL.working_days(date(2026, 2, 12), date(2026, 2, 25)) == [
        date(2026, 2, 12),
        date(2026, 2, 13),
        date(2026, 2, 14),
        date(2026, 2, 24),
        date(2026, 2, 25),
    ]


def test_five_working_days_from_receipt_before_labour_day_end_after_it():
    assert OFFICIAL.add(date(2026, 4, 30), 5) == Due(date(2026, 5, 11), provisional=False)


def test_no_working_days_end_on_the_day_itself():
    assert OFFICIAL.add(date(2026, 5, 2), 0) == Due(date(2026, 5, 2), provisional=False)


def test_a_limit_into_a_year_without_notice_is_provisional():
    assert OFFICIAL.add(date(2026, 12, 30), 1) == Due(date(2026, 12, 31), provisional=False)
    assert OFFICIAL.add(date(2026, 12, 30), 2).provisional
    assert OFFICIAL.add(date(2026, 12, 31), 1).provisional
    assert not OFFICIAL.official(2027)


def test_once_the_notice_is_entered_the_limit_is_settled():
    noticed = WorkCalendar({date(2027, 1, 2): True}, noticed_years=[2027])
    assert noticed.add(date(2026, 12, 31), 1) == Due(date(2027, 1, 2), provisional=False)


def test_a_span_that_ends_before_it_begins_has_no_days():
    assert OFFICIAL.count(date(2026, 5, 12), date(2026, 5, 11)) == 0


def test_the_days_left_are_zero_on_the_last_day_and_negative_after_it():
    due = date(2026, 5, 11)
    left = [OFFICIAL.until(date(2026, 5, day), due) for day in (7, 8, 9, 10, 11, 12, 13)]
    assert left == [3, 2, 1, 1, 0, -1, -2]


def test_the_working_day_before_a_holiday_is_found():
    assert OFFICIAL.before(date(2026, 5, 6), 1) == date(2026, 4, 30)
    assert OFFICIAL.before(date(2026, 5, 3), 2) == date(2026, 4, 29)


@pytest.mark.parametrize("count", [OFFICIAL.add, OFFICIAL.before])
def test_a_limit_is_not_negative(count):
    with pytest.raises(ValueError, match="not negative"):
        count(date(2026, 5, 11), -1)


def test_the_halls_own_calendar_goes_before_the_official_one(empty_engine):
    rows = [
        {"day": date(2026, 5, 12), "working": False, "source": "hall"},
        {"day": date(2027, 2, 6), "working": True, "source": "notice"},
        {"day": date(2028, 3, 1), "working": False, "source": "hall"},
    ]
    keep(empty_engine, WORK_CALENDAR_DAY, rows)
    with make_session(empty_engine) as session:
        calendar = hall_calendar(session)
    assert not calendar.is_working(date(2026, 5, 12))
    assert calendar.is_working(date(2027, 2, 6))
    assert (calendar.official(2027), calendar.official(2028)) == (True, False)


@given(days, spans, spans)
def test_counts_of_adjoining_spans_add_up(first, n, more):
    middle, last = first + n * A_DAY, first + (n + more) * A_DAY
    whole = OFFICIAL.count(first, last)
    assert whole == OFFICIAL.count(first, middle) + OFFICIAL.count(middle + A_DAY, last)


@given(days, st.integers(1, 40))
def test_a_limit_ends_on_a_working_day_and_holds_as_many_as_were_given(day, n):
    due = OFFICIAL.add(day, n).day
    assert OFFICIAL.is_working(due)
    assert OFFICIAL.count(day + A_DAY, due) == n == OFFICIAL.until(day, due)


@given(days, spans, spans)
def test_a_limit_in_two_parts_is_as_long_as_in_one(day, n, more):
    assert OFFICIAL.add(OFFICIAL.add(day, n).day, more).day == OFFICIAL.add(day, n + more).day


@given(days, st.integers(1, 40))
def test_going_back_finds_the_working_day_that_was_left(day, n):
    if OFFICIAL.is_working(day):
        assert OFFICIAL.before(OFFICIAL.add(day, n).day, n) == day


@given(days, days)
def test_the_days_left_and_the_days_overdue_are_the_same_days(one, other):
    assert OFFICIAL.until(one, other) == -OFFICIAL.until(other, one)


@given(days, st.booleans(), days)
def test_an_own_day_changes_no_other(own, works, day):
    calendar = WorkCalendar({own: works})
    expected = works if day == own else OFFICIAL.is_working(day)
    assert calendar.is_working(day) is expected
