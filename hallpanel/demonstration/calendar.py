"""The public holidays of a year as rows of the hall's work calendar."""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

from holidays import country_holidays

from hallpanel.engine.workdays import WorkCalendar

WEEKEND = 5


def notice_days(year: int) -> Iterator[dict[str, Any]]:
    """The days on which the official notice says otherwise than the weekday; none without one."""
    calendar = WorkCalendar()
    if not calendar.official(year):
        return
    names = country_holidays("CN", years=year, language="zh_CN")
    day = date(year, 1, 1)
    while day.year == year:
        working = calendar.is_working(day)
        if working is not (day.weekday() < WEEKEND):
            note = "调休上班" if working else names.get(day, "放假")
            yield {"day": day, "working": working, "source": "notice", "note": note}
        day += timedelta(days=1)
