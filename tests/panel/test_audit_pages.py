"""The auditor alone reads the audit book, each look is an event, and tampering is named there."""

import csv
import io
import json
import re

import pytest
from openpyxl import load_workbook
from sqlalchemy import func, select, text

from hallpanel.engine import audit, audit_anchor
from hallpanel.engine.audit_event import EVENTS, HEAD
from hallpanel.panel import audit_pages
from hallpanel.panel.extensions import db
from tests.panel.hall import ACCOUNTS

LOOKS = ("/audit/", "/audit/3", "/audit/export/csv/", "/audit/export/xlsx/")
EVERYBODY_ELSE = sorted(set(ACCOUNTS) - {"auditor"})


def events(hall, **named):
    """Events with some values, the oldest first."""
    found = hall.rows("audit_event")
    return [one for one in found if all(one[name] == value for name, value in named.items())]


def tamper(hall, statement):
    """What somebody does who owns the database."""
    with hall.owner() as connection, connection.begin():
        for ddl in audit.drop_triggers(connection.dialect.name):
            connection.exec_driver_sql(ddl)
        connection.execute(statement)
        for ddl in audit.guards(connection.dialect.name):
            connection.exec_driver_sql(ddl)


def verdict(html):
    return re.search(r'class="chain-verdict">([^<]*)<', html)[1]


# who may


@pytest.mark.parametrize("username", EVERYBODY_ELSE)
def test_nobody_but_the_auditor_reads_the_audit_book_aud_8(hall, username):
    visitor = hall.browser(username)
    for look in LOOKS:
        assert visitor.get(look).status_code == 403, look
    assert visitor.post("/audit/verify").status_code == 403
    assert events(hall, action="read_audit") == []
    denied = events(hall, action="deny")
    assert len(denied) == len(LOOKS) + 1
    assert {one["result"] for one in denied} == {"refused"}


def test_a_stranger_is_sent_to_the_front_door_aud_8(hall):
    stranger = hall.stranger()
    for look in LOOKS:
        assert stranger.get(look).status_code == 303
    assert stranger.post("/audit/verify").status_code == 401


def test_the_way_to_the_book_is_shown_to_the_auditor_alone_aud_8(hall):
    assert 'href="/audit/"' in hall.browser("auditor").get("/").text
    assert 'href="/audit/"' not in hall.browser("halladmin").get("/").text


def test_everybody_sees_their_own_deeds_and_no_parameter_shows_more_aud_8(hall):
    lead, staff = hall.browser("lead.a"), hall.browser("staff.a1")
    own = lead.get("/audit/mine/").text
    shown = {int(seq) for seq in re.findall(r'data-label="No."[^>]*>\s*(\d+)', own)} or {
        int(seq) for seq in re.findall(r">\s*(\d+)\s*</td>", own)
    }
    by_lead = hall.id_of_account("lead.a")
    assert shown == {one["seq"] for one in events(hall, actor_account_id=by_lead)}
    assert shown
    before = staff.get("/audit/mine/").text
    widened = f"/audit/mine/?who=林慧敏&account_id={by_lead}&table=leave_request&actor={by_lead}"
    assert rows(staff.get(widened).text) == rows(before)
    assert staff.get("/audit/mine/?after=99999999999999").status_code == 400


def rows(html):
    return re.findall(r"<td[^>]*>(.*?)</td>", html, re.S)


# what it shows


def test_the_newest_events_are_first_and_pages_go_on_where_the_last_one_ended(hall, monkeypatch):
    monkeypatch.setattr(audit_pages, "PAGE", 10)
    auditor = hall.browser("auditor")
    total = len(events(hall))
    seen, address = [], "/audit/"
    while address:
        html = auditor.get(address).text
        found = re.findall(r'href="/audit/(\d+)"', html)
        seen += found
        onward = re.search(r'rel="next" href="([^"]+)"', html)
        address = onward and onward[1].replace("&amp;", "&")
    numbers = [int(one) for one in seen]
    assert numbers == sorted(numbers, reverse=True)
    assert set(range(1, total + 1)) <= set(numbers)
    back = re.search(r'rel="prev" href="([^"]+)"', html)[1].replace("&amp;", "&")
    before = len(seen) - len(found)
    assert re.findall(r'href="/audit/(\d+)"', auditor.get(back).text) == seen[before - 10 : before]


