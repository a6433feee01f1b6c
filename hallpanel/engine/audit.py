"""The audit trail: what is done is written with the change itself, in one chain, and never changed.

An event waits in the session until the commit, is numbered and chained there, and goes into the
same transaction: without its audit a change does not happen, and what is undone leaves no event.
"""

import json
import secrets
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, event, insert, select, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session, SessionTransaction

from hallpanel.engine.audit_event import (
    ALGORITHM,
    ALGORITHMS,
    ARCHIVE,
    BOOK,
    EVENTS,
    GENESIS,
    HEAD,
    KEPT_DAYS,
    TRIGGERS,
    AuditArchive,
    AuditEvent,
    AuditHead,
    digest_of,
    drop_first_triggers,
    drop_triggers,
    found,
    guards,
    triggers,
    unguarded,
)
from hallpanel.engine.audit_verify import (
    Problem,
    Tampering,
    Verdict,
    anchor,
    check_anchor,
    verify,
)
from hallpanel.engine.errors import AuditUnwritable, NoActor
from hallpanel.engine.store import canonical_json

__all__ = [
    "ALGORITHM",
    "ALGORITHMS",
    "ARCHIVE",
    "BOOK",
    "DIGEST",
    "GENESIS",
    "KEPT_DAYS",
    "TRIGGERS",
    "AuditArchive",
    "AuditContext",
    "AuditEvent",
    "AuditHead",
    "Event",
    "Problem",
    "Tampering",
    "Verdict",
    "anchor",
    "check_anchor",
    "context",
    "drop_first_triggers",
    "drop_triggers",
    "found",
    "guards",
    "install",
    "is_writable",
    "record",
    "triggers",
    "unguarded",
    "verify",
]

CONTEXT = "audit_context"
QUEUE = "audit_queue"
DONE = "done"
DIGEST = "audit_digest"
"""The execution option of an engine that says which digest new events get."""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class AuditContext:
    """Who acts, when, in which office, for whom and from where, as the door knows it."""

    at: datetime
    actor_account_id: int | None
    actor_name: str
    role: str | None = None
    on_behalf_of: str | None = None
    address: str | None = None
    session_hash: str | None = None
    request_id: str | None = None


@dataclass(frozen=True)
class Event:
    """What was done to which record. `at` is for a deed that has its own instant."""

    action: str
    table_name: str | None = None
    record_id: int | str | None = None
    unit_id: int | None = None
    clause: str | None = None
    reason: str | None = None
    before: Mapping[str, Any] | None = None
    after: Mapping[str, Any] | None = None
    result: str = DONE
    at: datetime | None = None


@dataclass
class _Queue:
    """The events of one transaction that are not yet in the book."""

    waiting: list[dict[str, Any]] = field(default_factory=list)
    savepoints: dict[SessionTransaction, int] = field(default_factory=dict)
    broken: bool = False

    def keep_commit_waiting(self, _connection: Connection) -> None:
        """Stop a commit that would leave events behind."""
        if self.waiting:
            raise RuntimeError("a change was to be committed without its audit events")


@contextmanager
def context(session: Session, current: AuditContext) -> Iterator[Session]:
    """Say for a while who acts in a session."""
    before = session.info.get(CONTEXT)
    session.info[CONTEXT] = current
    try:
        yield session
    finally:
        session.info[CONTEXT] = before


def record(session: Session, done: Event) -> None:
    """Note what is being done; it enters the book when the session commits.

    Raises:
        NoActor: nobody is known to act in this session.
    """
    current: AuditContext | None = session.info.get(CONTEXT)
    if current is None:
        raise NoActor(f"{done.action!r} cannot be audited: the session does not know who acts")
    _queue_of(session).waiting.append(_values(current, done))


def install(session_class: type[Session]) -> None:
    """Put the book under every session of a class; installing twice is installing once."""
    if event.contains(session_class, "before_commit", _write):
        return
    event.listen(session_class, "before_commit", _write)
    event.listen(session_class, "after_transaction_create", _note_savepoint)
    event.listen(session_class, "after_commit", _keep_savepoint)
    event.listen(session_class, "after_transaction_end", _forget)


def _queue_of(session: Session) -> _Queue:
    queue: _Queue | None = session.info.get(QUEUE)
    if queue is None:
        queue = session.info[QUEUE] = _Queue()
        event.listen(session.connection(), "commit", queue.keep_commit_waiting)
        queue.savepoints = dict.fromkeys(_open_savepoints(session), 0)
    return queue


def _open_savepoints(session: Session) -> Iterator[SessionTransaction]:
    transaction = session.get_nested_transaction()
    while transaction is not None:
        if transaction.nested:
            yield transaction
        transaction = transaction.parent


