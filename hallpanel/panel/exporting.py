"""The list as asked for, to take away: csv or xlsx, in batches, capped and noted (X9)."""

import csv
import io
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime
from itertools import chain, islice
from typing import Any

from flask import Response, abort, g, request, send_file, url_for
from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Font
from openpyxl.utils import get_column_letter
from werkzeug.datastructures import MultiDict

from hallpanel.engine import audit, facts, records
from hallpanel.engine.clock import HALL_ZONE
from hallpanel.engine.entity import Regulated
from hallpanel.engine.errors import Refusal
from hallpanel.engine.listing import Listing
from hallpanel.engine.masking import Mask, masked
from hallpanel.engine.natural_key import has_natural_key, natural_key
from hallpanel.engine.personal import EXPORTED_AT_ONCE
from hallpanel.engine.scope import Actor
from hallpanel.engine.words import _l
from hallpanel.guard import sessions
from hallpanel.panel.cell_values import Plain, Writer, as_text, disarmed, writer
from hallpanel.panel.column_heads import heads
from hallpanel.panel.downloads import as_attachment
from hallpanel.panel.extensions import PanelSession, db
from hallpanel.panel.language import _, format_instant, listed, translate
from hallpanel.panel.lists import ListPageMaker
from hallpanel.panel.person import origin, present, request_instant
from hallpanel.panel.personal_pages import ReasonForm, ask, reason_form
from hallpanel.panel.record_names import telling_names
from hallpanel.panel.showing import head_label
from hallpanel.panel.table_files import WATERMARK

MOST_ROWS = 100_000
BATCH = 1000
OF_THE_PAGE = frozenset({"after", "before", "exact", "size"})  # and not of the list
WIDEST, NARROWEST = 40, 10
LONGEST_SHEET_NAME = 31
NOT_IN_SHEET_NAMES = str.maketrans(dict.fromkeys("[]:*?/\\'", " "))
FIRST_EXCEL_DAY = date(1900, 3, 1)  # before it Excel's days are one off
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

Line = list[Plain]


@dataclass(frozen=True)
class Table:
    """What goes into a file: its name, its heads, how many lines there are, and they themselves."""

    title: str
    heads: list[str]
    count: int
    lines: Iterator[Line]
    watermark: str
    reason: str | None = None


def urls(entity: type[Regulated], args: MultiDict[str, str]) -> list[tuple[str, str]]:
    """The files of the present list: with its search, filters, order and columns."""
    pairs = [(n, v) for n, v in args.items(multi=True) if n not in OF_THE_PAGE and v]
    kept: dict[str, Any] = MultiDict(pairs).to_dict(flat=False)
    endpoint = f"{entity.__tablename__}.export"
    labels = {"xlsx": _("Excel (xlsx)"), "csv": _("Text (csv)")}
    return [(label, url_for(endpoint, export_type=k, **kept)) for k, label in labels.items()]


def answer(maker: ListPageMaker, export_type: str, actor: Actor) -> Response | str:
    """Send the list as a file; one about people is asked for with a reason (PII-7).

    Raises:
        Refusal: it has more rows than one file may carry, or one person may take away.
    """
    if export_type not in FILES:
        abort(404)
    columns = _columns(maker, actor)
    people = tuple(name for name in columns if facts.is_personal(maker.entity, name))
    form = reason_form() if people else None
    if form is not None and (request.method != "POST" or not form.validate()):
        return _ask(maker, form, people)
    return _file(maker, columns, export_type, actor, form.reason.data if form else None)


def _ask(maker: ListPageMaker, form: ReasonForm, people: tuple[str, ...]) -> str:
    """Ask what personal data are taken away for."""
    told = listed(dict.fromkeys(head_label(maker.entity, name) for name in people))
    plural, back = translate(maker.entity.plural), url_for(f"{maker.table}.index_view")
    return ask(
        _("Export: %(things)s", things=plural),
        _("The file tells of people: %(facts)s. Say what you need it for.", facts=told),
        _("Take the file"),
        back,
        maker.entity.clause,
        form,
        [(_("Home"), url_for("home.index")), (plural, back), (_("Export"), None)],
    )


