"""The databases that the tests themselves stand on."""

import subprocess
import sys

import pytest
from sqlalchemy import text

from tests import machine
from tests.databases import open_engine


def test_each_test_gets_a_database_without_tables(empty_engine, database_kind):
    assert empty_engine.dialect.name == database_kind
    with empty_engine.begin() as connection:
        connection.execute(text("CREATE TABLE thing (id INTEGER PRIMARY KEY)"))


@pytest.mark.parametrize("turn", [1, 2])
def test_nothing_of_one_test_reaches_the_next(empty_engine, turn):
    with empty_engine.begin() as connection:
        connection.execute(text("CREATE TABLE thing (id INTEGER PRIMARY KEY)"))
        connection.execute(text("INSERT INTO thing VALUES (:turn)"), {"turn": turn})
        assert connection.scalar(text("SELECT count(*) FROM thing")) == 1


def test_another_process_sees_the_same_database(empty_engine, empty_database_url):
    with empty_engine.begin() as connection:
        connection.execute(text("CREATE TABLE thing (id INTEGER PRIMARY KEY)"))
    program = (
        "import sys; from sqlalchemy import inspect; from tests.databases import open_engine;"
        "print(*inspect(open_engine(sys.argv[1])).get_table_names())"
    )
    seen = subprocess.run(
        [sys.executable, "-c", program, empty_database_url],
        check=True,
        capture_output=True,
        text=True,
    )
    assert seen.stdout.split() == ["thing"]


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)  # PRAGMA is SQLite's alone
def test_sqlite_is_opened_durably(empty_database_url):
    opened = open_engine(empty_database_url)
    names = ("journal_mode", "synchronous", "foreign_keys", "secure_delete", "busy_timeout")
    with opened.connect() as connection:
        found = [connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in names]
    opened.dispose()
    assert found == ["wal", 2, 1, 1, 15000]


def test_a_demand_for_an_unknown_part_is_refused():
    with pytest.raises(pytest.UsageError, match="oracle"):
        machine.demanded("chromium, oracle")


def test_a_demand_that_the_machine_cannot_meet_ends_the_run(monkeypatch):
    monkeypatch.setitem(machine.PARTS, "chromium", lambda: None)
    monkeypatch.setenv("HALLPANEL_TEST_DEMAND", "chromium")
    with pytest.raises(pytest.UsageError, match="asks for chromium"):
        machine.pytest_configure()
