"""Files sent with a record's form: one transaction with the record, and nothing left of a failure.

Mei asks for sick leave of three days, which wants a certificate (L4).
"""

import io
import re

import pytest

from hallpanel.engine.entity import REGISTRY
from hallpanel.panel import attachments
from tests.panel.hall import fields
from tests.panel.test_attachments import PDF, names, offered, png, store

NEW = "/admin/leave_request/new/"
NOTES = ("audit_event", "audit_head", "sign_in_session")


@pytest.fixture
def mei(hall):
    browser = hall.browser("staff.a1")
    browser.get("/language/en")
    return browser


def sick(hall, visitor, *files, **more):
    """The form of a new request for sick leave, with files; each is a name and a content."""
    kind = str(hall.id("leave_type", code="sick"))
    days = {"first_day": "2026-03-16", "last_day": "2026-03-18"}
    form = {**visitor.form(NEW), "leave_type": kind, **days, "reason": "发烧", **more}
    return {**form, "files": [(io.BytesIO(content), name) for name, content in files]}


def edit_url(record_id):
    return f"/admin/leave_request/edit/?id={record_id}"


def details(visitor, address):
    return visitor.get(address.partition("#")[0]).text


def test_the_form_offers_files_and_says_which_are_taken(hall, mei):
    page = mei.get(NEW).text
    (field,) = re.findall(r'<input[^>]*name="files"[^>]*>', page)
    assert 'type="file"' in field
    assert " multiple" in field
    assert ".pdf" in field
    assert "required" not in field
    assert "Taken are PDF, PNG, JPEG" in page


def test_only_an_entity_that_says_so_has_files_on_its_form(hall):
    assert REGISTRY["leave_request"].files_on_form
    assert 'name="files"' not in hall.browser("halladmin").get("/admin/leave_type/new/").text


def test_a_certificate_goes_with_the_request_and_it_is_submitted_l4(hall, mei):
    form = sick(hall, mei, ("病假证明.pdf", PDF), ("化验单.png", png()), then="submit")
    answer = mei.post(NEW, form)
    assert answer.status_code == 303, answer.text
    assert "/act/submit/" in answer.location
    assert names(hall) == ["病假证明.pdf", "化验单.png"]
    confirmed = mei.post(answer.location, {**fields(mei.get(answer.location).text)})
    assert confirmed.status_code == 303, confirmed.text
    made = hall.rows("leave_request")[-1]
    assert made["state"] == "submitted"
    page = details(mei, f"/admin/leave_request/details/?id={made['id']}")
    assert mei.get(offered(page)["病假证明.pdf"]).data == PDF
    assert "Attached 病假证明.pdf" in page[page.index('id="timeline"') :]


def test_no_file_is_no_fault(hall, mei):
    assert mei.post(NEW, sick(hall, mei)).status_code == 303
    empty = sick(hall, mei, ("", b""))
    assert mei.post(NEW, empty).status_code == 303
    assert names(hall) == []


def test_a_bad_file_is_an_error_beside_the_field_and_nothing_is_saved_inp_4(hall, mei):
    form = sick(hall, mei, ("证明.pdf", PDF), ("木马.pdf", b"MZ not a document"))
    before = hall.digests(but=NOTES)
    answer = mei.post(NEW, form)
    assert answer.status_code == 200
    error = re.search(r'id="files-error">(.*?)</p>', answer.text, re.S)[1]
    assert "木马.pdf" in error
    assert "Taken are" in error
    assert "发烧" in answer.text
    assert "Choose the files once more." in answer.text
    assert hall.digests(but=NOTES) == before
    assert store(hall) == []
    again = sick(hall, mei, ("证明.pdf", PDF), form_token=form["form_token"])
    assert mei.post(NEW, again).status_code == 303
    assert names(hall) == ["证明.pdf"]


def test_files_of_a_refused_record_do_not_stay(hall, mei):
    answer = mei.post(NEW, sick(hall, mei, ("证明.pdf", PDF), last_day="2026-03-01"))
    assert answer.status_code == 200
    assert 'id="last_day-error"' in answer.text
    assert store(hall) == []


def test_a_form_sent_twice_keeps_its_files_once_con_2(hall, mei):
    first = mei.post(NEW, sick(hall, mei, ("证明.pdf", PDF), form_token="one"))
    second = mei.post(NEW, sick(hall, mei, ("证明.pdf", PDF), form_token="one"))
    assert first.location == second.location
    assert names(hall) == ["证明.pdf"]
    assert len(store(hall)) == 1


def test_a_fault_while_saving_leaves_neither_record_nor_file(hall, mei, monkeypatch):
    def broken(*_):
        raise RuntimeError("the disk is gone")

    form, before = sick(hall, mei, ("证明.pdf", PDF)), hall.digests(but=NOTES)
    monkeypatch.setattr(attachments, "put", broken)
    hall.app.config["PROPAGATE_EXCEPTIONS"] = False
    assert mei.post(NEW, form).status_code == 500
    assert store(hall) == []
    assert hall.digests(but=NOTES) == before


def test_the_edit_form_adds_files_too(hall, mei):
    draft = hall.request("a", "draft")
    form = {**mei.form(edit_url(draft)), "files": [(io.BytesIO(PDF), "说明.pdf")]}
    assert mei.post(edit_url(draft), form).status_code == 303
    assert names(hall) == ["说明.pdf"]


def test_a_late_edit_form_keeps_no_file_con_4(hall, mei):
    draft = hall.request("a", "draft")
    form = mei.form(edit_url(draft))
    mei.post(edit_url(draft), {**form, "reason": "搬家"})
    late = {**form, "reason": "看病", "files": [(io.BytesIO(PDF), "说明.pdf")]}
    answer = mei.post(edit_url(draft), late)
    assert "Someone saved this record while you were writing" in answer.text
    assert "Choose the files once more." in answer.text
    assert store(hall) == []


def test_no_more_files_than_a_record_takes(hall, mei, monkeypatch):
    monkeypatch.setattr(attachments, "MOST_ON_A_RECORD", 1)
    files = [(f"{number}.pdf", PDF) for number in range(2)]
    answer = mei.post(NEW, sick(hall, mei, *files))
    assert 'id="files-error"' in answer.text
    assert store(hall) == []


@pytest.mark.parametrize("confirmed", [False, True])
def test_a_missing_certificate_leads_to_the_attachments_l4_x6(hall, mei, confirmed):
    answer = mei.post(NEW, sick(hall, mei, then="submit"))
    page = mei.get(answer.location).text
    if confirmed:
        made = hall.rows("leave_request")[-1]
        data = {"confirm": "1", "id": made["id"], "version": made["version"]}
        page = mei.post("/admin/leave_request/act/submit/", data).text
    assert "needs a certificate" in page
    (url,) = re.findall(r'href="([^"]*#attachments)"[^>]*>To the attachments<', page)
    assert 'id="attachments"' in details(mei, url)
