"""The trail of a record: each change to it becomes one audit event, written with the change.

Nobody calls this to write: a listener under every flush reads what changed. A transition only
says which verb and reason its changes belong to.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import event, inspect, select
from sqlalchemy.orm import Session, SessionTransaction, UOWTransaction

from hallpanel.engine import audit, masking, sealing
from hallpanel.engine.entity import REGISTRY, Field, Kind, Regulated
from hallpanel.engine.errors import ClosedRecord, NoActor
from hallpanel.engine.store import plain_value
from hallpanel.engine.words import _l

STATE_IS_SET = _l("a state is changed by a transition only")
UNTOLD = frozenset({"id", "version", "created_at", "row_key"})


@dataclass
class Change:
    """What became of one record in one go; several flushes of one transition add up."""

    action: str
    record: Regulated
    clause: str | None
    reason: str | None
    context: audit.AuditContext
    before: dict[str, Any] = field(default_factory=dict)
    after: dict[str, Any] = field(default_factory=dict)


@contextmanager
def doing(act: Any) -> Iterator[None]:
    """Changes to the record within belong to a transition, which alone may change its state."""
    info = act.session.info
    outer, context = info.get("doing"), info.get(audit.CONTEXT)
    info["doing"] = (act.record, act.transition, act.reason)
    if context is not None:
        info[audit.CONTEXT] = replace(context, on_behalf_of=act.on_behalf_of)
    try:
        yield
    finally:
        info["doing"], info[audit.CONTEXT] = outer, context


def install(session_class: type[Session]) -> None:
    """Put the listeners under every session of a class, before the audit's own."""
    if event.contains(session_class, "after_flush", _collect):
        return
    event.listen(session_class, "before_flush", _keep_the_rules)
    event.listen(session_class, "after_flush", _collect)
    event.listen(session_class, "before_commit", _hand_over)
    event.listen(session_class, "after_transaction_create", _note_savepoint)
    event.listen(session_class, "after_commit", _keep_savepoint)
    event.listen(session_class, "after_transaction_end", _forget)
    audit.install(session_class)


def last_decision(session: Session, record: Regulated) -> str | None:
    """The name of whoever made the last change to a record."""
    event_ = audit.AuditEvent
    query = (
        select(event_.actor_name)
        .where(event_.table_name == record.__tablename__, event_.record_id == record.id)
        .order_by(event_.seq.desc())
        .limit(1)
    )
    return session.scalar(query)


def present_state(session: Session, record: Regulated) -> str | None:
    """The state of a record as the database has it."""
    entity = type(record)
    state = session.scalar(select(entity.state).where(entity.id == record.id))
    return None if state is None else str(state)


def _keep_the_rules(session: Session, _context: UOWTransaction, _instances: Any) -> None:
    for record in session.new:
        workflow = record.workflow if isinstance(record, Regulated) else None
        if workflow is not None and record.state not in (None, workflow.initial):
            raise ClosedRecord(STATE_IS_SET)
    for record in session.dirty:
        if isinstance(record, Regulated) and session.is_modified(record):
            _keep_state(session, record)
    for record in session.deleted:
        if isinstance(record, Regulated) and record.workflow is not None and not record.retires:
            raise ClosedRecord(_l("a record of the hall is not deleted; withdraw it instead"))


def _keep_state(session: Session, record: Regulated) -> None:
    """A state changes by a transition; a record past its first states is not edited."""
    workflow = record.workflow
    if workflow is None or _current(session, record) is not None:
        return
    changed = {name for name in _columns(record) if _changed(record, name)}
    if "state" in changed:
        raise ClosedRecord(STATE_IS_SET)
    editable = record.editable_in or (workflow.initial,)
    if record.state not in editable and changed - UNTOLD:
        raise ClosedRecord(
            _l("it can no longer be edited; its state is “%(state)s”", state=_state_word(record)),
            record.clause,
        )


def _columns(record: Regulated) -> list[str]:
    return [attribute.key for attribute in record.__mapper__.column_attrs]


def _state_word(record: Regulated) -> Any:
    return record.state_labels()[record.state.value]


def _changed(record: Regulated, name: str) -> bool:
    return bool(inspect(record).attrs[name].history.has_changes())


def _current(session: Session, record: Regulated) -> Any:
    current = session.info.get("doing")
    return current if current is not None and current[0] is record else None


def _collect(session: Session, _context: UOWTransaction) -> None:
    for record in session.new:
        if isinstance(record, Regulated):
            _note(session, record, "create")
    for record in session.dirty:
        if isinstance(record, Regulated) and session.is_modified(record):
            _note(session, record, "edit")
    for record in session.deleted:
        if isinstance(record, Regulated):
            _note(session, record, "delete")


