"""Who of the demonstration hall is at which window, so that its people ask for leave sensibly."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from hallpanel.demonstration.people import Person
from hallpanel.rulebook.discipline.leave_days import HalfDay
from hallpanel.seeding import Row


class Rota:
    """Keeps who is away and who stands in, while the year's leave is thought out."""

    def __init__(self, people: Iterable[Person], windows: Iterable[Row]) -> None:
        self.people = {person.number: person for person in people}
        self.minimum = {window["number"]: int(window["minimum_staff"]) for window in windows}
        self.away: dict[str, set[HalfDay]] = defaultdict(set)
        self.standing_in: dict[str, set[HalfDay]] = defaultdict(set)

    def is_free(self, person: Person, halves: Sequence[HalfDay]) -> bool:
        """Whether a person is neither away nor promised to stand in."""
        taken = self.away[person.number] | self.standing_in[person.number]
        return taken.isdisjoint(halves)

    def needs_cover(self, person: Person, halves: Sequence[HalfDay]) -> bool:
        """Whether the person's leave would leave a pair or a window short."""
        if person.partner and not self.away[person.partner].isdisjoint(halves):
            return True
        return any(
            self._short(window, person, half) for window in person.windows for half in halves
        )

    def cover_for(self, person: Person, halves: Sequence[HalfDay]) -> Person | None:
        """A colleague of the unit who serves other windows, and whose own would not be short."""
        for other in self.people.values():
            if other.unit != person.unit or other.number in (person.number, person.partner):
                continue
            if set(other.windows) & set(person.windows) or not other.windows:
                continue
            if self.is_free(other, halves) and not self.needs_cover(other, halves):
                return other
        return None

    def take(self, person: Person, halves: Sequence[HalfDay], cover: Person | None) -> None:
        """Note that a person is away, and who is promised in their place."""
        self.away[person.number].update(halves)
        if cover is not None:
            self.standing_in[cover.number].update(halves)

    def _short(self, window: str, person: Person, half: HalfDay) -> bool:
        remaining = [
            other
            for other in self.people.values()
            if window in other.windows
            and other.number != person.number
            and half not in self.away[other.number]
        ]
        return len(remaining) < self.minimum[window]
