"""The audit book itself: its pages, its head, the digest that chains them, and what guards them."""

import hashlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from cryptography.hazmat.primitives import hashes
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
KEPT_DAYS = 190
"""No event goes before it is this old: six months and a margin (CSL 23(3), AUD-6)."""


def _sm3(content: bytes) -> str:
    """The digest of GB/T 32905, for halls that must use it."""
    made = hashes.Hash(hashes.SM3())
    made.update(content)
    return made.finalize().hex()


ALGORITHMS: Mapping[str, Callable[[bytes], str]] = {
    "sha256": lambda content: hashlib.sha256(content).hexdigest(),
    "sm3": _sm3,
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


class AuditArchive(Base):
    """The link that stands for the events moved to a file, so that the chain after them holds."""

    __tablename__ = "audit_archive"

    last_seq: Mapped[int] = mapped_column(Sequence, primary_key=True, autoincrement=False)
    first_seq: Mapped[int] = mapped_column(BigInteger)
    previous_digest: Mapped[str]
    digest: Mapped[str]
    file_digest: Mapped[str]
    archived_at: Mapped[datetime] = mapped_column(UtcDateTime)


EVENTS = table_of(AuditEvent)
HEAD = table_of(AuditHead)
ARCHIVE = table_of(AuditArchive)
BOOK = (EVENTS, HEAD, ARCHIVE)
HASHED = tuple(column.name for column in EVENTS.columns if column.name != "digest")


def digest_of(values: Mapping[str, Any]) -> str:
    """The digest of an event: over all its columns, the previous digest among them.

    `before` and `after` are taken as their JSON text, `at` as an instant or SQLite's text of one,
    so that also a page which can no longer be read is hashed. An unknown algorithm gives "".
    """
    algorithm = ALGORITHMS.get(str(values["algorithm"]))
    if algorithm is None:
        return ""
    content = {name: values[name] for name in HASHED} | {"at": instant_text(values["at"])}
    return algorithm(canonical_json(content).encode("utf-8", "surrogatepass"))


def instant_text(at: datetime | str) -> str:
    """One spelling of an instant, whichever database it comes from."""
    if isinstance(at, str):
        with suppress(ValueError):
            return instant_text(datetime.fromisoformat(at))
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

# As the first migration put them; a later one lets events go into an archive.
FIRST_TRIGGERS: Mapping[str, tuple[Trigger, ...]] = {
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


LINKED = "a link stands for old events that are as they were written, and is never changed"

# An event may go when it is old enough by the database's own clock and a link stands for it.
_MAY_GO_SQLITE = f"""
    coalesce(julianday(OLD.at) < julianday('now', '-{KEPT_DAYS} days'), 0)
    AND EXISTS (SELECT 1 FROM audit_archive WHERE OLD.seq BETWEEN first_seq AND last_seq)
"""  # noqa: S608 - a constant
_IS_LINK_SQLITE = f"""
    NEW.first_seq = (SELECT coalesce(max(last_seq), 0) + 1 FROM audit_archive)
    AND EXISTS (SELECT 1 FROM audit_event
                WHERE seq = NEW.first_seq AND previous_digest = NEW.previous_digest)
    AND EXISTS (SELECT 1 FROM audit_event WHERE seq = NEW.last_seq AND digest = NEW.digest)
    AND NOT EXISTS (SELECT 1 FROM audit_event WHERE seq <= NEW.last_seq AND coalesce(
        julianday(at) >= julianday('now', '-{KEPT_DAYS} days'), 1))
"""  # noqa: S608 - a constant

# The names of the tables are taken with their schema: a temporary table must not stand for one.
_MAY_GO_POSTGRESQL = f"""
    DECLARE goes boolean := false;
    BEGIN
        IF TG_OP = 'DELETE' AND OLD.at < now() - interval '{KEPT_DAYS} days' THEN
            EXECUTE 'SELECT EXISTS (SELECT 1 FROM ' || quote_ident(TG_TABLE_SCHEMA)
                || '.audit_archive WHERE $1 BETWEEN first_seq AND last_seq)'
                INTO goes USING OLD.seq;
        END IF;
        IF goes THEN RETURN OLD; END IF;
        RAISE EXCEPTION '{NEVER}';
    END
"""  # noqa: S608 - a constant
_IS_LINK_POSTGRESQL = f"""
    DECLARE
        holds boolean;
        links text := quote_ident(TG_TABLE_SCHEMA) || '.audit_archive ';
        events text := quote_ident(TG_TABLE_SCHEMA) || '.audit_event ';
    BEGIN
        EXECUTE 'SELECT $1 = (SELECT coalesce(max(last_seq), 0) + 1 FROM ' || links || ')'
            || ' AND EXISTS (SELECT 1 FROM ' || events
            || 'WHERE seq = $1 AND previous_digest = $3)'
            || ' AND EXISTS (SELECT 1 FROM ' || events || 'WHERE seq = $2 AND digest = $4)'
            || ' AND NOT EXISTS (SELECT 1 FROM ' || events
            || 'WHERE seq <= $2 AND at >= now() - interval ''{KEPT_DAYS} days'')'
            INTO holds USING NEW.first_seq, NEW.last_seq, NEW.previous_digest, NEW.digest;
        IF holds THEN RETURN NEW; END IF;
        RAISE EXCEPTION '{LINKED}';
    END
"""  # noqa: S608 - a constant


def _function(name: str, table: str, occasion: str, body: str) -> Trigger:
    function = f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $${body}$$"
    trigger = f"CREATE TRIGGER {name} BEFORE {occasion} EXECUTE FUNCTION {name}()"
    return Trigger(name, table, (function, trigger))


_ARCHIVING: Mapping[str, tuple[Trigger, ...]] = {
    "sqlite": (
        _on_sqlite(
            "audit_event_delete",
            "audit_event",
            f"DELETE ON audit_event WHEN NOT ({_MAY_GO_SQLITE})",
            NEVER,
        ),
        _on_sqlite(
            "audit_archive_insert",
            "audit_archive",
            f"INSERT ON audit_archive WHEN NOT ({_IS_LINK_SQLITE})",
            LINKED,
        ),
        _on_sqlite("audit_archive_update", "audit_archive", "UPDATE ON audit_archive", LINKED),
        _on_sqlite("audit_archive_delete", "audit_archive", "DELETE ON audit_archive", LINKED),
    ),
    "postgresql": (
        _function(
            "audit_event_change",
            "audit_event",
            "UPDATE OR DELETE ON audit_event FOR EACH ROW",
            _MAY_GO_POSTGRESQL,
        ),
        _function(
            "audit_archive_insert",
            "audit_archive",
            "INSERT ON audit_archive FOR EACH ROW",
            _IS_LINK_POSTGRESQL,
        ),
        _on_postgresql(
            "audit_archive_change",
            "audit_archive",
            "UPDATE OR DELETE ON audit_archive FOR EACH ROW",
            LINKED,
        ),
        _on_postgresql(
            "audit_archive_truncate", "audit_archive", "TRUNCATE ON audit_archive", LINKED
        ),
    ),
}


def _present(dialect_name: str) -> tuple[Trigger, ...]:
    """The guards of today: those of the first edition, in their newest form, and the links'."""
    first = {trigger.name: trigger for trigger in FIRST_TRIGGERS[dialect_name]}
    return tuple((first | {one.name: one for one in _ARCHIVING[dialect_name]}).values())


TRIGGERS: Mapping[str, tuple[Trigger, ...]] = {name: _present(name) for name in FIRST_TRIGGERS}


def triggers(dialect_name: str) -> tuple[str, ...]:
    """The statements with which the first migration put the book under guard."""
    return tuple(ddl for trigger in FIRST_TRIGGERS[dialect_name] for ddl in trigger.create)


def guards(dialect_name: str) -> tuple[str, ...]:
    """The statements that put the whole book under guard, its archive among it."""
    return tuple(ddl for trigger in TRIGGERS[dialect_name] for ddl in trigger.create)


def drop_triggers(dialect_name: str) -> tuple[str, ...]:
    """The statements that take the guard away, for a migration that rebuilds the book."""
    return _dropped(dialect_name, TRIGGERS[dialect_name])


def drop_first_triggers(dialect_name: str) -> tuple[str, ...]:
    """The same for the guards of the first migration."""
    return _dropped(dialect_name, FIRST_TRIGGERS[dialect_name])


def _dropped(dialect_name: str, guarding: tuple[Trigger, ...]) -> tuple[str, ...]:
    if dialect_name == "postgresql":
        return tuple(f"DROP FUNCTION {trigger.name}() CASCADE" for trigger in guarding)
    return tuple(f"DROP TRIGGER {trigger.name}" for trigger in guarding)


def present_triggers(connection: Connection) -> set[str]:
    """The names of all triggers that are in force in the database."""
    catalogue = {
        "sqlite": "SELECT name FROM sqlite_master WHERE type = 'trigger'",
        "postgresql": "SELECT tgname FROM pg_trigger WHERE tgenabled <> 'D'",
    }
    return set(connection.scalars(text(catalogue[connection.dialect.name])))


def unguarded(connection: Connection) -> list[str]:
    """The triggers that ought to guard the book and are not there."""
    present = present_triggers(connection)
    return [one.name for one in TRIGGERS[connection.dialect.name] if one.name not in present]


def _open_under_guard(table: Table, connection: Connection, **_: Any) -> None:
    """Guard a table of the book from its first moment; the head comes with its row."""
    if table is HEAD:
        found(connection)
    for trigger in TRIGGERS[connection.dialect.name]:
        for ddl in trigger.create if trigger.table == table.name else ():
            connection.exec_driver_sql(ddl)


for _table in BOOK:
    event.listen(_table, "after_create", _open_under_guard)
