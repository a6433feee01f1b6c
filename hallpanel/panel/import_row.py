"""One row of a table file on its way in: its cells, what they mean, and what is wrong with them."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from hallpanel.engine.errors import Refusal
from hallpanel.engine.words import Phrase
from hallpanel.panel.cell_values import Raw, text_of


class Effect(StrEnum):
    """What becomes of a row."""

    NEW = "new"
    CHANGED = "changed"
    SAME = "same"
    WRONG = "wrong"


@dataclass(frozen=True)
class Wrong:
    """What is wrong with a row: in which column, if in one, and by which rule."""

    row: int
    column: str | None
    value: str
    refusal: Refusal


@dataclass
class Row:
    """A row with what it brings: the values, and of a change those that were there before."""

    number: int
    cells: Mapping[str, Raw]
    effect: Effect = Effect.SAME
    values: dict[str, Any] = field(default_factory=dict)
    before: dict[str, Any] = field(default_factory=dict)
    later: dict[str, str] = field(default_factory=dict)
    wrong: list[Wrong] = field(default_factory=list)

    def filled(self, name: str) -> bool:
        """Whether a cell says anything."""
        raw = self.cells[name]
        return raw is not None and bool(text_of(raw))

    def blame(self, name: str | None, why: Phrase) -> None:
        """Note what is wrong with a cell, or with the row."""
        self.refuse(Refusal(why, field=name))

    def refuse(self, refusal: Refusal) -> None:
        """Note what a rule objects to."""
        name = refusal.field if refusal.field in self.cells else None
        value = text_of(self.cells[name]) if name else ""
        self.effect = Effect.WRONG
        self.wrong.append(Wrong(self.number, name, value, refusal))


@dataclass
class Outcome:
    """What a whole file does. Of long files the first rows and errors are kept, to be shown.

    `digest` is equal for two runs that do the same.
    """

    counts: Counter[Effect] = field(default_factory=Counter)
    rows: list[Row] = field(default_factory=list)
    errors: list[Wrong] = field(default_factory=list)
    complete: bool = True
    digest: str = ""

    @property
    def changes(self) -> int:
        """How many records are made or changed."""
        return self.counts[Effect.NEW] + self.counts[Effect.CHANGED]
