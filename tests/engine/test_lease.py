"""Of several processes that could do a job, one holds its lease."""

import os
from datetime import UTC, datetime, timedelta

import pytest

from hallpanel.engine import lease
from hallpanel.engine.conflict import table_of
from hallpanel.engine.lease import Lease
from hallpanel.engine.store import make_session
from tests.engine.racing import PROCESSES, race

AT = datetime(2026, 2, 9, 2, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
JOBS = 50


@pytest.fixture
def engine(empty_engine):
    table_of(Lease).create(empty_engine)
    return empty_engine


def test_a_lease_is_held_by_one_and_taken_over_when_it_ran_out(engine):
    with make_session(engine) as session:
        assert lease.claim(session, "job", "one", AT, MINUTE)
        assert not lease.claim(session, "job", "other", AT, MINUTE)
        assert lease.claim(session, "job", "one", AT + MINUTE / 2, MINUTE), "its holder renews it"
        assert not lease.claim(session, "job", "other", AT + MINUTE, MINUTE)
        assert lease.claim(session, "job", "other", AT + MINUTE * 1.5, MINUTE)
        assert not lease.claim(session, "job", "one", AT + MINUTE * 1.5, MINUTE)
        lease.release(session, "job", "one")
        assert not lease.claim(session, "job", "one", AT + MINUTE * 1.5, MINUTE)
        lease.release(session, "job", "other")
        assert lease.claim(session, "job", "one", AT + MINUTE * 1.5, MINUTE)
        assert lease.claim(session, "other job", "other", AT, MINUTE)


def claim_all(engine):
    """Try for each lease; those this process got."""
    got = []
    for number in range(JOBS):
        with make_session(engine) as session, session.begin():
            if lease.claim(session, f"job {number}", str(os.getpid()), AT, MINUTE):
                got.append(number)
    return got


def test_of_four_processes_one_gets_each_lease(engine):
    results = race(engine, claim_all)
    assert len(results) == PROCESSES
    assert sorted(number for got in results for number in got) == list(range(JOBS))
