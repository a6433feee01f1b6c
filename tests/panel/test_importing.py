"""Imports: what a table changes is shown first, and then happens as shown or not at all (X9)."""

import csv
import io
import os
import re
import stat
import time
import zipfile
from datetime import date, timedelta
from pathlib import Path

import openpyxl
import pytest
from sqlalchemy import select

from hallpanel.engine import audit, records
from hallpanel.engine.audit import AuditEvent
from hallpanel.engine.clock import utc_now
from hallpanel.engine.entity import REGISTRY
from hallpanel.engine.roles import Role
from hallpanel.engine.scope import SYSTEM
from hallpanel.guard.account import find_account
from hallpanel.guard.granting import grant
from hallpanel.panel import importing
from hallpanel.panel.import_plan import Intake
from tests import authenticator
from tests.panel.hall import fields
from tests.panel.labels import labels

BOOK = ("audit_event", "audit_head", "sign_in_session")


def as_csv(*rows, encoding="utf-8-sig", delimiter=","):
    """A csv file."""
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter, lineterminator="\r\n").writerows(rows)
    return text.getvalue().encode(encoding)


def as_xlsx(*rows):
    """A workbook."""
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def upload(browser, table, content, name="表.csv"):
    """Choose a file and send it; the page that comes of it."""
    file = (io.BytesIO(content), name)
    answer = browser.post(f"/admin/{table}/import/", {"file": file})
    answer.request.environ["wsgi.input"].close()  # the test client leaves its own end open
    assert answer.status_code == 200
    return answer.text


def confirm(browser, table, page):
    """Press the button of the dry run."""
    assert 'name="step" value="confirm"' in page, "the dry run offers no button"
    return browser.post(f"/admin/{table}/import/", fields(page))


def figures(page):
    """How many rows are new, changed, the same and wrong."""
    found = re.findall(r'<span class="figure figure-(\w+)"><b>([\d,]+)</b>', page)
    names = {"success": "new", "warning": "changed", "secondary": "same", "danger": "wrong"}
    return {names[tone]: int(count) for tone, count in found if count != "0"}


def words(page):
    """The text of a page."""
    return " ".join(re.sub(r"<[^>]+>", " ", page).split())


def speak(browser, tag):
    browser.get(f"/language/{tag}")
    return browser


UNIT = ("code", "name", "kind", "department", "business")


@pytest.fixture
def keeper(hall):
    """The browser of the one who keeps the hall's tables."""
    return speak(hall.browser("halladmin"), "en")


# the way there and back


@pytest.mark.parametrize("table", ["unit", "staff", "service_window", "leave_type", "post"])
def test_an_empty_table_is_offered_whose_heads_are_known_x9(hall, table):
    browser = hall.browser("halladmin")
    for kind in ("csv", "xlsx"):
        content = browser.get(f"/admin/{table}/import/template/{kind}").data
        page = upload(browser, table, content, f"空表.{kind}")
        assert 'name="step" value="columns"' not in page
        assert figures(page) == {}
    assert browser.get(f"/admin/{table}/import/template/pdf").status_code == 404


def test_an_exported_file_imports_unchanged_in_any_language_pitfall_36(hall, entities):
    writer, reader = hall.browser("halladmin"), hall.browser("halladmin")
    fill(hall)
    tongues = ("zh_Hans_CN", "zh_Hant_TW", "en")
    before = hall.digests(but=BOOK)
    for place, table in enumerate(t for t, e in REGISTRY.items() if e.access.imports):
        for kind in ("csv", "xlsx"):
            speak(writer, tongues[place % 3])
            speak(reader, tongues[(place + 1) % 3])
            content = writer.take(f"/admin/{table}/export/{kind}/").data
            page = upload(reader, table, content, f"x.{kind}")
            assert set(figures(page)) <= {"same"}, f"{table}.{kind}: {words(page)}"
            assert figures(page) or not hall.rows(table), table
    assert hall.digests(but=BOOK) == before


def test_all_columns_of_an_exported_file_come_back_the_same_pitfall_36(hall, keeper):
    fill(hall)
    for table, entity in REGISTRY.items():
        if entity.access.imports:
            query = "&".join(f"columns={name}" for name in entity.fields())
            content = keeper.take(f"/admin/{table}/export/xlsx/?{query}").data
            page = upload(keeper, table, content, "x.xlsx")
            assert set(figures(page)) <= {"same"}, f"{table}: {words(page)}"