def _values(current: AuditContext, done: Event) -> dict[str, Any]:
    """The columns of an event, all but its place in the chain, as they are at this moment."""
    words = {
        "action": done.action,
        "table_name": done.table_name,
        "record_id": done.record_id,
        "clause": done.clause,
        "actor_name": current.actor_name,
        "on_behalf_of": current.on_behalf_of,
        "role": current.role,
        "reason": done.reason,
        "address": current.address,
        "session_hash": current.session_hash,
        "request_id": current.request_id,
        "result": done.result,
    }
    return {
        "at": done.at or current.at,
        "unit_id": done.unit_id,
        "actor_account_id": current.actor_account_id,
        "before": _as_of_now(done.before),
        "after": _as_of_now(done.after),
        **{name: None if said is None else _storable(str(said)) for name, said in words.items()},
    }


def _as_of_now(facts: Mapping[str, Any] | None) -> Any:
    """A copy of the facts that no later change of the record reaches."""
    return None if facts is None else json.loads(_storable(canonical_json(facts)))


def _storable(words: str) -> str:
    """Words that both databases take: what a stranger typed must not keep its event out."""
    return words.replace("\x00", "\ufffd").encode("utf-8", "replace").decode()


def _write(session: Session) -> None:
    """At the outermost commit: number, chain and insert what waits."""
    if session.in_nested_transaction():
        return
    # The last flush may record events too, and they belong to this commit.
    session.flush()
    queue: _Queue | None = session.info.get(QUEUE)
    if queue is None or not queue.waiting:
        return
    if queue.broken:
        raise RuntimeError("the audit of this change failed: roll back before going on")
    queue.broken = True
    _append(session.connection(), queue.waiting)
    queue.broken = False
    queue.waiting.clear()


def _append(connection: Connection, waiting: list[dict[str, Any]]) -> None:
    """Add events at the end of the chain. Taking the head makes other writers wait till we end."""
    take = update(HEAD).values(seq=HEAD.c.seq + len(waiting)).returning(HEAD.c.seq, HEAD.c.digest)
    try:
        head = connection.execute(take).one_or_none()
        if head is None:
            raise RuntimeError("the audit book was never opened: migrate the database")
        algorithm = connection.get_execution_options().get(DIGEST, ALGORITHM)
        rows = list(_chained(waiting, head.seq - len(waiting), head.digest, algorithm))
        connection.execute(insert(EVENTS), rows)
        connection.execute(update(HEAD).values(digest=rows[-1]["digest"]))
    except DBAPIError as error:
        raise AuditUnwritable(error) from error


def is_writable(connection: Connection) -> bool:
    """Whether an event could be written now; tried for real, and taken back."""
    probe = {"seq": -1 - secrets.randbelow(2**31), "at": EPOCH, "action": "probe"}
    row = probe | {"actor_name": "", "result": DONE, "algorithm": ALGORITHM}
    try:
        with connection.begin_nested() as savepoint:
            connection.execute(update(HEAD).where(HEAD.c.id != HEAD.c.id).values(seq=HEAD.c.seq))
            connection.execute(insert(EVENTS).values(row | {"previous_digest": "", "digest": ""}))
            savepoint.rollback()
    except DBAPIError:
        return False
    return connection.scalar(select(HEAD.c.id)) is not None


def _chained(
    waiting: Iterable[dict[str, Any]], seq: int, previous: str, algorithm: str
) -> Iterator[dict[str, Any]]:
    for place, values in enumerate(waiting, seq + 1):
        row = values | {"seq": place, "algorithm": algorithm, "previous_digest": previous}
        texts = {name: _text(row[name]) for name in ("before", "after")}
        previous = digest_of(row | texts)
        yield row | {"digest": previous}


def _text(facts: Any) -> str | None:
    return None if facts is None else canonical_json(facts)


def _note_savepoint(session: Session, transaction: SessionTransaction) -> None:
    """Remember how many events waited when a savepoint began."""
    queue: _Queue | None = session.info.get(QUEUE)
    if queue is not None and transaction.nested:
        queue.savepoints[transaction] = len(queue.waiting)


def _keep_savepoint(session: Session) -> None:
    """A savepoint was released: its events wait with the rest."""
    queue: _Queue | None = session.info.get(QUEUE)
    savepoint = session.get_nested_transaction()
    if queue is not None and savepoint is not None:
        queue.savepoints.pop(savepoint, None)


def _forget(session: Session, transaction: SessionTransaction) -> None:
    """Drop the events of what was rolled back or abandoned, to its savepoint or altogether."""
    if transaction.parent is None:
        session.info.pop(QUEUE, None)
        return
    queue: _Queue | None = session.info.get(QUEUE)
    if queue is not None and transaction in queue.savepoints:
        del queue.waiting[queue.savepoints.pop(transaction) :]
