"""Facts in the cells of a table file: how an export writes them and how an import reads them.

The two ways stand side by side so that they agree: what is written here is read back as the same
value (pitfall 36), in whichever of the panel's languages it was written.
"""

import re
import unicodedata
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from enum import Enum
from typing import Any
from uuid import UUID

from flask_babel import force_locale

from hallpanel.engine.clock import HALL_ZONE
from hallpanel.engine.entity import REGISTRY, Field, Kind, Regulated
from hallpanel.engine.words import Phrase, _l
from hallpanel.panel.forms import LARGEST_INTEGER, LONGEST_TEXT
from hallpanel.panel.language import LANGUAGES, _, translate
from hallpanel.panel.showing import choice_word

Plain = str | int | float | Decimal | bool | date | time | datetime | None
"""What a cell holds: a text, a figure, a day, or a time on the hall's wall."""
Raw = Plain | timedelta
"""What a spreadsheet gives back, which may be a length of time besides."""
Writer = Callable[[Any], Plain]

# A text that a spreadsheet would compute gets an apostrophe, which an import takes away again.
LOOKS_COMPUTED = re.compile("'*[=+\\-@\t\r\n\0＝＋－＠]")
DISARMED = re.compile("'+[=+\\-@\t\r\n\0＝＋－＠]")
INVISIBLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffd\ufffe\uffff]")
WEEKDAY = re.compile(r"\s*[(（][^)）]*[)）]\s*")
DAY_PARTS = re.compile(r"(\d{4})\s*[-/.年]\s*(\d{1,2})\s*[-/.月]\s*(\d{1,2})\s*日?")
EIGHT_DIGITS = re.compile(r"(\d{4})(\d{2})(\d{2})")
CLOCK = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2})(?:\.\d*)?)?")
EXACT_DIGITS = 10
FLOAT_DIGITS = 12
"""A spreadsheet computes in binary fractions; further digits are its noise."""
MIDNIGHT = datetime(2000, 1, 1, tzinfo=UTC)


class BadCell(ValueError):
    """A cell that cannot be a value of its field, with the reason."""

    def __init__(self, why: Phrase) -> None:
        super().__init__(str(why))
        self.why = why


# writing


def writer(entity: type[Regulated], name: str) -> Writer:
    """How a listed column is written in the reader's language; made once, used for each row."""
    relation, _dot, inner = name.partition(".")
    declared = entity.fields()[relation]
    if inner:
        return writer(REGISTRY[str(declared.target)], inner)
    if declared.kind is Kind.RELATION:
        return _written_title
    if declared.kind is Kind.CHOICE:
        return _choice_writer(words_of(entity, declared))
    if declared.kind is Kind.BOOLEAN:
        yes_no = {True: _("Yes"), False: _("No")}
        return yes_no.get
    return WRITERS.get(declared.kind, _written_text)


def words_of(entity: type[Regulated], declared: Field) -> dict[str, str]:
    """The words of a choice's members by stored value, in the reader's language."""
    if declared.name == "state":
        return {value: translate(word) for value, word in entity.state_labels().items()}
    assert declared.choices is not None
    return {member.value: choice_word(declared, member) for member in declared.choices}


def _choice_writer(words: Mapping[str, str]) -> Writer:
    def write(value: Any) -> Plain:
        stored = value.value if isinstance(value, Enum) else value
        return None if stored is None else words.get(stored, str(stored))

    return write


def _written_text(value: Any) -> Plain:
    return None if value is None else one_line_end(str(value))


def _written_title(value: Any) -> Plain:
    plain = isinstance(value, (int, Decimal, date, time)) or value is None
    return value if plain else str(value)  # of a masked name its mask


def _written_decimal(value: Any) -> Plain:
    return None if value is None else Decimal(format(Decimal(value).normalize(), "f"))


def _written_instant(value: Any) -> Plain:
    if value is None:
        return None
    wall: datetime = value.astimezone(HALL_ZONE)
    return wall.replace(tzinfo=None, microsecond=0)


def _written_hours(value: Any) -> Plain:
    if value is None:
        return None
    return _written_decimal(round(Decimal(value.total_seconds()) / 3600, 6))


WRITERS: dict[Kind, Writer] = {
    Kind.INTEGER: lambda value: value,
    Kind.FLOAT: lambda value: value,
    Kind.DAY: lambda value: value,
    Kind.TIME: lambda value: value,
    Kind.DECIMAL: _written_decimal,
    Kind.INSTANT: _written_instant,
    Kind.INTERVAL: _written_hours,
}


def as_text(value: Plain) -> str:
    """A cell as a csv file holds it; only texts are disarmed, figures stay figures (pitfall 12)."""
    match value:
        case None:
            return ""
        case str():
            return disarmed(value)
        case datetime():
            return f"{value:%Y-%m-%d %H:%M:%S}"
        case date():
            return value.isoformat()
        case time():
            return f"{value:%H:%M:%S}".removesuffix(":00")
        case Decimal():
            return format(value, "f")
    return str(value)