def fill(hall):
    """Add to the hall what trips a careless reader: namesakes, formulas, lines, empty cells."""

    def work(session):
        def add(table, **values):
            entity = REGISTRY[table]
            return records.create(session, entity, values, actor=SYSTEM, at=utc_now())

        unit = session.scalars(select(REGISTRY["unit"]).where(REGISTRY["unit"].code == "A")).one()
        joined = date(2020, 1, 1)
        one = add("staff", number="1901", name="王芳", unit=unit, joined_on=joined)
        add("staff", number="1902", name="王芳", unit=unit, joined_on=joined, partner=one)
        add("post", name="=1+1", duties='第一行\r\n第二行, “引号” "双"\r\n\'=x')
        add("blocked_date", first_day=date(2026, 4, 1), last_day=date(2026, 4, 2), reason="+1")
        add(
            "blocked_date",
            first_day=date(2026, 4, 1),
            last_day=date(2026, 4, 2),
            reason="-1",
            only_unit=unit,
        )

    hall.work(work)


def test_the_same_file_twice_changes_nothing_x9(hall, keeper):
    content = as_csv(
        UNIT[:2] + UNIT[3:],
        ("C", "社保窗口", "人社局", "社保"),
    )
    page = upload(keeper, "unit", content)
    assert figures(page) == {"new": 1}
    assert confirm(keeper, "unit", page).status_code == 303
    before = hall.digests(but=BOOK)
    page = upload(keeper, "unit", content)
    assert figures(page) == {"same": 1}
    assert "Import</button>" not in page
    keeper.post("/admin/unit/import/", fields(page))
    assert hall.digests(but=BOOK) == before


def test_what_has_no_number_of_its_own_is_not_doubled_x9(hall, keeper):
    content = as_csv(("first_day", "last_day", "reason"), ("2026-05-01", "2026-05-03", "集中办理"))
    confirm(keeper, "blocked_date", upload(keeper, "blocked_date", content))
    assert len(hall.rows("blocked_date")) == 1
    assert figures(upload(keeper, "blocked_date", content)) == {"same": 1}


# the dry run


def test_the_dry_run_shows_what_is_new_changed_and_the_same_and_saves_nothing_x9(hall, keeper):
    before = hall.digests(but=("sign_in_session",))
    content = as_csv(
        UNIT,
        ("A", "税务窗口", "窗口单位", "税务局", "税"),
        ("B", "企业登记窗口", "窗口单位", "市场监管局", "照"),
        ("C", "社保窗口", "", "人社局", "社保"),
    )
    page = upload(keeper, "unit", content)
    assert figures(page) == {"new": 1, "changed": 1, "same": 1}
    assert "<del>市监</del>" in page
    assert "<ins>市场监管局</ins>" in page
    assert "<del>照</del>" not in page
    assert hall.digests(but=("sign_in_session",)) == before


def test_confirming_does_what_was_shown_and_the_book_says_so_x9(hall, keeper):
    content = as_csv(
        UNIT[:2] + UNIT[3:],
        ("B", "企业登记窗口", "市场监管局", "照"),
        ("C", "社保窗口", "人社局", "社保"),
    )
    answer = confirm(keeper, "unit", upload(keeper, "unit", content, "单位.csv"))
    assert (answer.status_code, answer.location) == (303, "/admin/unit/")
    departments = {row["code"]: row["department"] for row in hall.rows("unit")}
    assert departments == {"A": "税务局", "B": "市场监管局", "C": "人社局", "Y": "政务办"}
    query = select(AuditEvent).where(AuditEvent.table_name == "unit").order_by(AuditEvent.seq)
    found = hall.work(lambda session: list(session.scalars(query)))[-3:]
    assert {event.action for event in found} == {"import", "edit", "create"}
    (told,) = [event.after for event in found if event.action == "import"]
    assert (told["file"], told["new"], told["changed"]) == ("单位.csv", 1, 1)
    (edited,) = [event for event in found if event.action == "edit"]
    assert (edited.before, edited.after) == ({"department": "市监"}, {"department": "市场监管局"})
    assert {event.actor_name for event in found} == {"何文静"}
    assert hall.work(audit.verify).ok


STAFF = ("number", "name", "unit", "joined_on", "years_before")


