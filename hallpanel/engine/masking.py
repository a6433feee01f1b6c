"""Masks: what is left of a personal fact wherever it is shown (PII-2).

A masked value leaves the store as `Discreet` text, which prints as its mask: a page, a title, a
message or a line of a log that shows it in the usual way shows 王**. Only `plain` gives it whole,
and only the page that unmasks one fact for a reason asks for that.
"""

import re
import unicodedata
from enum import StrEnum
from typing import Any, Self

from sqlalchemy import Dialect, String, Text
from sqlalchemy.types import TypeDecorator

STAR = "*"
FEW = 2
"""Stars behind what is left of a name: their number does not tell its length."""
SOME = 4
MANY = 6
# Of an address the district is kept; the quarters that also end in 区 are homes.
DISTRICT = re.compile(
    r"(?:[^省]{1,8}省|[^区]{1,8}自治区)?(?:[^市州盟]{1,9}[州盟]?市|[^市州盟]{1,10}[州盟])?"
    r"(?:.{0,8}?(?:[^小社园校]区|县|旗))?"
)
COUNTRY = re.compile(r"^(?:\+|00)86")
SURNAMES = (
    "欧阳太史端木上官司马东方独孤南宫万俟闻人夏侯诸葛尉迟公羊赫连澹台皇甫宗政濮阳公冶太叔申屠公孙"
    "慕容仲孙钟离长孙宇文司徒鲜于司空令狐"
)
TWO_CHARACTER_SURNAMES = frozenset(map("".join, zip(SURNAMES[::2], SURNAMES[1::2], strict=True)))


class Mask(StrEnum):
    """What of a fact stays readable."""

    NAME = "name"
    IDENTITY = "identity"
    TELEPHONE = "telephone"
    ADDRESS = "address"
    BANK = "bank"
    NOTHING = "nothing"


def masked(mask: Mask, value: str) -> str:
    """A value as anybody may read it; an empty one stays empty."""
    text = str.__str__(value).strip()
    return SHAPES[mask](text) if text else ""


def _name(text: str) -> str:
    kept = 2 if text[:2] in TWO_CHARACTER_SURNAMES else 1
    return (text[:kept] if len(text) > kept else "") + STAR * FEW


def _identity(text: str) -> str:
    return _between(text, 3, 4)


def _telephone(text: str) -> str:
    digits = COUNTRY.sub("", re.sub(r"[\s()（）-]", "", text))
    return _between(digits, 3, 4)


def _address(text: str) -> str:
    found = DISTRICT.match(text)
    kept = found[0] if found else ""
    return (kept if len(kept) < len(text) else "") + STAR * SOME


def _bank(text: str) -> str:
    digits = re.sub(r"\s", "", text)
    return _between(digits, 0, 4)


def _nothing(_text: str) -> str:
    return STAR * MANY


def _between(text: str, first: int, last: int) -> str:
    """Both ends, where more is hidden than shown of a text that is long enough."""
    hidden = len(text) - first - last
    if hidden < SOME:
        return STAR * MANY
    return f"{text[:first]}{STAR * hidden}{text[-last:]}"


SHAPES = {
    Mask.NAME: _name,
    Mask.IDENTITY: _identity,
    Mask.TELEPHONE: _telephone,
    Mask.ADDRESS: _address,
    Mask.BANK: _bank,
    Mask.NOTHING: _nothing,
}


class Discreet(str):
    """A personal value that prints as its mask; compared and stored it is itself."""

    __slots__ = ("mask",)
    mask: Mask

    def __new__(cls, value: str, mask: Mask) -> Self:
        """Keep a value behind its mask."""
        made = super().__new__(cls, str.__str__(value))
        made.mask = mask
        return made

    def __str__(self) -> str:
        return masked(self.mask, self)

    def __repr__(self) -> str:
        return f"<{self}>"

    def __format__(self, spec: str) -> str:
        return format(str(self), spec)

    def __reduce__(self) -> tuple[Any, ...]:
        return Discreet, (self.plain, self.mask)

    @property
    def plain(self) -> str:
        """The value itself."""
        return str.__str__(self)


def discreet(value: str | None, mask: Mask | None) -> str | None:
    """A value behind a mask, if there is one."""
    if value is None or mask is None:
        return value
    return Discreet(value, mask)


def plain(value: str | None) -> str | None:
    """A value itself, whether it stands behind a mask or not."""
    return None if value is None else str.__str__(value)


def looks_masked(value: object) -> bool:
    """Whether a text is what a mask leaves of one: nobody saves that in the place of the fact."""
    return isinstance(value, str) and STAR * FEW in str.__str__(value)


def normal(value: str) -> str:
    """A value in the one spelling in which it is looked for: no blanks, no dashes, one width."""
    text = unicodedata.normalize("NFKC", str.__str__(value)).upper()
    return re.sub(r"[\s()-]", "", text)


class DiscreetText(TypeDecorator[str]):
    """A text column whose values come out behind their mask."""

    impl = String
    cache_ok = True

    def __init__(self, mask: Mask, length: int | None) -> None:
        super().__init__(length)
        self.mask = mask
        self.length = length

    def load_dialect_impl(self, dialect: Dialect) -> Any:
        """As a text of its length, or of any."""
        kind = Text() if self.length is None else String(self.length)
        return dialect.type_descriptor(kind)

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Store the value itself."""
        return plain(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> str | None:
        """Give it back behind its mask."""
        return discreet(value, self.mask)
