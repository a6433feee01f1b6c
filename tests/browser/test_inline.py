"""Changing a fact in the list in Chromium: by keyboard, with a thumb, and without a script."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import PHONE

LIST = "/admin/service_window/?sort=number"
SMALLEST = 44  # pixels, for a thumb
LABEL = "修改A01的最低在岗人数"


def pencil(page: Page):
    """The pencil of the first window."""
    return page.get_by_role("link", name=LABEL)


def box(page: Page):
    """The input that it opens."""
    return page.get_by_role("spinbutton", name=LABEL)


def stored(hall):
    """What the first window needs at least."""
    return hall.see("service_window", hall.id("service_window", number="A01"))["minimum_staff"]


def test_a_fact_is_changed_with_the_keyboard_alone(page_of, hall):
    page = page_of("halladmin", LIST)
    pencil(page).focus()
    page.keyboard.press("Enter")
    expect(box(page)).to_be_focused()
    expect(box(page)).to_have_value("1")
    page.keyboard.type("-2")
    page.keyboard.press("Enter")
    complaint = page.get_by_role("alert").filter(has_text="不能保存")
    expect(complaint).to_contain_text("最低在岗人数不得小于 0")
    expect(box(page)).to_have_value("-2")
    expect(box(page)).to_have_attribute("aria-invalid", "true")
    expect(box(page)).to_be_focused()
    assert stored(hall) == 1
    box(page).fill("3")
    page.keyboard.press("Enter")
    expect(box(page)).to_have_count(0)
    expect(pencil(page)).to_be_focused()
    expect(page.get_by_role("row", name="A01")).to_contain_text("3")
    expect(page.get_by_role("status").filter(has_text="已保存：A01")).to_be_visible()
    assert stored(hall) == 3
    page.keyboard.press("Enter")  # the row knows its new version, so it is changed once more
    box(page).fill("2")
    page.get_by_role("button", name="保存").click()
    expect(box(page)).to_have_count(0)
    assert stored(hall) == 2


def test_escape_and_the_button_leave_everything_as_it_was(page_of, hall):
    page = page_of("halladmin", LIST)
    for leave in (
        lambda: page.keyboard.press("Escape"),
        lambda: page.get_by_role("button", name="取消").click(),
    ):
        pencil(page).click()
        box(page).fill("9")
        leave()
        expect(box(page)).to_have_count(0)
        expect(pencil(page)).to_be_focused()
        expect(page.get_by_role("row", name="A01").locator("[data-inline-text]")).to_have_text("1")
    assert stored(hall) == 1


def test_what_somebody_else_changed_meanwhile_is_told(page_of, hall):
    page = page_of("halladmin", LIST)
    other = hall.browser("halladmin")
    window = hall.id("service_window", number="A01")
    data = {"list_form_pk": window, "version": "1", "minimum_staff": "4"}
    assert other.post("/admin/service_window/ajax/update/", data).status_code == 200
    pencil(page).click()
    box(page).fill("2")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert").filter(has_text="重新打开本页")).to_be_visible()
    expect(box(page)).to_have_value("2")
    assert stored(hall) == 4


def test_a_connection_that_is_lost_is_told_and_keeps_what_was_typed(page_of, hall):
    page = page_of("halladmin", LIST)
    pencil(page).click()
    page.context.set_offline(True)
    box(page).fill("2")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert").filter(has_text="未保存")).to_be_visible()
    expect(box(page)).to_have_value("2")
    page.context.set_offline(False)
    page.keyboard.press("Enter")
    expect(box(page)).to_have_count(0)
    assert stored(hall) == 2


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_thumb_changes_a_fact_on_the_phone(page_of, hall, scheme):
    page = page_of("halladmin", LIST, width=PHONE, color_scheme=scheme)
    size = pencil(page).bounding_box()
    assert min(size["width"], size["height"]) >= SMALLEST
    pencil(page).tap()
    for part in (
        box(page),
        page.get_by_role("button", name="保存"),
        page.get_by_role("button", name="取消"),
    ):
        expect(part).to_be_in_viewport(ratio=1)
        assert part.bounding_box()["height"] >= SMALLEST
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE
    box(page).fill("2")
    page.get_by_role("button", name="保存").tap()
    expect(box(page)).to_have_count(0)
    assert stored(hall) == 2


def test_the_pencil_leads_to_the_form_without_a_script(page_of):
    page = page_of("halladmin", LIST, java_script_enabled=False)
    pencil(page).click()
    expect(page).to_have_url(re.compile(r"/edit/\?id="))
    expect(page.locator("[name=minimum_staff]")).to_have_value("1")


def test_a_view_is_kept_opened_and_removed(page_of):
    page = page_of("lead.a", "/admin/leave_request/?f.state.is=draft&sort=days")
    menu = page.locator("details.menu", has=page.locator("#view-label"))
    menu.locator("summary").click()
    page.get_by_label("将当前视图存为").fill("我的草稿")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status").filter(has_text="视图已存")).to_be_visible()
    page.goto("/admin/leave_request/")
    menu.locator("summary").click()
    view = menu.get_by_role("link", name="我的草稿")
    assert view.get_attribute("aria-current") is None
    view.click()
    expect(page).to_have_url(re.compile(r"f\.state\.is=draft&sort=days$"))
    menu.locator("summary").click()
    expect(view).to_have_attribute("aria-current", "true")
    menu.get_by_role("button", name="删除视图“我的草稿”").click()
    expect(page.get_by_role("status").filter(has_text="视图已删除")).to_be_visible()
    expect(view).to_have_count(0)
    expect(page).to_have_url(re.compile(r"f\.state\.is=draft&sort=days$"))