def test_errors_are_named_by_row_and_cell_and_nothing_is_saved_x9(hall, keeper):
    content = as_csv(
        STAFF,
        ("2001", "甲", "税务窗口", "2026-02-30", "3"),
        ("2002", "", "税务窗口", "2026-02-01", "3"),
        ("2003", "丙", "没有的窗口", "2026-02-01", "三"),
        ("2004", "丁" * 81, "税务窗口", "2026-02-01", "-1"),
        ("1002", "李梅", "税务窗口", "2019-07-01", "0"),
    )
    page = upload(keeper, "staff", content)
    assert figures(page) == {"wrong": 4, "same": 1}
    assert "Import</button>" not in page
    for error in (
        r"2 [\w ]+ 2026-02-30 It is no day such as 2026-02-12\.",
        r"3 [\w ]+ — [\w ]+ is required\.",
        r"4 [\w ]+ 没有的窗口 There is no such record within your reach\.",
        r"4 [\w ]+ 三 It is no figure\.",
        r"5 [\w ]+ 丁+ It is longer than 80 characters\.",
    ):
        assert re.search(error, words(page)), error
    assert keeper.post("/admin/staff/import/", fields(page)).status_code == 200
    assert len(hall.rows("staff")) == 16


def test_the_rules_of_the_form_hold_for_files_too(hall, keeper):
    content = as_csv(STAFF, ("2001", "甲", "税务窗口", "2026-02-01", "-1"))
    page = upload(keeper, "staff", content)
    assert figures(page) == {"wrong": 1}
    assert re.search(r"2 [\w ]+ -1 [\w ]+\. \(clause 1\.2\.1\)", words(page))


def test_one_wrong_row_keeps_all_others_out(hall, keeper):
    rows = [(f"C{n}", f"窗口 {n}", "局", "事") for n in range(20)]
    content = as_csv(UNIT[:2] + UNIT[3:], *rows, ("D", "窗口 3", "局", "事"))
    page = upload(keeper, "unit", content)
    assert figures(page) == {"new": 20, "wrong": 1}
    assert "Import</button>" not in page
    assert keeper.post("/admin/unit/import/", fields(page)).status_code == 200
    assert len(hall.rows("unit")) == 3


def test_two_rows_about_one_record_are_an_error(hall, keeper):
    content = as_csv(UNIT[:2] + UNIT[3:], ("A", "甲", "局", "事"), ("A", "乙", "局", "事"))
    assert "Row 2 of the file is about the same record." in words(upload(keeper, "unit", content))


def test_a_pair_may_stand_in_any_order(hall, keeper):
    head = ("number", "name", "unit", "joined_on", "partner")
    content = as_csv(
        head,
        ("2001", "甲", "税务窗口", "2026-02-01", "乙"),
        ("2002", "乙", "A", "2026-02-01", "2001"),
    )
    page = upload(keeper, "staff", content)
    assert figures(page) == {"new": 2}
    assert confirm(keeper, "staff", page).status_code == 303
    one, other = hall.id("staff", number="2001"), hall.id("staff", number="2002")
    assert hall.see("staff", one)["partner_id"] == other
    assert hall.see("staff", other)["partner_id"] == one
    assert figures(upload(keeper, "staff", content)) == {"same": 2}
    lonely = as_csv(head, ("2003", "丙", "A", "2026-02-01", "无此人"))
    assert "There is no such record within your reach." in words(upload(keeper, "staff", lonely))


def test_of_namesakes_the_file_must_say_which(hall, keeper):
    fill(hall)
    head = ("number", "name", "unit", "joined_on", "partner")
    row = ("2001", "甲", "A", "2026-02-01")
    text = words(upload(keeper, "staff", as_csv(head, (*row, "王芳"))))
    assert "王芳 (1901)" in text
    assert "王芳 (1902)" in text
    for named in ("王芳 (1902)", "王芳（1902）", "1902"):
        page = upload(keeper, "staff", as_csv(head, (*row, named)))
        assert figures(page) == {"new": 1}, named


def test_a_file_does_not_set_what_no_form_sets_az_6(hall, keeper):
    head = (*UNIT[:2], *UNIT[3:], "state")
    retired = as_csv(head, ("A", "税务窗口", "税务局", "税", "已停用"))
    assert "cannot be set by a file" in words(upload(keeper, "unit", retired))
    new = as_csv(head, ("C", "社保窗口", "人社局", "社保", "Retired"))
    assert "cannot be set by a file" in words(upload(keeper, "unit", new))
    for state in ("In use", "", "in_use"):
        page = upload(keeper, "unit", as_csv(head, ("C", "社保窗口", "人社局", "社保", state)))
        assert figures(page) == {"new": 1}, words(page)


