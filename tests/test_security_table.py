"""The table of what must hold is what the tests show, and those who answer for it can read it."""

import re

import pytest
import yaml

from hallpanel.panel.security_table import FOLDER, TOPICS, Requirement, readme_table, requirements
from tests import security_rows
from tests.panel.conftest import at_ten, hall, hall_url

__all__ = ["at_ten", "hall", "hall_url"]

REPAIR = "run `make security`"


def test_the_tests_of_each_row_are_those_that_carry_its_id():
    assert security_rows.KEPT_IN.read_text(encoding="utf-8") == security_rows.as_kept(
        security_rows.collected()
    ), REPAIR


def test_the_table_of_the_readme_is_that_of_the_page():
    text = security_rows.README.read_text(encoding="utf-8")
    shown = re.search(r"<!-- security -->\n(.*?)\n<!-- /security -->", text, re.S)[1]
    assert shown == readme_table(), REPAIR


def test_no_test_names_a_row_that_is_not_in_the_table():
    assert not security_rows.collected().keys() - {one.id for one in requirements()}


def test_each_row_is_complete_and_stands_under_a_topic():
    rows = yaml.safe_load((FOLDER / "security_table.yaml").read_text(encoding="utf-8"))
    assert len({row["id"] for row in rows}) == len(rows) == 60
    for row in rows:
        assert {"id", "priority", "source", "zh", "en"} <= row.keys(), row
        assert row["id"].split("-")[0] in TOPICS
        assert row.keys() <= {"id", "priority", "source", "zh", "en", "missing"}
        assert set(row.get("missing", {"zh": 1, "en": 1})) == {"zh", "en"}


@pytest.mark.parametrize(
    ("tests", "missing", "holds"),
    [(["a"], None, True), ([], None, False), (["a"], {"zh": "缺", "en": "wants"}, False)],
)
def test_a_row_holds_when_tests_show_all_of_it(tests, missing, holds):
    words = {"zh": "行", "en": "a row"}
    assert Requirement("AZ-1", "P0", "measured", words, missing, tests).holds is holds


@pytest.mark.parametrize("username", ["secadmin", "auditor"])
def test_who_answers_for_security_reads_every_row(hall, username):
    page = hall.browser(username).get("/security/")
    assert page.status_code == 200
    for one in requirements():
        assert f">{one.id}</span>" in page.text
    assert "/security/" in hall.browser(username).get("/").text


@pytest.mark.parametrize("username", ["halladmin", "lead.a", "sysadmin"])
def test_others_do_not_open_the_page(hall, username):
    assert hall.browser(username).get("/security/").status_code == 403
    assert "/security/" not in hall.browser(username).get("/").text
