"""What the other tests of this folder watch for, shown on a page that does it."""

import pytest
from playwright.sync_api import Error, expect

from tests.browser.conftest import PHONE
from tests.browser.test_every_page import NAMELESS, SMALL, SMALLEST, WIDE
from tests.browser.test_language_and_light import FAINT

BAD = """() => document.querySelector("main").insertAdjacentHTML("beforeend", `
  <input name="nobody-knows"><button class="btn btn-sm" id="tiny">.</button>
  <p class="faint">too faint to read</p><table class="panel" id="wide"><td>wide</td></table>`)"""
WORSE = """() => {
  document.querySelector(".faint").style.color = "rgb(190, 190, 190)";
  Object.assign(document.querySelector("#tiny").style, { minHeight: 0, height: "20px" });
  document.querySelector("#wide").style.width = "900px";
}"""


def test_a_page_that_asks_another_host_is_noted_and_gets_no_answer(page_of, misdeeds):
    page = page_of("lead.a")
    for host in ("http://example.org/", "http://192.0.2.1/"):
        with pytest.raises(Error):
            page.goto(host, timeout=3000)
        assert misdeeds.pop() == f"asked another host: {host}"


def test_a_page_that_breaks_its_policy_or_its_script_is_noted(page_of, misdeeds):
    page = page_of("lead.a")
    with page.expect_console_message():
        page.evaluate("document.body.append(Object.assign(new Image(), {src: '//example.org/x'}))")
    with page.context.expect_event("weberror"):
        page.evaluate("setTimeout(() => { throw new Error('broken'); })")
    noted = "\n".join(misdeeds)
    misdeeds.clear()
    assert "Content Security Policy" in noted
    assert "script error: broken" in noted


def test_what_is_nameless_small_wide_or_faint_is_noted(page_of):
    page = page_of("lead.a", width=PHONE)
    clean = [page.evaluate(watch) for watch in (NAMELESS, WIDE, FAINT)]
    assert clean == [[], [], []]
    assert page.evaluate(SMALL, SMALLEST) == []
    page.evaluate(BAD)
    page.evaluate(WORSE)
    expect(page.locator("#wide")).to_be_attached()
    assert page.evaluate(NAMELESS) == ["nobody-knows"]
    assert any("btn-sm" in one for one in page.evaluate(SMALL, SMALLEST))
    assert any("TABLE" in one for one in page.evaluate(WIDE))
    assert any("too faint" in one for one in page.evaluate(FAINT))
