"""One file of about 40 lines in a chapter is a whole part of the panel (design: low code)."""

import importlib
import shutil
import sys
from pathlib import Path

import pytest

from hallpanel.engine.store import Base
from hallpanel.rulebook.table import rulebook_table
from tests.databases import settings_for
from tests.declared import forgetting
from tests.panel.hall import Hall

EXAMPLE = Path(__file__).parent.parent / "example_entity.py"
README = Path(__file__).parent.parent.parent / "README.md"
LIST = "/admin/lost_item/"


@pytest.fixture
def lost(hall_url, tmp_path, monkeypatch):
    """The test hall, with the file dropped into a chapter of a package of its own."""
    from hallpanel import create_app
    from hallpanel.panel.extensions import db

    chapter = tmp_path / "business"
    chapter.mkdir()
    (chapter / "__init__.py").touch()
    shutil.copy(EXAMPLE, chapter / "lost_item.py")
    monkeypatch.syspath_prepend(str(tmp_path))
    with forgetting():
        importlib.import_module("business.lost_item")
        app = create_app(settings_for(hall_url, tmp_path / "instance"))
        with app.app_context():
            Base.metadata.tables["lost_item"].create(db.engine)
        yield Hall(app)
        with app.app_context():
            db.engine.dispose()
    for name in ("business.lost_item", "business"):
        sys.modules.pop(name, None)


def browser(hall, username):
    """A browser that reads English."""
    found = hall.browser(username)
    found.client.set_cookie("hallpanel_language", "en")
    return found


def keep(mei, what="雨伞"):
    """File a lost item as its finder would."""
    page = f"{LIST}new/"
    form = mei.form(page) | {"what": what, "found_on": "2026-02-09"}
    answer = mei.post(page, form)
    assert answer.status_code == 303, answer.text
    return int(answer.location.rpartition("=")[2])


def test_the_file_is_about_forty_lines_and_stands_in_the_readme():
    text = EXAMPLE.read_text(encoding="utf-8").rstrip()
    body = text.partition("class LostItem")[2]
    assert len(body.splitlines()) <= 40
    indented = "\n".join(f"    {line}" if line else "" for line in text.splitlines())
    assert indented in README.read_text(encoding="utf-8")


def test_it_has_a_form_a_number_a_page_and_a_list_with_filters_and_search(lost):
    mei = browser(lost, "staff.a1")
    number = lost.see("lost_item", keep(mei))["number"]
    keep(mei, "钱包")
    assert number == "SW2026-00001"
    listed = mei.get(LIST).text
    assert "雨伞" in listed
    assert "钱包" in listed
    assert "Lost item" in mei.get("/").text
    assert "钱包" not in mei.get(f"{LIST}?search={number}").text
    assert "雨伞" not in mei.get(f"{LIST}?f.what.has=钱").text
    assert "钱包" in mei.get(f"{LIST}?f.state.is=kept&sort=-found_on").text


def test_its_transitions_ask_foresee_and_leave_their_line_in_the_trail(lost):
    mei = browser(lost, "staff.a1")
    item = keep(mei)
    page = mei.get(f"{LIST}act/fetch/?id={item}").text
    assert "The limit “Keeping” stops" in page
    mei.post(f"{LIST}act/fetch/", {"confirm": "1", "id": item, "version": 1, "reason": "失主领回"})
    assert lost.see("lost_item", item)["state"] == "fetched"
    record = mei.get(f"{LIST}details/?id={item}").text
    assert "失主领回" in record
    assert "Give back" in record
    actions = [
        row["action"] for row in lost.rows("audit_event") if row["table_name"] == "lost_item"
    ]
    assert actions == ["create", "fetch"]


def test_its_rights_and_its_scope_hold(lost):
    item = keep(browser(lost, "staff.a1"))
    assert browser(lost, "lead.b").get(f"{LIST}details/?id={item}").status_code == 404
    assert browser(lost, "auditor").get(LIST).status_code == 403
    assert "雨伞" in browser(lost, "lead.a").get(LIST).text
    assert "雨伞" not in browser(lost, "staff.a2").get(LIST).text
    lead = browser(lost, "lead.a")
    assert browser(lost, "inspector").get(f"{LIST}new/").status_code == 403
    refused = lead.post(f"{LIST}act/fetch/", {"confirm": "1", "id": item, "reason": "x"})
    assert "Cannot give back" in refused.text
    assert lost.see("lost_item", item)["state"] == "kept"


def test_its_limit_runs_from_its_birth_until_it_is_handed_on_in_bulk(lost):
    items = [keep(browser(lost, "staff.a1"), what) for what in ("雨伞", "钱包")]
    clocks = [row for row in lost.rows("deadline") if row["table_name"] == "lost_item"]
    assert [clock["stopped_at"] for clock in clocks] == [None, None]
    assert "working day" in browser(lost, "lead.a").get(LIST).text
    lead = browser(lost, "lead.a")
    lead.post(f"{LIST}act/hand_on/", {"confirm": "1", "id": items, "version": [1, 1]})
    clocks = [row for row in lost.rows("deadline") if row["table_name"] == "lost_item"]
    assert all(clock["stopped_at"] for clock in clocks)


def test_it_can_be_taken_away_as_a_table_and_stands_in_the_rule_book(lost):
    mei = browser(lost, "staff.a1")
    keep(mei)
    table = mei.take(f"{LIST}export/csv/").data.decode("utf-8-sig")
    assert "雨伞" in table
    assert "SW2026-00001" in table
    assert "| 2.3.1 | lost_item | fetch |" in rulebook_table()
    assert "| 2.3.3 | lost_item | hand_on |" in rulebook_table()
    assert "Lost item" in mei.get("/rulebook/2.3.1").text