def disarmed(text: str) -> str:
    """A text that no spreadsheet takes for a formula (pitfall 12, PII-7)."""
    visible = INVISIBLE.sub("\ufffd", text)
    return f"'{visible}" if LOOKS_COMPUTED.match(text) else visible


def armed(text: str) -> str:
    """The text that `disarmed` was given."""
    return text[1:] if DISARMED.match(text) else text


def one_line_end(text: str) -> str:
    """A text with one kind of line end; forms send another than files hold."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


# reading


class CellReader:
    """Reads the cells of one column, in whichever language they are written."""

    def __init__(self, entity: type[Regulated], declared: Field) -> None:
        self.declared = declared
        self._words = _all_words(entity, declared)

    def read(self, raw: Raw) -> Any:
        """The value of a cell; None for an empty one. A relation is given back as its text.

        Raises:
            BadCell: it cannot be a value of the field.
        """
        if raw is None or (isinstance(raw, str) and not raw.strip()):
            return None
        if self.declared.kind in (Kind.CHOICE, Kind.BOOLEAN):
            return self._worded(raw)
        return READERS[self.declared.kind](self.declared, raw)

    def _worded(self, raw: Raw) -> Any:
        if isinstance(raw, bool) and self.declared.kind is Kind.BOOLEAN:
            return raw
        found = self._words.get(folded(text_of(raw)))
        if found is None:
            first = list(dict.fromkeys(self._shown()))[:8]
            raise BadCell(_l("it is none of %(choices)s", choices=first))
        return found[0]

    def _shown(self) -> list[str]:
        if self.declared.kind is Kind.BOOLEAN:
            return [_("Yes"), _("No")]
        return [word for word, _member in _members(self.declared)]


def _all_words(entity: type[Regulated], declared: Field) -> dict[str, tuple[Any]]:
    """The value behind each word that a cell may use: in any language, or as it is stored."""
    found: dict[str, tuple[Any]] = {}
    for tag in LANGUAGES:
        with force_locale(tag):
            if declared.kind is Kind.BOOLEAN:
                found |= {folded(_("Yes")): (True,), folded(_("No")): (False,)}
            elif declared.kind is Kind.CHOICE:
                found |= _choice_words(entity, declared)
    if declared.kind is Kind.BOOLEAN:
        found |= dict.fromkeys(("1", "true", "y", "是", "√"), (True,))
        found |= dict.fromkeys(("0", "false", "n", "否", "×"), (False,))
    return found


def _choice_words(entity: type[Regulated], declared: Field) -> dict[str, tuple[Any]]:
    assert declared.choices is not None
    words = words_of(entity, declared)
    offered = [m for m in declared.choices if _is_offered(declared, m)]
    by_word = {folded(words.get(m.value, m.value)): (m,) for m in offered}
    return {folded(m.value): (m,) for m in offered} | by_word


def _members(declared: Field) -> list[tuple[str, Any]]:
    assert declared.choices is not None
    return [(choice_word(declared, m), m) for m in declared.choices if _is_offered(declared, m)]


def _is_offered(declared: Field, member: Any) -> bool:
    return not declared.choice_labels or member.value in declared.choice_labels


def text_of(raw: Raw) -> str:
    """A cell as a person typed it: a code that the spreadsheet took for a figure is one again."""
    match raw:
        case str():
            return armed(raw).strip()
        case bool():
            return _("Yes") if raw else _("No")
        case float() if raw.is_integer():
            return str(int(raw))
        case datetime() if raw.time() == time():
            return raw.date().isoformat()
        case timedelta():
            return str(raw)
    return as_text(raw)


def folded(text: str) -> str:
    """A word regardless of width, case and blanks."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def _read_text(declared: Field, raw: Raw) -> str:
    text = one_line_end(text_of(raw)).strip()
    longest = LONGEST_TEXT if declared.kind is Kind.LONG_TEXT else declared.length or 200
    if len(text) > longest:
        raise BadCell(_l("it is longer than %(most)s characters", most=longest))
    if INVISIBLE.search(text):
        raise BadCell(_l("it holds characters that cannot be shown"))
    return text


def _read_relation(_declared: Field, raw: Raw) -> str:
    return text_of(raw)


def _read_number(raw: Raw) -> Decimal:
    if isinstance(raw, float):
        raw = f"{raw:.{FLOAT_DIGITS}g}"
    if isinstance(raw, (date, time, timedelta, bool)):
        raise BadCell(_l("it is no figure"))
    text = unicodedata.normalize("NFKC", str(raw)).strip().replace(",", "").replace(" ", "")
    try:
        number = Decimal(text)
    except InvalidOperation:
        raise BadCell(_l("it is no figure")) from None
    if not number.is_finite() or abs(number) > Decimal(10) ** 300:
        raise BadCell(_l("it is no figure"))
    return number


