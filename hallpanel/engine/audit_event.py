"""The audit book itself: its pages, its head, the digest that chains them, and what guards them."""

import hashlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Connection,
    Dialect,
    Index,
    Integer,
    String,
    Table,
    event,
    insert,
    select,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import TypeDecorator

from hallpanel.engine.conflict import table_of
from hallpanel.engine.store import Base, Json, UtcDateTime, canonical_json

GENESIS = "0" * 64
ALGORITHM = "sha256"
ALGORITHMS: Mapping[str, Callable[[bytes], str]] = {
    "sha256": lambda content: hashlib.sha256(content).hexdigest(),
}
Sequence = BigInteger().with_variant(Integer, "sqlite")


class RecordKey(TypeDecorator[str]):
    """The key of any record, as text: most keys are numbers, a clause's is not."""

    impl = String
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        """Write a number as text, so that `record_id == record.id` finds it on both databases."""
        return None if value is None else str(value)


class AuditEvent(Base):
    """Who did what to which record, when, from where, and what it was before; never changed."""

    __tablename__ = "audit_event"
    __table_args__ = (
        Index("ix_audit_event_record", "table_name", "record_id", "seq"),
        Index("ix_audit_event_actor", "actor_account_id", "seq"),
        Index("ix_audit_event_at", "at", "seq"),
    )

    seq: Mapped[int] = mapped_column(Sequence, primary_key=True, autoincrement=False)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    action: Mapped[str]
    table_name: Mapped[str | None]
    record_id: Mapped[str | None] = mapped_column(RecordKey)
    unit_id: Mapped[int | None]
    clause: Mapped[str | None]
    actor_account_id: Mapped[int | None]
    actor_name: Mapped[str]
    on_behalf_of: Mapped[str | None]
    role: Mapped[str | None]
    reason: Mapped[str | None]
    before: Mapped[Any] = mapped_column(Json, nullable=True)
    after: Mapped[Any] = mapped_column(Json, nullable=True)
    address: Mapped[str | None]
    session_hash: Mapped[str | None]
    request_id: Mapped[str | None]
    result: Mapped[str]
    algorithm: Mapped[str]
    previous_digest: Mapped[str]
    digest: Mapped[str]


