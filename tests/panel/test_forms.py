"""Forms: sent twice, sent late, sent with more than they offer, and a field for every kind."""

import re
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import StrEnum
from uuid import UUID

import pytest
from werkzeug.datastructures import MultiDict

from hallpanel.engine import uniqueness
from hallpanel.engine.entity import REGISTRY, Field, Kind, Secrecy
from hallpanel.engine.store import Base
from hallpanel.engine.words import _l
from hallpanel.panel.extensions import db
from hallpanel.panel.forms import DeclaredForm, field_kinds, make_field
from tests.panel.door import COOKIE
from tests.panel.pages import edited_by_the_hall

REQUESTS = "/admin/leave_request/"
NEW = f"{REQUESTS}new/"
TWENTY = 20
# Counts of who looked, who asked and what was refused; every other table must stay as it is.
NOTES = ("audit_event", "audit_head", "sign_in_session", "submission")


def filled(hall, visitor, **more):
    """The form of a new leave request, filled in."""
    kind = str(hall.id("leave_type", code="personal"))
    days = {"first_day": "2026-03-16", "last_day": "2026-03-17"}
    return {**visitor.form(NEW), "leave_type": kind, **days, "reason": "家里有事", **more}


def english(visitor):
    """The same browser, reading English."""
    visitor.client.set_cookie("hallpanel_language", "en")
    return visitor


# sent twice


def test_a_form_sent_twice_makes_one_record_con_2(hall):
    clerk = hall.browser("staff.a1")
    form, before = filled(hall, clerk), len(hall.rows("leave_request"))
    answers = [clerk.post(NEW, form) for _ in range(3)]
    assert {answer.status_code for answer in answers} == {303}
    assert len({answer.location for answer in answers}) == 1
    assert len(hall.rows("leave_request")) == before + 1


def test_a_form_that_was_refused_may_be_sent_again(hall):
    clerk = hall.browser("staff.a1")
    wrong = filled(hall, clerk, last_day="2026-03-01")
    answer = clerk.post(NEW, wrong)
    assert answer.status_code == 200
    assert 'id="last_day-error"' in answer.text
    assert clerk.post(NEW, {**wrong, "last_day": "2026-03-17"}).status_code == 303


@pytest.mark.parametrize("token", [None, "", " "])
def test_a_form_without_a_token_of_its_own_makes_nothing(hall, token):
    clerk = hall.browser("staff.a1")
    form, before = filled(hall, clerk), hall.digests(but=NOTES)
    assert clerk.post(NEW, {**form, "form_token": token}).status_code == 400
    assert hall.digests(but=NOTES) == before


def test_two_people_may_be_given_the_same_token_by_chance(hall):
    one, other = hall.browser("staff.a1"), hall.browser("staff.a2")
    same = {"form_token": "the same"}
    first = one.post(NEW, filled(hall, one, **same))
    second = other.post(NEW, filled(hall, other, **same))
    assert first.location != second.location


# sent late


def test_a_late_form_is_refused_with_both_versions_and_keeps_what_was_typed_con_4(hall):
    unit = hall.id("unit", code="A")
    page = f"/admin/unit/edit/?id={unit}"
    mine, theirs = english(hall.browser("halladmin")), hall.browser("halladmin")
    form = mine.form(page)
    assert theirs.post(page, {**theirs.form(page), "contact": "李梅"}).status_code == 303
    late = mine.post(page, {**form, "contact": "王思远"})
    assert late.status_code == 200
    assert "Someone saved this record while you were writing" in late.text
    assert re.search(r"<ins>王思远</ins>.*?李梅</td>", late.text, re.S)
    assert 'name="contact" type="text" value="王思远"' in late.text
    assert hall.see("unit", unit)["contact"] == "李梅"


def test_after_seeing_both_versions_the_second_try_saves(hall):
    unit = hall.id("unit", code="A")
    page = f"/admin/unit/edit/?id={unit}"
    mine, theirs = hall.browser("halladmin"), hall.browser("halladmin")
    form = mine.form(page)
    theirs.post(page, {**theirs.form(page), "contact": "李梅"})
    late = mine.post(page, {**form, "contact": "王思远"})
    seen = re.search(r'name="row_version"[^>]*value="(\d+)"', late.text)[1]
    assert mine.post(page, {**form, "contact": "王思远", "row_version": seen}).status_code == 303
    assert hall.see("unit", unit)["contact"] == "王思远"


