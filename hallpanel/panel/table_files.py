"""Table files as they come in: xlsx and csv, known by content, read row by row (X9, INP-4)."""

import csv
import io
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path, PurePath

from openpyxl import load_workbook

from hallpanel.engine.errors import Refusal
from hallpanel.engine.words import Phrase, _l
from hallpanel.panel.archives import DAMAGED, WORKBOOK, problem_with_office_file
from hallpanel.panel.cell_values import Raw

MOST_COLUMNS = 200
MOST_EMPTY_ROWS = 1000
SAMPLE = 64 * 1024
DELIMITERS = ",;\t"
ENCODINGS = ("utf-8-sig", "gb18030")
UTF_16_MARKS = (b"\xff\xfe", b"\xfe\xff")
OLD_EXCEL = b"\xd0\xcf\x11\xe0"
ZIP = b"PK\x03\x04"
WORKBOOKS = frozenset({".xlsx", ".xlsm", ".xls", ".et", ".ods"})

WATERMARK = "※"
"""Begins the row in which an export says who took it away."""

TAKEN = _l("Save it as xlsx or csv and choose it again.")

Cells = Sequence[Raw]


@dataclass(frozen=True)
class TableFile:
    """A table: the heads of its columns, and its further rows with their numbers in the file."""

    heads: list[str]
    rows: Iterator[tuple[int, Cells]]


def open_table(path: Path, name: str | None = None) -> TableFile:
    """Read a file as a table; `name` is what it was called where it came from.

    Raises:
        Refusal: it is none, now or while its rows are read.
    """
    with path.open("rb") as file:
        start = file.read(4)
    if start == OLD_EXCEL:
        raise Refusal(_l("this is a workbook of old Excel, or one with a password"), then=TAKEN)
    if start != ZIP and PurePath(name or path.name).suffix.lower() in WORKBOOKS:
        raise _refuse(DAMAGED)  # rather than rows of junk, read as text
    numbered = enumerate(_xlsx_rows(path) if start == ZIP else _csv_rows(path), 1)
    filled = ((number, cells) for number, cells in numbered if _says_something(cells))
    head = next(filled, None)
    if head is None:
        raise Refusal(_l("the file is empty"), then=TAKEN)
    heads = ["" if cell is None else str(cell).strip() for cell in head[1]]
    while heads and not heads[-1]:
        heads.pop()
    return TableFile(heads, filled)


def _says_something(cells: Cells) -> bool:
    """Whether a row is more than blanks, or the watermark of an export."""
    filled = [cell for cell in cells if _filled(cell)]
    return bool(filled) and not (len(filled) == 1 and str(filled[0]).startswith(WATERMARK))


def _filled(cell: Raw) -> bool:
    return cell is not None and (not isinstance(cell, str) or bool(cell.strip()))


def _refuse(problem: Phrase) -> Refusal:
    return Refusal(problem, then=TAKEN)


def _xlsx_rows(path: Path) -> Iterator[Cells]:
    """The first sheet. What a formula computed when the file was saved counts as its value."""
    with path.open("rb") as file:
        problem = problem_with_office_file(file, WORKBOOK)
        if problem is not None:
            raise _refuse(problem)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of styles and validations that matter to no cell
            yield from _sheet_rows(file)


def _sheet_rows(file: io.BufferedReader) -> Iterator[Cells]:
    try:
        book = load_workbook(file, read_only=True, data_only=True)
        sheet = book.worksheets[0]
        sheet.reset_dimensions()  # what a file says of its own size may be anything
        empty = 0
        for row in sheet.iter_rows(max_col=MOST_COLUMNS, values_only=True):
            empty = 0 if any(_filled(cell) for cell in row) else empty + 1
            if empty > MOST_EMPTY_ROWS:
                return
            yield row
    except Refusal:
        raise
    except Exception as error:  # whatever stumbles over a damaged workbook
        raise _refuse(DAMAGED) from error


def _csv_rows(path: Path) -> Iterator[Cells]:
    text = _decoded(path.read_bytes())
    if text is None or "\0" in text:
        raise _refuse(_l("this is no table that can be read"))
    head = text.lstrip().partition("\n")[0]
    delimiter = max(DELIMITERS, key=head.count)
    try:
        for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True):
            yield list(islice(row, MOST_COLUMNS))
    except csv.Error as error:
        raise _refuse(_l("this is no table that can be read")) from error


def _decoded(content: bytes) -> str | None:
    """Text in UTF-8, in what Excel calls Unicode, or in the encoding of Chinese Windows."""
    encodings = ("utf-16",) if content[:2] in UTF_16_MARKS else ENCODINGS
    for encoding in encodings:
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    return None
