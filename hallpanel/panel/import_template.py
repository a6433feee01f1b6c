"""An empty table to fill in: the heads of what a file may set, and a guide to them (X9)."""

import io
from typing import Any

from openpyxl import Workbook
from openpyxl.styles import Font
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.datavalidation import DataValidation

from hallpanel.engine.entity import REGISTRY, Field, Kind, Regulated
from hallpanel.engine.natural_key import short_key
from hallpanel.panel.cell_values import words_of
from hallpanel.panel.column_heads import heads
from hallpanel.panel.exporting import XLSX
from hallpanel.panel.language import _, listed, translate

LONGEST_CHOICE_LIST = 250  # Excel takes 255 characters
ROWS_PREPARED = 1000
AS_TEXT = "@"  # a staff number such as 0101 keeps its nought


def make(entity: type[Regulated], kind: str, fields: list[Field]) -> tuple[bytes, str] | None:
    """The file and its media type; None for a kind that is not made."""
    names = [declared.name for declared in fields]
    match kind:
        case "csv":
            line = ",".join(heads(entity, names))
            return f"\ufeff{line}\r\n".encode(), "text/csv; charset=utf-8"
        case "xlsx":
            return _workbook(entity, fields), XLSX
    return None


def _workbook(entity: type[Regulated], fields: list[Field]) -> bytes:
    book = Workbook()
    sheet = book.active
    sheet.title = _("Rows")
    sheet.freeze_panes = "A2"
    for place, (head, declared) in enumerate(
        zip(heads(entity, [one.name for one in fields]), fields, strict=True), 1
    ):
        _prepare(entity, sheet, place, head, declared)
    _guide(entity, book.create_sheet(_("Guide")), fields)
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def _prepare(entity: type[Regulated], sheet: Any, place: int, head: str, declared: Field) -> None:
    letter = get_column_letter(place)
    sheet.cell(1, place, head).font = Font(bold=True)
    sheet.column_dimensions[letter].width = max(2 * len(head) + 4, 12)
    if declared.kind in (Kind.TEXT, Kind.LONG_TEXT, Kind.RELATION):
        sheet.column_dimensions[letter].number_format = AS_TEXT
    choices = ",".join(allowed(entity, declared))
    if choices and len(choices) <= LONGEST_CHOICE_LIST:
        rule = DataValidation("list", formula1=f'"{choices}"', allow_blank=True)
        sheet.add_data_validation(rule)
        rule.add(f"{letter}2:{letter}{ROWS_PREPARED}")


def allowed(entity: type[Regulated], declared: Field) -> list[str]:
    """The words that a cell may hold, where they are few."""
    if declared.kind is Kind.BOOLEAN:
        return [_("Yes"), _("No")]
    if declared.kind is not Kind.CHOICE:
        return []
    words = words_of(entity, declared)
    offered = declared.choice_labels or words
    return [word for value, word in words.items() if value in offered]


def _guide(entity: type[Regulated], sheet: Any, fields: list[Field]) -> None:
    sheet.append([_("Column"), _("Required"), _("What to write")])
    for declared, head in zip(fields, heads(entity, [f.name for f in fields]), strict=True):
        required = _("No") if declared.optional else _("Yes")
        sheet.append([head, required, _advice(entity, declared)])
    for letter, width in zip("ABC", (24, 10, 80), strict=True):
        sheet.column_dimensions[letter].width = width
        sheet[f"{letter}1"].font = Font(bold=True)


def _advice(entity: type[Regulated], declared: Field) -> str:
    parts = [translate(declared.hint)] if declared.hint else []
    match declared.kind:
        case Kind.CHOICE | Kind.BOOLEAN:
            parts.append(_("One of: %(words)s", words=listed(allowed(entity, declared))))
        case Kind.RELATION:
            parts.append(_related_advice(str(declared.target)))
        case Kind.DAY:
            parts.append(_("A day such as 2026-02-12"))
        case Kind.TIME:
            parts.append(_("A time such as 09:30"))
        case Kind.INSTANT:
            parts.append(_("A day with a time such as 2026-02-12 09:30"))
        case Kind.INTERVAL:
            parts.append(_("A number of hours"))
        case Kind.TEXT:
            parts.append(_("At most %(most)s characters", most=declared.length or 200))
    return " ".join(parts)


def _related_advice(table: str) -> str:
    target = REGISTRY[table]
    key = short_key(target)
    named = dict.fromkeys([*([key] if key else []), target.title])
    labels = [translate(target.fields()[n].label) for n in named if n in target.fields()]
    return _("%(thing)s, by %(facts)s", thing=translate(target.label), facts=" / ".join(labels))
