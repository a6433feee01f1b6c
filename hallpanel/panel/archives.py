"""What an office file is inside: a zip archive, which is looked at before anything unpacks it."""

import zipfile
from pathlib import PurePosixPath
from typing import BinaryIO

from hallpanel.engine.words import Phrase, _l

MEGABYTE = 1024 * 1024
MOST_PARTS = 2000
LARGEST_UNPACKED = 100 * MEGABYTE
ARCHIVES = frozenset({".zip", ".7z", ".rar", ".gz", ".tar", ".jar", ".bz2", ".xz"})
MACROS = "vbaproject.bin"
ENCRYPTED = 0x1
DOCUMENT = "word/document.xml"
WORKBOOK = "xl/workbook.xml"

DAMAGED = _l("the file is damaged, or is not what its name says")
TOO_LARGE_INSIDE = _l("the file is far larger inside than outside")
WITH_MACROS = _l("the file contains macros")
WITH_PASSWORD = _l("the file is protected by a password")
NESTED = _l("the file contains another archive")


def problem_with_office_file(file: BinaryIO, main_part: str) -> Phrase | None:
    """Why an xlsx or docx is not taken, or None; only its table of contents is read."""
    file.seek(0)
    if file.read(4) != b"PK\x03\x04":
        return DAMAGED
    try:
        with zipfile.ZipFile(file) as archive:
            parts = archive.infolist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError):
        return DAMAGED
    names = {part.filename.lower() for part in parts}
    if not {"[content_types].xml", main_part} <= names or len(names) != len(parts):
        return DAMAGED
    return _problem_inside(parts)


def _problem_inside(parts: list[zipfile.ZipInfo]) -> Phrase | None:
    if len(parts) > MOST_PARTS or sum(part.file_size for part in parts) > LARGEST_UNPACKED:
        return TOO_LARGE_INSIDE
    if any(part.flag_bits & ENCRYPTED for part in parts):
        return WITH_PASSWORD
    paths = [PurePosixPath(part.filename.lower()) for part in parts]
    if any(path.name == MACROS for path in paths):
        return WITH_MACROS
    return NESTED if any(path.suffix in ARCHIVES for path in paths) else None
