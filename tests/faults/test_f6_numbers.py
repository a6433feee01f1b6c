"""Numbers drawn by four processes at once have no gap and no double (CON-3)."""

import pytest

from hallpanel.engine.conflict import table_of
from hallpanel.engine.numbering import Counter, next_number
from hallpanel.engine.store import make_session
from tests.engine.racing import PROCESSES, race
from tests.faults.figures import often

EACH = often(250, 5000)


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


def test_four_processes_draw_a_thousand_numbers_without_gap_or_double_con_3(engine, figures):
    drawn = [number for numbers in race(engine, draw, EACH) for number in numbers]
    wanted = set(range(1, PROCESSES * EACH + 1))
    figures |= {"drawn": len(drawn), "distinct": len(set(drawn)), "gaps": len(wanted - set(drawn))}
    assert sorted(drawn) == sorted(wanted)
