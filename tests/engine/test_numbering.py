"""Numbers count up in each series and year; that they race well is shown by fault F6."""

import pytest

from hallpanel.engine.conflict import table_of
from hallpanel.engine.numbering import Counter, next_number
from hallpanel.engine.store import make_session


@pytest.fixture
def engine(empty_engine):
    table_of(Counter).create(empty_engine)
    return empty_engine


def draw(engine, count):
    numbers = []
    for _ in range(count):
        with make_session(engine) as session, session.begin():
            numbers.append(next_number(session, "QJ", 2026))
    return numbers


def test_the_first_number_of_a_year_is_one(engine):
    assert draw(engine, 3) == [1, 2, 3]


def test_each_series_and_each_year_counts_for_itself(engine):
    with make_session(engine) as session, session.begin():
        taken = [next_number(session, *at) for at in (("QJ", 2026), ("QJ", 2027), ("TS", 2026))]
    assert taken == [1, 1, 1]


def test_a_change_that_is_rolled_back_gives_its_number_back(engine):
    with make_session(engine) as session:
        assert next_number(session, "QJ", 2026) == 1
        session.rollback()
    assert draw(engine, 1) == [1]