def _read_integer(_declared: Field, raw: Raw) -> int:
    number = _read_number(raw)
    if number != number.to_integral_value():
        raise BadCell(_l("it is no whole number"))
    if abs(number) > LARGEST_INTEGER:
        raise BadCell(_l("the figure is too large"))
    return int(number)


def _read_decimal(declared: Field, raw: Raw) -> Decimal:
    number = _read_number(raw)
    if abs(number) >= Decimal(10) ** (EXACT_DIGITS - declared.places):
        raise BadCell(_l("the figure is too large"))
    exact = round(number, declared.places)
    if exact != number:
        raise BadCell(_l("it has more than %(places)s decimal places", places=declared.places))
    return exact


def _read_float(_declared: Field, raw: Raw) -> float:
    return raw if isinstance(raw, float) else float(_read_number(raw))


def _read_day(_declared: Field, raw: Raw) -> date:
    match raw:
        case datetime():
            if raw.time() != time():
                raise BadCell(_l("it is a day with a time, and should be a day"))
            return raw.date()
        case date():
            return raw
        case str():
            return _day_in(WEEKDAY.sub(" ", text_of(raw)).strip())
        case int():
            return _day_in(str(raw))
    raise BadCell(_l("it is no day such as 2026-02-12"))


def _day_in(text: str) -> date:
    plain = unicodedata.normalize("NFKC", text)
    found = DAY_PARTS.fullmatch(plain) or EIGHT_DIGITS.fullmatch(plain)
    try:
        if found:
            return date(*map(int, found.groups()))
    except ValueError:
        pass
    raise BadCell(_l("it is no day such as 2026-02-12"))


def _read_time(_declared: Field, raw: Raw) -> time:
    match raw:
        case time():
            return raw.replace(tzinfo=None, microsecond=0)
        case timedelta() if timedelta() <= raw < timedelta(days=1):
            return (MIDNIGHT + raw).time()
        case str():
            return _clock_in(text_of(raw))
    raise BadCell(_l("it is no time such as 09:30"))


def _clock_in(text: str) -> time:
    found = CLOCK.fullmatch(unicodedata.normalize("NFKC", text))
    try:
        if found:
            hour, minute, second = (int(part or 0) for part in found.groups())
            return time(hour, minute, second)
    except ValueError:
        pass
    raise BadCell(_l("it is no time such as 09:30"))


def _read_instant(_declared: Field, raw: Raw) -> datetime:
    match raw:
        case datetime():
            wall = raw
        case date():
            wall = datetime.combine(raw, time())
        case str():
            wall = _instant_in(WEEKDAY.sub(" ", text_of(raw)).strip())
        case _:
            raise BadCell(_l("it is no day with a time such as 2026-02-12 09:30"))
    zoned = wall if wall.tzinfo else wall.replace(tzinfo=HALL_ZONE)
    return zoned.astimezone(UTC)


def _instant_in(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        pass
    day, _blank, clock = text.rpartition(" ")
    try:
        return datetime.combine(_day_in(day.strip()), _clock_in(clock))
    except BadCell:
        raise BadCell(_l("it is no day with a time such as 2026-02-12 09:30")) from None


def _read_interval(_declared: Field, raw: Raw) -> timedelta:
    if isinstance(raw, timedelta):
        return raw
    hours = _read_number(raw)
    if abs(hours) > 10**6:
        raise BadCell(_l("the figure is too large"))
    return timedelta(seconds=round(float(hours) * 3600))


def _read_uuid(_declared: Field, raw: Raw) -> UUID:
    try:
        return UUID(text_of(raw))
    except ValueError:
        raise BadCell(_l("it is no UUID")) from None


READERS: dict[Kind, Callable[[Field, Raw], Any]] = {
    Kind.TEXT: _read_text,
    Kind.LONG_TEXT: _read_text,
    Kind.INTEGER: _read_integer,
    Kind.DECIMAL: _read_decimal,
    Kind.FLOAT: _read_float,
    Kind.DAY: _read_day,
    Kind.TIME: _read_time,
    Kind.INSTANT: _read_instant,
    Kind.INTERVAL: _read_interval,
    Kind.UUID: _read_uuid,
    Kind.RELATION: _read_relation,
}


def same_value(declared: Field, value: Any, present: Any) -> bool:
    """Whether a read value says the same as the present one, as exactly as a file can say it."""
    if declared.kind in (Kind.TEXT, Kind.LONG_TEXT):
        return one_line_end(str(present or "")).strip() == (value or "")
    if value is None or present is None:
        return value is present
    if declared.kind is Kind.INSTANT:
        whole: datetime = present
        return bool(whole.replace(microsecond=0) == value.replace(microsecond=0))
    if declared.kind is Kind.INTERVAL:
        return abs(present - value) < timedelta(seconds=1)
    if declared.kind is Kind.RELATION:
        return bool(getattr(present, "id", present) == getattr(value, "id", value))
    return bool(present == value)