def test_a_record_out_of_use_is_not_changed_by_a_file(hall, keeper):
    unit = hall.id("unit", code="B")
    keeper.post(f"/admin/unit/act/retire/?id={unit}", {"confirm": "1", "id": unit})
    content = as_csv(("code", "department"), ("B", "市场监管局"))
    assert figures(upload(keeper, "unit", content)) == {"wrong": 1}


def test_an_empty_cell_takes_an_optional_value_away_and_never_a_required_one(hall, keeper):
    content = as_csv(("code", "contact"), ("A", "张三"))
    confirm(keeper, "unit", upload(keeper, "unit", content))
    content = as_csv(("code", "contact"), ("A", ""))
    confirm(keeper, "unit", upload(keeper, "unit", content))
    assert hall.rows("unit")[0]["contact"] is None
    content = as_csv(("code", "department"), ("A", ""))
    assert "It is required." in words(upload(keeper, "unit", content))


def test_what_a_new_record_needs_is_named(hall, keeper):
    text = words(upload(keeper, "staff", as_csv(("number", "name"), ("2001", "甲"))))
    assert len(re.findall(r"2 — — [\w ]+ is required\.", text)) == 2


# which column is which


def test_unknown_heads_are_given_a_field_by_hand_x9(hall, keeper):
    content = as_csv(
        ("编码", "单位名称", "department", "business", "备注说明"),
        ("C", "社保窗口", "人社局", "社保", "随便"),
    )
    page = upload(keeper, "unit", content)
    assert "编码" in page
    assert "社保窗口" in page
    asked = fields(page)
    assert asked["map.2"] == "department"
    assert asked["map.0"] == ""
    both = keeper.post("/admin/unit/import/", asked | {"map.0": "code", "map.1": "code"}).text
    assert "one column" in words(both)
    page = keeper.post("/admin/unit/import/", asked | {"map.0": "code", "map.1": "name"}).text
    assert figures(page) == {"new": 1}
    assert confirm(keeper, "unit", page).status_code == 303
    assert hall.id("unit", code="C", name="社保窗口")


def test_without_the_number_rows_cannot_be_told_apart(hall, keeper):
    page = upload(keeper, "unit", as_csv(("name", "department"), ("税务窗口", "局")))
    assert "Without the columns Code its rows cannot be told apart." in words(page)


def test_heads_are_known_by_label_in_any_language_or_by_name_x9(hall, keeper):
    code, contact = labels("en", "unit", "code", "contact")
    for heads in (
        labels("zh_Hans_CN", "unit", "code", "contact"),
        labels("zh_Hant_TW", "unit", "code", "contact"),
        ("code", "contact"),
        (f" {code.upper()} *", f"{contact}："),
    ):
        page = upload(keeper, "unit", as_csv(heads, ("A", "张三")))
        assert figures(page) == {"changed": 1}, (heads, words(page))


def test_a_value_under_no_head_is_not_lost_in_silence(hall, keeper):
    page = upload(keeper, "unit", as_csv(("code", "contact"), ("A", "张三", "还有")))
    assert "There is a value in a column without a head." in words(page)


# what comes as a table, and what does not


@pytest.mark.parametrize(
    ("encoding", "delimiter"),
    [("utf-8-sig", ","), ("utf-8", ";"), ("gb18030", ","), ("gbk", "\t"), ("utf-16", "\t")],
)
def test_csv_files_of_chinese_offices_are_read(hall, encoding, delimiter):
    keeper = hall.browser("halladmin")
    content = as_csv(
        ("代码", "联系人"), ("A", "张三，李四"), encoding=encoding, delimiter=delimiter
    )
    page = upload(keeper, "unit", content)
    assert "张三，李四" in words(page)
    assert figures(page) == {"changed": 1}


def test_a_workbook_s_own_types_are_understood(hall, keeper):
    content = as_xlsx(
        STAFF,
        (2001, "甲", "A", date(2026, 2, 1), 3.0),
        ("2002", "乙", "A", "2026/2/1", "3"),
        ("2003", "丙", "A", "2026年2月1日", " ３ "),
    )
    page = upload(keeper, "staff", content, "x.xlsx")
    assert figures(page) == {"new": 3}, words(page)
    confirm(keeper, "staff", page)
    rows = [row for row in hall.rows("staff") if row["number"].startswith("200")]
    assert {(row["joined_on"], row["years_before"]) for row in rows} == {(date(2026, 2, 1), 3)}


