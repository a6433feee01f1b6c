"""The panel with a keyboard alone, and with a thumb on a screen 390 pixels wide."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import PHONE

LIST = "/admin/leave_request/"
SMALLEST = 44  # pixels, for a thumb
FOCUS = """() => {
  const at = document.activeElement, nowhere = at === document.body;
  const style = getComputedStyle(at), place = at.getBoundingClientRect();
  const ring = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
  const across = place.right > 0 && place.left < innerWidth;
  return {
    words: (at.getAttribute("aria-label") || at.textContent || at.name || at.tagName).trim(),
    inside: Boolean(at.closest("dialog")) || nowhere,
    seen: nowhere || (ring && across && place.bottom > 0 && place.top < innerHeight),
  };
}"""


def walk(page: Page, steps: int, key: str = "Tab") -> list[dict]:
    """Where the focus goes, key by key."""
    found = []
    for _ in range(steps):
        page.keyboard.press(key)
        found.append(page.evaluate(FOCUS))
    return found


# keyboard


def test_the_first_key_offers_to_skip_to_the_content(page_of):
    page = page_of("lead.a")
    skip = page.get_by_role("link", name="跳到正文")
    expect(skip).not_to_be_in_viewport()
    page.keyboard.press("Tab")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport()
    page.keyboard.press("Enter")
    expect(page.get_by_role("main")).to_be_focused()


@pytest.mark.parametrize("path", ["/", LIST, f"{LIST}new/"])
def test_the_focus_is_always_seen(page_of, path):
    page = page_of("lead.a", path)
    found = walk(page, 40)
    assert [one["words"] for one in found if not one["seen"]] == []
    assert len({one["words"] for one in found}) > 15


def test_a_sheet_keeps_the_focus_and_escape_gives_it_back(page_of, asked):
    page = page_of("lead.a")
    opener = page.get_by_role("link", name="批准", exact=True).first
    opener.focus()
    page.keyboard.press("Enter")
    sheet = page.get_by_role("dialog")
    confirm = sheet.get_by_role("button", name="批准", exact=True)
    expect(confirm).to_be_focused()
    expect(sheet).to_have_attribute("aria-label", re.compile("批准"))
    for key in ("Tab", "Shift+Tab"):
        found = walk(page, 12, key)
        assert all(one["inside"] for one in found), found
    page.keyboard.press("Escape")
    expect(sheet).to_have_count(0)
    expect(opener).to_be_focused()


def test_a_menu_opens_and_closes_by_keyboard(page_of):
    page = page_of("lead.a")
    me = page.locator("summary.me-button")
    me.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="退出")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="退出")).to_be_hidden()
    expect(me).to_be_focused()


@pytest.mark.parametrize("keys", ["/", "Control+k"])
def test_a_short_cut_leads_to_the_search(page_of, keys):
    page = page_of("lead.a", LIST)
    page.keyboard.press(keys)
    search = page.locator("#top-search")
    expect(search).to_be_focused()
    page.keyboard.type("李梅")
    expect(search).to_have_value("李梅")
    page.keyboard.press("Enter")
    expect(page.get_by_role("main")).to_contain_text("李梅")


def test_the_sorted_column_says_so(page_of):
    page = page_of("lead.a", LIST)
    heads = page.get_by_role("columnheader")
    assert page.locator("th[aria-sort=ascending], th[aria-sort=descending]").count() == 1
    days = heads.filter(has_text="天数")
    expect(days).to_have_attribute("aria-sort", "none")
    days.get_by_role("link").click()
    expect(days).to_have_attribute("aria-sort", "ascending")
    days.get_by_role("link").click()
    expect(days).to_have_attribute("aria-sort", "descending")
    expect(page.locator("th[aria-sort=ascending], th[aria-sort=descending]")).to_have_count(1)


# thumb


def test_the_bar_for_the_thumb_leads_everywhere(page_of, asked):
    page = page_of("lead.a", LIST, width=PHONE)
    bar = page.get_by_role("navigation", name="快捷导航")
    expect(bar).to_be_in_viewport()
    page.mouse.wheel(0, 3000)
    expect(bar).to_be_in_viewport()
    bar.get_by_role("link", name="待办").tap()
    expect(page.locator("#waiting")).to_be_in_viewport()
    bar.get_by_role("link", name="搜索").tap()
    expect(page.get_by_role("searchbox").locator("visible=true")).to_be_visible()
    bar.get_by_role("link", name="我的").tap()
    expect(page.get_by_role("heading", level=1)).to_contain_text("林慧敏")
    bar.get_by_role("link", name="首页").tap()
    expect(bar.get_by_role("link", name="首页")).to_have_attribute("aria-current", "page")


def test_the_navigation_is_a_drawer_on_the_phone(page_of):
    page = page_of("lead.a", width=PHONE)
    drawer = page.locator("#navigation")
    expect(drawer).to_be_hidden()
    page.get_by_role("link", name="打开导航").tap()
    expect(drawer.get_by_role("link", name="请假单")).to_be_in_viewport()
    drawer.get_by_role("link", name="请假单").tap()
    expect(page.get_by_role("heading", level=1)).to_contain_text("请假单")
    expect(drawer).to_be_hidden()


def test_the_navigation_opens_without_a_script_too(page_of):
    page = page_of("lead.a", width=PHONE, java_script_enabled=False)
    page.get_by_role("link", name="打开导航").click()
    page.locator("#navigation").get_by_role("link", name="请假单").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("请假单")


def test_the_decision_on_a_record_page_is_the_widest_button(page_of, asked):
    page = page_of("lead.a", f"{LIST}details/?id={asked[0]}", width=PHONE)
    buttons = page.locator(".record-actions > .btn, .record-actions > .menu")
    sizes = [buttons.nth(i).bounding_box() for i in range(buttons.count())]
    first, *rest = sizes
    expect(buttons.first).to_have_text("批准")
    assert first["width"] > 300
    assert all(one["y"] >= first["y"] + first["height"] for one in rest)
    assert all(one["height"] >= SMALLEST for one in sizes)


def test_bulk_actions_do_not_hide_behind_the_thumb_bar(page_of, asked):
    page = page_of("lead.a", LIST, width=PHONE)
    page.get_by_role("checkbox", name="QJ2026").first.check()
    bar = page.locator("[data-bulk-bar]")
    approve = bar.get_by_role("button", name="批准", exact=True)
    expect(approve).to_be_in_viewport()
    thumb = page.get_by_role("navigation", name="快捷导航").bounding_box()
    box = bar.bounding_box()
    assert box["y"] + box["height"] <= thumb["y"]
