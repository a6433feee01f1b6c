"""Where records are kept: the declarative base, column types, and how each database is opened."""

import json
import sqlite3
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum, StrEnum
from typing import Any

from sqlalchemy import DateTime, Dialect, Engine, MetaData, Text, event
from sqlalchemy import Enum as SqlEnum
from sqlalchemy.engine import Connection
from sqlalchemy.orm import DeclarativeBase, Session
from sqlalchemy.types import TypeDecorator

NAMES = {
    "ix": "ix_%(column_0_label)s",
    "uq": "uq_%(table_name)s_%(column_0_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}

LARGEST_INTEGER = 2**31 - 1
"""The largest number that an INTEGER column, such as an id, holds on both databases."""

BUSY_TIMEOUT = "PRAGMA busy_timeout=15000"
SQLITE_PRAGMAS = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",
    "PRAGMA foreign_keys=ON",
    "PRAGMA secure_delete=ON",
    BUSY_TIMEOUT,
)


class Base(DeclarativeBase):
    """Every table of the panel."""

    metadata = MetaData(naming_convention=NAMES)


class UtcDateTime(TypeDecorator[datetime]):
    """An instant: aware on both sides, kept as UTC. SQLite has no zones, so it is put back here."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse a naive instant; keep the rest as UTC."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("an instant needs a zone")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Give the instant back in UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Json(TypeDecorator[Any]):
    """A JSON text, canonical (sorted keys, no spaces) so that equal content is equal text."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        """Write canonical JSON."""
        return None if value is None else canonical_json(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        """Read it back."""
        return None if value is None else json.loads(value)


def canonical_json(value: Any) -> str:
    """JSON in one possible spelling, so that it can be hashed and compared."""
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=plain_value
    )


def plain_value(value: Any) -> Any:
    """A value as JSON holds it: days and instants in ISO form, enums by value, figures as text."""
    match value:
        case Enum():
            return value.value
        case datetime():
            return value.astimezone(UTC).isoformat()
        case date():
            return value.isoformat()
        case Decimal():
            return format(value.normalize(), "f")
    return str(value)


def enum_by_value(enum: type[StrEnum]) -> SqlEnum:
    """A column type that stores an enum's value; the database does not know the list of members."""
    return SqlEnum(
        enum,
        values_callable=lambda members: [m.value for m in members],
        native_enum=False,
        create_constraint=False,
        length=32,
        validate_strings=True,
    )


def prepare_engine(engine: Engine) -> Engine:
    """Open SQLite as durably as PostgreSQL is by itself; change nothing elsewhere.

    A transaction takes the write lock at its start (BEGIN IMMEDIATE), because a reader that turns
    writer half-way can only fail. `reading(engine)` is for transactions that will only read.
    """
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _open_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    return engine


def reading(engine: Engine) -> Engine:
    """The same engine, for transactions that only read and so take no write lock on SQLite."""
    return engine.execution_options(reading=True)


def make_session(engine: Engine) -> Session:
    """A bare session, for tables that no rule of the hall is about; see `records.open_session`."""
    return Session(engine, expire_on_commit=False)


def _open_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None
    for pragma in SQLITE_PRAGMAS:
        connection.execute(pragma)


def _begin_sqlite(connection: Connection) -> None:
    reads = connection.get_execution_options().get("reading")
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")


def fold_log(engine: Engine) -> None:
    """Bring SQLite's log into its file and empty it: deleted values are then in neither (PII-5).

    It waits for nobody, because writers would wait with it: where somebody reads or writes just
    now, the next time does it.
    """
    if engine.dialect.name == "sqlite":
        with engine.connect() as connection:
            driver: Any = connection.connection.driver_connection
            driver.execute("PRAGMA busy_timeout=0")
            try:
                driver.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            finally:
                driver.execute(BUSY_TIMEOUT)
