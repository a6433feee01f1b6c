"""What the inbox says: whose leave it is, of which kind, and what became of it, in plain words."""

import re
from html import unescape

from tests.journeys.test_leave import CHEN


def inbox(desk, username, language="zh-CN"):
    """The sentences of somebody's inbox, the newest first."""
    browser = desk.hall.browser(username)
    browser.client.set_cookie("hallpanel_language", language)
    page = unescape(browser.get("/inbox/").text)
    return [
        re.sub(r"<[^>]+>", "", one) for one in re.findall(r"(?s)<a[^>]*/inbox/\d+.*?</a>", page)
    ]


def said(desk, username, part):
    """Whether the newest sentences of an inbox have these words."""
    lines = inbox(desk, username)
    assert any(part in line for line in lines), lines
    return True


def test_messages_name_the_person_and_the_leave(desk):
    chen = desk.hall.id("staff", number=CHEN)
    mei = desk.ask("staff.a1", "2026-03-16", "2026-03-16", substitute=chen)
    number = desk.see(mei)["number"]
    leave = f"李梅的事假（{number}）"
    desk.done("staff.a1", "submit", mei)
    assert said(desk, "staff.a2", "李梅请您顶岗：2026-03-16(周一) 至 2026-03-16(周一)")
    assert said(desk, "lead.a", f"李梅提交了{leave}。")
    desk.done("staff.a2", "accept_cover", mei)
    assert said(desk, "staff.a1", f"陈晓同意顶岗：{leave}。")
    desk.done("lead.a", "approve", mei, reason="同意")
    assert said(desk, "staff.a1", f"林慧敏已同意{leave}，由督查科继续审批。附言：同意")
    assert said(desk, "inspector", f"林慧敏已同意{leave}")
    desk.done("inspector", "approve", mei)
    assert said(desk, "staff.a1", f"孙雅琴批准了{leave}。")
    desk.at("2026-03-16 09:00")
    desk.sweep()
    assert said(desk, "staff.a1", f"{leave}已开始。")
    desk.done("lead.a", "return", mei)
    assert said(desk, "staff.a1", f"{leave}已销假。")


def test_a_refusal_gives_its_reason(desk):
    mei = desk.ask("staff.a1", "2026-03-16", "2026-03-16", last_half="morning")
    desk.done("staff.a1", "submit", mei)
    desk.done("lead.a", "refuse", mei, reason="当天业务高峰")
    number = desk.see(mei)["number"]
    assert said(desk, "staff.a1", f"林慧敏未批准李梅的事假（{number}）。附言：当天业务高峰")


def test_the_list_of_turns_offers_those_who_may_decide_only_l5(desk):
    page = desk.of("halladmin").get("/admin/leave_request/").text
    offered = set(re.findall(r'name="f\.turn\.is"[^>]*value="(\w+)"', page))
    assert offered == {"lead", "supervision", "deputy_director", "director", "hall_admin"}


def test_the_page_of_a_clause_says_each_heading_once(desk):
    page = desk.of("halladmin").get("/rulebook/2.1.2").text
    main = page[page.index("<main") :]
    assert main.count(">Leave requests<") == 1
    assert re.search(r'<h3><a href="/admin/leave_request/">Leave requests</a></h3>', main)
    head = main[main.index("<header") : main.index("</header>")]
    assert re.sub(r"<[^>]+>", "", head).count("2.1.2") == 1
