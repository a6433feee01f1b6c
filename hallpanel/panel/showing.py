"""How facts look on screen: one place turns a declared value into the words a reader sees."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any

from flask import url_for

from hallpanel.engine import masking
from hallpanel.engine.clock import hall_day
from hallpanel.engine.entity import REGISTRY, Field, Kind, Regulated
from hallpanel.engine.listing import UNREADABLE
from hallpanel.engine.roles import ROLE_LABELS, Role
from hallpanel.panel.language import _, format_day, format_instant, format_number, translate
from hallpanel.panel.person import request_instant

TONES: dict[str, str] = {
    "draft": "secondary",
    "submitted": "warning",
    "approved": "success",
    "handed_over": "success",
    "on_leave": "info",
    "returned": "secondary",
    "overstayed": "danger",
    "refused": "danger",
    "withdrawn": "secondary",
    "cancelled": "secondary",
    "granted": "success",
    "ended": "secondary",
    "in_use": "success",
    "retired": "secondary",
    "confirmed": "success",
    "dismissed": "secondary",
    "closed": "secondary",
    "archived": "secondary",
}
"""The colour of a state beside its word; any other state is plain blue."""

NUMERIC = frozenset({Kind.INTEGER, Kind.DECIMAL, Kind.FLOAT, Kind.INTERVAL})


@dataclass(frozen=True)
class Chip:
    """A state or a deadline as a word with a colour and a sign."""

    label: str
    tone: str = "secondary"
    icon: str | None = None
    title: str | None = None


@dataclass(frozen=True)
class Cell:
    """One cell of a list."""

    kind: str
    text: str
    url: str | None = None
    tone: str | None = None
    icon: str | None = None
    title: str | None = None
    edit: Any = None
    """The pencil with which the fact is changed where it stands; None where it is not."""


@dataclass(frozen=True)
class Button:
    """A way on from here: a link that looks like what it leads to."""

    label: str
    url: str
    tone: str = "secondary"
    icon: str | None = None
    sheet: bool | None = None


@dataclass(frozen=True)
class ClauseLink:
    """The clause a thing rests on."""

    id: str
    text: str
    url: str


def record_url(table: str, record_id: int) -> str:
    """The page of a record."""
    return url_for(f"{table}.details_view", id=record_id)


def clause_url(clause: str) -> str:
    """The page of a clause."""
    return url_for("rulebook.clause_page", clause=clause)


def shown(declared: Field, value: Any) -> str:
    """A value of a field in the reader's words; an empty one is an empty text."""
    if value is None or value == "":
        return ""
    if declared.mask is not None:
        return UNREADABLE if value == UNREADABLE else masking.masked(declared.mask, value)
    match declared.kind:
        case Kind.CHOICE:
            return choice_word(declared, value)
        case Kind.RELATION:
            return str(value.display() if isinstance(value, Regulated) else value)
    return plain(value)


def choice_word(declared: Field, value: Any) -> str:
    """The word of a choice's member, a role or a state."""
    stored = value.value if isinstance(value, Enum) else str(value)
    if stored in declared.choice_labels:
        return translate(declared.choice_labels[stored])
    if declared.choices is Role:
        return translate(ROLE_LABELS[Role(stored)])
    return stored


def plain(value: Any) -> str:
    """A value without a declaration, by its type alone."""
    match value:
        case None:
            return ""
        case bool():
            return _("Yes") if value else _("No")
        case datetime():
            return format_instant(value)
        case date():
            return format_day(value)
        case time():
            return f"{value:%H:%M}"
        case timedelta():
            return _("%(hours)s h", hours=format_number(value.total_seconds() / 3600))
        case Decimal() | float():
            return format_number(value)
    return translate(value)  # also a whole number: a year is not grouped


def cell(entity: type[Regulated], name: str, value: Any, key: int | None) -> Cell:
    """A listed value as a cell; a related record is a link to it."""
    declared = entity.fields()[name.partition(".")[0]]
    if name == "state" and value is not None:
        return Cell("chip", state_word(entity, value), tone=tone_of(value))
    if declared.kind is Kind.RELATION and "." in name:
        return Cell("text", plain(value))
    if declared.kind is Kind.DAY and value is not None:
        return Cell("text", short_day(value), title=format_day(value))
    text = shown(declared, value)
    if declared.kind is Kind.RELATION and key is not None:
        return Cell("link", text, url=record_url(str(declared.target), key))
    return Cell("number" if declared.kind in NUMERIC else "text", text)


def head_field(entity: type[Regulated], name: str) -> Field:
    """The declared fact behind a listed name."""
    return entity.fields()[name.partition(".")[0]]


def head_label(entity: type[Regulated], name: str) -> str:
    """The head of a column; of a fact of a related record with both labels."""
    declared, inner = head_field(entity, name), name.partition(".")[2]
    if not inner:
        return translate(declared.label)
    target = REGISTRY[str(declared.target)].fields()[inner]
    return f"{translate(declared.label)} · {translate(target.label)}"


def short_day(day: date) -> str:
    """A day in a narrow column: without the year where it is this one."""
    full = format_day(day)
    return full[5:] if day.year == hall_day(request_instant()).year else full


def when_of(record: Regulated) -> str:
    """The days a record is about, with the half where one counts: 2026-02-12(周四) 上午."""
    if record.calendar_view is None:
        return ""
    span = record.span
    begins_late, ends_early = span.first_half == "afternoon", span.last_half == "morning"
    first, last = format_day(span.first_day), format_day(span.last_day)
    if span.first_day == span.last_day:
        half = _("morning") if ends_early else _("afternoon") if begins_late else ""
        return f"{first} {half}".strip()
    return _(
        "%(first)s to %(last)s",
        first=f"{first} {_('afternoon')}" if begins_late else first,
        last=f"{last} {_('morning')}" if ends_early else last,
    )


def state_word(entity: type[Regulated], state: Any) -> str:
    """The word of a state."""
    stored = state.value if isinstance(state, Enum) else str(state)
    return translate(entity.state_labels()[stored])


def tone_of(state: Any) -> str:
    """The colour of a state."""
    return TONES.get(state.value if isinstance(state, Enum) else str(state), "primary")


def state_chip(record: Regulated) -> Chip | None:
    """A record's state as a chip."""
    if record.workflow is None:
        return None
    return Chip(state_word(type(record), record.state), tone_of(record.state))


def title_of(record: Regulated) -> str:
    """How a record is named on its page: what it is, with its number or name."""
    return record.display()


def entity_of(table: str) -> type[Regulated]:
    """An entity by its table."""
    return REGISTRY[table]
