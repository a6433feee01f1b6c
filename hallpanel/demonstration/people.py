"""The people of the demonstration hall: the cast, and as many others as its windows need."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from itertools import cycle, islice
from pathlib import Path
from random import Random
from typing import Any

import yaml

from hallpanel import seeding
from hallpanel.engine.roles import Role
from hallpanel.seeding import Row

DEMO = seeding.SEED / "demo"

STAFF_IN_ALL = 180
OFFICE_PEOPLE = {"Y": ("综合文员", 3), "Z": ("督查员", 4)}
MOVES = {"C": "D", "E": "H", "G": "F", "M": "C"}
"""From which unit a helper moved to which during the year."""
WOMEN = 0.6
CHANCE = "hallpanel"


@dataclass(frozen=True)
class Move:
    """Where a person was before, and when they moved, as a share of the year."""

    unit: str
    windows: tuple[str, ...]
    share: float


@dataclass(frozen=True)
class Person:
    """A member of staff as the demonstration knows them."""

    number: str
    name: str
    unit: str
    post: str
    joined_on: date
    years_before: int = 0
    windows: tuple[str, ...] = ()
    partner: str | None = None
    account: str | None = None
    roles: tuple[Role, ...] = (Role.STAFF,)
    moved: Move | None = None

    def row(self) -> dict[str, Any]:
        """The person as a row of the staff table, before any move."""
        names = ("number", "name", "post", "partner", "joined_on", "years_before")
        unit = self.moved.unit if self.moved else self.unit
        return {"unit": unit, **{name: getattr(self, name) for name in names}}

    def assignments(self) -> list[dict[str, Any]]:
        """The windows the person served first."""
        windows = self.moved.windows if self.moved else self.windows
        return [
            {"staff": self.number, "window": window, "since": self.joined_on} for window in windows
        ]


def read_cast(folder: Path = DEMO) -> list[Person]:
    """The people who are named one by one."""
    return [_cast_member(row) for row in seeding.read_rows(folder / "cast.yaml")]


def all_people(units: Sequence[Row], windows: Sequence[Row], today: date) -> list[Person]:
    """The cast and the others, the same on every machine; `today` is when the demonstration is."""
    return Crowd(units, windows, today).gather()


class Crowd:
    """Fills the windows and offices around the cast."""

    def __init__(self, units: Sequence[Row], windows: Sequence[Row], today: date) -> None:
        self.units, self.windows, self.today = units, windows, today
        self.chance = Random(CHANCE)  # noqa: S311 - invented people, the same each time
        self.people = read_cast()
        self.names = _names(self.chance, {person.name for person in self.people})

    def gather(self) -> list[Person]:
        """Everybody, by staff number."""
        for unit in self.units:
            if unit["kind"] == "window":
                self._lead(unit["code"])
        for window in self.windows:
            self._pair(window)
        for code, (post, count) in OFFICE_PEOPLE.items():
            for _ in range(count):
                self._join(code, post, roles=_office_roles(code))
        self._join("Y", "办公室负责人", roles=(Role.STAFF, Role.LEAD))
        self._helpers()
        return sorted(self.people, key=lambda person: person.number)

    def _lead(self, unit: str) -> None:
        if not any(Role.LEAD in person.roles for person in self._of(unit)):
            self._join(unit, "窗口负责人", roles=(Role.STAFF, Role.LEAD))

    def _pair(self, window: Row) -> None:
        """An A/B pair at each window of its own, and a third where two must always be there."""
        number, unit = window["number"], window["unit"]
        if any(number in p.windows and p.partner for p in self.people):
            return
        one = self._join(unit, "窗口工作人员", windows=(number,))
        other = self._join(unit, "窗口工作人员", windows=(number,), partner=one.number)
        self.people[self.people.index(one)] = replace(one, partner=other.number)
        if int(window["minimum_staff"]) > 1:
            self._join(unit, "窗口工作人员", windows=(number,))

    def _helpers(self) -> None:
        """The rest guide applicants and can stand in at two windows of their unit."""
        codes = [unit["code"] for unit in self.units if unit["kind"] == "window"]
        # Unit A has its helper in the cast, so the others begin.
        for code in islice(cycle([*codes[1:], codes[0]]), STAFF_IN_ALL - len(self.people)):
            self._join(code, "帮办代办员", windows=self._two_windows(code), moved=self._move(code))

    def _two_windows(self, unit: str) -> tuple[str, ...]:
        """Not the first, whose pair the demonstration tells of."""
        numbers = [window["number"] for window in self.windows if window["unit"] == unit]
        return tuple(sorted(self.chance.sample(numbers[1:], 2)))

    def _move(self, unit: str) -> Move | None:
        """The first helper of some units came from another one."""
        came_from = [before for before, after in MOVES.items() if after == unit]
        if not came_from or any(person.moved for person in self._of(unit)):
            return None
        before = came_from[0]
        return Move(before, self._two_windows(before), self.chance.uniform(0.15, 0.7))

    def _join(self, unit: str, post: str, **facts: Any) -> Person:
        name = next(self.names)
        worked = self.chance.choice((0, 0, 0, 1, 2, 3, 5, 8, 12, 17))
        days_ago = self.chance.randrange(420, 4200)
        joined_on = (self.today - timedelta(days=days_ago)).replace(day=1)
        number = self._next_number(unit)
        person = Person(number, name, unit, post, joined_on, worked, **facts)
        self.people.append(person)
        return person

    def _next_number(self, unit: str) -> str:
        """Four figures: two for the unit, two for the person."""
        codes = [u["code"] for u in self.units if u["kind"] == "window"]
        offices = {"Y": 0, "X": 1, "Z": 2}
        series = offices[unit] if unit in offices else 10 + codes.index(unit)
        taken = [int(person.number) for person in self._of(unit)]
        return f"{max(taken, default=series * 100) + 1:04d}"

    def _of(self, unit: str) -> list[Person]:
        return [person for person in self.people if person.unit == unit]


def _cast_member(row: seeding.Row) -> Person:
    facts = dict(row)
    facts["windows"] = tuple(facts.get("windows", ()))
    facts["roles"] = tuple(Role(role) for role in facts.get("roles", ("staff",)))
    return Person(**facts)


def _office_roles(unit: str) -> tuple[Role, ...]:
    """The supervision section inspects everybody else, so its people hold no other role (SOD-1)."""
    return (Role.SUPERVISION,) if unit == "Z" else (Role.STAFF,)


def _names(chance: Random, taken: set[str]) -> Iterator[str]:
    """Names nobody has yet."""
    lists = yaml.safe_load((DEMO / "names.yaml").read_text(encoding="utf-8"))
    words = {key: text.split() for key, text in lists.items()}
    taken = taken | set(words["avoid"])
    while True:
        given = words["women" if chance.random() < WOMEN else "men"]
        name = chance.choice(words["surnames"]) + chance.choice(given)
        if name not in taken:
            taken.add(name)
            yield name
