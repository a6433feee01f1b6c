"""The reader's language, and light and dark, as they are chosen in Chromium and stay chosen."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import PHONE

LIST = "/admin/leave_request/"
# language of the page, its name, the heading of the list, a state, a day
LANGUAGES = [
    ("zh-Hans-CN", "简体中文", "请假单", "待审批", "03-09(周一)"),
    ("en", "English", "Leave requests", "Awaiting approval", "03-09 (Mon)"),
    ("zh-Hant-TW", "繁體中文", "請假單", "待審批", "03-09(週一)"),
]


def choose(page: Page, menu: str, choice: str):
    """Pick an entry of a menu at the top."""
    page.locator(f"summary[aria-label='{menu}']").click()
    page.get_by_role("banner").get_by_role("link", name=choice).locator("visible=true").click()


def test_the_language_changes_words_days_and_the_page_itself_and_stays(page_of):
    page = page_of("lead.a", LIST)
    menus = {"zh-Hans-CN": "语言", "en": "Language", "zh-Hant-TW": "語言"}
    for at, (tag, name, heading, state, day) in enumerate(LANGUAGES):
        if at:
            choose(page, menus[LANGUAGES[at - 1][0]], name)
        expect(page.locator("html")).to_have_attribute("lang", tag)
        expect(page.get_by_role("heading", level=1)).to_contain_text(heading)
        expect(page.get_by_role("table")).to_contain_text(state)
        expect(page.get_by_role("table")).to_contain_text(day)
        assert heading in page.title()
        page.reload()
        expect(page.locator("html")).to_have_attribute("lang", tag)


@pytest.mark.parametrize("language", LANGUAGES, ids=[tag for tag, *_ in LANGUAGES])
def test_the_language_is_chosen_before_signing_in_too(open_page, address, language):
    tag, name, *_ = language
    page = open_page(address, "/login", PHONE)
    page.get_by_role("link", name=name).tap()
    expect(page.locator("html")).to_have_attribute("lang", tag)
    expect(page.get_by_role("textbox")).to_have_count(2)


def is_dark(page: Page) -> bool:
    """Whether the page is dark behind its text."""
    behind = page.evaluate("getComputedStyle(document.body).backgroundColor")
    red, green, blue = (int(part) for part in behind.strip("rgb()").split(",")[:3])
    return red + green + blue < 3 * 64


def test_dark_is_chosen_and_stays(page_of):
    page = page_of("lead.a")
    assert not is_dark(page)
    choose(page, "浅色或深色", "深色")
    expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")
    assert is_dark(page)
    page.goto(LIST)
    assert is_dark(page)
    another_tab = page.context.new_page()
    another_tab.goto("/")
    assert is_dark(another_tab)
    choose(page, "浅色或深色", "浅色")
    assert not is_dark(page)


def test_left_to_the_device_the_page_follows_it_at_once(page_of):
    page = page_of("lead.a", color_scheme="dark")
    assert is_dark(page)
    page.emulate_media(color_scheme="light")
    expect(page.locator("html")).to_have_attribute("data-bs-theme", "light")
    assert not is_dark(page)
    choose(page, "浅色或深色", "深色")
    choose(page, "浅色或深色", "跟随系统")
    assert not is_dark(page)
    page.emulate_media(color_scheme="dark")
    expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")


def test_words_are_easy_to_read_in_both_lights(page_of):
    page = page_of("lead.a", LIST)
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        expect(page.locator("html")).to_have_attribute("data-bs-theme", scheme)
        assert page.evaluate(FAINT) == []


# What of the text of a page has less contrast than 4.5 to 1 with what is behind it (WCAG 1.4.3).
FAINT = """() => {
  const rgb = (text) => (text.match(/[\\d.]+/g) || []).map(Number);
  const light = ([r, g, b]) => {
    const part = (v) => ((v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b);
  };
  const behind = (element) => {
    for (let one = element; one; one = one.parentElement) {
      const colour = rgb(getComputedStyle(one).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour;
    }
    return [255, 255, 255];
  };
  const found = [];
  for (const element of document.querySelectorAll("body *")) {
    const own = [...element.childNodes].filter((n) => n.nodeType === 3).map((n) => n.data.trim());
    const style = getComputedStyle(element);
    const shown = own.join("") && element.checkVisibility({ opacityProperty: true });
    if (!shown || !style.color.startsWith("rgb(")) continue;
    const [a, b] = [light(rgb(style.color)), light(behind(element))];
    const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (contrast < 4.5) found.push(`${contrast.toFixed(2)} ${own.join("").slice(0, 30)}`);
  }
  return [...new Set(found)];
}"""
