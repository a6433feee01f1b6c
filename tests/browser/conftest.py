"""The panel in Chromium, served here, with every other host out of reach.

Most tests are in the small hall of the panel's tests, where it is ten in the morning of Monday,
9 February 2026: `page_of("lead.a", width=390)` is a browser in which that person is signed in.
What the shape of real data decides is tested in the demonstration hall, where people sign in with
their password: `page_for("lead.a")`. Each test gets its own copy of its hall, so it may approve,
refuse and delete. At its end a test fails if a page asked another host for anything, broke its own
content security policy, raised an error in a script, or made the panel fail.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import (
    Browser,
    ConsoleMessage,
    Page,
    Playwright,
    Request,
    Response,
    expect,
    sync_playwright,
)
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from hallpanel.demonstration import Factors
from hallpanel.engine.clock import utc_now
from hallpanel.engine.records import open_session
from tests import authenticator, machine
from tests.databases import Sqlite, migrated, once, settings_for
from tests.journeys.conftest import Desk
from tests.panel.conftest import at_ten, close, furnished, hall
from tests.panel.door import COOKIE
from tests.panel.hall import Hall

__all__ = ["at_ten", "hall"]

PASSWORD = "Eight-Horses-31"
FACTORS = Factors(authenticator.KEY, authenticator.SECRET)
HAS_A_DEVICE = ("halladmin", "keeper", "sysadmin", "secadmin", "auditor")
PHONE = 390
SPAN = timedelta(days=60)
PATIENCE = 10_000  # milliseconds
HEIGHTS = {PHONE: 844, 1440: 900}
PARTS_OF_A_PAGE = ("document", "font", "image", "script", "stylesheet")
WISHES = (
    ("staff.a1", "2026-03-11"),
    ("staff.a2", "2026-03-12"),
    ("staff.a1", "2026-03-10"),  # the morning for which staff.a2 has leave already
)
FLAGS = [
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip the tests of this folder where there is no browser; the run says so at its end."""
    if machine.chromium() is None:
        for item in items:
            if item.path.is_relative_to(Path(__file__).parent):
                item.add_marker(pytest.mark.skip(reason="chromium is not installed"))


# the browser


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    """Playwright, which speaks to the browser."""
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as started:
        yield started


@pytest.fixture(scope="session")
def browser(playwright: Playwright) -> Iterator[Browser]:
    """The system's Chromium without a window."""
    launched = playwright.chromium.launch(
        executable_path=machine.chromium(),
        headless=True,
        chromium_sandbox=False,
        args=FLAGS,
        # A person's browser keeps pages to go back to, whatever their Cache-Control says.
        ignore_default_args=["--disable-back-forward-cache"],
    )
    yield launched
    launched.close()


@pytest.fixture
def misdeeds() -> Iterator[list[str]]:
    """What pages did that they must never do; a test that expects one takes it from the list."""
    seen: list[str] = []
    yield seen
    assert not seen, "\n".join(dict.fromkeys(seen))


@pytest.fixture
def open_page(browser: Browser, misdeeds: list[str]) -> Iterator[Callable[..., Page]]:
    """Open a page in a browser of its own; options are those of a browser context."""
    contexts = []

    def _open(address: str, path: str, width: int, cookie: str = "", **options: Any) -> Page:
        context = browser.new_context(
            base_url=address,
            viewport={"width": width, "height": HEIGHTS.get(width, 900)},
            has_touch=width < 576,
            locale="zh-CN",
            timezone_id="Asia/Shanghai",
            reduced_motion="reduce",
            **options,
        )
        contexts.append(context)
        context.set_default_timeout(PATIENCE)
        context.on("request", lambda request: _note_host(request, misdeeds))
        context.on("response", lambda response: _note_failure(response, misdeeds))
        context.on("console", lambda message: _note_policy(message, misdeeds))
        context.on("weberror", lambda error: misdeeds.append(f"script error: {error.error}"))
        if cookie:
            context.add_cookies([{"name": COOKIE, "value": cookie, "url": address}])
        page = context.new_page()
        page.goto(path)
        return page

    yield _open
    for context in contexts:
        context.close()


def _note_host(request: Request, misdeeds: list[str]) -> None:
    parts = urlsplit(request.url)
    if parts.scheme not in ("data", "blob") and parts.hostname != "127.0.0.1":
        misdeeds.append(f"asked another host: {request.url}")


def _note_failure(response: Response, misdeeds: list[str]) -> None:
    is_part = response.request.resource_type in PARTS_OF_A_PAGE[1:]
    if response.status >= 500 or (is_part and response.status >= 400):
        misdeeds.append(f"answered {response.status}: {response.url}")


