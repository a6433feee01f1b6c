"""Exports: what is taken away, by whom, in which words, and that it is noted (X9)."""

import csv
import io
import json
import subprocess
import sys
from datetime import date, time
from decimal import Decimal
from urllib.parse import quote

import openpyxl
import pytest
from sqlalchemy import insert, select

from config import HOME
from hallpanel.engine import audit, records
from hallpanel.engine.audit import AuditEvent
from hallpanel.engine.clock import utc_now
from hallpanel.engine.entity import REGISTRY
from hallpanel.engine.listing import Listing
from hallpanel.engine.scope import SYSTEM
from hallpanel.panel import exporting
from hallpanel.panel.cell_values import armed, as_text, disarmed
from hallpanel.panel.extensions import db
from hallpanel.panel.table_files import WATERMARK
from tests.panel.labels import labels, said

DANGEROUS = ("=", "+", "-", "@", "\t", "\r", "\n", "\0", "＝", "＋", "－", "＠")
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def export(browser, table, query="", kind="csv"):
    """The rows of an exported list, its heads first."""
    answer = browser.take(f"/admin/{table}/export/{kind}/{query}")
    assert answer.status_code == 200, answer.text
    if kind == "csv":
        rows = csv.reader(io.StringIO(answer.data.decode("utf-8-sig"), newline=""))
        return [row for row in rows if not row[0].startswith(WATERMARK)]
    sheet = openpyxl.load_workbook(io.BytesIO(answer.data)).worksheets[0]
    return [list(row) for row in sheet.iter_rows(values_only=True)]


def add(hall, table, **values):
    """Make a record as the system."""

    def work(session):
        made = records.create(session, REGISTRY[table], values, actor=SYSTEM, at=utc_now())
        return made.id

    return hall.work(work)


def events(hall, action):
    """What the audit book says of an action."""
    query = select(AuditEvent).where(AuditEvent.action == action).order_by(AuditEvent.seq)
    return hall.work(lambda session: list(session.scalars(query)))


# what is in it


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_the_file_has_the_columns_of_the_list_in_the_reader_s_words_x9(hall, kind):
    rows = export(hall.browser("halladmin"), "service_window", "?sort=number", kind)
    columns = ("number", "unit", "business", "minimum_staff")
    assert rows[0] == list(labels("zh_Hans_CN", "service_window", *columns))
    assert [row[0] for row in rows[1:]] == ["A01", "A02", "B01"]
    assert rows[1][1] == "税务窗口"


def test_the_words_are_those_of_the_language_chosen_x9(hall):
    browser = hall.browser("halladmin")
    browser.get("/language/en")
    rows = export(browser, "unit", "?sort=code")
    assert rows[0][:3] == list(labels("en", "unit", "code", "name", "kind"))
    kind = said("en", REGISTRY["unit"].fields()["kind"].choice_labels["window"])
    assert rows[1][:3] == ["A", "税务窗口", kind]


def test_a_csv_file_says_that_it_is_utf_8_pitfall_12(hall):
    answer = hall.browser("halladmin").take("/admin/unit/export/csv/")
    assert answer.data.startswith(b"\xef\xbb\xbf")
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert answer.data.count(b"\r\n") == answer.data.count(b"\n") == 5


def test_the_file_keeps_search_filters_order_and_columns_x9(hall):
    browser = hall.browser("halladmin")
    query = "?search=窗口&f.kind.is=window&sort=-code&columns=code&columns=name"
    assert export(browser, "unit", query) == [
        list(labels("zh_Hans_CN", "unit", "code", "name")),
        ["B", "企业登记窗口"],
        ["A", "税务窗口"],
    ]


def test_the_list_offers_files_of_what_it_shows_pitfall_13(hall):
    page = hall.browser("halladmin").get("/admin/unit/?f.kind.is=window&sort=-code&size=2").text
    for kind in ("csv", "xlsx"):
        assert f"/admin/unit/export/{kind}/?f.kind.is=window&amp;sort=-code" in page