def _file(
    maker: ListPageMaker,
    columns: tuple[str, ...],
    export_type: str,
    actor: Actor,
    reason: str | None,
) -> Response:
    session = _reading_session(actor)
    try:
        table = _table(maker, columns, session, actor, reason)
        _note(maker, columns, export_type, table, actor)
        response = FILES[export_type](table)
    except BaseException:
        session.close()
        raise
    if response.direct_passthrough:  # a whole file, which needs no more rows and never says close
        session.close()
    response.call_on_close(session.close)
    stamp = f"{request_instant().astimezone(HALL_ZONE):%Y%m%d-%H%M}"
    response.headers["Content-Disposition"] = as_attachment(
        f"{table.title}-{stamp}.{export_type}", f"{maker.table}-{stamp}.{export_type}"
    )
    return response


def _columns(maker: ListPageMaker, actor: Actor) -> tuple[str, ...]:
    """The columns as shown.

    For those who may import the file again also what tells its rows apart (pitfall 36), unless
    they chose the columns one by one.
    """
    entity = maker.entity
    chosen = "columns" in request.args or not entity.access.may(actor, "imports")
    if chosen or not has_natural_key(entity):
        return maker.columns
    wanted = dict.fromkeys((*maker.columns, *natural_key(entity)))
    return tuple(name for name in wanted if maker.reading.shows(name))


def _reading_session(actor: Actor) -> PanelSession:
    """A session that lives as long as the file is being sent, which is longer than the request."""
    session = PanelSession(db)
    session.info["reading"] = True
    records.open_desk(session, actor, request_instant())
    return session


def _table(
    maker: ListPageMaker,
    columns: tuple[str, ...],
    session: PanelSession,
    actor: Actor,
    reason: str | None,
) -> Table:
    count = maker.listing.count(session, cap=MOST_ROWS)
    if count > MOST_ROWS:
        raise Refusal(
            _l("the list has more than %(most)s rows, too many for one file", most=MOST_ROWS),
            then=_l("Narrow it with filters, then export again."),
        )
    if reason is not None and count > EXPORTED_AT_ONCE:
        raise Refusal(
            _l(
                "more than %(most)s rows about people leave the panel only when two people agree",
                most=EXPORTED_AT_ONCE,
            ),
            then=_l("Narrow it with filters, then export again."),
        )
    lines = _lines(maker, columns, session, actor)
    # What is wrong with the question must show before the answer has begun.
    first = list(islice(lines, BATCH))
    when = format_instant(request_instant())
    return Table(
        title=translate(maker.entity.plural),
        heads=heads(maker.entity, columns),
        count=count,
        lines=chain(first, lines),
        watermark=_("Exported by %(name)s, %(at)s", name=actor.name, at=when),
        reason=reason,
    )


def _lines(
    maker: ListPageMaker, columns: tuple[str, ...], session: PanelSession, actor: Actor
) -> Iterator[Line]:
    """The rows in the reader's words. All words are looked up before the first row."""
    listing = Listing(maker.entity, maker.asked, columns, reader=actor)
    writers: dict[str, Writer] = {name: writer(maker.entity, name) for name in columns}
    names = telling_names(session, maker.entity, columns)
    return (
        [
            names.get(name, {}).get(row.keys.get(name) or 0) or write(row.values[name])
            for name, write in writers.items()
        ]
        for row in listing.stream(session, MOST_ROWS, BATCH)
    )


