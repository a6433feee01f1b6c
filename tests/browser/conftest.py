"""The panel in Chromium: a demonstration hall, served here, with every other host out of reach.

`page_for("lead.a", width=390)` gives a page on which that account has signed in. Each test gets its
own copy of the hall, so it may approve, refuse and delete. At its end a test fails if a page asked
another host for anything, broke its own content security policy, or raised an error in a script.
"""

import os
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Playwright, Route, sync_playwright
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from config import HOME
from tests import machine
from tests.databases import MIGRATIONS, once, settings_for

PASSWORD = "Eight-Horses-31"
HEIGHTS = {390: 844, 1440: 900}
FLAGS = [
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",  # besides what pages ask for
]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip the tests of this folder where there is no browser; the run says so at its end."""
    if machine.chromium() is None:
        for item in items:
            if item.path.is_relative_to(Path(__file__).parent):
                item.add_marker(pytest.mark.skip(reason="chromium is not installed"))


@pytest.fixture(scope="session")
def demonstration(run: Path) -> Path:
    """The database of a demonstration hall, made as `make run` makes it."""
    hall = run / "demonstration"
    asked = {
        "HALLPANEL_INSTANCE": str(hall),
        "HALLPANEL_DEMO_PASSWORD": PASSWORD,
        "PATH": os.environ["PATH"],
    }
    with once(run, "demonstration") as first:
        if first:
            for words in (["db", "upgrade", "--directory", str(MIGRATIONS)], ["seed"], ["demo"]):
                command = [sys.executable, "-m", "flask", "--app", "wsgi", *words]
                subprocess.run(command, cwd=HOME, env=asked, check=True)
    return hall / "hallpanel.db"


def copy(database: Path, target: Path) -> None:
    """Copy a database with what still is in its write-ahead log."""
    with closing(sqlite3.connect(database)) as source, closing(sqlite3.connect(target)) as copied:
        source.backup(copied)


class Silent(WSGIRequestHandler):
    """Keeps no log of requests."""

    def log(self, *_words: Any) -> None:
        """Say nothing."""


@pytest.fixture
def served(demonstration: Path, tmp_path: Path) -> Iterator[str]:
    """The address of the panel on this test's own copy of the demonstration hall."""
    from hallpanel import create_app
    from hallpanel.panel.extensions import db

    copy(demonstration, tmp_path / "hallpanel.db")
    app = create_app(settings_for(f"sqlite:///{tmp_path}/hallpanel.db", tmp_path))
    server: BaseWSGIServer = make_server("127.0.0.1", 0, app, threaded=True, request_handler=Silent)
    server.daemon_threads = True  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()
    with app.app_context():
        db.engine.dispose()


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    """Playwright, which speaks to the browser."""
    with sync_playwright() as started:
        yield started


@pytest.fixture(scope="session")
def browser(playwright: Playwright) -> Iterator[Browser]:
    """The system's Chromium without a window."""
    launched = playwright.chromium.launch(
        executable_path=machine.chromium(), headless=True, chromium_sandbox=False, args=FLAGS
    )
    yield launched
    launched.close()


@pytest.fixture
def misdeeds() -> Iterator[list[str]]:
    """What pages did that they must never do; a test that expects one takes it from the list."""
    seen: list[str] = []
    yield seen
    assert not seen, "\n".join(seen)


@pytest.fixture
def page_at(served: str, browser: Browser, misdeeds: list[str]) -> Iterator[Callable[..., Page]]:
    """Open a page of the panel with nobody signed in; options are those of a browser context."""
    contexts = []

    def _open(path: str = "/", width: int = 1440, **options: Any) -> Page:
        context = browser.new_context(
            base_url=served,
            viewport={"width": width, "height": HEIGHTS.get(width, 900)},
            has_touch=width < 576,
            locale="zh-CN",
            timezone_id="Asia/Shanghai",
            **options,
        )
        contexts.append(context)
        context.route("**/*", lambda route: _only_here(route, misdeeds))
        context.on("console", lambda message: _note_policy(message, misdeeds))
        context.on("weberror", lambda error: misdeeds.append(f"script error: {error.error}"))
        page = context.new_page()
        page.goto(path)
        return page

    yield _open
    for context in contexts:
        context.close()


@pytest.fixture
def page_for(page_at: Callable[..., Page]) -> Callable[..., Page]:
    """Open the home page of a demonstration account, signed in as a person does it."""

    def _sign_in(username: str, width: int = 1440, **options: Any) -> Page:
        page = page_at("/login", width, **options)
        page.fill("[name=username]", username)
        page.fill("[name=password]", PASSWORD)
        page.press("[name=password]", "Enter")
        page.wait_for_url(lambda url: urlsplit(url).path == "/")
        return page

    return _sign_in


def _only_here(route: Route, misdeeds: list[str]) -> None:
    if urlsplit(route.request.url).hostname == "127.0.0.1":
        route.continue_()
        return
    misdeeds.append(f"asked another host: {route.request.url}")
    route.abort()


def _note_policy(message: ConsoleMessage, misdeeds: list[str]) -> None:
    if "Content Security Policy" in message.text:
        misdeeds.append(message.text)
