"""The two databases of the tests: each test gets its own, copied from one that was migrated once.

`engine` and `session` are on a migrated database, `empty_engine` is on one without tables, and
`database_url` is for tests that start processes. A test that takes any of them runs on SQLite and
on PostgreSQL; `pytest -k sqlite` runs the half. For one kind alone, with the reason beside it:
`@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)`.
"""

import fcntl
import itertools
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from flask_migrate import upgrade
from jinja2 import FileSystemBytecodeCache
from sqlalchemy import Engine, create_engine, make_url
from sqlalchemy.orm import Session

import config as installation
from hallpanel.engine.records import open_session
from hallpanel.engine.store import prepare_engine
from tests import authenticator, machine
from tests.cluster import SERVING, Cluster

SERVING_ROLE = "serving"
KINDS = ("sqlite", "postgresql")
MIGRATIONS = installation.HOME / "hallpanel" / "migrations"
RUN = pytest.StashKey[Path]()
NUMBERS = itertools.count(1)


# The run: one folder and at most one PostgreSQL for all processes of a pytest run.


def pytest_configure(config: pytest.Config) -> None:
    given = getattr(config, "workerinput", {}).get("hallpanel_run")
    config.stash[RUN] = Path(given or tempfile.mkdtemp(prefix="hallpanel-"))
    if not given:
        config.stash[RUN].chmod(0o711)  # PostgreSQL, which is not root, has its folder below


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell a process of pytest-xdist the folder of the run."""
    node.workerinput["hallpanel_run"] = str(node.config.stash[RUN])


def pytest_unconfigure(config: pytest.Config) -> None:
    if hasattr(config, "workerinput") or RUN not in config.stash:
        return
    run = config.stash[RUN]
    programs = machine.postgresql()
    if programs:
        Cluster(programs, run / "postgresql").stop()
    shutil.rmtree(run)


@contextmanager
def once(run: Path, name: str) -> Iterator[bool]:
    """Do a thing once in a run: give True to the first process, while the others wait for it."""
    done = run / f"{name}.done"
    with (run / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield not done.exists()
        done.touch()


# The kinds


@pytest.fixture(scope="session")
def run(pytestconfig: pytest.Config) -> Path:
    """The folder of this run, shared by its processes."""
    return pytestconfig.stash[RUN]


@pytest.fixture(params=KINDS)
def database_kind(request: pytest.FixtureRequest) -> str:
    """SQLite, then PostgreSQL."""
    if request.param in machine.missing():
        pytest.skip(f"{request.param} is not installed")
    return request.param


@pytest.fixture(scope="session")
def cluster(run: Path) -> Cluster:
    """The run's PostgreSQL, started when the first test wants it."""
    programs = machine.postgresql()
    if programs is None:
        pytest.skip("postgresql is not installed")
    found = Cluster(programs, run / "postgresql")
    with once(run, "cluster") as first:
        if first:
            found.start()
    return found


class Sqlite:
    """Makes SQLite databases: files in the folder of the run."""

    def __init__(self, run: Path) -> None:
        self.run = run

    def url(self, name: str) -> str:
        return f"sqlite:///{self.run}/{name}.db"

    def create(self, name: str) -> None:
        """SQLite makes a file when it is opened."""

    def copy(self, template: str, name: str) -> None:
        shutil.copyfile(self.run / f"{template}.db", self.run / f"{name}.db")

    def drop(self, name: str) -> None:
        for path in self.run.glob(f"{name}.db*"):
            path.unlink()


@pytest.fixture
def server(database_kind: str, request: pytest.FixtureRequest, run: Path) -> Sqlite | Cluster:
    """What makes and drops databases of the kind."""
    return Sqlite(run) if database_kind == "sqlite" else request.getfixturevalue("cluster")


# One database for one test


@pytest.fixture
def fresh_name() -> str:
    """A name for a database that no other test of the run has."""
    return f"{os.environ.get('PYTEST_XDIST_WORKER', 'only')}_{next(NUMBERS)}"


@pytest.fixture
def empty_database_url(server: Sqlite | Cluster, fresh_name: str) -> Iterator[str]:
    """The address of a database without tables."""
    server.create(fresh_name)
    yield server.url(fresh_name)
    server.drop(fresh_name)


