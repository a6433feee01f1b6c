"""Files on a record: who adds them, which are taken, and that they come back as they were."""

import errno
import io
import os
import re
import stat
import struct
import zipfile
from pathlib import Path

import pytest
from sqlalchemy import select

from hallpanel.engine import audit, comments
from hallpanel.engine.audit import AuditEvent
from hallpanel.engine.entity import REGISTRY
from hallpanel.panel import attachments
from hallpanel.panel.attachments import clean_name, may_attach

PDF = b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\ntrailer\n<<>>\n%%EOF\n"
MEGABYTE = 1024 * 1024


def png(width=40, height=30):
    """A picture, as far as its head goes."""
    head = struct.pack(">II", width, height) + b"\x08\x02\x00\x00\x00"
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + b"IHDR" + head + bytes(40)


def jpeg(width=40, height=30):
    """A photograph, as far as its head goes."""
    frame = b"\x08" + struct.pack(">HH", height, width) + b"\x03" + bytes(9)
    return (
        b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00"
        b"\xff\xdb\x00\x04ab\xff\xc0" + struct.pack(">H", len(frame) + 2) + frame
    )


def office(*parts, compress=zipfile.ZIP_DEFLATED):
    """An office file of some parts."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compress) as archive:
        for name, content in (("[Content_Types].xml", b"<Types/>"), *parts):
            archive.writestr(name, content)
    return file.getvalue()


DOCX = office(("word/document.xml", b"<w/>"))
XLSX = office(("xl/workbook.xml", b"<x/>"))
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504)
DOC = OLE + "WordDocument".encode("utf-16-le") + bytes(100)


def attach(browser, record_id, content, name, table="leave_request"):
    """Choose a file on a record's page and send it; what the page says then."""
    file = {"file": (io.BytesIO(content), name)}
    answer = browser.post(f"/admin/{table}/attach/?id={record_id}", file)
    answer.request.environ["wsgi.input"].close()  # the test client leaves its own end open
    assert answer.status_code == 303, answer.status
    assert answer.location == f"/admin/{table}/details/?id={record_id}#attachments"
    return browser.get(answer.location.partition("#")[0]).text


def links(page):
    """The files that a record's page offers: name and address."""
    return {
        name.strip(): url
        for url, name in re.findall(r'href="(/admin/\w+/attachment/\d+)"[^>]*>(.*?)</a>', page)
    }


def offered(page):
    """The same, without the marks around the names."""
    return {re.sub(r"<[^>]+>", "", name).strip(): url for name, url in links(page).items()}


def store(hall):
    """The files of the installation."""
    folder = Path(hall.app.config["HALLPANEL_INSTANCE"], "attachments")
    return sorted(folder.iterdir()) if folder.exists() else []


def names(hall):
    return [row["name"] for row in hall.rows("attachment")]


@pytest.fixture
def draft(hall):
    """Mei's leave request, not yet submitted."""
    return hall.request("a", "draft")


@pytest.fixture
def mei(hall):
    browser = hall.browser("staff.a1")
    browser.get("/language/en")
    return browser


# there and back


def test_two_chinese_names_are_two_files_pitfall_11(hall, mei, draft):
    attach(mei, draft, PDF + b"1", "报告一.pdf")
    page = attach(mei, draft, PDF + b"2", "报告二.pdf")
    files = offered(page)
    assert set(files) == {"报告一.pdf", "报告二.pdf"}
    for name, content in (("报告一.pdf", PDF + b"1"), ("报告二.pdf", PDF + b"2")):
        assert mei.get(files[name]).data == content


def test_a_file_comes_back_under_its_own_name_and_is_never_shown_in_the_page_inp_4(
    hall, mei, draft
):
    files = offered(attach(mei, draft, PDF, "证明 (1).pdf"))
    answer = mei.get(files["证明 (1).pdf"])
    number = hall.rows("attachment")[0]["id"]
    assert answer.headers["Content-Disposition"] == (
        f'attachment; filename="leave_request-{number}.pdf"; '
        "filename*=UTF-8''%E8%AF%81%E6%98%8E%20%281%29.pdf"
    )
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Type"] == "application/pdf"
    assert answer.headers["Cache-Control"] == "no-store"
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]


def test_the_store_is_outside_the_web_and_its_names_say_nothing_inp_4(hall, mei, draft):
    attach(mei, draft, PDF, "../../static/证明.pdf")
    (path,) = store(hall)
    assert re.fullmatch("[0-9a-f]{32}", path.name)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert Path(hall.app.static_folder) not in path.parents
    assert names(hall) == ["证明.pdf"]


def test_the_book_and_the_timeline_say_who_attached_what_aud_1(hall, mei, draft):
    page = attach(mei, draft, PDF, "证明.pdf")
    query = select(AuditEvent).where(AuditEvent.action == "attach")
    (event,) = hall.work(lambda session: list(session.scalars(query)))
    (row,) = hall.rows("attachment")
    assert (event.table_name, event.record_id) == ("leave_request", str(draft))
    assert event.after == {"name": "证明.pdf", "sha256": row["digest"]}
    assert (event.actor_name, row["author"]) == ("李梅", "李梅")
    assert row["size"] == len(PDF)
    assert "证明.pdf" in page[page.index('id="timeline"') :]
    assert hall.work(audit.verify).ok


