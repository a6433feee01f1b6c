"""A substitute reads a request while they stand in for it, and no longer (X1).

Chen stands in for Mei. The reason of a leave is sensitive: once nobody is to be stood in for, it
is again only Mei's, her lead's and the hall's.
"""

import io

import pytest

from tests.journeys.test_leave import CHEN
from tests.panel.test_attachments import PDF

REASON = "复查旧伤"
LIST = "/admin/leave_request/"


@pytest.fixture
def draft(desk):
    """Mei's draft, in which Chen is named, with a file."""
    chen = desk.hall.id("staff", number=CHEN)
    record = desk.ask("staff.a1", "2026-03-16", "2026-03-16", reason=REASON, substitute=chen)
    file = {"file": (io.BytesIO(PDF), "病历.pdf")}
    desk.of("staff.a1").post(f"{LIST}attach/?id={record}", file)
    return record


def sights(desk, record):
    """Which of all the doors to a request show Chen its number, its reason or its file."""
    browser, number = desk.of("staff.a2"), desk.see(record)["number"]
    (file,) = desk.hall.rows("attachment")
    pages = {
        "list": browser.get(f"{LIST}?columns=number"),
        "filter": browser.get(f"{LIST}?search={number}"),
        "details": browser.get(f"{LIST}details/?id={record}"),
        "csv": browser.get(f"{LIST}export/csv/?columns=number"),
        "search": browser.get(f"/search/?q={number}"),
        "file": browser.get(f"{LIST}attachment/{file['id']}"),
    }
    marks = {"csv": f"\r\n{number}\r\n", "file": "%PDF"}
    return {
        where
        for where, page in pages.items()
        if page.status_code == 200
        and any(mark in page.text for mark in (REASON, marks.get(where, f">{number}<")))
    }


EVERYWHERE = {"list", "filter", "details", "csv", "search", "file"}


def test_who_stands_in_reads_it_from_the_submission_to_the_end_x1(desk, draft):
    assert sights(desk, draft) == set()
    desk.done("staff.a1", "submit", draft)
    assert sights(desk, draft) == EVERYWHERE
    desk.done("staff.a2", "accept_cover", draft)
    for who in ("lead.a", "inspector"):
        desk.done(who, "approve", draft)
    assert sights(desk, draft) == EVERYWHERE
    desk.at("2026-03-16 09:00")
    desk.done("staff.a1", "leave_post", draft)
    assert sights(desk, draft) == EVERYWHERE
    desk.at("2026-03-16 17:00")
    desk.done("staff.a1", "return", draft)
    assert sights(desk, draft) == set()


@pytest.mark.parametrize(
    ("who", "verb"), [("staff.a1", "withdraw"), ("lead.a", "refuse"), ("lead.a", "cancel")]
)
def test_what_comes_to_nothing_is_no_longer_theirs_to_read_x1(desk, draft, who, verb):
    desk.done("staff.a1", "submit", draft)
    if verb == "cancel":
        desk.done("staff.a2", "accept_cover", draft)
        for approver in ("lead.a", "inspector"):
            desk.done(approver, "approve", draft)
    desk.done(who, verb, draft, reason="安排有变")
    assert sights(desk, draft) == set()
    assert REASON in desk.of("staff.a1").get(f"{LIST}details/?id={draft}").text


def test_a_message_of_it_leads_nowhere_and_says_why(desk, draft):
    desk.done("staff.a1", "submit", draft)
    desk.done("staff.a1", "withdraw", draft)
    browser = desk.of("staff.a2")
    about = [row for row in desk.hall.rows("message") if row["record_id"] == draft]
    answer = browser.get(f"/inbox/{about[-1]['id']}")
    assert answer.status_code == 303
    assert "no longer within your reach" in browser.get(answer.location).text
