"""A small hall for the panel's tests: two window units, the offices, and leave in each unit.

The people are those of `seed/demo/cast.yaml`. It is built once in a run for each kind of database
and copied for each test; it is always ten in the morning of Monday, 9 February 2026 there.
"""

import re
from contextlib import contextmanager
from datetime import UTC, date, datetime
from hashlib import sha256

from sqlalchemy import NullPool, create_engine, select

from hallpanel import seeding
from hallpanel.engine import records, workflow
from hallpanel.engine.clock import utc_now
from hallpanel.engine.entity import REGISTRY
from hallpanel.engine.roles import Role
from hallpanel.engine.scope import SYSTEM
from hallpanel.engine.store import Base
from hallpanel.guard import second_factor, sessions
from hallpanel.guard.account import Account, create_account
from hallpanel.guard.actors import actor_of
from hallpanel.guard.granting import HELD_OVER_A_UNIT, grant
from hallpanel.panel.extensions import db
from tests import authenticator
from tests.panel.door import COOKIE, token

NOW = datetime(2026, 2, 9, 2, tzinfo=UTC)
HALVES = {"first_half": "morning", "last_half": "afternoon"}

UNITS = [
    {"code": "A", "name": "税务窗口", "kind": "window", "department": "税务局", "business": "税"},
    {"code": "B", "name": "企业登记窗口", "kind": "window", "department": "市监", "business": "照"},
    {"code": "Y", "name": "大厅办公室", "kind": "office", "department": "政务办", "business": "务"},
]
WINDOWS = [
    {"number": "A01", "unit": "A", "business": "综合申报", "minimum_staff": 1},
    {"number": "A02", "unit": "A", "business": "发票领用", "minimum_staff": 1},
    {"number": "B01", "unit": "B", "business": "企业登记", "minimum_staff": 1},
]
# number, name, unit, window, partner, account, roles
CAST = [
    ("1001", "林慧敏", "A", None, None, "lead.a", [Role.STAFF, Role.LEAD]),
    ("1002", "李梅", "A", "A01", "1003", "staff.a1", [Role.STAFF]),
    ("1003", "陈晓", "A", "A01", "1002", "staff.a2", [Role.STAFF]),
    ("1004", "王思远", "A", "A02", None, None, []),
    ("1101", "周立新", "B", None, None, "lead.b", [Role.STAFF, Role.LEAD]),
    ("1102", "吴彤", "B", "B01", "1103", "staff.b1", [Role.STAFF]),
    ("1103", "黄琳", "B", "B01", "1102", "staff.b2", [Role.STAFF]),
    ("1104", "郑建华", "B", None, None, "reviewer", [Role.STAFF, Role.REVIEWER]),
    ("0001", "赵明远", "Y", None, None, "director", [Role.STAFF, Role.DIRECTOR]),
    ("0002", "钱国梁", "Y", None, None, "deputy", [Role.STAFF, Role.DEPUTY]),
    ("0003", "何文静", "Y", None, None, "halladmin", [Role.STAFF, Role.HALL_ADMIN]),
    ("0004", "冯玉兰", "Y", None, None, "keeper", [Role.STAFF, Role.KEEPER]),
    ("0101", "许志强", "Y", None, None, "sysadmin", [Role.SYSADMIN]),
    ("0102", "韩晓东", "Y", None, None, "secadmin", [Role.SECADMIN]),
    ("0103", "沈若兰", "Y", None, None, "auditor", [Role.AUDITOR]),
    ("0201", "孙雅琴", "Y", None, None, "inspector", [Role.SUPERVISION]),
]
ACCOUNTS = {account: roles for *_, account, roles in CAST if account}


# building it


def furnish(app):
    """Fill an empty migrated database."""
    with app.app_context():
        session = db.session()
        seeding.seed(session, NOW)
        with records.at_desk(session, SYSTEM, NOW):
            seeding.Sower(session, NOW).sow(_tables())
            _open_accounts(session)
            session.commit()
        for unit in ("a", "b"):
            _ask_for_leave(session, unit)


