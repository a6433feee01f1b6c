"""Coming in for the first time, and leaving nothing behind, as Chromium shows it."""

import re

import pytest
from playwright.sync_api import expect
from sqlalchemy import select

from hallpanel.engine.clock import utc_now
from hallpanel.guard import one_time, second_factor
from hallpanel.guard.account import Account
from tests.browser.conftest import PHONE

CHOSEN = "Rain at the window, 9 am"


@pytest.mark.parametrize("width", [1440, PHONE])
def test_a_one_time_code_leads_to_a_password_and_a_device_and_in_auth_9(
    hall, open_page, address, width
):
    def new_start(session):
        account = session.scalars(select(Account).where(Account.username == "auditor")).one()
        return one_time.issue(session, account.id, utc_now())

    page = open_page(address, "/login", width)
    page.fill("[name=username]", "auditor")
    page.fill("[name=password]", hall.work(new_start).lower())
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/me/password/$"))
    expect(page.locator("[name=old]")).to_have_count(0)
    page.fill("[name=new]", CHOSEN)
    page.fill("[name=again]", CHOSEN)
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/me/second-factor/$"))
    square = page.locator(".gate-square")
    assert square.evaluate("image => image.complete && image.naturalWidth") > 100
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    key = page.locator(".gate-key").inner_text().replace(" ", "")
    page.fill("[name=code]", second_factor.code_at(key, utc_now()))
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/$"))
    assert "沈若兰" in page.content()


def test_after_signing_out_going_back_shows_nothing_sess_4(page_of):
    page = page_of("lead.a", "/admin/leave_request/")
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    assert "李梅" in page.content()
    page.goto("/me/")
    page.locator(".me-out button").click()
    expect(page).to_have_url(re.compile("/login"))
    for _ in range(2):
        page.evaluate("history.back()")
        page.wait_for_timeout(300)
        page.wait_for_load_state()
        assert "/login" in page.url
        assert "李梅" not in page.content()
        assert "林慧敏" not in page.content()
