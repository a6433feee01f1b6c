"""The leave that the people of the demonstration hall ask for in a year, and how each ends."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from random import Random

from hallpanel.demonstration.people import CHANCE, Person
from hallpanel.demonstration.rota import Rota
from hallpanel.engine.roles import Role
from hallpanel.engine.workdays import WorkCalendar
from hallpanel.rulebook.discipline.leave_days import Half, HalfDay

TRIES = 40
A_YEAR = 270
"""Working days, with those that people look ahead."""
LONG = 20
"""Half days from which a leave runs through rest days."""


class Fate(StrEnum):
    """How a request ends, if not simply with the return to the post."""

    PLAIN = "plain"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"
    GIVEN_UP = "given_up"
    CANCELLED = "cancelled"
    EXTENDED = "extended"
    OVERSTAYED = "overstayed"
    FORGOTTEN = "forgotten"


FATES = {
    Fate.PLAIN: 840,
    Fate.REFUSED: 45,
    Fate.WITHDRAWN: 30,
    Fate.GIVEN_UP: 20,
    Fate.CANCELLED: 20,
    Fate.EXTENDED: 15,
    Fate.OVERSTAYED: 10,
    Fate.FORGOTTEN: 20,
}
"""FORGOTTEN: nobody decides in time, the sweep hands it up. GIVEN_UP: withdrawn once approved."""


@dataclass(frozen=True)
class Habit:
    """How often a kind of leave is asked for in a year, for how many half days, and why."""

    code: str
    times: tuple[int, ...]
    halves: tuple[int, ...]
    ahead: tuple[int, int]
    reasons: tuple[str, ...]


HABITS = (
    Habit(
        "annual",
        (2, 2, 3, 3, 3),
        (1, 2, 2, 4, 4, 6, 10),
        (3, 12),
        (
            "回老家探望父母",
            "陪家人外出旅游",
            "孩子放假，在家陪伴",
            "家里装修",
            "休整几天",
            "参加同学聚会",
            "搬家",
            "陪父母体检",
        ),
    ),
    Habit(
        "personal",
        (0, 1, 1, 2, 2),
        (1, 1, 2, 2, 4),
        (3, 6),
        (
            "办理房产过户",
            "孩子家长会",
            "送家人就医",
            "参加亲友婚礼",
            "车辆年检",
            "驾照换证",
            "家中有事",
        ),
    ),
    Habit(
        "sick",
        (0, 1, 1, 2),
        (1, 1, 2, 2, 3),
        (0, 0),
        (
            "感冒发热",
            "肠胃不适",
            "牙痛就诊",
            "腰痛复诊",
            "眼科复查",
            "头晕，去医院检查",
        ),
    ),
    Habit(
        "official_duty",
        (0, 1, 1, 2),
        (1, 1, 2, 4),
        (1, 5),
        (
            "到市局参加业务培训",
            "到区分中心交流",
            "参加标准化工作会议",
            "送档案材料到主管部门",
            "上门服务重点企业",
        ),
    ),
    Habit(
        "childcare", (0, 0, 0, 1), (1, 2, 4), (3, 8), ("照顾孩子", "带孩子打疫苗", "孩子入园适应")
    ),
    Habit("bereavement", (0,) * 39 + (1,), (6,), (0, 0), ("祖父去世", "祖母去世", "岳父去世")),
    Habit("family_visit", (0,) * 39 + (1,), (30,), (8, 15), ("探望父母", "探望配偶")),
)


SUDDEN = frozenset(habit.code for habit in HABITS if not any(habit.ahead))
"""Leave that nobody plans: it cannot be put off for the windows' sake."""


@dataclass(frozen=True)
class Wish:
    """One request as it will be made."""

    person: Person
    code: str
    first: HalfDay
    last: HalfDay
    asked_on: date
    reason: str
    fate: Fate = Fate.PLAIN
    cover: Person | None = None

    @property
    def sudden(self) -> bool:
        """Whether nobody can choose its day."""
        return self.code in SUDDEN