def _tables():
    joined = date(2019, 7, 1)
    return {
        "unit": UNITS,
        "post": [{"name": "窗口工作人员", "duties": "接待"}],
        "service_window": WINDOWS,
        "staff": [
            {
                "number": number,
                "name": name,
                "unit": unit,
                "post": "窗口工作人员",
                "partner": partner,
                "joined_on": joined,
            }
            for number, name, unit, _window, partner, _account, _roles in CAST
        ],
        "window_assignment": [
            {"staff": number, "window": window, "since": joined}
            for number, _name, _unit, window, *_ in CAST
            if window
        ],
    }


def _open_accounts(session):
    staff = {one.number: one for one in session.scalars(select(REGISTRY["staff"]))}
    for number, name, _unit, _window, _partner, username, roles in CAST:
        if username is None:
            continue
        person = staff[number]
        account = create_account(
            session, username, name, None, NOW, staff_id=person.id, must_change_password=False
        )
        for role in roles:
            unit_id = person.unit_id if role in HELD_OVER_A_UNIT else None
            grant(session, account.id, role, NOW, unit_id=unit_id)
        if second_factor.is_required(roles):
            authenticator.hand_out(session, account.id, NOW)


def _ask_for_leave(session, unit):
    """A draft, one that waits for the lead, and an approved half day in each unit."""
    names = (f"staff.{unit}1", f"staff.{unit}2", f"lead.{unit}")
    one, other, lead = (_actor(session, name) for name in names)
    _file(session, one, date(2026, 3, 2), date(2026, 3, 3))
    _file(session, one, date(2026, 3, 9), date(2026, 3, 9), (one, "submit"))
    day = date(2026, 3, 10)
    steps = ((other, "submit"), (lead, "approve"))
    _file(session, other, day, day, *steps, last_half="morning")


def _actor(session, username):
    account = session.scalars(select(Account).where(Account.username == username)).one()
    return actor_of(session, account, NOW)


def _file(session, actor, first, last, *steps, **changed):
    entity = REGISTRY["leave_request"]
    with records.at_desk(session, SYSTEM, NOW):
        kind = session.scalars(
            select(REGISTRY["leave_type"]).where(REGISTRY["leave_type"].code == "personal")
        ).one()
    values = {"leave_type": kind, "first_day": first, "last_day": last, "reason": "家里有事"}
    choices = {
        name: entity.fields()[name].choices(value) for name, value in (HALVES | changed).items()
    }
    with records.at_desk(session, actor, NOW):
        record = records.create(session, entity, values | choices, actor=actor, at=NOW)
        session.commit()
    for who, verb in steps:
        with records.at_desk(session, who, NOW):
            workflow.perform(session, record, verb, actor=who, at=NOW)
            session.commit()
    return record.id


# using it