# who


def test_whoever_does_not_see_the_record_has_no_such_file_az_3(hall, mei, draft):
    url = offered(attach(mei, draft, PDF, "证明.pdf"))["证明.pdf"]
    number = url.rpartition("/")[2]
    for username in ("lead.b", "staff.b1", "staff.a2", "auditor"):
        assert hall.browser(username).get(url).status_code in (403, 404), username
    assert hall.browser("lead.a").get(url).status_code == 200
    for address in (
        f"/admin/unit/attachment/{number}",
        "/admin/leave_request/attachment/99999999999999999999",
        "/admin/leave_request/attachment/0",
        "/admin/leave_request/attachment/-1",
    ):
        assert mei.get(address).status_code == 404
    assert hall.stranger().get(url).status_code == 303


def test_whoever_does_not_see_the_record_adds_nothing_az_3(hall, draft):
    other = hall.browser("staff.b1")
    file = {"file": (io.BytesIO(PDF), "a.pdf")}
    assert other.post(f"/admin/leave_request/attach/?id={draft}", file).status_code == 404
    assert store(hall) == []


WHO_MAY_ATTACH = {
    # username, state of a request of unit a: may they?
    ("staff.a1", "draft"): True,
    ("staff.a1", "submitted"): True,
    ("lead.a", "submitted"): True,
    ("inspector", "submitted"): False,
    ("director", "submitted"): False,
    ("halladmin", "draft"): True,
}


@pytest.mark.parametrize(("username", "state"), WHO_MAY_ATTACH)
def test_files_are_added_by_those_who_have_to_do_with_the_record(hall, username, state):
    browser, record = hall.browser(username), hall.request("a", state)
    may = WHO_MAY_ATTACH[username, state]
    page = attach(browser, record, PDF, "证明.pdf")
    assert (names(hall) == ["证明.pdf"]) is may
    assert ('id="attachment-file"' in page) is may


def test_to_a_record_that_is_closed_nothing_is_added(hall, mei):
    record = hall.request("a", "submitted")
    version = hall.see("leave_request", record)["version"]
    asked = {"confirm": "1", "id": record, "version": version, "reason": "不去了"}
    mei.post(f"/admin/leave_request/act/withdraw/?id={record}", asked)
    assert hall.see("leave_request", record)["state"] == "withdrawn"
    page = attach(mei, record, PDF, "证明.pdf")
    assert "under way" in page
    assert store(hall) == []


def test_staff_do_not_attach_to_what_they_may_only_read(hall, mei):
    unit = hall.id("unit", code="A")
    attach(mei, unit, PDF, "证明.pdf", "unit")
    assert names(hall) == []
    attach(hall.browser("halladmin"), unit, PDF, "证明.pdf", "unit")
    assert names(hall) == ["证明.pdf"]


# which files


TAKEN = {
    "a.pdf": PDF,
    "a.PDF": PDF,
    "a.png": png(),
    "a.jpg": jpeg(),
    "a.jpeg": jpeg(),
    "a.docx": DOCX,
    "a.xlsx": XLSX,
    "a.doc": DOC,
    "a.txt": "说明：见附件\r\n".encode(),
    "国标.txt": "说明：见附件\r\n".encode("gb18030"),
}


@pytest.mark.parametrize("name", TAKEN)
def test_the_files_of_an_office_are_taken(hall, mei, draft, name):
    page = attach(mei, draft, TAKEN[name], name)
    assert names(hall) == [name]
    assert mei.get(offered(page)[name]).data == TAKEN[name]


