"""A limit is a figure with a date; days end with the hall's day, hours by the clock."""

from datetime import UTC, date, datetime, timedelta

import pytest

from hallpanel.engine import limits
from hallpanel.engine.clock import hall_day
from hallpanel.engine.limits import LIMIT_RULE, End, Limit, LimitUnit, NoLimit, Pause
from hallpanel.engine.store import make_session
from hallpanel.engine.workdays import WorkCalendar
from tests.engine.figures import keep

CALENDAR = WorkCalendar()
EVENING = datetime(2026, 4, 30, 15, 59, tzinfo=UTC)  # a minute before midnight in the hall


def limit(amount, unit=LimitUnit.WORKING_DAYS):
    return Limit("answer", amount, unit, "6.3.2", date(2020, 1, 1))


def hall(year, month, day, hour=0, minute=0):
    return datetime(year, month, day, hour, minute, tzinfo=UTC) - timedelta(hours=8)


def last_moment(year, month, day):
    return hall(year, month, day) + timedelta(days=1, microseconds=-1)


def test_the_figure_in_force_on_the_day_of_the_fact_decides(empty_engine):
    figure = {"key": "answer", "unit": "working_days", "clause_number": "6.3.2"}
    rows = [
        figure | {"amount": 5, "since": date(2026, 1, 1)},
        figure | {"amount": 7, "since": date(2020, 1, 1)},
        figure | {"key": "fault", "unit": "hours", "amount": 24, "since": date(2026, 1, 1)},
    ]
    keep(empty_engine, LIMIT_RULE, rows)
    with make_session(empty_engine) as session:
        assert limits.in_force(session, "answer", date(2025, 12, 31)).amount == 7
        assert limits.in_force(session, "answer", date(2026, 1, 1)).amount == 5
        assert limits.in_force(session, "fault", date(2026, 5, 1)).unit is LimitUnit.HOURS
        with pytest.raises(NoLimit, match="'fault' is in force on 2025-12-31"):
            limits.in_force(session, "fault", date(2025, 12, 31))


def test_working_days_end_with_the_last_moment_of_the_halls_day():
    assert limit(5).end(EVENING, CALENDAR) == End(last_moment(2026, 5, 11), provisional=False)
    assert hall_day(limit(5).end(EVENING, CALENDAR).at) == date(2026, 5, 11)
    after_midnight = EVENING + timedelta(minutes=1)
    assert limit(1).end(after_midnight, CALENDAR).at == last_moment(2026, 5, 6)


def test_calendar_days_count_every_day():
    end = limit(5, LimitUnit.CALENDAR_DAYS).end(EVENING, CALENDAR)
    assert end == End(last_moment(2026, 5, 5), provisional=False)


def test_hours_run_by_the_clock():
    end = limit(24, LimitUnit.HOURS).end(EVENING, CALENDAR)
    assert end == End(EVENING + timedelta(hours=24), provisional=False)


def test_working_days_into_a_year_without_notice_are_provisional():
    assert limit(5).end(hall(2026, 12, 30, 9), CALENDAR).provisional


@pytest.mark.parametrize(
    ("unit", "end"),
    [
        (LimitUnit.WORKING_DAYS, last_moment(2026, 6, 12)),  # a Friday
        (LimitUnit.CALENDAR_DAYS, last_moment(2026, 6, 12)),
        (LimitUnit.HOURS, hall(2026, 6, 7, 15)),
    ],
)
def test_a_pause_moves_the_end_by_what_it_took(unit, end):
    started = hall(2026, 6, 1, 9)  # a Monday
    pauses = [Pause(hall(2026, 6, 2, 9), hall(2026, 6, 8, 10))]  # Tuesday to the next Monday
    amount = {"working_days": 5, "calendar_days": 5, "hours": 0}[unit]
    assert limit(amount, unit).end(started, CALENDAR, pauses).at == (
        end if unit is not LimitUnit.HOURS else started + timedelta(days=6, hours=1)
    )


def test_a_pause_within_one_day_takes_no_day():
    started = hall(2026, 6, 1, 9)
    pauses = [Pause(hall(2026, 6, 2, 9), hall(2026, 6, 2, 16))]
    assert limit(5).end(started, CALENDAR, pauses) == limit(5).end(started, CALENDAR)


def test_one_is_reminded_at_the_start_of_a_day_or_so_many_hours_ahead():
    due = last_moment(2026, 5, 6)
    assert limit(1).ahead(due, CALENDAR) == hall(2026, 4, 30)
    assert limit(1, LimitUnit.CALENDAR_DAYS).ahead(due, CALENDAR) == hall(2026, 5, 5)
    assert limit(2, LimitUnit.HOURS).ahead(due, CALENDAR) == due - timedelta(hours=2)