def test_figures_stay_figures_and_days_stay_days(hall):
    browser = hall.browser("halladmin")
    staff, kind = hall.id("staff", number="1002"), hall.id("leave_type", code="personal")

    def book(session):
        entity = REGISTRY["leave_entry"]
        for days in ("2", "-1.5"):
            values = {"year": 2026, "days": Decimal(days), "day": date(2026, 2, 9)}
            values |= {"staff_id": staff, "leave_type_id": kind, "note": days}
            records.create(session, entity, values, actor=SYSTEM, at=utc_now())

    hall.work(book)
    query = "?columns=year&columns=days&columns=day&columns=note&f.kind.is=corrected&sort=days"
    assert export(browser, "leave_entry", query)[1] == ["2026", "-1.5", "2026-02-09", "'-1.5"]
    year, days, day, note = export(browser, "leave_entry", query, "xlsx")[1]
    assert (year, days, day.date(), note) == (2026, -1.5, date(2026, 2, 9), "'-1.5")


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_no_cell_is_a_formula_pitfall_12_pii_7(hall, kind):
    names = [f"{mark}SUM(A1:A9)" for mark in "=+-@＝＋－＠"] + ["'=1+1", "a=1"]
    for name in names:
        add(hall, "post", name=name, duties="\tx")
    rows = export(hall.browser("halladmin"), "post", "?columns=name", kind)
    found = {row[0] for row in rows[1:]}
    assert {f"'{name}" for name in names[:-1]} | {"a=1"} <= found
    if kind == "xlsx":
        data = hall.browser("halladmin").get("/admin/post/export/xlsx/").data
        sheet = openpyxl.load_workbook(io.BytesIO(data)).worksheets[0]
        assert {cell.data_type for row in sheet.iter_rows() for cell in row} <= {"s", "n"}


@pytest.mark.parametrize("mark", DANGEROUS)
def test_what_is_disarmed_is_read_back_as_it_was(mark):
    text = f"{mark}cmd"
    assert disarmed(text)[0] == "'"
    if mark != "\0":
        assert armed(disarmed(text)) == text
    assert armed(disarmed(f"'{text}"))[0] == "'"
    assert disarmed("'quoted'") == "'quoted'"


def test_cells_of_a_csv_file_are_spelt_in_one_way():
    assert as_text(Decimal("12.50")) == "12.50"
    assert (as_text(time(9, 30)), as_text(time(9, 30, 15))) == ("09:30", "09:30:15")
    assert as_text(None) == ""
    assert as_text(-3) == "-3"


def test_namesakes_are_told_apart_by_their_number(hall):
    unit = hall.id("unit", code="A")
    for number in ("1901", "1902"):
        add(hall, "staff", number=number, name="王芳", unit_id=unit, joined_on=date(2020, 1, 1))
    add(
        hall,
        "staff",
        number="1903",
        name="刘洋",
        unit_id=unit,
        joined_on=date(2020, 1, 1),
        partner_id=hall.id("staff", number="1901"),
    )
    query = "?columns=number&columns=name&columns=partner&search=190&sort=number"
    rows = export(hall.browser("halladmin"), "staff", query)
    assert rows[1:] == [["1901", "王芳", ""], ["1902", "王芳", ""], ["1903", "刘洋", "王芳 (1901)"]]


# who takes it


def test_nobody_takes_away_what_they_do_not_see_az_3(hall):
    for username, people in (("lead.a", {"李梅", "陈晓"}), ("staff.b2", {"黄琳"})):
        rows = export(hall.browser(username), "leave_request", "?columns=staff")
        assert {row[0] for row in rows[1:]} == people
    assert len(export(hall.browser("director"), "leave_request")) == 1 + 6


def test_whose_role_does_not_export_is_refused(hall):
    browser = hall.browser("staff.a1")
    assert browser.get("/admin/staff/export/csv/").status_code == 403
    assert "/export/" not in browser.get("/admin/staff/").text


def test_there_are_two_kinds_of_files(hall):
    browser = hall.browser("halladmin")
    for kind in ("pdf", "html", "xlsm", "csv%00"):
        assert browser.take(f"/admin/unit/export/{kind}/").status_code in (400, 404)
    assert events(hall, "export") == []


def test_the_file_has_its_chinese_name(hall):
    answer = hall.browser("halladmin").take("/admin/unit/export/xlsx/")
    name = quote(said("zh_Hans_CN", REGISTRY["unit"].plural))
    assert answer.headers["Content-Disposition"] == (
        'attachment; filename="unit-20260209-1000.xlsx"; '
        f"filename*=UTF-8''{name}-20260209-1000.xlsx"
    )
    assert answer.headers["Content-Type"] == XLSX
    assert int(answer.headers["Content-Length"]) == len(answer.data)
    book = openpyxl.load_workbook(io.BytesIO(answer.data))
    assert "何文静" in book.properties.creator
    assert "何文静" in book.worksheets[0].oddFooter.left.text


# that it is noted, and how much of it there may be


