"""Facts that are changed in the list: who is offered it, with which input, and what comes back."""

import re
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from html import unescape

import pytest

from hallpanel.engine.entity import FIELDS, REGISTRY, Kind
from hallpanel.panel import inline
from hallpanel.panel.forms import field_kinds
from tests.panel.test_lists import MOST_QUERIES, english, statements

WINDOWS = "/admin/service_window/"
REQUESTS = "/admin/leave_request/"
UPDATE = f"{WINDOWS}ajax/update/"
PENCIL = re.compile(
    r'data-inline="([^"]*)" data-value="([^"]*)".*?<a class="inline-pencil" ([^>]*)>'
)


@pytest.fixture
def inline_fact(monkeypatch):
    """Let some fact be changed in the list."""

    def _let(table, name):
        facts = FIELDS[REGISTRY[table]]
        monkeypatch.setitem(facts, name, replace(facts[name], inline=True))

    return _let


def pencils(answer):
    """The pencils of a list: column, present value, accessible name, and where they lead."""
    found = []
    for name, value, tag in PENCIL.findall(answer.text):
        given = {key: unescape(text) for key, text in re.findall(r'([\w-]+)="([^"]*)"', tag)}
        found.append((name, value, given["aria-label"], given["href"]))
    return found


# who is offered it


def test_whoever_may_edit_a_row_has_a_pencil_that_leads_to_the_form_without_a_script(hall):
    page = english(hall, "halladmin").get(f"{WINDOWS}?sort=number")
    first, *rest = pencils(page)
    window = hall.id("service_window", number="A01")
    edit = f"{WINDOWS}edit/?id={window}"
    assert first == ("minimum_staff", "1", "Change Minimum on post of A01", edit)
    assert len(rest) == len(hall.ids("service_window")) - 1
    assert hall.browser("halladmin").get(edit).status_code == 200
    assert page.text.count("<template data-inline-form=") == 1
    assert re.search(rf'<tr [^>]*data-id="{window}" data-version="1"', page.text)


@pytest.mark.parametrize("username", ["staff.a1", "lead.a", "inspector", "director"])
def test_nobody_else_has_one_pitfall_01(hall, username):
    page = hall.browser(username).get(WINDOWS)
    assert pencils(page) == []
    assert "data-inline-form" not in page.text


def test_a_column_that_is_not_shown_or_not_edited_in_lists_has_none(hall):
    admin = hall.browser("halladmin")
    assert pencils(admin.get(f"{WINDOWS}?columns=number&columns=unit")) == []
    assert pencils(admin.get("/admin/staff/")) == []


def test_a_row_is_named_also_where_its_name_is_not_shown(hall):
    page = english(hall, "halladmin").get(f"{WINDOWS}?columns=minimum_staff")
    assert {label for _, _, label, _ in pencils(page)} == {
        f"Change Minimum on post of {number}" for number in ("A01", "A02", "B01")
    }


def test_only_the_rows_that_a_person_may_edit_in_their_state_have_one(hall, inline_fact):
    inline_fact("leave_request", "first_half")
    address = f"{REQUESTS}?columns=number&columns=first_half"
    own = pencils(hall.browser("staff.a1").get(address))
    draft = hall.request("a", "draft")
    assert [(name, url) for name, _, _, url in own] == [
        ("first_half", f"{REQUESTS}edit/?id={draft}")
    ]
    for other in ("lead.a", "inspector", "halladmin"):
        edits = pencils(hall.browser(other).get(address))
        expected = [
            one
            for one in hall.ids("leave_request")
            if hall.browser(other).get(f"{REQUESTS}edit/?id={one}").status_code == 200
        ]
        ids = [int(url.rpartition("=")[2]) for *_, url in edits]
        assert sorted(ids) == sorted(expected), other


def test_pencils_cost_no_query_pitfall_19(hall):
    admin = hall.browser("halladmin")
    with statements(hall) as seen:
        assert len(pencils(admin.get(f"{WINDOWS}?columns=minimum_staff"))) == 3
    assert len(seen) <= MOST_QUERIES


# what is sent


