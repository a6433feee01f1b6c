"""Every page of the demonstration hall in Chromium, as each main role and on the phone.

What the pages themselves must never do is noted by `misdeeds` in conftest.py: ask another host,
break their policy, raise an error in a script, fail, or lack one of their files.
"""

import re
from collections.abc import Iterator
from urllib.parse import parse_qsl, urljoin, urlsplit

import pytest
from playwright.sync_api import Page

from tests.browser.conftest import PHONE

SMALLEST = 44  # pixels, for a thumb
ELSEWHERE = re.compile(r"/(language|theme|logout|export|attachment)\b")
MOST_PAGES = 160

LINKS = """() => [...document.querySelectorAll("a[href]:not([download])")].map((a) => a.href)"""

NAMELESS = """() => [...document.querySelectorAll("input, select, textarea")]
  .filter((e) => e.type !== "hidden" && e.type !== "submit" && !e.hidden)
  .filter((e) => !e.labels?.length && !e.getAttribute("aria-label")
    && !e.getAttribute("aria-labelledby") && e.getAttribute("aria-hidden") !== "true")
  .map((e) => e.name || e.id)"""

# What a thumb is meant to hit on a page: buttons, menus, pills, the navigation.
SMALL = """(smallest) => [...document.querySelectorAll(
    "main .btn, main button, main summary, main .pill, .thumb a, .top a, .top summary, .hit")]
  .filter((e) => e.checkVisibility({ visibilityProperty: true }))
  .map((e) => [e, e.getBoundingClientRect()])
  .filter(([, box]) => box.width > 1 && Math.min(box.height, box.width) < smallest - 0.5)
  .map(([e, box]) => `${e.className} ${e.textContent.trim()} ${box.width}×${box.height}`)"""

WIDE = """() => {
  const wide = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth <= wide) return [];
  return [...document.querySelectorAll("body *")]
    .filter((e) => e.getBoundingClientRect().right > wide + 1)
    .filter((e) => !e.closest(".table-box, .month-box"))
    .map((e) => `${e.tagName}.${e.className}`).slice(0, 5);
}"""


def shape(url: str) -> tuple[str, ...]:
    """What kind of page an address is; filters, order and the like are one kind for all tables."""
    parts = urlsplit(url)
    path = re.sub(r"/\d+(\.\d+)*/?$", "/#", parts.path)
    names = sorted({name.split(".")[0] for name, _ in parse_qsl(parts.query)} - {"id", "url"})
    if names:
        path = re.sub(r"^/admin/[a-z_]+/", "/admin/#/", path)
    return (path, *names[:1])


def walk(page: Page) -> Iterator[str]:
    """Open one page of each kind that can be reached by links from the home page."""
    seen, ahead = set(), [page.url]
    while ahead:
        url = ahead.pop(0)
        if shape(url) in seen:
            continue
        seen.add(shape(url))
        assert len(seen) < MOST_PAGES, f"the walk does not end: {url}"
        answer = page.goto(url)
        assert answer.status == 200, f"{answer.status}: {url}"
        yield url
        links = [urljoin(page.url, link).partition("#")[0] for link in page.evaluate(LINKS)]
        ahead += [link for link in links if not ELSEWHERE.search(urlsplit(link).path)]


@pytest.mark.parametrize("username", ["lead.a", "staff.a1", "halladmin", "auditor"])
def test_every_page_a_role_reaches_is_sound(page_for, username):
    page, wrong, pages = page_for(username), [], 0
    for url in walk(page):
        pages += 1
        wrong += [f"{url}: input {name!r} has no name" for name in page.evaluate(NAMELESS)]
        wrong += [f"{url}: {what} is too wide" for what in page.evaluate(WIDE)]
        if page.locator("h1").count() != 1 or not page.title():
            wrong.append(f"{url}: no heading")
    assert not wrong, "\n".join(wrong)
    assert pages >= {"auditor": 5}.get(username, 20)


@pytest.mark.parametrize("username", ["lead.a", "staff.a1"])
def test_every_page_a_role_reaches_fits_the_thumb(page_for, username):
    page, wrong = page_for(username, width=PHONE), []
    for url in walk(page):
        wrong += [f"{url}: {what} is too wide" for what in page.evaluate(WIDE)]
        wrong += [f"{url}: {what} is too small" for what in page.evaluate(SMALL, SMALLEST)]
        if not page.get_by_role("navigation", name="快捷导航").is_visible():
            wrong.append(f"{url}: no bar for the thumb")
    assert not wrong, "\n".join(wrong)
