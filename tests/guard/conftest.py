"""Mei sits at a window, Lin leads her unit; both have accounts with known passwords."""

from datetime import UTC, datetime

import pytest

from hallpanel.engine import records
from hallpanel.engine.scope import SYSTEM
from hallpanel.guard.account import create_account

NOW = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)  # Monday, 9:00 in the hall
PASSWORD = "Morning tea at nine"
OTHER_PASSWORD = "Evening tea at six"


@pytest.fixture
def now():
    return NOW


@pytest.fixture
def session(engine):
    with records.open_session(engine) as opened:
        records.open_desk(opened, SYSTEM, NOW)
        yield opened


@pytest.fixture
def mei(session):
    account = create_account(session, "Mei", "梅", PASSWORD, NOW, must_change_password=False)
    session.commit()
    return account


@pytest.fixture
def lin(session):
    account = create_account(session, "lin", "林", PASSWORD, NOW, must_change_password=False)
    session.commit()
    return account