def change(hall, visitor, value, version=1, **more):
    """Send what the input of a row sends."""
    window = hall.id("service_window", number="A01")
    data = {"list_form_pk": window, "version": version, "minimum_staff": value}
    return visitor.post(UPDATE, data | more, headers={"Accept": "application/json"})


def test_the_answer_is_the_fact_as_the_list_shows_it(hall):
    answer = change(hall, english(hall, "halladmin"), " 3 ")
    assert answer.status_code == 200
    assert answer.json == {"version": 2, "text": "3", "value": "3", "said": "Saved: A01"}
    page = hall.browser("halladmin").get(f"{WINDOWS}?sort=number")
    assert pencils(page)[0][:2] == ("minimum_staff", "3")


@pytest.mark.parametrize("value", ["", "many", "1.5", "9" * 30, "NaN"])
def test_what_is_no_value_is_told_in_a_sentence_and_changes_nothing(hall, value):
    answer = change(hall, english(hall, "halladmin"), value)
    assert answer.status_code == 422
    assert answer.json["error"].endswith(".")
    assert hall.see("service_window", hall.id("service_window", number="A01"))["version"] == 1


def test_what_a_rule_refuses_is_told_with_its_clause(hall):
    answer = change(hall, english(hall, "halladmin"), "-1")
    assert answer.status_code == 409
    told = "Cannot save: Minimum on post is at least 0 (clause 1.2.1)."
    assert answer.json == {"error": told}


def test_what_somebody_else_has_changed_is_not_overwritten_con_4(hall):
    admin = english(hall, "halladmin")
    assert change(hall, admin, "2").status_code == 200
    late = change(hall, admin, "5")
    assert late.status_code == 409
    assert "changed after you opened it" in late.json["error"]
    assert late.json["error"].endswith("Load the page again to see what it is now.")
    window = hall.see("service_window", hall.id("service_window", number="A01"))
    assert (window["minimum_staff"], window["version"]) == (2, 2)


def test_who_has_been_signed_out_is_told_so(hall):
    admin = english(hall, "halladmin")
    token = admin.token
    admin.client.delete_cookie("hallpanel_session")
    answer = change(hall, admin, "2", csrf_token=token)
    assert answer.status_code in (400, 401)
    assert answer.json["error"]


# inputs of every kind

HALF = next(one for one in FIELDS[REGISTRY["leave_request"]].values() if one.kind is Kind.CHOICE)
TYPED = {
    Kind.TEXT: ("A01", "A01", "text"),
    Kind.LONG_TEXT: ("a\nb", "a\nb", "textarea"),
    Kind.INTEGER: (1200, "1200", "number"),
    Kind.DECIMAL: (Decimal("1.50"), "1.50", "number"),
    Kind.FLOAT: (0.5, "0.5", "number"),
    Kind.BOOLEAN: (False, "", "select"),
    Kind.DAY: (date(2026, 2, 9), "2026-02-09", "date"),
    Kind.TIME: (time(9, 30), "09:30", "time"),
    Kind.INSTANT: (datetime(2026, 2, 9, 2, tzinfo=UTC), "2026-02-09 10:00:00", "datetime-local"),
    Kind.INTERVAL: (timedelta(minutes=90), "1.50", "number"),
    Kind.UUID: (None, "", "text"),
}


@pytest.mark.parametrize("kind", TYPED)
def test_every_kind_of_fact_has_its_input(hall, kind):
    value, typed, sort = TYPED[kind]
    fact = replace(HALF, name="fact", kind=kind, choices=None, inline=True)
    with hall.app.test_request_context("/"):
        field = inline.inputs([fact])["fact"]
        assert inline.typed(field, value) == typed
        assert inline.typed(field, None) == ""
        assert sort in str(field())


def test_a_choice_is_chosen_by_its_value(hall):
    with hall.app.test_request_context("/"):
        field = inline.inputs([HALF])[HALF.name]
        member = next(iter(HALF.choices))
        assert inline.typed(field, member) == member.value
        assert f'value="{member.value}"' in str(field())


def test_each_kind_is_tried_but_relations_which_lists_do_not_change():
    assert {*TYPED, Kind.CHOICE, Kind.RELATION} == field_kinds()
