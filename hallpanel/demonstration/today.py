"""The day of the demonstration: what waits, who is away, what is overdue, told scene by scene.

Unit A is the stage: what its section lead finds on the home page has one example of each case.
"""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from functools import partial

from hallpanel.demonstration.agenda import Deed
from hallpanel.demonstration.people import Person
from hallpanel.demonstration.wishes import Wish
from hallpanel.demonstration.year import Story, Year
from hallpanel.engine.clock import hall_day
from hallpanel.engine.roles import Role
from hallpanel.rulebook.discipline.leave_days import Half, HalfDay

STAGE = ("A", "B")
HALL_ADMINISTRATOR = "0003"
DECIDES_ALONE = {Role.DEPUTY, Role.DIRECTOR, Role.HALL_ADMIN}
KEPT_BEFORE, KEPT_AFTER = 10, 20
"""Working days around today about which the scenes tell in these units, and chance does not."""
A_DAY = 420
"""Office minutes."""
BLOCKED = (
    (-190, -188, None, "年中政务服务集中评估"),
    (-95, -93, "A", "征期最后三日"),
    (10, 11, "B", "企业年报集中办理"),
    (13, 15, None, "政务服务月集中办理"),
)
"""First and last working day counted from today, for which unit, and why."""


class Today:
    """Sets the scenes of the last days before `at`."""

    def __init__(self, year: Year, first_day: date, at: datetime) -> None:
        self.year, self.office, self.at = year, year.office, at
        self.calendar = year.calendar
        self.first_day, self.today = first_day, hall_day(at)
        self.told: set[str] = set()

    def day(self, working_days: int) -> date:
        """A working day counted from today; 0 is today, or the first working day from today."""
        if working_days < 0:
            return self.calendar.before(self.today, -working_days)
        first = self.calendar.add(self.today - timedelta(days=1), 1).day
        return self.calendar.add(first, working_days).day

    def person(self, number: str) -> Person:
        """One of the cast, by staff number."""
        return self.year.by_number[number]

    def at_window(self, window: str) -> list[Person]:
        """Those who serve a window, by staff number."""
        return [person for person in self.year.people if window in person.windows]

    def kept_free(self, person: Person) -> Iterator[tuple[date, date]]:
        """The days on which a person asks for nothing, once the scenes are set."""
        for first, last, unit, _ in BLOCKED:
            if unit in (None, person.unit):
                yield self.day(first), self.day(last)
        if (
            person.number in self.told
            or person.unit in STAGE
            or Role.STAFF not in person.roles
            or DECIDES_ALONE & set(person.roles)
        ):
            yield self.day(-KEPT_BEFORE), self.day(KEPT_AFTER)

    def set_scenes(self) -> None:
        """Put all of them down in the year's agenda."""
        self._blocked()
        self._upcoming_and_its_pair()
        self._waiting_for_the_lead()
        self._waiting_higher_up()
        self._away()
        self._late()
        self._drafts()

    # The scenes

    def _upcoming_and_its_pair(self) -> None:
        """Mei's leave is approved; Chen, her partner, asks for the same day."""
        mei, chen = self.person("1002"), self.person("1003")
        self._asked(self._days(mei, "annual", 3, 4, "陪父母体检"), 6 * A_DAY + 90)
        self._asked(self._days(chen, "annual", 4, 5, "回老家探望父母"), 190, tiers=0)

    def _waiting_for_the_lead(self) -> None:
        """Each with another remaining cover: 2 of 1, 1 of 2, 2 of 2 with a substitute, 1 of 1."""
        helper = self.person("1008")
        wang, tang, song = self.person("1004"), self.person("1006"), self.person("1007")
        self._asked(self._half(wang, "personal", 2, Half.AFTERNOON, "孩子家长会"), 45, tiers=0)
        self._asked(self._days(tang, "annual", 2, 2, "办理房产过户"), 260, tiers=0)
        self._asked(self._days(song, "annual", 6, 6, "参加亲友婚礼", helper), 300, tiers=0)
        self._asked(
            self._days(self.at_window("A05")[0], "personal", 5, 6, "家里装修"), 380, tiers=0
        )

    def _waiting_higher_up(self) -> None:
        """In other units: one that waits for each tier, and one that waits for a substitute."""
        wu, asks = self.person("1102"), self.at_window("B03")[0]
        inspection = self._half(asks, "personal", 3, Half.MORNING, "车辆年检", wu)
        self._asked(inspection, 120, tiers=0, accepts=False)
        self._asked(self._days(self.at_window("B04")[0], "annual", 7, 8, "外出旅游"), 510, tiers=2)
        self._asked(self._days(self.at_window("C04")[0], "annual", 6, 9, "回老家"), 760, tiers=3)
        self._asked(self._days(self.at_window("D01")[0], "annual", 4, 4, "孩子放假"), 300, tiers=1)

    def _away(self) -> None:
        """Who of unit A is away today, and who has not come back to unit B."""
        away, half = self.at_window("A06")[0], self.at_window("A07")[0]
        self._asked(self._days(away, "annual", -1, 1, "休整几天"), 5 * A_DAY)
        course = self._half(half, "official_duty", 0, Half.AFTERNOON, "到市局参加业务培训")
        self._asked(course, A_DAY + 10)
        gone = self._days(self.at_window("B05")[0], "personal", -4, -2, "家中有事")
        self._asked(gone, 9 * A_DAY, returns=False)
        deputy, director = self.person("0002"), self.person("0001")
        self._put(
            5 * A_DAY,
            lambda at: self.year.delegate(
                deputy, director, self.today, self.day(2), "赴外地学习考察", at
            ),
        )

    def _late(self) -> None:
        """One that the lead left lying, and the director's own, above which there is nobody."""
        self._asked(
            self._days(self.person("1005"), "personal", 5, 5, "驾照换证"), 3 * A_DAY + 60, tiers=0
        )
        self._asked(
            self._days(self.person("0001"), "annual", 9, 11, "休年假"), 4 * A_DAY + 30, tiers=0
        )

    def _drafts(self) -> None:
        """Mei and Wu have begun to write something down."""
        for number, code, reason in (
            ("1002", "personal", "孩子家长会"),
            ("1102", "annual", "外出旅游"),
        ):
            wish = self._half(self.person(number), code, 12, Half.MORNING, reason)
            self._put(60, partial(self._write, wish))

    def _blocked(self) -> None:
        """The hall administrator keeps some days free of leave, well ahead."""
        for first, last, unit, reason in BLOCKED:
            block = partial(self._block, self.day(first), self.day(last), unit, reason)
            told = max(self.day(first - 25), self.first_day)
            self.year.agenda.put(self.office.at(told, 90), block)

    # What they are made of

    def _days(
        self,
        person: Person,
        code: str,
        first: int,
        last: int,
        reason: str,
        cover: Person | None = None,
    ) -> Wish:
        begins, ends = (
            HalfDay(self.day(first), Half.MORNING),
            HalfDay(self.day(last), Half.AFTERNOON),
        )
        return Wish(
            person, code, begins, ends, self.calendar.before(begins.day, 1), reason, cover=cover
        )

    def _half(
        self,
        person: Person,
        code: str,
        day: int,
        half: Half,
        reason: str,
        cover: Person | None = None,
    ) -> Wish:
        only = HalfDay(self.day(day), half)
        return Wish(
            person, code, only, only, self.calendar.before(only.day, 1), reason, cover=cover
        )

    def _asked(
        self,
        wish: Wish,
        minutes_ago: int,
        *,
        tiers: int | None = None,
        accepts: bool = True,
        returns: bool = True,
    ) -> None:
        person = wish.person
        self.told |= {person.number, person.partner or person.number}
        self.year.saving[person.number] += self.calendar.count(wish.first.day, wish.last.day)
        story = Story(wish, tiers=tiers, accepts=accepts, returns=returns, told=True)
        self._put(minutes_ago, partial(self.year.ask, story))

    def _put(self, minutes_ago: int, deed: Deed) -> None:
        self.year.agenda.put(self.office.before(self.at, minutes_ago), deed)

    def _block(self, first: date, last: date, unit: str | None, reason: str, at: datetime) -> None:
        values = {
            "first_day": first,
            "last_day": last,
            "only_unit": self.year.units[unit] if unit else None,
            "reason": reason,
        }
        self.year.desk.file(self.person(HALL_ADMINISTRATOR), "blocked_date", values, at)

    def _write(self, wish: Wish, at: datetime) -> None:
        self.year.draft(wish, at)
