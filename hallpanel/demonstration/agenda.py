"""What is to be done when: the demonstration's year runs in the order of the clock."""

import heapq
from collections.abc import Callable
from datetime import datetime
from itertools import count

Deed = Callable[[datetime], None]


class Agenda:
    """Deeds in the order of their instants; a deed may put down others."""

    def __init__(self) -> None:
        self._deeds: list[tuple[datetime, int, Deed]] = []
        self._order = count()

    def put(self, at: datetime, deed: Deed) -> None:
        """Put down a deed."""
        heapq.heappush(self._deeds, (at, next(self._order), deed))

    def run(self, until: datetime) -> None:
        """Do all that is due by an instant; what comes later is left undone."""
        while self._deeds and self._deeds[0][0] <= until:
            at, _, deed = heapq.heappop(self._deeds)
            deed(at)