def bomb():
    """A workbook that is small outside and half a gigabyte inside."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        with archive.open("xl/workbook.xml", "w", force_zip64=True) as part:
            for _ in range(512):
                part.write(bytes(1024 * 1024))
    return file.getvalue()


def damaged():
    content = as_xlsx(("Code",), ("A",))
    return content[: len(content) // 2]


NO_TABLES = {
    "an old workbook": b"\xd0\xcf\x11\xe0" + bytes(600),
    "a bomb": bomb(),
    "half a workbook": damaged(),
    "a zip of something": b"PK\x03\x04" + bytes(60),
    "a picture": b"\x89PNG\r\n\x1a\n" + bytes(60),
    "nothing": b"",
    "blank lines": b"\r\n\r\n,,,\r\n",
    "an open quote": b'Code,Name\r\n"A,B\r\n',
}


@pytest.mark.parametrize("content", NO_TABLES.values(), ids=NO_TABLES.keys())
def test_what_is_no_table_is_refused_in_a_sentence_inp_4(hall, keeper, content):
    page = upload(keeper, "unit", content, "x.xlsx")
    assert 'class="error-summary"' in page
    assert "Traceback" not in page
    assert 'type="file"' in page


@pytest.mark.parametrize("limit", ["MOST_ROWS", "MOST_CHANGES"])
def test_a_table_may_not_be_endless(hall, keeper, monkeypatch, limit):
    rows = [(f"C{n}", f"窗口 {n}", "局", "事") for n in range(5)]
    content = as_csv(UNIT[:2] + UNIT[3:], *rows)
    monkeypatch.setattr(importing, limit, 3)
    text = words(upload(keeper, "unit", content))
    assert re.search(r"The file (has|changes) more than 3 (rows|records)\.", text)
    assert "Split it into several files." in text
    monkeypatch.setattr(importing, limit, 5)
    page = upload(keeper, "unit", content)
    confirm(keeper, "unit", page)
    monkeypatch.setattr(importing, "MOST_CHANGES", 0)
    assert figures(upload(keeper, "unit", content)) == {"same": 5}


def test_a_file_of_more_than_ten_megabytes_is_refused(hall, keeper):
    text = words(upload(keeper, "unit", b"Code,Name\r\n" + b"A,B\r\n" * 2_200_000))
    assert "larger than 10 MB" in text


@pytest.mark.parametrize("name", ["单位.xlsx", "单位.XLSX", "单位.xls", "单位.et"])
def test_junk_under_the_name_of_a_workbook_is_not_read_as_text(hall, keeper, name):
    page = upload(keeper, "unit", as_csv(("code", "contact"), ("A", "张三")), name)
    assert "The file is damaged, or is not what its name says." in words(page)
    assert "Which column is which" not in page
    assert 'type="file"' in page


def test_what_cannot_be_imported_leads_back_to_the_choice_of_a_file(hall, keeper):
    link = r'href="/admin/unit/import/"[^>]*>Choose another file<'
    wrong = upload(keeper, "unit", as_csv(UNIT[:2] + UNIT[3:], ("A", "", "局", "事")))
    assert re.search(link, wrong)
    unknown = upload(keeper, "unit", as_csv(("code", "nonsense"), ("A", "x")))
    assert "Which column is which" in unknown
    assert re.search(link, unknown)
    right = upload(keeper, "unit", as_csv(("code", "contact"), ("A", "张三")))
    assert not re.search(link, right)


def test_formulas_in_a_file_are_words_and_nothing_else(hall, keeper):
    content = as_csv(("code", "contact"), ("A", '=HYPERLINK("http://evil")'))
    confirm(keeper, "unit", upload(keeper, "unit", content))
    assert hall.rows("unit")[0]["contact"] == '=HYPERLINK("http://evil")'
    assert "'=HYPERLINK" in keeper.take("/admin/unit/export/csv/?columns=contact").text


# between the dry run and its confirmation


def kept(hall):
    """The files that wait for a confirmation."""
    return sorted(Path(hall.app.config["HALLPANEL_INSTANCE"], "imports").iterdir())


def make_keeper(session):
    """Let the lead of unit B keep the hall's tables too."""
    account_id = find_account(session, "lead.b").id
    grant(session, account_id, Role.HALL_ADMIN, utc_now())
    authenticator.hand_out(session, account_id, utc_now())