class Hall:
    """The hall of one test: its panel, its people's browsers, and its tables."""

    def __init__(self, app):
        self.app = app

    def browser(self, username):
        """A browser in which somebody of the cast is signed in."""
        return Visitor(self.app, self._cookie(username))

    def stranger(self):
        """A browser in which nobody is."""
        return Visitor(self.app, None)

    def _cookie(self, username):
        def work(session):
            account = session.scalars(select(Account).where(Account.username == username)).one()
            return sessions.open_session(session, account.id, utc_now())

        return self.work(work)

    def work(self, work, username=None):
        """Do something in the database, as the system or as somebody; its result."""
        with self.app.app_context():
            session = db.session()
            actor = SYSTEM if username is None else _actor(session, username)
            with records.at_desk(session, actor, utc_now()):
                result = work(session)
                session.commit()
            return result

    def ids(self, table, *criteria, **named):
        """The ids of the records that have some values, oldest first."""
        entity = REGISTRY[table]
        wanted = [getattr(entity, name) == value for name, value in named.items()]
        query = select(entity.id).where(*criteria, *wanted).order_by(entity.id)
        return self.work(lambda session: list(session.scalars(query)))

    def id(self, table, **named):
        """The id of the one record that has some values."""
        (only,) = self.ids(table, **named)
        return only

    def id_of_account(self, username):
        """The number of somebody's account."""
        return next(one["id"] for one in self.rows("account") if one["username"] == username)

    def request(self, unit, state):
        """The id of a unit's leave request in a state."""
        return self.id("leave_request", unit_id=self.id("unit", code=unit.upper()), state=state)

    @contextmanager
    def owner(self):
        """A connection of who owns the tables, whom no wall holds up."""
        url = self.app.config.get("HALLPANEL_OWNER_URL")
        with self.app.app_context():
            engine = create_engine(url, poolclass=NullPool) if url else db.engine
            with engine.connect() as connection:
                yield connection

    def see(self, table, record_id):
        """The facts of a record as they are stored, by column."""
        rows = self.rows(table)
        return next((row for row in rows if row["id"] == record_id), None)

    def rows(self, table):
        """All rows of a table, whoever may see them."""
        one = Base.metadata.tables[table]
        with self.owner() as connection:
            found = connection.execute(select(one).order_by(*one.primary_key))
            return [dict(row._mapping) for row in found]

    def digests(self, but=()):
        """What each table holds, in one word a table; equal words, equal tables."""
        tables = [table for table in Base.metadata.sorted_tables if table.name not in but]
        with self.owner() as connection:
            return {table.name: _digest(connection, table) for table in tables}


def _digest(connection, table):
    rows = connection.execute(select(table).order_by(*table.primary_key)).all()
    return sha256(repr(rows).encode("utf-8", "surrogatepass")).hexdigest()


class Visitor:
    """A browser without JavaScript, with the form token of its session."""

    def __init__(self, app, cookie):
        self.client = app.test_client()
        self._token = None
        if cookie is not None:
            self.client.set_cookie(COOKIE, cookie)

    @property
    def token(self):
        """The form token, from a page that opens for everybody who may open any."""
        if self._token is None:
            signed_in = self.client.get_cookie(COOKIE)
            self._token = token(self.client.get("/me/" if signed_in else "/login").text)
        return self._token

    def get(self, address, **options):
        """Open a page."""
        return self.client.get(address, buffered=True, **options)

    def post(self, address, data=None, **options):
        """Send a form with its token."""
        return self.client.post(
            address, data={"csrf_token": self.token, **(data or {})}, buffered=True, **options
        )

    def take(self, address, reason="核对台账", **options):
        """Take a file away; one about people with a reason."""
        return self.post(address, {"reason": reason}, **options)

    def form(self, address):
        """The fields of the last form of a page with their values, as a browser would send them."""
        return fields(self.get(address).text)


def fields(html):
    """The form fields of a page: hidden ones, typed ones, chosen options, ticked boxes."""
    found = {}
    body = html.rpartition("<form class=")[2]
    for tag in re.findall(r"<input[^>]*>", body):
        given = dict(re.findall(r'([\w-]+)="([^"]*)"', tag))
        ticked = given.get("type") not in ("checkbox", "radio") or " checked" in tag
        if "name" in given and ticked:
            found[given["name"]] = given.get("value", "")
    for name, options in re.findall(r'<select[^>]*name="([^"]+)"[^>]*>(.*?)</select>', body, re.S):
        chosen = re.search(r'<option[^>]*selected[^>]*value="([^"]*)"', options) or re.search(
            r'<option[^>]*value="([^"]*)"[^>]*selected', options
        )
        found[name] = chosen[1] if chosen else ""
    for name, text in re.findall(r'<textarea[^>]*name="([^"]+)"[^>]*>(.*?)</textarea>', body, re.S):
        found[name] = text.lstrip("\r\n")
    return found
