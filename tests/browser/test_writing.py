"""Signing in, writing a request and leaving again in Chromium, so that nothing is lost or left."""

import re
from datetime import date

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import select

from hallpanel.guard.account import Account
from hallpanel.guard.passwords import hash_password
from tests.browser.conftest import PHONE

HOME = re.compile(r"/$")
LOGIN = re.compile(r"/login")
NEW = "/admin/leave_request/new/"
PASSWORD = "Morning tea at nine"


@pytest.fixture
def signed_in(hall, open_page, address):
    """Sign in with a password, as a person does."""

    def _sign_in(username, width=1440) -> Page:
        def choose_password(session):
            account = session.scalars(select(Account).where(Account.username == username)).one()
            account.password_hash = hash_password(PASSWORD)

        hall.work(choose_password)
        page = open_page(address, NEW, width)
        expect(page).to_have_url(LOGIN)
        page.get_by_label("账号").fill(username)
        page.get_by_label("密码").fill(PASSWORD)
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name="新建请假单")).to_be_visible()
        return page

    return _sign_in


def write(page: Page, day: str):
    """Fill in the form of a new request for one day."""
    page.locator("[name=leave_type]").select_option(label="事假")
    page.locator("[name=first_day]").fill(day)
    page.locator("[name=last_day]").fill(day)
    page.locator("[name=reason]").fill("家里有事")


def test_from_the_sign_in_to_a_submitted_request_on_the_phone(signed_in, hall):
    page = signed_in("director", PHONE)
    write(page, "2026-04-13")
    lookup = page.locator(".lookup").get_by_role("combobox")
    lookup.tap()
    page.locator(".lookup").get_by_role("option", name="冯玉兰").tap()
    expect(lookup).to_have_value(re.compile("冯玉兰"))
    page.get_by_role("button", name="保存并提交").tap()
    expect(page.get_by_role("heading", name="将会发生")).to_be_visible()
    page.get_by_role("button", name="提交").tap()
    expect(page.get_by_text(re.compile("已办好：提交")).first).to_be_visible()
    request = hall.see("leave_request", hall.id("leave_request", first_day=date(2026, 4, 13)))
    assert request["state"] == "submitted"
    assert request["substitute_id"] == hall.id("staff", name="冯玉兰")


def test_a_substitute_is_found_with_the_keyboard_alone(signed_in):
    page = signed_in("director")
    lookup = page.locator(".lookup").get_by_role("combobox")
    lookup.focus()
    page.keyboard.type("玉兰")
    option = page.locator(".lookup").get_by_role("option", name="冯玉兰")
    expect(option).to_have_attribute("aria-selected", "true")
    expect(lookup).to_have_attribute("aria-expanded", "true")
    page.keyboard.press("Enter")
    expect(lookup).to_have_value(re.compile("冯玉兰"))
    expect(lookup).to_have_attribute("aria-expanded", "false")
    lookup.fill("nobody of this name")
    expect(page.get_by_text("没有找到")).to_be_visible()
    page.keyboard.press("Escape")
    expect(lookup).to_have_value(re.compile("冯玉兰"))


def test_what_is_wrong_is_said_beside_the_field_and_on_top_and_nothing_is_lost(signed_in, hall):
    page = signed_in("staff.a1")
    before = hall.rows("leave_request")
    write(page, "2026-04-13")
    page.locator("[name=last_day]").fill("2026-04-10")
    page.get_by_role("button", name="保存", exact=True).click()
    summary = page.get_by_role("alert")
    expect(summary).to_be_focused()
    expect(page.locator("[name=reason]")).to_have_value("家里有事")
    expect(page.locator("[name=first_day]")).to_have_value("2026-04-13")
    assert hall.rows("leave_request") == before


def test_leaving_with_unsaved_words_asks_first(signed_in):
    page = signed_in("staff.a1")
    page.locator("[name=reason]").click()
    page.keyboard.type("家里有事")
    questions = []

    def stay(question):
        questions.append(question.type)
        question.dismiss()

    page.on("dialog", stay)
    page.get_by_role("link", name="首页").first.click(no_wait_after=True)
    page.wait_for_timeout(300)
    assert questions == ["beforeunload"]
    assert NEW in page.url
    expect(page.locator("[name=reason]")).to_have_value("家里有事")


def test_leaving_a_form_as_it_was_asks_nothing(signed_in):
    page = signed_in("staff.a1")
    page.on("dialog", lambda question: pytest.fail(question.message))
    page.get_by_role("link", name="首页").first.click()
    expect(page).to_have_url(HOME)


def test_a_sheet_with_unsaved_words_asks_before_it_closes(page_of, asked):
    page = page_of("lead.a")
    page.get_by_role("link", name="不批准").first.click()
    sheet = page.get_by_role("dialog")
    sheet.get_by_role("textbox").fill("当天业务高峰")
    page.once("dialog", lambda question: question.dismiss())
    page.keyboard.press("Escape")
    expect(sheet.get_by_role("textbox")).to_have_value("当天业务高峰")
    page.once("dialog", lambda question: question.accept())
    page.keyboard.press("Escape")
    expect(sheet).to_have_count(0)


def test_a_form_pressed_twice_makes_one_record(signed_in, hall):
    page = signed_in("staff.a1")
    write(page, "2026-04-14")
    page.get_by_role("button", name="保存", exact=True).dblclick()
    expect(page.get_by_role("heading", level=1)).to_contain_text("QJ2026-")
    assert len(hall.ids("leave_request", first_day=date(2026, 4, 14))) == 1


def back(page: Page):
    """Press the browser's own button; a page kept in memory comes back without loading."""
    page.evaluate("history.back()")


def test_after_signing_out_the_way_back_shows_nothing(signed_in, hall):
    page = signed_in("lead.a")
    page.goto("/admin/staff/")
    page.evaluate("window.kept = true")
    page.goto("/")
    back(page)
    expect(page.get_by_role("table")).to_contain_text("李梅")
    assert page.evaluate("window.kept"), "this browser keeps no pages, so the test shows nothing"
    page.locator("summary.me-button").click()
    page.get_by_role("button", name="退出").click()
    expect(page).to_have_url(LOGIN)
    for _ in range(3):
        back(page)
        page.wait_for_timeout(200)
        expect(page).to_have_url(LOGIN)
        expect(page.locator("body")).not_to_contain_text("李梅")
        expect(page.locator("body")).not_to_contain_text("林慧敏")