def test_a_failed_try_does_not_make_a_late_form_fresh_pitfall_35(hall):
    unit = hall.id("unit", code="A")
    page = f"/admin/unit/edit/?id={unit}"
    mine, theirs = hall.browser("halladmin"), hall.browser("halladmin")
    form = mine.form(page)
    theirs.post(page, {**theirs.form(page), "contact": "李梅"})
    wrong = mine.post(page, {**form, "name": "", "contact": "王思远"})
    again = re.search(r'name="row_version"[^>]*value="(\d+)"', wrong.text)[1]
    assert again == form["row_version"]
    late = mine.post(page, {**form, "contact": "王思远", "row_version": again})
    assert late.status_code == 200
    assert hall.see("unit", unit)["contact"] == "李梅"


@pytest.mark.parametrize("version", ["0", "99", "abc", "", "-1", "²"])
def test_a_transition_decided_on_an_older_version_is_refused_con_4(hall, version):
    lead, waiting = hall.browser("lead.a"), hall.request("a", "submitted")
    before = hall.see("leave_request", waiting)
    data = {"id": waiting, "version": version, "confirm": "1"}
    answer = lead.post(f"{REQUESTS}act/approve/", data)
    assert answer.status_code == 200
    assert "2.1.2" in answer.text
    assert hall.see("leave_request", waiting) == before


def test_a_bulk_transition_with_fewer_versions_than_records_is_refused_whole(hall):
    lead, waiting = hall.browser("lead.a"), hall.request("a", "submitted")
    before = hall.see("leave_request", waiting)
    data = {"id": [waiting, "999"], "version": "2", "confirm": "1"}
    assert lead.post(f"{REQUESTS}act/approve/", data).status_code == 400
    many = {"id": [str(number) for number in range(1, 202)], "confirm": "1"}
    assert lead.post(f"{REQUESTS}act/approve/", many).status_code == 413
    assert hall.see("leave_request", waiting) == before


def test_a_transition_that_would_lead_outside_is_not_made(hall):
    lead, waiting = hall.browser("lead.a"), hall.request("a", "submitted")
    before = hall.see("leave_request", waiting)
    data = {"id": waiting, "version": before["version"], "confirm": "1", "url": "//evil.example"}
    assert lead.post(f"{REQUESTS}act/approve/", data).status_code == 400
    assert hall.see("leave_request", waiting) == before


# sent with more than is offered

SNEAKED = {
    "state": "approved",
    "turn": "director",
    "days": "0.5",
    "staff": "5",
    "staff_id": "5",
    "unit": "2",
    "unit_id": "2",
    "number": "QJ2026-99999",
    "created_at": "2020-01-01",
    "cover_accepted_at": "2026-01-01T00:00",
    "left_at": "2026-01-01T00:00",
    "substitute_id": "5",
    "leave_type_id": "1",
    "retired_on": "2020-01-01",
}


def test_a_new_record_takes_no_fact_that_the_form_does_not_offer_az_6(hall):
    clerk = hall.browser("staff.a1")
    plain = clerk.post(NEW, filled(hall, clerk))
    sneaky = clerk.post(NEW, {**SNEAKED, **filled(hall, clerk)})
    one, other = (
        hall.see("leave_request", int(answer.location.rpartition("=")[2]))
        for answer in (plain, sneaky)
    )
    differ = {name for name in one if one[name] != other[name]}
    assert differ == {"id", "number"}
    assert other["number"] != SNEAKED["number"]
    assert recorded(hall) == [sorted(set(SNEAKED) - {"retired_on"})]


def test_editing_takes_no_fact_that_the_form_does_not_offer_az_6(hall):
    clerk, draft = hall.browser("staff.a1"), hall.request("a", "draft")
    page, before = f"{REQUESTS}edit/?id={draft}", hall.see("leave_request", draft)
    answer = clerk.post(page, {**SNEAKED, **clerk.form(page), "reason": "另有原因"})
    assert answer.status_code == 303
    after = hall.see("leave_request", draft)
    assert {name for name in after if after[name] != before[name]} == {"reason", "version"}
    assert len(recorded(hall)) == 1


