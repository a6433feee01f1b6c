"""The demonstration hall: its people, a year of their leave, and a day on which much is going on.

Everything is made by the engine itself, as the people themselves and in the order of the clock, so
that approvals, marks, attendance, balances and the audit are what a year of use would leave.
"""

import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from hallpanel import seeding
from hallpanel.demonstration.calendar import notice_days
from hallpanel.demonstration.desk import Desk
from hallpanel.demonstration.office import Office
from hallpanel.demonstration.people import DEMO, Person, all_people
from hallpanel.demonstration.rota import Rota
from hallpanel.demonstration.today import Today
from hallpanel.demonstration.wishes import Dreamer
from hallpanel.demonstration.year import Year
from hallpanel.engine import outbox, records, scope, workdays
from hallpanel.engine.clock import hall_day, hall_instant
from hallpanel.engine.scope import SYSTEM
from hallpanel.guard import second_factor
from hallpanel.guard.account import Account, create_account
from hallpanel.guard.actors import actor_of
from hallpanel.guard.granting import HELD_OVER_A_UNIT, grant
from hallpanel.rulebook.discipline.leave_balance import grant_year
from hallpanel.rulebook.hall.staff import Staff

A_YEAR = timedelta(days=365)
AHEAD = timedelta(days=45)
"""How far ahead people ask for leave."""
READ_AFTER = timedelta(days=4)
"""Messages older than this have been read."""
HALL_FILES = ("hall", "unit", "service_window", "post")


@dataclass(frozen=True)
class DemoAccount:
    """An account of the demonstration, as it is printed."""

    username: str
    password: str
    name: str
    post: str
    secret: str | None = None


@dataclass(frozen=True)
class Factors:
    """How second factors are set up: sealed with a key; one secret for all, or one each."""

    key: str
    secret: str | None = None


def load(
    make_session: Callable[[], Session],
    at: datetime,
    password: str | None = None,
    span: timedelta = A_YEAR,
    factors: Factors | None = None,
) -> list[DemoAccount]:
    """Set up the demonstration hall in an empty database; its accounts, none if it was in use.

    `password` is for all accounts; without it each gets one of its own by chance. `span` is how
    long its people have been at work. Whoever needs a second factor gets one by `factors`; without
    them they set one up at their first sign-in.
    """
    with make_session() as session:
        if not _is_empty(session):
            return []
        opening = hall_instant(hall_day(at - span), time(6))
        people = settle(session, opening, hall_day(at))
        accounts, printed = open_accounts(session, people, opening, password)
        _live(Desk(session, accounts), people, opening, at)
        _read_old_messages(session, at)
        return _hand_over(session, accounts, printed, at, factors)


def settle(session: Session, opening: datetime, today: date) -> list[Person]:
    """Bring in the seed, the hall, its units, windows and people, as of a morning."""
    files = {table: seeding.read_rows(DEMO / f"{table}.yaml") for table in HALL_FILES}
    people = all_people(files["unit"], files["service_window"], today)
    seeding.seed(session, opening)
    with records.at_desk(session, SYSTEM, opening):
        tables: dict[str, Iterable[seeding.Row]] = {
            **files,
            **staff_tables(people),
            "work_calendar_day": [*notice_days(today.year)],
        }
        seeding.Sower(session, opening).sow(tables)
        grant_year(session, hall_day(opening).year, opening)
        session.commit()
    return people


def staff_tables(people: Iterable[Person]) -> dict[str, list[dict[str, Any]]]:
    """The rows that people are made of: themselves and their windows."""
    people = list(people)
    return {
        "staff": [person.row() for person in people],
        "window_assignment": [row for person in people for row in person.assignments()],
    }


def open_accounts(
    session: Session, people: Iterable[Person], at: datetime, password: str | None
) -> tuple[dict[str, Account], list[DemoAccount]]:
    """Open everyone's account, by staff number; the cast can sign in, and theirs are printed."""
    accounts: dict[str, Account] = {}
    printed: list[DemoAccount] = []
    with records.at_desk(session, SYSTEM, at):
        staff = {person.number: person for person in session.scalars(select(Staff))}
        for person in people:
            own = (password or secrets.token_urlsafe(9)) if person.account else None
            accounts[person.number] = _open_account(session, person, staff[person.number], own, at)
            if person.account and own:
                printed.append(DemoAccount(person.account, own, person.name, person.post))
        session.commit()
    return accounts, printed


def _hand_over(
    session: Session,
    accounts: dict[str, Account],
    printed: list[DemoAccount],
    at: datetime,
    factors: Factors | None,
) -> list[DemoAccount]:
    """Let passwords be as of today, and set up the second factor of all who need one."""
    by_name = {account.username: account for account in accounts.values()}
    handed = []
    with records.at_desk(session, SYSTEM, at):
        for one in printed:
            account, secret = by_name[one.username], None
            account.password_changed_at = at
            roles = actor_of(session, account, at).reachable_roles
            if factors and second_factor.is_required(roles):
                secret = factors.secret or second_factor.new_secret()
                second_factor.enrol(session, account.id, secret, factors.key, at, step=None)
            handed.append(replace(one, secret=secret))
        session.commit()
    return handed


def _is_empty(session: Session) -> bool:
    with scope.acting(session, SYSTEM):
        someone = session.scalar(select(Staff.id).limit(1))
    return someone is None and session.scalar(select(Account.id).limit(1)) is None


def _open_account(
    session: Session, person: Person, staff: Staff, password: str | None, at: datetime
) -> Account:
    """The account of a person; to that of one who is not in the cast nobody can sign in."""
    account = create_account(
        session,
        person.account or person.number,
        person.name,
        password,
        at,
        staff_id=staff.id,
        must_change_password=password is None,
        demonstration=password is not None,
    )
    for role in person.roles:
        unit_id = staff.unit_id if role in HELD_OVER_A_UNIT else None
        grant(session, account.id, role, at, unit_id=unit_id)
    return account


def _live(desk: Desk, people: list[Person], opening: datetime, at: datetime) -> None:
    """Let the year pass."""
    with scope.acting(desk.session, SYSTEM):
        office = Office(workdays.hall_calendar(desk.session))
    first, today = hall_day(opening), hall_day(at)
    year = Year(desk, people, office)
    scenes = Today(year, first, at)
    scenes.set_scenes()
    windows = seeding.read_rows(DEMO / "service_window.yaml")
    rota = Rota(people, windows)
    dreamer = Dreamer(people, rota, office.calendar, first, today + AHEAD, scenes.kept_free)
    year.sweep_each_week(first, today)
    year.grant_ahead(first, today)
    for wish in dreamer.wishes():
        year.plan(wish)
    year.move_people(office.calendar.working_days(first, today))
    # Each deed is its person's own; between them the demonstration looks at all records.
    with scope.acting(desk.session, SYSTEM):
        year.agenda.run(until=at)
    desk.commit()


def _read_old_messages(session: Session, at: datetime) -> None:
    """What is older than some days was read; and nothing of the past goes out by mail today."""
    old = (outbox.MESSAGE.c.read_at.is_(None), outbox.MESSAGE.c.created_at < at - READ_AFTER)
    session.execute(update(outbox.MESSAGE).where(*old).values(read_at=at - READ_AFTER))
    session.commit()
    outbox.deliver(session, at, {})