def test_the_file_waits_under_an_opaque_name_for_its_own_account_only(hall, keeper):
    page = upload(keeper, "unit", as_csv(("code", "contact"), ("A", "张三")), "秘密.csv")
    assert len(kept(hall)) == 2
    for path in kept(hall):
        assert "秘密" not in path.name
        assert path.stem not in page
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(kept(hall)[0].parent.stat().st_mode) == 0o700
    hall.work(make_keeper)
    other = speak(hall.browser("lead.b"), "en")
    answer = other.post("/admin/unit/import/", fields(page) | {"csrf_token": other.token})
    assert "The file is no longer kept here." in words(answer.text)
    assert confirm(keeper, "unit", page).status_code == 303
    assert kept(hall) == []


def test_a_second_file_takes_the_place_of_the_first(hall, keeper):
    first = upload(keeper, "unit", as_csv(("code", "contact"), ("A", "张三")))
    second = upload(keeper, "unit", as_csv(("code", "contact"), ("A", "李四")))
    page = confirm(keeper, "unit", first)
    assert page.status_code == 200
    assert "The records changed since you looked." in page.text
    assert hall.rows("unit")[0]["contact"] is None
    assert confirm(keeper, "unit", second).status_code == 303
    assert hall.rows("unit")[0]["contact"] == "李四"


def test_what_changed_since_the_dry_run_is_shown_before_it_happens(hall, keeper):
    page = upload(keeper, "unit", as_csv(("code", "contact"), ("A", "张三"), ("B", "李四")))

    def edit(session):
        unit = session.scalars(select(REGISTRY["unit"]).where(REGISTRY["unit"].code == "B")).one()
        records.change(session, unit, {"contact": "王五"}, actor=SYSTEM, at=utc_now())

    hall.work(edit)
    answer = confirm(keeper, "unit", page)
    assert answer.status_code == 200
    assert "<del>王五</del>" in answer.text
    assert hall.rows("unit")[1]["contact"] == "王五"
    assert confirm(keeper, "unit", answer.text).status_code == 303
    assert [row["contact"] for row in hall.rows("unit")[:2]] == ["张三", "李四"]


def test_a_confirmation_sent_twice_is_carried_out_once(hall, keeper):
    page = upload(
        keeper,
        "blocked_date",
        as_csv(("first_day", "last_day", "reason"), ("2026-05-01", "2026-05-03", "集中办理")),
    )
    assert confirm(keeper, "blocked_date", page).status_code == 303
    again = confirm(keeper, "blocked_date", page)
    assert "The file is no longer kept here." in words(again.text)
    assert len(hall.rows("blocked_date")) == 1


def test_files_nobody_confirmed_go_after_a_day(hall, keeper, at_ten):
    upload(keeper, "unit", as_csv(("code", "contact"), ("A", "张三")))
    before = set(kept(hall))
    old = time.time() - timedelta(days=2).total_seconds()
    for path in before:
        os.utime(path, (old, old))
    upload(keeper, "post", as_csv(("name",), ("岗位",)))
    assert not before & set(kept(hall))


# who


def test_whose_role_does_not_import_is_refused(hall):
    for username in ("staff.a1", "lead.a", "director", "inspector"):
        browser = hall.browser(username)
        assert browser.get("/admin/unit/import/").status_code == 403
        assert browser.get("/admin/unit/import/template/csv").status_code == 403
        file = {"file": (io.BytesIO(as_csv(("code", "contact"), ("A", "x"))), "x.csv")}
        assert browser.post("/admin/unit/import/", file).status_code == 403
        assert "/import/" not in browser.get("/admin/unit/").text


def test_a_relation_out_of_reach_is_an_error_of_its_cell_az_8(hall):

    def take(session):
        intake = Intake(
            session,
            REGISTRY["delegation"],
            ["delegate", "first_day", "last_day"],
            actor=session.info["actor"],
            at=utc_now(),
        )
        rows = [
            (2, ["吴彤", "2026-03-01", "2026-03-02"]),
            (3, ["李梅", "2026-03-01", "2026-03-02"]),
        ]
        outcome = intake.take(iter(rows), 10)
        session.rollback()
        return outcome

    outcome = hall.work(take, "lead.a")
    assert [(wrong.row, wrong.column) for wrong in outcome.errors] == [(2, "delegate")]
    assert str(outcome.errors[0].refusal.why) == "there is no such record within your reach"