def test_no_column_of_any_entity_is_set_past_its_form_az_6(hall):
    admin = hall.browser("halladmin")
    for table in edited_by_the_hall():
        offered = {name for name, fact in REGISTRY[table].fields().items() if fact.form}
        columns = {column.name for column in REGISTRY[table].__table__.columns}
        extra = dict.fromkeys(columns - offered, "1")
        for record_id in hall.ids(table)[:1]:
            page = f"/admin/{table}/edit/?id={record_id}"
            form, before = admin.form(page), hall.see(table, record_id)
            admin.post(page, {**extra, **form})
            after = hall.see(table, record_id)
            changed = {name for name in after if after[name] != before[name]}
            assert changed <= {"version"}, table


def test_a_transition_takes_no_answer_to_what_it_does_not_ask_az_6(hall):
    lead, waiting = hall.browser("lead.a"), hall.request("a", "submitted")
    before = hall.see("leave_request", waiting)
    answer = lead.post(f"{REQUESTS}act/approve/", {**SNEAKED, "id": waiting, "confirm": "1"})
    assert answer.status_code == 303
    after = hall.see("leave_request", waiting)
    changed = {name for name in after if after[name] != before[name]}
    assert changed <= {"turn", "version", "state"}
    assert after["turn"] != SNEAKED["turn"]
    assert len(recorded(hall)) == 1


def test_an_edit_in_the_list_takes_only_what_the_list_edits_az_7(hall):
    admin, window = hall.browser("halladmin"), hall.ids("service_window")[0]
    address, before = "/admin/service_window/ajax/update/", hall.see("service_window", window)
    row = {"list_form_pk": window, "version": before["version"]}
    assert admin.post(address, {**row, "number": "Z99"}).status_code == 403
    both = {**row, "minimum_staff": "2", "number": "Z99", "unit_id": "2"}
    assert admin.post(address, both).status_code == 200
    after = hall.see("service_window", window)
    changed = {name for name in after if after[name] != before[name]}
    assert changed == {"minimum_staff", "version"}
    assert recorded(hall) == [["number", "unit_id"]]


def recorded(hall):
    """What was posted past forms, as the audit has it."""
    events = [row for row in hall.rows("audit_event") if row["action"] == "mass_assign"]
    return [
        sorted(re.findall(r'"([a-z_]+)"', str(row["after"]).replace("'", '"'))[1:])
        for row in events
    ]


def test_an_ordinary_form_is_recorded_as_nothing_but_its_change(hall):
    clerk = hall.browser("staff.a1")
    clerk.post(NEW, filled(hall, clerk))
    assert recorded(hall) == []


# what is typed


def test_blanks_alone_are_nothing_to_save(hall):
    admin, before = hall.browser("halladmin"), hall.digests(but=NOTES)
    for page, name in (("/admin/post/new/", "name"), (NEW, "reason")):
        form = {**admin.form(page), name: " \u3000 "}
        answer = admin.post(page, form)
        assert answer.status_code == 200
        assert f'id="{name}-error"' in answer.text
    assert hall.digests(but=NOTES) == before


def test_a_code_that_is_taken_is_refused_beside_its_field_pitfall_10(hall):
    admin = english(hall.browser("halladmin"))
    form = {
        **admin.form("/admin/post/new/"),
        "name": "窗口工作人员",
        "duties": "照旧",
    }
    answer = admin.post("/admin/post/new/", form)
    assert answer.status_code == 200
    assert 'id="name-error"' in answer.text
    assert "another record has the same" in answer.text
    assert "照旧" in answer.text


def test_what_only_the_database_notices_is_a_plain_sentence_too_pitfall_10(hall, monkeypatch):
    monkeypatch.setattr(uniqueness, "twice", lambda *_: None)
    admin, before = english(hall.browser("halladmin")), len(hall.rows("post"))
    form = {**admin.form("/admin/post/new/"), "name": "窗口工作人员"}
    answer = admin.post("/admin/post/new/", form)
    assert answer.status_code == 200
    assert "Cannot save: it clashes with" in answer.text
    for word in ("UNIQUE", "uq_post", "INSERT", "sqlalche", "psycopg"):
        assert word not in answer.text
    assert len(hall.rows("post")) == before


def test_whoever_has_an_account_is_not_deleted_pitfall_10(hall):
    admin = english(hall.browser("halladmin"))
    person = hall.id("staff", number="0101")
    for told in ("still in use: Unit membership (1)", "something still uses it"):
        answer = admin.post(f"/admin/staff/delete/?id={person}")
        assert answer.status_code == 303
        page = admin.get(answer.location).text
        assert f"Cannot delete 许志强: {told}" in page
        assert "FOREIGN" not in page
        assert hall.see("staff", person) is not None
        forget(hall, "unit_membership", staff_id=person)