@pytest.fixture
def database_url(server: Sqlite | Cluster, fresh_name: str, run: Path) -> Iterator[str]:
    """The address of a migrated database without records."""
    template = migrated(run, server)
    server.copy(template, fresh_name)
    yield server.url(fresh_name)
    server.drop(fresh_name)


def migrated(run: Path, server: Sqlite | Cluster) -> str:
    """Name the database of the run that the migrations built, from which the others are copied."""
    template = f"migrated_{type(server).__name__.lower()}"
    with once(run, template) as first:
        if first:
            server.drop(template)  # what a failed attempt left
            server.create(template)
            migrate(settings_for(server.url(template), run / "template"))
    return template


def migrate(settings: dict[str, Any]) -> None:
    """Build the tables as an installation does: by its migrations."""
    from hallpanel import create_app
    from hallpanel.panel.extensions import db

    app = create_app(settings)
    with app.app_context():
        upgrade(str(MIGRATIONS))
        if db.engine.dialect.name == "sqlite":
            with db.engine.connect() as connection:
                driver = connection.connection.driver_connection
                driver.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # all of it in the one file
        db.engine.dispose()


def settings_for(url: str, instance: Path) -> dict[str, Any]:
    """Settings of an installation on a database, for `create_app` in a test.

    With HALLPANEL_TEST_ROLE=serving the panel serves on PostgreSQL as an account that owns nothing.
    """
    asked = {"HALLPANEL_DATABASE_URL": url, "HALLPANEL_INSTANCE": str(instance)}
    if os.environ.get("HALLPANEL_TEST_ROLE") == SERVING_ROLE and url.startswith("postgresql"):
        asked |= serving(url)
    made = installation.settings(asked)
    # All installations of a run have one key: what one sealed, a copy of its database opens.
    return {**made, "SECRET_KEY": authenticator.KEY, "TESTING": True}


def build(settings: dict[str, Any], run: Path) -> Any:
    """The panel, with templates that are compiled once in a run and not for each test."""
    from hallpanel import create_app

    app = create_app(settings)
    app.jinja_env.bytecode_cache = FileSystemBytecodeCache(str(run))
    return app


def serving(url: str) -> dict[str, str]:
    """Addresses of a PostgreSQL database for the account that serves, and for its owner."""
    named = make_url(url).set(username=SERVING).render_as_string(hide_password=False)
    return {"HALLPANEL_DATABASE_URL": named, "HALLPANEL_OWNER_URL": url}


def open_engine(url: str) -> Engine:
    """Open a database as the panel does; also for the processes that a test starts."""
    return prepare_engine(create_engine(url))


@pytest.fixture
def empty_engine(empty_database_url: str) -> Iterator[Engine]:
    """An engine on a database without tables, for tests that bring their own."""
    opened = open_engine(empty_database_url)
    yield opened
    opened.dispose()


@pytest.fixture(scope="session")
def entities() -> None:
    """Every entity of the rule book, known to this process."""
    from hallpanel import load_rulebook

    load_rulebook()


@pytest.fixture
def engine(database_url: str, entities: None) -> Iterator[Engine]:
    """An engine on a migrated database without records."""
    opened = open_engine(database_url)
    yield opened
    opened.dispose()


@pytest.fixture
def session(engine: Engine) -> Iterator[Session]:
    """A session on a migrated database without records, under scope, trail and audit."""
    with open_session(engine) as opened:
        yield opened


@pytest.fixture
def make_app(database_url: str, run: Path, tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """Build the panel on this test's database; call it twice for two processes' worth."""
    from hallpanel.panel.extensions import db

    made = []

    def _make(**changed: Any) -> Any:
        settings = {**settings_for(database_url, tmp_path / "instance"), **changed}
        made.append(build(settings, run))
        return made[-1]

    yield _make
    for app in made:
        with app.app_context():
            db.engine.dispose()


@pytest.fixture
def app(make_app: Callable[..., Any]) -> Any:
    """The panel on this test's database."""
    return make_app()


@pytest.fixture
def client(app: Any) -> Any:
    """A browser without JavaScript."""
    return app.test_client()
