"""The unit's leave calendar in Chromium: half days, who remains, and where too few do (L7)."""

import re
from datetime import date

import pytest
from playwright.sync_api import Page, expect

from hallpanel.engine.entity import REGISTRY
from tests.browser.conftest import PHONE
from tests.browser.test_deciding import bad, colour

MARCH = "/admin/leave_request/calendar/?month=2026-03"
TENTH = 9  # counted from 0


def day_of(page: Page, row, day: int):
    """A person's or a window's cell of a day."""
    return row.locator(f"td[data-day='{day}']")


def person(page: Page, name: str):
    """A person's row."""
    return page.locator(f"tr[data-person='{name}']").first


@pytest.fixture
def short_of_people(hall):
    """From now on two people belong at window A01, so with one away it is short."""

    def raise_minimum(session):
        window = REGISTRY["service_window"]
        session.query(window).filter_by(number="A01").one().minimum_staff = 2

    hall.work(raise_minimum)


def test_a_half_day_is_half_a_cell_and_waiting_leave_is_hatched(page_of, asked):
    page = page_of("lead.a", MARCH)
    expect(page.get_by_role("heading", level=1)).to_contain_text("请假日历")
    cell = day_of(page, person(page, "陈晓"), TENTH)
    leave = cell.locator("[data-leave]")
    expect(leave).to_have_class(re.compile("leave-am"))
    expect(leave).to_have_attribute("title", re.compile("陈晓.*事假.*03-10.*上午"))
    whole, half = cell.bounding_box(), leave.bounding_box()
    assert half["width"] < 0.6 * whole["width"]
    assert half["x"] < whole["x"] + whole["width"] / 4
    expect(leave).not_to_have_class(re.compile("leave-pending"))
    waits = day_of(page, person(page, "李梅"), TENTH).locator("[data-leave]")
    expect(waits).to_have_class(re.compile("leave-pending"))
    assert "gradient" in waits.evaluate("e => getComputedStyle(e).backgroundImage")


def test_each_window_says_who_remains_and_is_red_where_too_few_do(page_of, short_of_people):
    page = page_of("lead.a", MARCH)
    group = page.locator("tbody").filter(has_text="A01")
    cover = group.locator(".month-cover")
    expect(day_of(page, cover, TENTH)).to_contain_text("1/2")
    expect(day_of(page, cover, TENTH)).to_have_class(re.compile("short"))
    expect(day_of(page, cover, TENTH - 1)).to_contain_text("2/2")
    expect(day_of(page, cover, TENTH - 1)).not_to_have_class(re.compile("short"))
    expect(day_of(page, cover, TENTH).locator(".visually-hidden")).to_have_text("人手不足")
    assert colour(day_of(page, cover, TENTH).locator("b")) == bad(page)
    assert colour(day_of(page, cover, TENTH - 1).locator("b")) != bad(page)


@pytest.mark.parametrize("width", [PHONE, 1440])
def test_a_day_opens_who_is_away_and_why(page_of, asked, width):
    page = page_of("lead.a", MARCH, width=width)
    page.locator(f"[data-day-open='{TENTH}']").click()
    sheet = page.get_by_role("dialog")
    expect(sheet.get_by_role("listitem")).to_have_count(2)
    expect(sheet).to_contain_text("陈晓")
    sheet.get_by_role("link", name=re.compile("陈晓")).click()
    expect(page.locator(".record-line")).to_contain_text("2026-03-10(周二) 上午")


def test_months_follow_one_another_and_today_is_marked(page_of):
    page = page_of("lead.a", MARCH)
    page.get_by_role("link", name="上个月").click()
    expect(page.locator(".month b")).to_have_text("2026年2月")
    today = page.locator("th[aria-current=date]")
    expect(today).to_contain_text("9")
    rest = page.locator("th.rest")
    assert "15" in rest.all_inner_texts()[0] or rest.count() >= 8
    page.get_by_role("link", name="下个月").click()
    page.get_by_role("link", name="今天").click()
    expect(today).to_contain_text("9")


def test_on_the_phone_the_names_stay_while_the_days_move(page_of):
    page = page_of("lead.a", "/admin/leave_request/calendar/", width=PHONE)
    expect(page.locator("th[aria-current=date]")).to_be_in_viewport()
    name = person(page, "李梅").get_by_role("rowheader")
    before = name.bounding_box()["x"]
    page.locator("[data-month]").evaluate("box => { box.scrollLeft += 300; }")
    assert name.bounding_box()["x"] == pytest.approx(before, abs=2)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE


def test_the_calendar_prints_without_the_frame(page_of):
    page = page_of("lead.a", MARCH)
    page.emulate_media(media="print")
    expect(page.locator("#navigation")).to_be_hidden()
    expect(page.get_by_role("banner")).to_be_hidden()
    expect(person(page, "李梅")).to_be_visible()
    assert date(2026, 3, 31).day == page.locator("th[data-day]").count()