ASKED = {
    "who=林慧敏": lambda one: "林慧敏" in (one["actor_name"], one["on_behalf_of"]),
    "who=lead.a": lambda one: one["actor_name"] == "林慧敏",
    "table=leave_request": lambda one: one["table_name"] == "leave_request",
    "table=unit&record=1": lambda one: (one["table_name"], one["record_id"]) == ("unit", "1"),
    "action=approve": lambda one: one["action"] == "approve",
    "result=done": lambda one: one["result"] == "done",
    "result=refused": lambda one: one["result"] == "refused",
    "since=2026-02-09": lambda one: True,
    "since=2026-02-10": lambda one: False,
    "until=2026-02-08": lambda one: False,
    "text=家里有事": lambda one: "家里有事" in str(one["after"]),
    "text=%25": lambda one: "%" in json.dumps([one["before"], one["after"], one["reason"]]),
    "request=nothing": lambda one: False,
    "text='; DROP TABLE audit_event; --": lambda one: False,
}  # fmt: skip


@pytest.mark.parametrize("asked", ASKED)
def test_the_book_is_searched_by_each_of_its_parts_aud_8(hall, asked, monkeypatch):
    monkeypatch.setattr(audit_pages, "PAGE", 10_000)
    wanted = {one["seq"] for one in events(hall) if ASKED[asked](one)}
    answer = hall.browser("auditor").get(f"/audit/?{asked}")
    assert answer.status_code == 200
    assert {int(seq) for seq in re.findall(r'href="/audit/(\d+)"', answer.text)} == wanted


@pytest.mark.parametrize(
    "asked",
    [
        *("since=yesterday", "until=2026-13-01", "since=9999-12-31", "after=x", "before=-1"),
        *("after=99999999999999999999", "since=0001-01-01", "who=%00", "text=a%0d%0ab"),
    ],
)
def test_what_cannot_be_asked_is_refused_and_never_ignored_aud_8(hall, asked):
    """A day that is none, left out, would show more than was asked for."""
    assert hall.browser("auditor").get(f"/audit/?{asked}").status_code == 400


def test_a_row_opens_the_event_with_all_that_was_written_of_it_aud_1(hall):
    approved = events(hall, action="approve")[0]
    html = hall.browser("auditor").get(f"/audit/{approved['seq']}").text
    for column in ("digest", "previous_digest", "actor_name", "clause"):
        assert str(approved[column]) in html, column
    assert "待审批" in html, "the state before, in the reader's words"
    assert "2026-02-09T02:00:00+00:00" in html, "UTC and its offset"
    assert "sha256" in html
    assert hall.browser("auditor").get("/audit/999999").status_code == 404


def test_each_look_is_one_event_with_what_was_asked_aud_8(hall):
    auditor = hall.browser("auditor")
    before = len(events(hall))
    auditor.get("/audit/?who=林慧敏&until=2026-02-09")
    auditor.get("/audit/3")
    auditor.get("/audit/export/csv/?table=unit").get_data()
    auditor.post("/audit/verify")
    told = events(hall)[before:]
    assert [one["action"] for one in told] == [
        *("read_audit", "read_audit", "export_audit", "verify_audit")
    ]
    assert told[0]["after"] == {"who": "林慧敏", "until": "2026-02-09"}
    assert told[1]["after"] == {"event": 3}
    assert (told[2]["after"]["table"], told[2]["after"]["format"]) == ("unit", "csv")
    assert {one["actor_name"] for one in told} == {"沈若兰"}
    assert all(one["request_id"] and one["session_hash"] and one["address"] for one in told)


# taking it away


def test_the_book_is_exported_as_it_was_narrowed_and_says_who_took_it_aud_8(hall):
    auditor = hall.browser("auditor")
    wanted = [str(one["seq"]) for one in events(hall, table_name="unit")][::-1]
    content = auditor.get("/audit/export/csv/?table=unit").get_data().decode("utf-8-sig")
    head, *lines, mark = csv.reader(io.StringIO(content))
    assert [line[0] for line in lines] == wanted
    assert len(head) == 16
    assert "沈若兰" in mark[0]
    book = load_workbook(io.BytesIO(auditor.get("/audit/export/xlsx/?table=unit").get_data()))
    assert [str(row[0]) for row in book.active.values][1:-1] == wanted
    assert "沈若兰" in book.properties.creator
    assert auditor.get("/audit/export/pdf/").status_code == 404


