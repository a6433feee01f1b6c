"""Time in the hall: instants are UTC, days are the hall's own."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

HALL_ZONE = ZoneInfo("Asia/Shanghai")


def utc_now() -> datetime:
    """The present instant. Only doors (request, command, worker) ask; all others are told."""
    return datetime.now(UTC)


def hall_day(at: datetime) -> date:
    """The day in the hall at an instant."""
    return at.astimezone(HALL_ZONE).date()


def hall_instant(day: date, at: time) -> datetime:
    """The UTC instant of a wall-clock time in the hall."""
    return datetime.combine(day, at, HALL_ZONE).astimezone(UTC)


def start_of_day(day: date) -> datetime:
    """The UTC instant at which a hall day begins."""
    return hall_instant(day, time.min)


def end_of_day(day: date) -> datetime:
    """The UTC instant at which a hall day is over (the first instant of the next)."""
    return start_of_day(day + timedelta(days=1))
