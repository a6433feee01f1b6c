"""The hall's office hours: when the people of the demonstration do things."""

from datetime import date, datetime, time, timedelta

from hallpanel.engine.clock import hall_day, hall_instant
from hallpanel.engine.workdays import WorkCalendar

SESSIONS = ((time(8, 30), time(12)), (time(13, 30), time(17)))


class Office:
    """Counts minutes of office time, as far as anything is done in them."""

    def __init__(self, calendar: WorkCalendar) -> None:
        self.calendar = calendar

    def at(self, day: date, minutes: int = 0) -> datetime:
        """The instant so many office minutes into a day, or into the working days after it."""
        return self.after(hall_instant(day, time.min), minutes)

    def after(self, at: datetime, minutes: int) -> datetime:
        """The instant so many office minutes after another."""
        left = timedelta(minutes=minutes)
        day = hall_day(at)
        while True:
            for opens, closes in self._sessions(day):
                begins = max(opens, at)
                if begins + left <= closes and begins < closes:
                    return begins + left
                left -= max(closes - begins, timedelta())
            day += timedelta(days=1)

    def before(self, at: datetime, minutes: int) -> datetime:
        """The instant so many office minutes before another."""
        left = timedelta(minutes=minutes)
        day = hall_day(at)
        while True:
            for opens, closes in reversed(self._sessions(day)):
                ends = min(closes, at)
                if ends - left >= opens and ends > opens:
                    return ends - left
                left -= max(ends - opens, timedelta())
            day -= timedelta(days=1)

    def _sessions(self, day: date) -> list[tuple[datetime, datetime]]:
        if not self.calendar.is_working(day):
            return []
        return [(hall_instant(day, opens), hall_instant(day, closes)) for opens, closes in SESSIONS]
