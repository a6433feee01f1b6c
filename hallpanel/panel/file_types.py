"""Which files may be attached: known by what is in them, not by what they are called (INP-4)."""

import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePath
from typing import BinaryIO

import puremagic

from hallpanel.engine.errors import Refusal
from hallpanel.engine.words import Phrase, _l
from hallpanel.panel.archives import (
    DAMAGED,
    DOCUMENT,
    WITH_MACROS,
    WORKBOOK,
    problem_with_office_file,
)

HEAD = 4096
MOST_PIXELS = 60_000_000
LARGEST_SIDE = 30_000
OFFICE = "application/vnd.openxmlformats-officedocument."
ACCEPTED_WORDS = "PDF, PNG, JPEG, DOCX, XLSX, DOC, TXT"

NOT_ACCEPTED = _l("files of this kind are not taken")
TAKEN = _l("Taken are %(kinds)s.", kinds=ACCEPTED_WORDS)
HUGE_PICTURE = _l("the picture has too many pixels")

Problem = Callable[[BinaryIO], Phrase | None]


@dataclass(frozen=True)
class FileType:
    """A kind of file that may be attached: its endings, its media type and its own check."""

    endings: tuple[str, ...]
    media_type: str
    problem: Problem


def media_type_of(name: str, file: BinaryIO) -> str:
    """The media type of a file whose name and content agree.

    Raises:
        Refusal: it is of a kind that is not taken, or not what its name says.
    """
    found = BY_ENDING.get(PurePath(name).suffix.lower())
    if found is None:
        raise Refusal(NOT_ACCEPTED, then=TAKEN)
    problem = _disagreement(found, file) or found.problem(file)
    if problem is not None:
        raise Refusal(problem, then=TAKEN)
    return found.media_type


def _disagreement(claimed: FileType, file: BinaryIO) -> Phrase | None:
    """What the first bytes say against the name. Plain text has no mark to know it by."""
    file.seek(0)
    head = file.read(HEAD)
    if not head:
        return _l("the file is empty")
    if claimed.media_type == "text/plain":
        return None
    return None if claimed.media_type in _looks_like(head) else DAMAGED


def _looks_like(head: bytes) -> set[str]:
    try:
        return {match.mime_type for match in puremagic.magic_string(head)}
    except (puremagic.PureError, ValueError):
        return set()


def _pdf(file: BinaryIO) -> Phrase | None:
    file.seek(0)
    return None if file.read(5) == b"%PDF-" else DAMAGED


def _png(file: BinaryIO) -> Phrase | None:
    file.seek(0)
    head = file.read(24)
    if len(head) < 24 or head[12:16] != b"IHDR":
        return DAMAGED
    return _size_problem(*struct.unpack(">II", head[16:24]))


def _jpeg(file: BinaryIO) -> Phrase | None:
    """Walk the segments up to the one that tells the size; nothing is decoded."""
    file.seek(2)
    while True:
        mark = file.read(4)
        if len(mark) < 4 or mark[0] != 0xFF:
            return DAMAGED
        kind, length = mark[1], int.from_bytes(mark[2:], "big")
        if 0xC0 <= kind <= 0xCF and kind not in (0xC4, 0xC8, 0xCC):
            frame = file.read(5)
            return _size_problem(*struct.unpack(">HH", frame[1:])) if len(frame) == 5 else DAMAGED
        if length < 2 or kind == 0xDA:
            return DAMAGED
        file.seek(length - 2, 1)


def _size_problem(one: int, other: int) -> Phrase | None:
    if not one or not other:
        return DAMAGED
    return HUGE_PICTURE if one * other > MOST_PIXELS or max(one, other) > LARGEST_SIDE else None


def _docx(file: BinaryIO) -> Phrase | None:
    return problem_with_office_file(file, DOCUMENT)


def _xlsx(file: BinaryIO) -> Phrase | None:
    return problem_with_office_file(file, WORKBOOK)


def _doc(file: BinaryIO) -> Phrase | None:
    """An old Word file, still common in offices: it names its streams in UTF-16."""
    file.seek(0)
    content = file.read()
    if "WordDocument".encode("utf-16-le") not in content:
        return DAMAGED
    return WITH_MACROS if "_VBA_PROJECT".encode("utf-16-le") in content else None


def _text(file: BinaryIO) -> Phrase | None:
    """Words without control characters that no browser could take for a page."""
    file.seek(0)
    text = decoded(file.read())
    if text is None or any(c < " " and c not in "\t\r\n\f" for c in text):
        return DAMAGED
    return NOT_ACCEPTED if text.lstrip("\ufeff \t\r\n\f").startswith("<") else None


def decoded(content: bytes) -> str | None:
    """Text in the encodings of Chinese offices, or None."""
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    return None


TYPES = (
    FileType((".pdf",), "application/pdf", _pdf),
    FileType((".png",), "image/png", _png),
    FileType((".jpg", ".jpeg"), "image/jpeg", _jpeg),
    FileType((".docx",), f"{OFFICE}wordprocessingml.document", _docx),
    FileType((".xlsx",), f"{OFFICE}spreadsheetml.sheet", _xlsx),
    FileType((".doc",), "application/msword", _doc),
    FileType((".txt",), "text/plain", _text),
)
BY_ENDING = {ending: one for one in TYPES for ending in one.endings}
