"""The people of the tests, the same as in the demonstration hall, at their desks.

Mei and Chen share a window and are an A/B pair, Lin leads their unit, Sun inspects, Qian is the
deputy, Zhao directs, He administers the hall. Wu sits in another unit, which Zhou leads. Unless a
test says otherwise it is ten in the morning of Monday, 9 February 2026.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, time
from typing import Any

import pytest
from sqlalchemy import Engine, inspect, select

from hallpanel.engine import comments, records, scope, sweep, workflow
from hallpanel.engine.clock import hall_day, hall_instant
from hallpanel.engine.entity import REGISTRY
from hallpanel.engine.errors import Refusal
from hallpanel.engine.records import HallSession, open_session
from hallpanel.engine.scope import SYSTEM, Actor
from hallpanel.guard.account import Account, create_account
from hallpanel.guard.actors import actor_of
from hallpanel.guard.granting import HELD_OVER_A_UNIT, grant
from tests.databases import migrated, once, open_engine

NOW = datetime(2026, 2, 9, 2, tzinfo=UTC)
OPENING = datetime(2026, 1, 4, 16, tzinfo=UTC)
NUMBERS = {
    "lin": "1001",
    "mei": "1002",
    "chen": "1003",
    "wang": "1004",
    "liu": "1005",
    "tang": "1006",
    "song": "1007",
    "ye": "1008",
    "zhou": "1101",
    "wu": "1102",
    "huang": "1103",
    "zhao": "0001",
    "qian": "0002",
    "he": "0003",
    "sun": "0201",
}


def clock(month: int, day: int, hour: int = 10, minute: int = 0) -> datetime:
    """An instant of 2026 by the clock on the hall's wall."""
    return hall_instant(date(2026, month, day), time(hour, minute))