def test_each_export_is_noted_with_what_was_asked_aud_1(hall):
    before = hall.digests(but=("audit_event", "audit_head"))
    export(hall.browser("lead.a"), "leave_request", "?search=QJ&f.state.is=draft&sort=-number")
    (event,) = events(hall, "export")
    assert (event.table_name, event.actor_name) == ("leave_request", "林慧敏")
    told = event.after
    assert (told["rows"], told["format"], told["search"]) == (1, "csv", "QJ")
    assert (told["filters"], told["sort"]) == (["f.state.is=draft"], "-number")
    assert "number" in told["columns"]
    assert all((event.address, event.session_hash, event.request_id))
    assert hall.digests(but=("audit_event", "audit_head", "sign_in_session")) == {
        table: word for table, word in before.items() if table != "sign_in_session"
    }
    assert hall.work(audit.verify).ok


def test_more_rows_than_one_file_may_carry_are_refused_with_a_way_on_pii_7(hall, monkeypatch):
    monkeypatch.setattr(exporting, "MOST_ROWS", 2)
    browser = hall.browser("halladmin")
    browser.get("/language/en")
    for kind in ("csv", "xlsx"):
        answer = browser.take(f"/admin/unit/export/{kind}/")
        assert answer.status_code == 409
        assert "The list has more than 2 rows" in answer.text
        assert "Narrow it with filters" in answer.text
    assert events(hall, "export") == []
    assert len(export(browser, "unit", "?f.kind.is=window")) == 1 + 2


def test_an_error_in_the_first_rows_is_an_error_page_and_no_half_file_pitfall_12(hall, monkeypatch):
    def broken(*_):
        raise RuntimeError("the first batch fails")
        yield

    monkeypatch.setattr(Listing, "stream", broken)
    hall.app.config["PROPAGATE_EXCEPTIONS"] = False
    answer = hall.browser("halladmin").take("/admin/unit/export/csv/")
    assert answer.status_code == 500
    assert answer.mimetype == "text/html"
    assert events(hall, "export") == []


def test_a_filter_that_makes_no_sense_matches_nothing(hall):
    rows = export(hall.browser("halladmin"), "unit", "?f.kind.is=palace")
    assert len(rows) == 1


MANY = 100_000
MEASURE = """
import resource, sys, time_machine
from hallpanel import create_app
from tests.databases import settings_for
from tests.panel.door import COOKIE
from tests.panel.hall import NOW

url, instance, cookie, kind = sys.argv[1:]
app = create_app(settings_for(url, instance))
client = app.test_client()
client.set_cookie(COOKIE, cookie)
time_machine.travel(NOW, tick=False).start()
client.get("/admin/blocked_date/export/" + kind + "/?search=nothing").close()
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
answer = client.get("/admin/blocked_date/export/" + kind + "/")
size = sum(len(part) for part in answer.iter_encoded())
answer.close()
grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
print(answer.status_code, size, grown // 1024)
"""


def grown(hall, hall_url, instance, kind):
    """By how many megabytes a process grows that exports a hundred thousand rows."""
    blocked = REGISTRY["blocked_date"].__table__
    row = {"first_day": date(2026, 3, 1), "last_day": date(2026, 3, 2), "created_at": utc_now()}
    with hall.app.app_context(), db.engine.begin() as connection:
        for start in range(0, MANY, 10_000):
            rows = [row | {"reason": f"第 {n} 次集中办理"} for n in range(start, start + 10_000)]
            connection.execute(insert(blocked), rows)
    cookie = hall.browser("halladmin").client.get_cookie("hallpanel_session").value
    asked = [hall_url, str(instance), cookie, kind]
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, *asked], cwd=HOME, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    status, size, megabytes = map(int, done.stdout.split())
    assert (status, size > MANY * 10) == (200, True)
    return megabytes


def test_a_hundred_thousand_rows_of_csv_need_little_memory_pitfall_12(hall, hall_url, tmp_path):
    assert grown(hall, hall_url, tmp_path / "instance", "csv") < 100


# A workbook is made of the rows in the same way, whichever database they come from.
@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
def test_a_hundred_thousand_rows_of_xlsx_need_little_memory_pitfall_12(hall, hall_url, tmp_path):
    assert grown(hall, hall_url, tmp_path / "instance", "xlsx") < 100


def test_the_note_of_an_export_is_json_that_the_book_can_hash(hall):
    export(hall.browser("halladmin"), "unit", "?search=" + "%F0%9F%8F%9B" * 10)
    (event,) = events(hall, "export")
    assert json.dumps(event.after)
