"""Personal data: why the hall keeps a fact about a person, for how long, and who reads it whole.

The figures of the hall's policy about personal data stand here and nowhere else (PII-1, 3, 7).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from hallpanel.engine.masking import Mask
from hallpanel.engine.roles import Role
from hallpanel.engine.words import Phrase, _l

if TYPE_CHECKING:
    from hallpanel.engine.entity import Regulated

UNMASKED_A_DAY = 20
"""So many facts an account may read whole in one day of the hall."""
EXPORTED_AT_ONCE = 1000
"""So many rows about people go into one file on one person's word."""


@dataclass(frozen=True)
class Years:
    """How long a fact is kept once its record has ended: closed, retired or left behind."""

    count: int

    @property
    def phrase(self) -> Phrase:
        """The time in words."""
        return _l("years after its end: %(count)s", count=self.count)


@dataclass(frozen=True)
class Personal:
    """A fact about a person: its purpose, how long it is kept, what is shown, who unmasks it.

    `shown` is the mask under which everybody reads it; without one it is shown whole, as the names
    of staff are. `unmask` are the roles that may read it whole, one by one and with a reason.
    """

    purpose: Phrase
    keep: Years
    shown: Mask | None = None
    unmask: tuple[Role, ...] = ()


class Impersonal(StrEnum):
    """Said of a text that is about no person."""

    NOBODY = "nobody"


NOBODY = Impersonal.NOBODY

EMPLOYMENT = Personal(_l("Employment and duty at the hall"), Years(5))
"""Facts about the hall's own people, who know one another by name."""


@dataclass(frozen=True)
class Line:
    """One column in the list of classes."""

    table: str
    column: str
    secrecy: str
    purpose: str
    kept: str
    shown: str
    sealed: str
    unmask: str


def lines(entities: Iterable[type["Regulated"]]) -> Iterator[Line]:
    """Every declared column with its class, purpose and retention, in one order."""
    for entity in sorted(entities, key=lambda one: one.__tablename__):
        for name, declared in sorted(entity.fields().items()):
            yield _line(entity.__tablename__, name, declared)


def _line(table: str, name: str, declared: Any) -> Line:
    about = declared.personal
    told = isinstance(about, Personal)
    return Line(
        table,
        name,
        declared.secrecy.value if declared.secrecy else "",
        about.purpose.msgid if told else "",
        str(about.keep.phrase) if told else "",
        (about.shown.value if about.shown else "whole") if told else "",
        "sealed" if declared.sealed else "",
        " ".join(sorted(role.value for role in about.unmask)) if told else "",
    )


def about_people(entities: Iterable[type["Regulated"]]) -> Iterator[Line]:
    """The columns that hold personal data."""
    return (line for line in lines(entities) if line.purpose)


def personal_table(entities: Iterable[type["Regulated"]]) -> str:
    """The list of personal data, as `flask check --personal` prints it."""
    heads = ("table", "column", "class", "purpose", "kept", "shown", "stored", "read whole by")
    rows = [
        (o.table, o.column, o.secrecy, o.purpose, o.kept, o.shown, o.sealed or "plain", o.unmask)
        for o in about_people(entities)
    ]
    return "\n".join("| " + " | ".join(row) + " |" for row in (heads, ("---",) * len(heads), *rows))


def unmasking_roles(entities: Iterable[type["Regulated"]]) -> frozenset[Role]:
    """The roles that may read some personal fact whole: they need a second factor (AUTH-8)."""
    return frozenset(
        role
        for entity in entities
        for declared in entity.fields().values()
        if isinstance(declared.personal, Personal)
        for role in declared.personal.unmask
    )