def _note(
    maker: ListPageMaker, columns: tuple[str, ...], export_type: str, table: Table, actor: Actor
) -> None:
    """Write down who took what away, in a short transaction: the page itself only reads."""
    asked = {
        "format": export_type,
        "rows": table.count,
        "columns": list(columns),
        "search": _told(maker, maker.entity.list_view.search, maker.asked.search) or None,
        "filters": [
            f"{one.parameter}={_told(maker, (one.field,), one.value)}"
            for one in maker.asked.conditions
        ],
        "sort": maker.asked.sort,
    }
    with PanelSession(db) as session:
        records.open_desk(
            session,
            actor,
            request_instant(),
            address=origin().address,
            session_hash=sessions.shown_hash(present().session_row.id_hash),
            request_id=g.request_id,
        )
        event = audit.Event("export", table_name=maker.table, after=asked, reason=table.reason)
        audit.record(session, replace(event, clause=maker.entity.clause))
        session.commit()


def _told(maker: ListPageMaker, names: tuple[str, ...], typed: str) -> str:
    """What was typed to find a file's rows; of a masked fact not even the book says it."""
    found = (facts.innermost(maker.entity, name) for name in names)
    discreet = any(one is not None and one.mask is not None for one in found)
    return masked(Mask.NOTHING, typed) if discreet else typed


# csv


def _csv(table: Table) -> Response:
    response = Response(_csv_parts(table), content_type="text/csv; charset=utf-8")
    response.headers["X-Accel-Buffering"] = "no"
    return response


def _csv_parts(table: Table) -> Iterator[bytes]:
    """The file in parts; with the mark by which spreadsheets know that it is UTF-8."""
    yield b"\xef\xbb\xbf"
    rows: Iterator[list[Any]] = chain([table.heads], table.lines, _marks(table))
    while batch := list(islice(rows, BATCH)):
        buffer = io.StringIO()
        csv.writer(buffer, lineterminator="\r\n").writerows(
            [as_text(value) for value in line] for line in batch
        )
        yield buffer.getvalue().encode()


def _marks(table: Table) -> Iterator[Line]:
    """Who took a file about people away, when and what for: its last row; an import skips it."""
    if table.reason is not None:
        reason = _("Reason: %(reason)s", reason=table.reason)
        yield [f"{WATERMARK} {table.watermark} · {reason}"]


# xlsx


def _xlsx(table: Table) -> Response:
    """The workbook is written to a temporary file, row by row, and sent from there."""
    file = tempfile.TemporaryFile()  # noqa: SIM115 - the response closes it
    try:
        _workbook(table).save(file)
    except BaseException:
        file.close()
        raise
    size = file.tell()
    file.seek(0)
    response = send_file(file, mimetype=XLSX)
    response.content_length = size
    return response


def _workbook(table: Table) -> Workbook:
    book = Workbook(write_only=True)
    sheet_name = table.title.translate(NOT_IN_SHEET_NAMES).strip()[:LONGEST_SHEET_NAME]
    sheet = book.create_sheet(sheet_name or "1")
    book.properties.creator = table.watermark
    sheet.oddFooter.left.text = table.watermark.replace("&", "&&")
    sheet.freeze_panes = "A2"
    for place, head in enumerate(table.heads, 1):
        width = min(max(2 * len(head) + 4, NARROWEST), WIDEST)
        sheet.column_dimensions[get_column_letter(place)].width = width
    sheet.append([_bold(sheet, head) for head in table.heads])
    for line in table.lines:
        sheet.append([_in_sheet(value) for value in line])
    marks = list(_marks(table))
    if marks:
        beside = book.create_sheet(_("Watermark"))
        for mark in marks:
            beside.append([_in_sheet(value) for value in mark])
    return book


def _bold(sheet: Any, text: str) -> WriteOnlyCell:
    cell = WriteOnlyCell(sheet, disarmed(text))
    cell.font = Font(bold=True)
    return cell


def _in_sheet(value: Plain) -> Plain:
    """Texts are disarmed here too: a workbook may be saved as csv one day (pitfall 12)."""
    if isinstance(value, str):
        return disarmed(value)
    if isinstance(value, date):
        day = value.date() if isinstance(value, datetime) else value
        return value if day >= FIRST_EXCEL_DAY else as_text(value)
    return value


FILES: dict[str, Callable[[Table], Response]] = {"csv": _csv, "xlsx": _xlsx}