REFUSED = {
    "a page": ("a.html", b"<!doctype html><script>alert(1)</script>"),
    "a page called a picture": ("a.png", b"<!doctype html><script>alert(1)</script>"),
    "a page called text": ("a.txt", b"\xef\xbb\xbf \n<html><script>alert(1)</script>"),
    "a drawing": ("a.svg", b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>"),
    "a drawing called a picture": ("a.jpg", b"<svg xmlns='http://www.w3.org/2000/svg'/>"),
    "a picture called a document": ("a.pdf", png()),
    "a document called a picture": ("a.png", PDF),
    "a program": ("a.exe", b"MZ" + bytes(200)),
    "a program called text": ("a.txt", b"MZ\x90\x00" + bytes(200)),
    "an archive": ("a.zip", office()),
    "an archive called a document": ("a.docx", office(("a.txt", b"x"))),
    "a workbook called a document": ("a.docx", XLSX),
    "a document with macros": (
        "a.docx",
        office(("word/document.xml", b"<w/>"), ("word/vbaProject.bin", b"x")),
    ),
    "an old document with macros": ("a.doc", DOC + "_VBA_PROJECT".encode("utf-16-le")),
    "an old workbook called a document": ("a.doc", OLE + "Workbook".encode("utf-16-le")),
    "a document with an archive in it": (
        "a.docx",
        office(("word/document.xml", b"<w/>"), ("word/embeddings/x.zip", office())),
    ),
    "a document that unpacks to far more": (
        "a.docx",
        office(("word/document.xml", bytes(101 * MEGABYTE))),
    ),
    "a document of thousands of parts": (
        "a.docx",
        office(("word/document.xml", b"<w/>"), *((f"x/{n}", b"") for n in range(2500))),
    ),
    "half a document": ("a.docx", DOCX[: len(DOCX) // 2]),
    "a page before a document": ("a.docx", b"<script>alert(1)</script>" + DOCX),
    "a page before a pdf": ("a.pdf", b"<script>alert(1)</script>" + PDF),
    "a picture of 300 megapixels": ("a.png", png(20_000, 15_000)),
    "a photograph of 300 megapixels": ("a.jpg", jpeg(20_000, 15_000)),
    "a picture of no size": ("a.png", png(0, 5)),
    "half a photograph": ("a.jpg", jpeg()[:24]),
    "nothing": ("a.pdf", b""),
    "a file without ending": ("报告", PDF),
    "a file of two endings": ("a.pdf.exe", PDF),
}


@pytest.mark.parametrize(("name", "content"), REFUSED.values(), ids=REFUSED.keys())
def test_what_is_not_what_it_says_or_may_do_harm_is_refused_inp_4(hall, mei, draft, name, content):
    page = attach(mei, draft, content, name)
    assert names(hall) == []
    assert store(hall) == []
    assert "Taken are PDF, PNG, JPEG, DOCX, XLSX, DOC, TXT." in page


def test_a_file_of_more_than_ten_megabytes_is_refused_in_a_sentence(hall, mei, draft):
    page = attach(mei, draft, PDF + bytes(10 * MEGABYTE), "a.pdf")
    assert "The file is larger than 10 MB." in page
    assert store(hall) == []


def test_a_form_of_more_than_twenty_megabytes_is_not_even_read(hall, mei, draft):
    file = {"file": (io.BytesIO(bytes(21 * MEGABYTE)), "a.pdf")}
    answer = mei.post(f"/admin/leave_request/attach/?id={draft}", file)
    answer.request.environ["wsgi.input"].close()
    assert answer.status_code == 413


def test_no_file_at_all_is_said_so(hall, mei, draft):
    answer = mei.post(f"/admin/leave_request/attach/?id={draft}", {})
    assert answer.status_code == 303
    assert "No file was chosen." in mei.get(answer.location).text


def test_a_record_takes_so_many_files(hall, mei, draft, monkeypatch):
    monkeypatch.setattr(attachments, "MOST_ON_A_RECORD", 1)
    attach(mei, draft, PDF, "一.pdf")
    assert "at most 1 files" in attach(mei, draft, PDF, "二.pdf")
    assert names(hall) == ["一.pdf"]


NAMES = {
    "报告一.pdf": "报告一.pdf",
    "../../etc/passwd.pdf": "passwd.pdf",
    "C:\\Users\\梅\\报告.pdf": "报告.pdf",
    "a\x00b\r\nc.pdf": "abc.pdf",
    "\u202efdp.exe.pdf": "fdp.exe.pdf",
    " .pdf": "pdf",
    "...": "file",
    "": "file",
    None: "file",
    "长" * 300 + ".pdf": "长" * 116 + ".pdf",
}


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_kept_without_path_and_without_what_nobody_sees(name):
    assert clean_name(name) == NAMES[name]


# when something goes wrong


def test_of_a_change_that_failed_no_file_stays(hall, mei, draft, monkeypatch):
    def broken(*_args, **_more):
        raise RuntimeError("the note fails")

    hall.app.config["PROPAGATE_EXCEPTIONS"] = False
    monkeypatch.setattr(comments, "attach", broken)
    file = {"file": (io.BytesIO(PDF), "a.pdf")}
    answer = mei.post(f"/admin/leave_request/attach/?id={draft}", file)
    assert answer.status_code == 500
    assert store(hall) == []
    assert names(hall) == []


def test_a_full_disk_is_said_so_and_leaves_nothing_dur_3(hall, mei, draft, monkeypatch):
    def full(*_args):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    page = attach(mei, draft, PDF, "a.pdf")
    assert "The file could not be stored; nothing was saved." in page
    assert store(hall) == []


def test_a_file_that_was_altered_or_lost_is_not_sent(hall, mei, draft):
    url = offered(attach(mei, draft, PDF, "a.pdf"))["a.pdf"]
    (path,) = store(hall)
    path.write_bytes(PDF + b"x")
    assert mei.get(url).status_code == 404
    path.unlink()
    assert mei.get(url).status_code == 404


def test_the_rule_of_who_attaches_is_asked_of_the_record_alone(hall, draft):
    def ask(session):
        query = select(REGISTRY["leave_request"]).where(REGISTRY["leave_request"].id == draft)
        record = session.scalars(query).one()
        return may_attach(record, session.info["actor"])

    assert hall.work(ask, "staff.a1")
    assert not hall.work(ask, "lead.a")