def test_more_than_a_file_may_carry_is_refused_with_a_sentence_aud_8(hall, monkeypatch):
    monkeypatch.setattr(audit_pages, "MOST_ROWS", 5)
    answer = hall.browser("auditor").get("/audit/export/csv/")
    assert answer.status_code == 409
    assert events(hall, action="export_audit") == []


# is it whole


def test_a_whole_chain_is_said_so_in_the_largest_letters_aud_3(hall):
    auditor = hall.browser("auditor")
    assert "chain-warning" in auditor.get("/audit/").text
    answer = auditor.post("/audit/verify", follow_redirects=True)
    assert "chain-success" in answer.text
    told = events(hall, action="verify_audit")[0]["after"]
    assert (told["troubles"], told["complete"], told["down_to"]) == (0, True, 1)
    assert told["checked"] == told["from"]


def test_a_tampered_event_is_named_with_what_is_wrong_aud_3(hall):
    tamper(hall, EVENTS.update().where(EVENTS.c.seq == 7).values(actor_name="nobody"))
    tamper(hall, EVENTS.delete().where(EVENTS.c.seq == 9))
    auditor = hall.browser("auditor")
    auditor.client.set_cookie("hallpanel_language", "en")
    html = auditor.post("/audit/verify", follow_redirects=True).text
    assert "chain-danger" in html
    assert re.search(r'class="chain-verdict">[^<]*7<', html)
    assert events(hall, action="verify_audit")[0]["after"]["problems"] == [
        [7, "edited"],
        [9, "deleted"],
    ]
    assert 'href="/audit/7"' in html
    named = html.partition("chain-problems")[2].partition("</ol>")[0]
    assert len(re.findall(r"<li>", named)) == 2


def test_a_cut_tail_shows_on_the_page_against_the_last_anchor_aud_4(hall):
    auditor = hall.browser("auditor")
    auditor.get("/audit/")
    auditor.post("/logout")
    with hall.app.app_context():
        folder = hall.app.config["HALLPANEL_ANCHOR_FOLDER"]
        left = audit_anchor.newest(folder)
    last = len(events(hall))
    assert left["seq"] == last, "one is left when the auditor goes"
    before = select(EVENTS.c.digest).where(EVENTS.c.seq == last - 1).scalar_subquery()
    tamper(hall, HEAD.update().values(seq=last - 1, digest=before))
    tamper(hall, EVENTS.delete().where(EVENTS.c.seq == last))
    html = hall.browser("auditor").post("/audit/verify", follow_redirects=True).text
    assert "chain-danger" in html
    assert str(last) in verdict(html)


def test_nobody_else_leaves_an_anchor_by_going_aud_4(hall):
    hall.browser("halladmin").post("/logout")
    assert not hall.app.config["HALLPANEL_ANCHOR_FOLDER"].exists()


def test_a_long_book_is_verified_in_parts_aud_3(hall, monkeypatch):
    monkeypatch.setattr(audit_pages, "AT_ONCE", 40)
    auditor, total = hall.browser("auditor"), len(events(hall))
    pressed = 0
    html = auditor.post("/audit/verify", follow_redirects=True).text
    while 'name="below"' in html:
        below = re.search(r'name="below" value="(\d+)"', html)[1]
        html = auditor.post("/audit/verify", {"below": below}, follow_redirects=True).text
        pressed += 1
    assert pressed >= total // 40
    assert "chain-success" in html
    checked = [one["after"]["checked"] for one in events(hall, action="verify_audit")]
    assert sum(checked) >= total


def test_an_event_written_while_reading_does_not_show_twice(hall):
    """The look itself is an event; the page shows the book as it was when it was opened."""
    auditor = hall.browser("auditor")
    with hall.app.app_context():
        head = db.session.scalar(select(func.max(EVENTS.c.seq)))
        db.session.execute(text("SELECT 1"))
    html = auditor.get("/audit/").text
    assert f'href="/audit/{head}"' in html
    assert f'href="/audit/{head + 1}"' not in html