def _note_policy(message: ConsoleMessage, misdeeds: list[str]) -> None:
    if "Content Security Policy" in message.text:
        misdeeds.append(message.text)


# serving a hall


class Silent(WSGIRequestHandler):
    """Keeps no log of requests."""

    def log(self, *_words: Any) -> None:
        """Say nothing."""


@contextmanager
def serving(app: Any) -> Iterator[str]:
    """Serve the panel, and give its address."""
    server: BaseWSGIServer = make_server("127.0.0.1", 0, app, threaded=True, request_handler=Silent)
    server.daemon_threads = True  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


# the small hall


@pytest.fixture
def database_kind() -> str:
    """What is seen in a browser does not depend on the database: its tests are on SQLite."""
    return "sqlite"


@pytest.fixture
def hall_url(server: Any, fresh_name: str, run: Path, at_ten: Any) -> Iterator[str]:
    """The address of a database with the small hall on a busy morning, for this test alone."""
    server.copy(busy(run, server), fresh_name)
    yield server.url(fresh_name)
    server.drop(fresh_name)


def busy(run: Path, server: Any) -> str:
    """Name the run's database in which three more half days wait for the lead of unit A."""
    from hallpanel import create_app
    from hallpanel.panel.extensions import db

    quiet, template = furnished(run, server), "busy"
    with once(run, template) as first:
        if first:
            server.drop(template)
            server.copy(quiet, template)
            app = create_app(settings_for(server.url(template), run / template))
            desk = Desk(Hall(app), None)
            desk.sweep()  # grants the year's allowances, as on any morning
            for username, day in WISHES:
                request = desk.ask(username, day, day, last_half="morning")
                desk.done(username, "submit", request)
            close(app, db)
    return template


@pytest.fixture
def desk(hall: Any, at_ten: Any) -> Desk:
    """What people do with leave meanwhile, at their own desks."""
    return Desk(hall, at_ten)


@pytest.fixture
def asked(hall: Any) -> list[int]:
    """The three requests that wait for the lead of unit A; the last would leave A01 to nobody."""
    days = [date.fromisoformat(day) for _, day in WISHES]
    return [hall.id("leave_request", first_day=day, state="submitted") for day in days]


@pytest.fixture
def address(hall: Any) -> Iterator[str]:
    """Where this test's small hall is served."""
    with serving(hall.app) as found:
        yield found


@pytest.fixture
def page_of(hall: Any, address: str, open_page: Callable[..., Page]) -> Callable[..., Page]:
    """Open a page of the small hall as somebody of the cast who has signed in."""

    def _open(username: str, path: str = "/", width: int = 1440, **options: Any) -> Page:
        cookie = hall.browser(username).client.get_cookie(COOKIE).value
        return open_page(address, path, width, cookie, **options)

    return _open


# the demonstration hall


@pytest.fixture(scope="session")
def demonstration(run: Path) -> str:
    """Name the run's database with a demonstration hall as `make run` makes it, but younger."""
    from hallpanel import create_app, demonstration
    from hallpanel.panel.extensions import db

    files, template = Sqlite(run), "demonstration"
    with once(run, template) as first:
        if first:
            files.drop(template)
            files.copy(migrated(run, files), template)
            app = create_app(settings_for(files.url(template), run / template))
            with app.app_context():
                demonstration.load(
                    lambda: open_session(db.engine), utc_now(), PASSWORD, SPAN, FACTORS
                )
            close(app, db)
    return template


@pytest.fixture
def served(demonstration: str, fresh_name: str, run: Path, tmp_path: Path) -> Iterator[str]:
    """The address of the panel on this test's own copy of the demonstration hall."""
    from hallpanel import create_app
    from hallpanel.panel.extensions import db

    files = Sqlite(run)
    files.copy(demonstration, fresh_name)
    app = create_app(settings_for(files.url(fresh_name), tmp_path))
    with serving(app) as found:
        yield found
    with app.app_context():
        db.engine.dispose()
    files.drop(fresh_name)


@pytest.fixture
def page_for(served: str, open_page: Callable[..., Page]) -> Callable[..., Page]:
    """Open the home page of a demonstration account, signed in as a person does it."""

    def _sign_in(username: str, width: int = 1440, **options: Any) -> Page:
        page = open_page(served, "/login", width, **options)
        page.fill("[name=username]", username)
        page.fill("[name=password]", PASSWORD)
        page.press("[name=password]", "Enter")
        if username in HAS_A_DEVICE:
            page.fill("[name=code]", authenticator.shown())
            page.press("[name=code]", "Enter")
        page.wait_for_url(lambda url: urlsplit(url).path == "/")
        return page

    return _sign_in