class Dreamer:
    """Thinks out the year's leave: the same for the same day, on every machine.

    `kept_free` gives the days on which a person asks for nothing: blocked dates, and the days about
    which the demonstration tells its own story.
    """

    def __init__(
        self,
        people: Sequence[Person],
        rota: Rota,
        calendar: WorkCalendar,
        first: date,
        last: date,
        kept_free: Callable[[Person], Iterable[tuple[date, date]]],
    ) -> None:
        self.people, self.rota, self.kept_free = people, rota, kept_free
        self.chance = Random(CHANCE)  # noqa: S311 - invented leave, the same each time
        self.days = calendar.working_days(first, last)
        self.share = min(1.0, len(self.days) / A_YEAR)

    def wishes(self) -> Iterator[Wish]:
        """What everyone asks for, in no order."""
        for person in self.people:
            # The administrators and inspectors are not window staff and file no leave of their own;
            # above the hall administrator there is nobody to decide.
            if Role.STAFF not in person.roles or Role.HALL_ADMIN in person.roles:
                continue
            for habit in HABITS:
                for _ in range(self.chance.choice(habit.times)):
                    wish = self._wish(person, habit)
                    if wish is not None and self.chance.random() < self.share:
                        yield wish

    def _wish(self, person: Person, habit: Habit) -> Wish | None:
        for _ in range(TRIES):
            start = self.chance.randrange(len(self.days))
            asked = start - self.chance.randint(*habit.ahead)
            halves = self._span(start, self.chance.choice(habit.halves))
            if asked >= 0 and self._can(person, halves):
                return self._make(person, habit, halves, self.days[asked])
        return None

    def _span(self, start: int, length: int) -> list[HalfDay]:
        """So many half days from a working day on; long leave runs through the rest days."""
        if length % 2:
            return [HalfDay(self.days[start], self.chance.choice(tuple(Half)))]
        if length < LONG:
            days = self.days[start : start + length // 2]
        else:
            days = [self.days[start] + timedelta(days=n) for n in range(length // 2)]
        return [HalfDay(day, half) for day in days for half in Half]

    def _can(self, person: Person, halves: Sequence[HalfDay]) -> bool:
        if halves[0].day.year != halves[-1].day.year or not self._may_go(person, halves):
            return False
        if not self.rota.needs_cover(person, halves):
            return True
        return person.moved is None and self.rota.cover_for(person, halves) is not None

    def _may_go(self, person: Person, halves: Sequence[HalfDay]) -> bool:
        begins, ends = halves[0].day, halves[-1].day
        kept_free = any(first <= ends and begins <= last for first, last in self.kept_free(person))
        return not kept_free and self.rota.is_free(person, halves)

    def _make(
        self, person: Person, habit: Habit, halves: Sequence[HalfDay], asked_on: date
    ) -> Wish:
        short = self.rota.needs_cover(person, halves)
        cover = self.rota.cover_for(person, halves) if short else None
        self.rota.take(person, halves, cover)
        reason = self.chance.choice(habit.reasons)
        fate = self._fate(habit, halves)
        return Wish(person, habit.code, halves[0], halves[-1], asked_on, reason, fate, cover)

    def _fate(self, habit: Habit, halves: Sequence[HalfDay]) -> Fate:
        """Sudden leave is not withdrawn, and only leave of whole days is overstayed or extended."""
        (fate,) = self.chance.choices(tuple(FATES), tuple(FATES.values()))
        planned = habit.ahead[0] > 1
        if fate in (Fate.WITHDRAWN, Fate.GIVEN_UP, Fate.FORGOTTEN) and not planned:
            return Fate.PLAIN
        if fate in (Fate.EXTENDED, Fate.OVERSTAYED) and len(halves) % 2:
            return Fate.PLAIN
        return fate
