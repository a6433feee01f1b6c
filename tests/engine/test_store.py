"""How values are kept, and how a transaction begins, on both databases."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from enum import StrEnum
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as some
from sqlalchemy import Column, Integer, MetaData, Table, insert, select
from sqlalchemy.exc import OperationalError, StatementError

from hallpanel.engine.store import Json, UtcDateTime, canonical_json, enum_by_value, reading

HALL = ZoneInfo("Asia/Shanghai")


class Colour(StrEnum):
    RED = "rot"


THING = Table(
    "thing",
    MetaData(),
    Column("id", Integer, primary_key=True),
    Column("seen_at", UtcDateTime),
    Column("facts", Json),
    Column("colour", enum_by_value(Colour)),
)


@pytest.fixture
def things(empty_engine):
    """A table with a column of each of our types."""
    THING.create(empty_engine)
    return empty_engine


def kept(engine, **values):
    """What comes back of a row that was put in."""
    with engine.begin() as connection:
        connection.execute(insert(THING).values(id=1, **values))
    with engine.connect() as connection:
        return connection.execute(select(THING)).one()


@pytest.mark.parametrize(
    "instant",
    [
        datetime(2026, 3, 2, 9, 30, tzinfo=UTC),
        datetime(2026, 3, 2, 9, 30, tzinfo=HALL),
        datetime(2026, 3, 2, 9, 30, 0, 123456, tzinfo=timezone(timedelta(hours=-9, minutes=-30))),
    ],
)
def test_an_instant_comes_back_as_the_same_instant_in_utc(things, instant):
    found = kept(things, seen_at=instant).seen_at
    assert found == instant
    assert found.utcoffset() == timedelta(0)


def test_an_instant_without_a_zone_is_refused(things):
    with pytest.raises(StatementError, match="needs a zone"):
        kept(things, seen_at=datetime(2026, 3, 2, 9, 30))  # noqa: DTZ001 - that is the question


def test_a_choice_is_kept_by_its_value_and_another_is_refused(things):
    assert kept(things, colour=Colour.RED).colour is Colour.RED
    with things.connect() as connection:
        assert connection.exec_driver_sql("SELECT colour FROM thing").scalar() == "rot"
    with pytest.raises(StatementError):
        kept(things, colour="blau")


def test_facts_come_back_and_equal_facts_are_equal_text(things):
    facts = {"b": [1, None, "窗口"], "a": {"是": True}}
    assert kept(things, facts=facts).facts == facts
    with things.connect() as connection:
        text = connection.exec_driver_sql("SELECT facts FROM thing").scalar()
    assert text == '{"a":{"是":true},"b":[1,null,"窗口"]}'


def test_values_that_json_lacks_have_one_spelling():
    at = datetime(2026, 3, 2, 9, 30, tzinfo=HALL)
    values = [date(2026, 3, 2), at, Colour.RED, Decimal("2.50"), Decimal("100")]
    words = '["2026-03-02","2026-03-02T01:30:00+00:00","rot","2.5","100"]'
    assert canonical_json(values) == words


@given(some.dictionaries(some.text(), some.integers() | some.text() | some.booleans()))
def test_the_order_in_which_facts_were_noted_does_not_matter(facts):
    backwards = dict(reversed(facts.items()))
    assert canonical_json(facts) == canonical_json(backwards)


def test_who_reads_does_not_wait_for_who_writes_dur_2(things):
    with things.begin() as writing:
        writing.execute(insert(THING).values(id=1))
        with reading(things).connect() as beside:
            assert beside.execute(select(THING)).all() == []


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)  # PostgreSQL locks rows only
def test_a_transaction_that_may_write_takes_the_write_lock_at_once_dur_2(things):
    with things.begin(), things.connect() as second:
        second.connection.driver_connection.execute("PRAGMA busy_timeout=0")
        with pytest.raises(OperationalError, match="locked"):
            second.execute(select(THING))


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
def test_sqlite_is_opened_durably_on_every_connection_of_the_pool_dur_2(things):
    wanted = {
        "journal_mode": "wal",
        "synchronous": 2,
        "foreign_keys": 1,
        "secure_delete": 1,
        "busy_timeout": 15000,
    }
    with ExitStack() as open_ones:
        held = [open_ones.enter_context(reading(things).connect()) for _ in range(5)]
        drivers = {connection.connection.driver_connection for connection in held}
        assert len(drivers) == 5
        for driver in drivers:
            found = {name: driver.execute(f"PRAGMA {name}").fetchone()[0] for name in wanted}
            assert found == wanted


EACH = 40


def test_four_writers_and_eight_readers_never_find_it_locked_dur_2(things):
    with ThreadPoolExecutor(12) as people:
        writers = [people.submit(write_some, things, n) for n in range(4)]
        readers = [people.submit(read_while, things, writers) for _ in range(8)]
        for one in (*writers, *readers):
            one.result()  # or the error that it met
    assert len(kept_ids(things)) == 4 * EACH


def write_some(engine, writer):
    for turn in range(EACH):
        with engine.begin() as connection:
            connection.execute(insert(THING).values(id=writer * EACH + turn))


def read_while(engine, writers):
    while not all(one.done() for one in writers):
        kept_ids(engine)


def kept_ids(engine):
    with reading(engine).connect() as connection:
        return set(connection.scalars(select(THING.c.id)))