class Hall:
    """A small hall in a database, and one session in which its people take turns."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.session: HallSession = open_session(engine)

    # people

    def staff(self, name: str) -> Any:
        """A member of the cast."""
        return self.one("staff", number=NUMBERS[name])

    def actor(self, name: str, at: datetime = NOW) -> Actor:
        """A member of the cast with the roles of that instant."""
        query = select(Account).where(Account.username == name)
        with self.looking() as session:
            return actor_of(session, session.scalars(query).one(), at)

    @contextmanager
    def desk(self, name: str, at: datetime = NOW) -> Iterator[HallSession]:
        """Work as a member of the cast, or as the system."""
        actor = SYSTEM if name == "system" else self.actor(name, at)
        with records.at_desk(self.session, actor, at):
            yield self.session

    # records

    def one(self, table: str, **values: Any) -> Any:
        """The one record that has some values, whoever may see it."""
        (only,) = self.all(table, **values)
        return only

    def all(self, table: str, **values: Any) -> list[Any]:
        """The records that have some values, oldest first, as they are stored now."""
        entity = REGISTRY[table]
        query = select(entity).order_by(entity.id)
        for name, value in values.items():
            query = query.where(getattr(entity, name) == value)
        with self.looking(), scope.acting(self.session, SYSTEM):
            fresh = query.execution_options(populate_existing=True)
            return list(self.session.scalars(fresh))

    @contextmanager
    def looking(self) -> Iterator[HallSession]:
        """Read, and leave no transaction open that was not open before."""
        at_work = self.session.in_transaction()
        yield self.session
        if not at_work:
            self.session.commit()

    def make(self, table: str, who: str = "system", at: datetime = NOW, **values: Any) -> Any:
        """Make a record as somebody."""
        actor = SYSTEM if who == "system" else self.actor(who, at)
        with self.desk(who, at), self._or_roll_back():
            record = records.create(self.session, REGISTRY[table], values, actor=actor, at=at)
            self.session.commit()
        return record

    def change(self, record: Any, who: str = "system", at: datetime = NOW, **values: Any) -> None:
        """Edit a record as somebody."""
        actor = SYSTEM if who == "system" else self.actor(who, at)
        with self.desk(who, at), self._or_roll_back():
            records.change(self.session, record, values, actor=actor, at=at)
            self.session.commit()

    def act(
        self, who: str, record: Any, verb: str, at: datetime = NOW, **answers: Any
    ) -> Refusal | None:
        """Make a transition as somebody; the refusal, if there is one."""
        actor = SYSTEM if who == "system" else self.actor(who, at)
        with self.desk(who, at):
            try:
                workflow.perform(self.session, record, verb, actor=actor, at=at, answers=answers)
            except Refusal as refusal:
                self.session.rollback()
                self._read_again(record)
                return refusal
            self.session.commit()
        return None

    def refresh(self, record: Any) -> Any:
        """A record as it is stored now."""
        return self.one(record.__tablename__, id=inspect(record).identity[0])

    def sweep(self, at: datetime = NOW) -> sweep.Swept:
        """Let time do what it does."""
        return sweep.run(self.session, at)

    @contextmanager
    def _or_roll_back(self) -> Iterator[None]:
        try:
            yield
        except BaseException:
            self.session.rollback()
            raise

    def _read_again(self, record: Any) -> None:
        with self.looking(), scope.acting(self.session, SYSTEM):
            self.session.refresh(record)

    # leave

    def draft(
        self,
        who: str,
        first: date,
        last: date | None = None,
        kind: str = "personal",
        at: datetime = NOW,
        **values: Any,
    ) -> Any:
        """Write a leave request as somebody."""
        values = {"first_half": "morning", "last_half": "afternoon", **values}
        fields = REGISTRY["leave_request"].fields()
        for half in ("first_half", "last_half"):
            values[half] = fields[half].choices(values[half])
        return self.make(
            "leave_request",
            who,
            at,
            leave_type=self.one("leave_type", code=kind),
            first_day=first,
            last_day=last or first,
            reason="家里有事",
            **values,
        )

    def ask(self, who: str, first: date, last: date | None = None, **values: Any) -> Any:
        """Write a leave request as somebody, and submit it."""
        request = self.draft(who, first, last, **values)
        refusal = self.act(who, request, "submit", values.get("at", NOW))
        assert refusal is None, refusal
        return request

    def approve(self, request: Any, *who: str, at: datetime = NOW) -> None:
        """Approve a request tier by tier."""
        for name in who:
            refusal = self.act(name, request, "approve", at)
            assert refusal is None, (name, refusal)

    def certify(self, who: str, request: Any, at: datetime = NOW) -> None:
        """Attach a certificate to a request."""
        file = comments.Attachment(
            name="证明.pdf",
            stored_name=f"opaque{request.id}",
            media_type="application/pdf",
            size=1,
            digest="0" * 64,
            author="",
            at=at,
        )
        with self.desk(who, at):
            comments.attach(self.session, request, file)
            self.session.commit()


def people_it(engine: Engine) -> None:
    """Fill an empty migrated database with the seed, the cast's units and windows, and the cast."""
    from hallpanel import seeding
    from hallpanel.demonstration import people
    from hallpanel.rulebook.discipline.leave_balance import grant_year

    cast = [person for person in people.read_cast() if person.number in NUMBERS.values()]
    codes = {person.unit for person in cast}
    with open_session(engine) as session:
        seeding.seed(session, OPENING)
        with records.at_desk(session, SYSTEM, OPENING):
            files = {
                name: seeding.read_rows(people.DEMO / f"{name}.yaml")
                for name in ("unit", "service_window", "post")
            }
            files["unit"] = [row for row in files["unit"] if row["code"] in codes]
            files["service_window"] = [r for r in files["service_window"] if r["unit"] in codes]
            staff = [person.row() for person in cast]
            served = [row for person in cast for row in person.assignments()]
            sower = seeding.Sower(session, OPENING)
            sower.sow(files | {"staff": staff, "window_assignment": served})
            _open_accounts(session, cast)
            grant_year(session, hall_day(OPENING).year, OPENING)
            session.commit()


def _open_accounts(session: HallSession, cast: list[Any]) -> None:
    staff = {person.number: person for person in session.scalars(select(REGISTRY["staff"]))}
    names = {number: name for name, number in NUMBERS.items()}
    for person in cast:
        member = staff[person.number]
        account = create_account(
            session, names[person.number], person.name, None, OPENING, staff_id=member.id
        )
        for role in person.roles:
            unit_id = member.unit_id if role in HELD_OVER_A_UNIT else None
            grant(session, account.id, role, OPENING, unit_id=unit_id)


def peopled(run: Any, server: Any) -> str:
    """Name the run's database with the cast, from which each test gets a copy."""
    template = f"peopled_{type(server).__name__.lower()}"
    empty = migrated(run, server)
    with once(run, template) as first:
        if first:
            server.drop(template)
            server.copy(empty, template)
            engine = open_engine(server.url(template))
            people_it(engine)
            if engine.dialect.name == "sqlite":
                with engine.connect() as connection:
                    driver = connection.connection.driver_connection
                    driver.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            engine.dispose()
    return template


@pytest.fixture
def peopled_engine(server: Any, fresh_name: str, run: Any, entities: None) -> Iterator[Engine]:
    """An engine on a database with the cast, for this test alone."""
    server.copy(peopled(run, server), fresh_name)
    engine = open_engine(server.url(fresh_name))
    yield engine
    engine.dispose()
    server.drop(fresh_name)


@pytest.fixture
def cast(peopled_engine: Engine) -> Iterator[Hall]:
    """The cast at work in a hall of this test's own."""
    hall = Hall(peopled_engine)
    yield hall
    hall.session.close()