class AuditHead(Base):
    """The number and digest of the newest event; its one row puts all writers in one queue."""

    __tablename__ = "audit_head"
    __table_args__ = (CheckConstraint("id = 1", name="single"),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    seq: Mapped[int] = mapped_column(BigInteger)
    digest: Mapped[str]


EVENTS = table_of(AuditEvent)
HEAD = table_of(AuditHead)
HASHED = tuple(column.name for column in EVENTS.columns if column.name != "digest")


def digest_of(values: Mapping[str, Any]) -> str:
    """The digest of an event: over all its columns, the previous digest among them.

    `before` and `after` are taken as their JSON text, `at` as an instant or SQLite's text of one,
    so that also a page which can no longer be read is hashed. An unknown algorithm gives "".
    """
    algorithm = ALGORITHMS.get(str(values["algorithm"]))
    if algorithm is None:
        return ""
    content = {name: values[name] for name in HASHED} | {"at": _instant(values["at"])}
    return algorithm(canonical_json(content).encode("utf-8", "surrogatepass"))


def _instant(at: datetime | str) -> str:
    """One spelling of an instant, whichever database it comes from."""
    if isinstance(at, str):
        with suppress(ValueError):
            return _instant(datetime.fromisoformat(at))
        return at
    aware = at.replace(tzinfo=UTC) if at.tzinfo is None else at
    return aware.astimezone(UTC).isoformat(timespec="microseconds")


def found(connection: Connection) -> None:
    """Open the book: write the head's row unless it is there."""
    if connection.execute(select(HEAD.c.id)).first() is None:
        connection.execute(insert(HEAD).values(id=1, seq=0, digest=GENESIS))


@dataclass(frozen=True)
class Trigger:
    """A trigger that refuses what the book forbids, and the statements that make it."""

    name: str
    table: str
    create: tuple[str, ...]


def _on_sqlite(name: str, table: str, occasion: str, against: str) -> Trigger:
    body = f"BEGIN SELECT RAISE(ABORT, '{against}'); END"
    return Trigger(name, table, (f"CREATE TRIGGER {name} BEFORE {occasion} {body}",))


def _on_postgresql(name: str, table: str, occasion: str, against: str) -> Trigger:
    body = f"BEGIN RAISE EXCEPTION '{against}'; END"
    function = (
        f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ {body} $$"
    )
    trigger = f"CREATE TRIGGER {name} BEFORE {occasion} EXECUTE FUNCTION {name}()"
    return Trigger(name, table, (function, trigger))


NEVER = "audit events are never changed or removed"
ONWARD = "the head of the audit only moves on"

TRIGGERS: Mapping[str, tuple[Trigger, ...]] = {
    "sqlite": (
        _on_sqlite("audit_event_update", "audit_event", "UPDATE ON audit_event", NEVER),
        _on_sqlite("audit_event_delete", "audit_event", "DELETE ON audit_event", NEVER),
        # INSERT OR REPLACE removes the row in its way without asking the trigger above.
        _on_sqlite(
            "audit_event_replace",
            "audit_event",
            "INSERT ON audit_event WHEN EXISTS (SELECT 1 FROM audit_event WHERE seq = NEW.seq)",
            NEVER,
        ),
        _on_sqlite("audit_head_delete", "audit_head", "DELETE ON audit_head", ONWARD),
        _on_sqlite(
            "audit_head_update",
            "audit_head",
            "UPDATE ON audit_head WHEN NEW.seq < OLD.seq OR NEW.id <> OLD.id",
            ONWARD,
        ),
        _on_sqlite(
            "audit_head_replace",
            "audit_head",
            "INSERT ON audit_head WHEN EXISTS (SELECT 1 FROM audit_head WHERE id = NEW.id)",
            ONWARD,
        ),
    ),
    "postgresql": (
        _on_postgresql(
            "audit_event_change",
            "audit_event",
            "UPDATE OR DELETE ON audit_event FOR EACH ROW",
            NEVER,
        ),
        _on_postgresql("audit_event_truncate", "audit_event", "TRUNCATE ON audit_event", NEVER),
        _on_postgresql(
            "audit_head_delete", "audit_head", "DELETE ON audit_head FOR EACH ROW", ONWARD
        ),
        _on_postgresql("audit_head_truncate", "audit_head", "TRUNCATE ON audit_head", ONWARD),
        _on_postgresql(
            "audit_head_update",
            "audit_head",
            "UPDATE ON audit_head FOR EACH ROW WHEN (NEW.seq < OLD.seq OR NEW.id <> OLD.id)",
            ONWARD,
        ),
    ),
}


def triggers(dialect_name: str) -> tuple[str, ...]:
    """The statements that put the book under guard, for a migration to execute."""
    return tuple(ddl for trigger in TRIGGERS[dialect_name] for ddl in trigger.create)


def drop_triggers(dialect_name: str) -> tuple[str, ...]:
    """The statements that take the guard away, for a migration that rebuilds the book."""
    if dialect_name == "postgresql":
        return tuple(f"DROP FUNCTION {t.name}() CASCADE" for t in TRIGGERS[dialect_name])
    return tuple(f"DROP TRIGGER {t.name}" for t in TRIGGERS[dialect_name])


def unguarded(connection: Connection) -> list[str]:
    """The triggers that ought to guard the book and are not there."""
    catalogue = {
        "sqlite": "SELECT name FROM sqlite_master WHERE type = 'trigger'",
        "postgresql": "SELECT tgname FROM pg_trigger WHERE tgenabled <> 'D'",
    }
    dialect = connection.dialect.name
    present = set(connection.scalars(text(catalogue[dialect])))
    return [trigger.name for trigger in TRIGGERS[dialect] if trigger.name not in present]


def _open_under_guard(table: Table, connection: Connection, **_: Any) -> None:
    """Guard a table of the book from its first moment; the head comes with its row."""
    if table is HEAD:
        found(connection)
    for trigger in TRIGGERS[connection.dialect.name]:
        for ddl in trigger.create if trigger.table == table.name else ():
            connection.exec_driver_sql(ddl)


for _table in (EVENTS, HEAD):
    event.listen(_table, "after_create", _open_under_guard)