def _note(session: Session, record: Regulated, action: str) -> None:
    changes: dict[tuple[int, str], Change] = session.info.setdefault("changes", {})
    current = _current(session, record)
    clause, reason = record.clause, None
    if current is not None and action == "edit":
        _, transition, reason = current
        action, clause = transition.verb, transition.clause
    elif action == "edit" and (id(record), "create") in changes:
        action = "create"
    _remember(session, (id(record), action))
    change = changes.setdefault(
        (id(record), action), Change(action, record, clause, reason, _context(session, action))
    )
    before, after = _difference(session, record, action)
    change.before = before | change.before
    change.after |= after


def _difference(
    session: Session, record: Regulated, action: str
) -> tuple[dict[str, Any], dict[str, Any]]:
    before: dict[str, Any] = {}
    after: dict[str, Any] = {}
    fields = type(record).fields()
    for name, declared in fields.items():
        history = inspect(record).attrs[declared.column].history
        if action == "delete":
            before[name] = _told(session, declared, getattr(record, declared.column), record)
        elif action == "create":
            if history.added and history.added[0] is not None:
                after[name] = _told(session, declared, history.added[0], record)
        elif history.deleted and history.deleted != history.added:
            value = history.added[0] if history.added else None
            before[name] = _told(session, declared, history.deleted[0], record)
            after[name] = _told(session, declared, value, record)
    return before, after


def _told(session: Session, declared: Field, value: Any, record: Regulated) -> Any:
    """A value as the trail keeps it: a masked one masked, a related thing with its name of now."""
    if value is None:
        return None
    if declared.sealed:
        return _mask_of(getattr(type(record), declared.name), value, record)
    if declared.mask is not None:
        return masking.masked(declared.mask, str(masking.plain(value)))
    if declared.kind is Kind.RELATION:
        assert declared.target is not None
        return {"id": value, "name": _name_of(session, declared.target, value)}
    return value if isinstance(value, (bool, int, float, str)) else plain_value(value)


def _mask_of(fact: Any, stored: str, record: Regulated) -> str:
    try:
        return str(fact.opened(stored, record.row_key))
    except sealing.Unreadable:
        return masking.masked(masking.Mask.NOTHING, stored)


def _name_of(session: Session, table: str, record_id: int) -> str | None:
    target = REGISTRY[table]
    known = session.identity_map.get(session.identity_key(target, record_id))
    if known is not None and target.title in known.__dict__:
        return str(known.__dict__[target.title])
    columns = target.__table__.c
    query = select(columns[target.title]).where(columns["id"] == record_id)
    name = session.connection().scalar(query)
    return None if name is None else str(name)


def _hand_over(session: Session) -> None:
    """Before the commit: flush the last changes and give all of them to the audit."""
    if session.in_nested_transaction():
        return
    session.flush()
    changes: dict[tuple[int, str], Change] = session.info.pop("changes", {})
    for change in changes.values():
        with audit.context(session, change.context):
            audit.record(session, _event(change))


def _event(change: Change) -> audit.Event:
    record = change.record
    return audit.Event(
        action=change.action,
        table_name=record.__tablename__,
        record_id=record.id,
        unit_id=getattr(record, "unit_id", None),
        clause=change.clause,
        reason=change.reason,
        before=change.before or None,
        after=change.after or None,
    )


def _context(session: Session, action: str) -> audit.AuditContext:
    """Who makes the change, as known when it is made: by the commit they may have left."""
    context: audit.AuditContext | None = session.info.get(audit.CONTEXT)
    if context is None:
        raise NoActor(f"{action!r} cannot be audited: the session does not know who acts")
    return context


def _note_savepoint(session: Session, transaction: SessionTransaction) -> None:
    """Begin to remember what a savepoint's changes were before it; a rollback puts that back.

    Only what changes within is remembered: an import sets a savepoint for each of many rows.
    """
    if transaction.nested:
        session.info.setdefault("savepoints", {})[transaction] = {}


def _remember(session: Session, key: tuple[int, str]) -> None:
    """Keep a change as it is, before more is added to it within a savepoint."""
    undo = session.info.get("savepoints", {}).get(session.get_nested_transaction())
    if undo is None or key in undo:
        return
    change: Change | None = session.info["changes"].get(key)
    undo[key] = change and replace(change, before=dict(change.before), after=dict(change.after))


def _keep_savepoint(session: Session) -> None:
    """A savepoint was released: its changes count with those around it."""
    savepoints = session.info.get("savepoints", {})
    released = session.get_nested_transaction()
    undo = savepoints.pop(released, {})
    outer = released.parent if released is not None else None
    while outer is not None and outer not in savepoints:
        outer = outer.parent
    if outer is not None:
        savepoints[outer] = undo | savepoints[outer]


def _forget(session: Session, transaction: SessionTransaction) -> None:
    """Drop the changes of what was rolled back or abandoned, to its savepoint or altogether."""
    savepoints = session.info.get("savepoints", {})
    if transaction.parent is None:
        session.info.pop("changes", None)
        session.info.pop("savepoints", None)
        return
    changes = session.info.get("changes", {})
    for key, before in savepoints.pop(transaction, {}).items():
        if before is None:
            changes.pop(key, None)
        else:
            changes[key] = before
