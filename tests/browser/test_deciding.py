"""A section lead decides on leave in Chromium: on the phone, for many at once, without a script."""

import re

from playwright.sync_api import Page, expect

from tests.browser.conftest import PHONE

LIST = "/admin/leave_request/"


def waiting(page: Page, day: str):
    """The row of the home page about a day."""
    return page.locator(".wait").filter(has_text=day)


def states(hall, requests):
    """What became of requests."""
    return [hall.see("leave_request", one)["state"] for one in requests]


def tick(page: Page, hall, requests):
    """Tick requests in the list."""
    for request in requests:
        number = hall.see("leave_request", request)["number"]
        page.get_by_role("checkbox", name=number).check()


# on the phone


def test_a_lead_approves_on_the_phone_in_two_taps(page_of, hall, asked):
    page = page_of("lead.a", width=PHONE)
    row = waiting(page, "2026-03-11")
    row.get_by_role("link", name="批准", exact=True).tap()
    sheet = page.get_by_role("dialog")
    expect(sheet.get_by_role("heading", name="将会发生")).to_be_visible()
    expect(sheet).to_contain_text("李梅 事假 0.5 天")
    confirm = sheet.get_by_role("button", name="批准", exact=True)
    expect(confirm).to_be_in_viewport()
    confirm.tap()
    expect(row).to_have_count(0)
    assert page.url.endswith("/")
    expect(page.get_by_text(re.compile("批准.*李梅")).first).to_be_visible()
    assert states(hall, asked)[0] == "approved"


def test_what_waits_says_who_when_and_who_remains(page_of, asked):
    page = page_of("lead.a", width=PHONE)
    row = waiting(page, "2026-03-11")
    for words in ("李梅", "事假 0.5 天", "上午", "A01 剩 1 人，最低 1"):
        expect(row).to_contain_text(words)
    short = waiting(page, "2026-03-10")
    expect(short).to_contain_text("A/B 岗搭档陈晓 2026-03-10(周二)上午也不在岗")
    red, calm = (one.locator(".cover").first for one in (short, row))
    assert colour(red) == bad(page) != colour(calm)


def colour(found) -> str:
    """The colour of an element's text."""
    return found.evaluate("e => getComputedStyle(e).color")


def bad(page: Page) -> str:
    """The colour of what is wrong, as the look declares it."""
    return page.evaluate(
        """() => {
          const probe = document.body.appendChild(document.createElement("i"));
          probe.className = "count-bad";
          const seen = getComputedStyle(probe).color;
          probe.remove();
          return seen;
        }"""
    )


def test_what_cannot_be_approved_says_why_and_offers_a_substitute(page_of, hall, asked):
    page = page_of("lead.a", width=PHONE)
    waiting(page, "2026-03-10").get_by_role("link", name="批准", exact=True).tap()
    sheet = page.get_by_role("dialog")
    expect(sheet.get_by_role("alert")).to_contain_text(
        "不能批准：A/B 岗搭档陈晓 2026-03-10(周二)上午"
    )
    expect(sheet.get_by_role("alert")).to_contain_text("2.1.2")
    expect(sheet.get_by_role("button", name="批准")).to_have_count(0)
    sheet.get_by_role("link", name="指定顶岗人").tap()
    expect(page.get_by_role("combobox")).to_be_visible()
    assert states(hall, asked)[2] == "submitted"


def test_a_refusal_wants_its_reason_and_keeps_what_was_typed(page_of, hall, asked):
    page = page_of("lead.a", width=PHONE)
    row = waiting(page, "2026-03-12")
    row.get_by_role("link", name="不批准").tap()
    sheet = page.get_by_role("dialog")
    sheet.get_by_role("button", name="不批准").tap()
    expect(page.get_by_role("alert")).to_be_focused()
    page.get_by_role("textbox").last.fill("当天业务高峰")
    page.get_by_role("button", name="不批准").tap()
    expect(row).to_have_count(0)
    assert states(hall, asked)[1] == "refused"


# many at once


def test_many_are_approved_and_the_one_that_cannot_be_says_why(page_of, hall, asked):
    page = page_of("lead.a", LIST)
    bar = page.locator("[data-bulk-bar]")
    expect(bar).to_be_hidden()
    tick(page, hall, asked)
    expect(bar).to_contain_text("已选 3 条")
    bar.get_by_role("button", name="批准", exact=True).click()
    sheet = page.get_by_role("dialog")
    expect(sheet.get_by_role("alert")).to_contain_text("A/B 岗搭档陈晓")
    expect(sheet).to_contain_text("批准：2 条")
    sheet.get_by_role("button", name="批准", exact=True).click()
    expect(page.get_by_role("heading", name="已办好 2 条")).to_be_visible()
    expect(page.get_by_role("heading", name="未办成 1 条")).to_be_visible()
    expect(page.get_by_role("row").filter(has_text="2026-03-10")).to_contain_text("A/B 岗搭档陈晓")
    assert states(hall, asked) == ["approved", "approved", "submitted"]


def test_what_changed_between_asking_and_confirming_is_refused_with_its_reason(
    page_of, hall, desk, asked
):
    page = page_of("lead.a", LIST)
    tick(page, hall, asked[:2])
    page.locator("[data-bulk-bar]").get_by_role("button", name="批准", exact=True).click()
    confirm = page.get_by_role("dialog").get_by_role("button", name="批准", exact=True)
    expect(confirm).to_be_visible()
    desk.done("staff.a1", "withdraw", asked[0])
    confirm.click()
    refused = page.get_by_role("row").filter(has_text="李梅")
    expect(refused).to_contain_text("不能批准")
    expect(refused.get_by_role("link", name=re.compile(r"条款|2\.1"))).to_be_visible()
    expect(page.get_by_role("heading", name="已办好 1 条")).to_be_visible()
    assert states(hall, asked[:2]) == ["withdrawn", "approved"]


def test_all_rows_are_ticked_at_once_and_let_go_again(page_of, asked):
    page = page_of("lead.a", LIST)
    page.get_by_role("checkbox").first.check()
    count = page.locator("[data-bulk-count]")
    expect(count).to_contain_text("已选 4 条")
    page.get_by_role("button", name="取消选择").click()
    expect(count).to_be_hidden()


def test_many_are_approved_without_a_script(page_of, hall, asked):
    page = page_of("lead.a", LIST, java_script_enabled=False)
    tick(page, hall, asked)
    page.get_by_role("button", name="批准", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("A/B 岗搭档陈晓")
    page.get_by_role("button", name="批准", exact=True).click()
    expect(page.get_by_role("heading", name="已办好 2 条")).to_be_visible()
    expect(page.get_by_role("heading", name="未办成 1 条")).to_be_visible()
    expect(page.get_by_role("row").filter(has_text="2026-03-10")).to_contain_text("A/B 岗搭档陈晓")
    assert states(hall, asked) == ["approved", "approved", "submitted"]


def test_one_is_approved_from_the_home_page_without_a_script(page_of, hall, asked):
    page = page_of("lead.a", width=PHONE, java_script_enabled=False)
    waiting(page, "2026-03-11").get_by_role("link", name="批准", exact=True).click()
    page.get_by_role("button", name="批准", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("林慧敏")
    assert states(hall, asked)[0] == "approved"
