"""The demonstration hall: its people, a year of their leave, and a day on which much is going on.

Everything is made by the engine itself, as the people themselves and in the order of the clock, so
that approvals, marks, attendance, balances and the audit are what a year of use would leave.
"""

import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from hallpanel import seeding
from hallpanel.demonstration.desk import Desk
from hallpanel.demonstration.office import Office
from hallpanel.demonstration.people import DEMO, Person, all_people
from hallpanel.demonstration.rota import Rota
from hallpanel.demonstration.today import KEPT_AFTER, KEPT_BEFORE, STAGE, Today
from hallpanel.demonstration.wishes import Dreamer
from hallpanel.demonstration.year import Year
from hallpanel.engine import outbox, records, scope, workdays
from hallpanel.engine.clock import hall_day, hall_instant
from hallpanel.engine.roles import Role
from hallpanel.engine.scope import SYSTEM
from hallpanel.guard.account import Account, create_account
from hallpanel.guard.granting import HELD_OVER_A_UNIT, grant
from hallpanel.rulebook.hall.staff import Staff

A_YEAR = timedelta(days=365)
READ_BEFORE = timedelta(days=4)
"""Messages older than this have been read."""
BLOCKED = (
    (-190, -188, None, "年中政务服务集中评估"),
    (-95, -93, "A", "征期最后三日"),
    (10, 11, "B", "企业年报集中办理"),
    (13, 15, None, "政务服务月集中办理"),
)
"""First and last working day counted from today, for which unit, and why."""


@dataclass(frozen=True)
class DemoAccount:
    """An account of the demonstration, as it is printed."""

    username: str
    password: str
    name: str
    post: str


def load(
    make_session: Callable[[], Session], at: datetime, password: str | None = None
) -> list[DemoAccount]:
    """Set up the demonstration hall in an empty database; its accounts, or none if it was not.

    `password` is for all accounts; without it each gets one of its own by chance.
    """
    with make_session() as session:
        if not _is_empty(session):
            return []
        opening = hall_instant(hall_day(at - A_YEAR), time(6))
        people = _settle(session, opening, hall_day(at))
        accounts, printed = _open_accounts(session, people, opening, password)
        _live(session, Desk(session, accounts), people, opening, at)
    return printed


def _is_empty(session: Session) -> bool:
    with scope.acting(session, SYSTEM):
        someone = session.scalar(select(Staff.id).limit(1))
    return someone is None and session.scalar(select(Account.id).limit(1)) is None


def _settle(session: Session, opening: datetime, today: date) -> list[Person]:
    """The seed, the hall, its units, windows and people, as of the morning of the first day."""
    files = {table: seeding.read_rows(DEMO / f"{table}.yaml") for table in HALL_FILES}
    people = all_people(files["unit"], files["service_window"], today)
    seeding.seed(session, opening)
    with records.at_desk(session, SYSTEM, opening):
        years = (hall_day(opening).year, today.year)
        tables = {
            **files,
            "staff": [person.row() for person in people],
            "unit_membership": [_membership(person) for person in people],
            "window_assignment": [row for person in people for row in _assignments(person)],
            "work_calendar_day": [row for year in sorted(set(years)) for row in notice_days(year)],
            "blocked_date": [],
        }
        seeding.Sower(session, opening).sow(tables)
        session.commit()
    return people