def forget(hall, table, **values):
    """Take rows out of a table past the panel."""
    one = Base.metadata.tables[table]
    same = [one.c[name] == value for name, value in values.items()]
    with hall.app.app_context(), db.engine.begin() as connection:
        connection.execute(one.delete().where(*same))


# every kind


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


NOON = datetime(2026, 2, 12, 4, tzinfo=UTC)
TYPED = {
    Kind.TEXT: (" 文字 ", "文字"),
    Kind.LONG_TEXT: ("两\n行", "两\n行"),
    Kind.INTEGER: ("7", 7),
    Kind.DECIMAL: ("1.5", Decimal("1.5")),
    Kind.FLOAT: ("2.5", 2.5),
    Kind.BOOLEAN: ("y", True),
    Kind.DAY: ("2026-02-12", date(2026, 2, 12)),
    Kind.TIME: ("08:30", time(8, 30)),
    Kind.INSTANT: ("2026-02-12T12:00", NOON),
    Kind.INTERVAL: ("1.5", timedelta(hours=1.5)),
    Kind.UUID: ("12345678123456781234567812345678", UUID("12345678" * 4)),
    Kind.CHOICE: ("blue", Colour.BLUE),
    Kind.RELATION: ("", None),
}
WRONG = {
    Kind.TEXT: "x" * 201,
    Kind.LONG_TEXT: "x" * 20_001,
    Kind.INTEGER: "1.5",
    Kind.DECIMAL: "Infinity",
    Kind.FLOAT: "NaN",
    Kind.DAY: "2026-02-30",
    Kind.TIME: "25:00",
    Kind.INSTANT: "2026-02-30T12:00",
    Kind.INTERVAL: "9" * 20,
    Kind.UUID: "1234",
    Kind.CHOICE: "green",
    Kind.RELATION: "999999",
}


def form_of(kind, typed, *, optional=True):
    """A form of one fact of a kind, as sent with some text."""
    declared = Field(
        "fact",
        _l("Name"),
        kind,
        optional,
        "fact",
        secrecy=Secrecy.PUBLIC,
        target="post" if kind is Kind.RELATION else None,
        choices=Colour if kind is Kind.CHOICE else None,
    )
    made = {"fact": make_field(declared), "groups": [(None, ["fact"])]}
    form = type("OneFact", (DeclaredForm,), made)
    return form(MultiDict({"fact": typed}), meta={"csrf": False})


@pytest.fixture
def request_of_the_hall(hall):
    """A request of the hall administrator, from within which forms may be made."""
    with hall.app.test_request_context("/", headers={"Cookie": cookie_of(hall)}):
        hall.app.preprocess_request()
        yield hall


def cookie_of(hall):
    """The cookie of a signed-in browser, as it is sent."""
    return f"{COOKIE}={hall.browser('halladmin').client.get_cookie(COOKIE).value}"


def test_every_kind_of_fact_has_a_field_pitfall_03(request_of_the_hall):
    assert field_kinds() == frozenset(Kind) == TYPED.keys()
    for kind, (typed, value) in TYPED.items():
        form = form_of(kind, typed)
        assert form.validate(), (kind, form.errors)
        assert form["fact"].data == value, kind
        assert type(form["fact"].data) is type(value), kind
        assert 'name="fact"' in str(form["fact"]()), kind


def test_every_kind_of_fact_refuses_what_it_cannot_be_and_keeps_it_on_screen(request_of_the_hall):
    assert WRONG.keys() == TYPED.keys() - {Kind.BOOLEAN}
    for kind, typed in WRONG.items():
        form = form_of(kind, typed)
        assert not form.validate(), kind
        assert form["fact"].errors, kind
        if kind not in (Kind.CHOICE, Kind.RELATION):
            assert typed in str(form["fact"]()), kind


def test_every_kind_of_fact_that_must_be_given_refuses_nothing(request_of_the_hall):
    for kind in TYPED.keys() - {Kind.BOOLEAN}:
        form = form_of(kind, "", optional=False)
        assert not form.validate(), kind
        assert form_of(kind, "").validate(), kind
