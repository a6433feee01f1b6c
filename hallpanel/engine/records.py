"""Records are made, changed, found and removed here, whichever door asks."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session
from sqlalchemy.orm.exc import StaleDataError

from hallpanel.engine import (
    audit,
    clocks,
    facts,
    numbering,
    scope,
    seclusion,
    trail,
    uniqueness,
    wall,
)
from hallpanel.engine.clock import hall_day
from hallpanel.engine.entity import REGISTRY, Kind, Regulated, covers
from hallpanel.engine.errors import ClosedRecord, NotAllowed, Refusal, Stale
from hallpanel.engine.recipients import STAFF
from hallpanel.engine.roles import Reach, Role
from hallpanel.engine.scope import SYSTEM, Actor
from hallpanel.engine.store import LARGEST_INTEGER
from hallpanel.engine.words import _l

Entity = TypeVar("Entity", bound=Regulated)

NUMBER_WIDTH = 5


def install(session_class: type[Session]) -> None:
    """Put scope, trail and audit under every session of a class."""
    scope.install(session_class)
    trail.install(session_class)
    wall.install(session_class)


class HallSession(Session):
    """A session that keeps the rules of the hall, for the command line, the worker and tests."""


install(HallSession)


def open_session(engine: Engine) -> HallSession:
    """A session on a database; what is loaded stays readable after a commit."""
    return HallSession(engine, expire_on_commit=False)


def open_desk(
    session: Session,
    actor: Actor,
    at: datetime,
    *,
    address: str | None = None,
    session_hash: str | None = None,
    request_id: str | None = None,
) -> None:
    """Say who works in this session from now on, since when and from where."""
    scope.set_actor(session, actor)
    session.info[audit.CONTEXT] = replace(
        _context(actor, at), address=address, session_hash=session_hash, request_id=request_id
    )


def _context(actor: Actor, at: datetime) -> audit.AuditContext:
    return audit.AuditContext(
        at=at,
        actor_account_id=actor.account_id,
        actor_name=actor.name,
        role=",".join(sorted(actor.roles)) or None,
    )


@contextmanager
def at_desk(session: Session, actor: Actor, at: datetime) -> Iterator[Session]:
    """Work as an actor for a while; afterwards whoever did before does again, if anybody did."""
    with scope.acting(session, actor), audit.context(session, _context(actor, at)):
        yield session


def find(session: Session, entity: type[Entity], record_id: Any) -> Entity | None:
    """A record by id within the actor's scope; None for a foreign, missing or malformed id."""
    number = as_id(record_id)
    if number is None:
        return None
    return session.scalars(select(entity).where(entity.id == number)).one_or_none()


def as_id(value: Any) -> int | None:
    """An id as both databases can hold it, or None."""
    text = str(value)
    if not text.isascii() or not text.isdigit() or len(text) > len(str(LARGEST_INTEGER)):
        return None
    return int(text) if int(text) <= LARGEST_INTEGER else None


def may_edit(record: Regulated, actor: Actor) -> bool:
    """Whether the actor's own roles reach this record for editing in its present state."""
    entity = type(record)
    if record.workflow is not None:
        editable = record.editable_in or (record.workflow.initial,)
        if record.state not in editable:
            return False
    if actor is SYSTEM:
        return True
    return any(covers(entity, record, actor, role) for role in entity.access.edit)


def create(
    session: Session, entity: type[Entity], values: dict[str, Any], *, actor: Actor, at: datetime
) -> Entity:
    """Make a record; the caller commits.

    Raises:
        Refusal: the actor may not, or a rule objects to the facts.
    """
    if actor is not SYSTEM and not entity.access.may(actor, "create"):
        raise NotAllowed(_l("your role does not create these records"), entity.clause)
    initial = entity.workflow.initial if entity.workflow is not None else None
    facts.keep_rules(entity, values, actor, initial)
    facts.keep_whole(entity, values)
    record = entity(**_defaults(entity, values), **values)
    record.created_at = at
    with session.no_autoflush:
        with scope.acting(session, SYSTEM):
            _fill_owner(session, entity, record, actor)
            _fill_relations(session, entity, record)
            _fill_unit(session, entity, record, actor)
            _keep_bounds(record)
            record.prepare(session, at)
        _within_reach(entity, record, actor)
        _refuse_own(record, actor)
        with scope.acting(session, SYSTEM):
            _raise_problems(session, record, at)
            if entity.secluded:
                record.id = seclusion.drawn_id(session, entity)
            if entity.series:
                record.number = _next_number(session, entity, at)
    with uniqueness.refusing(record, uniqueness.CLASH):
        session.add(record)
        session.flush()
    clocks.move(session, record, clocks.BIRTH, at=at)
    _let_follow(session, record, at)
    return record


def change(
    session: Session,
    record: Regulated,
    values: dict[str, Any],
    *,
    actor: Actor,
    at: datetime,
    version: int | None = None,
) -> None:
    """Edit a record; the caller commits.

    Raises:
        Stale: it was changed since `version` was read. ClosedRecord: its state bars editing.
        Refusal: a rule objects.
    """
    entity = type(record)
    if not may_edit(record, actor):
        raise ClosedRecord(_l("it can no longer be edited, or not by you"), entity.clause)
    _refuse_own(record, actor)
    if version is not None and version != record.version:
        raise Stale(_l("it was changed after you opened it"), entity.clause)
    facts.keep_rules(entity, values, actor, facts.state_of(record))
    facts.keep_whole(entity, values)
    with session.no_autoflush:
        for name, value in values.items():
            setattr(record, name, value)
        with scope.acting(session, SYSTEM):
            _fill_changed(entity, record, values)
            _keep_bounds(record)
            record.prepare(session, at)
            _raise_problems(session, record, at)
    try:
        with uniqueness.refusing(record, uniqueness.CLASH):
            session.flush()
    except StaleDataError:
        session.rollback()
        raise Stale(_l("it was changed after you opened it"), entity.clause) from None
    _let_follow(session, record, at)


def _let_follow(session: Session, record: Regulated, at: datetime) -> None:
    with scope.acting(session, SYSTEM):
        record.saved(session, at)
    session.flush()


def _refuse_own(record: Regulated, actor: Actor) -> None:
    """What others say of a person is not said by that person, nor by who stands in for them."""
    if record.by_others and actor is not SYSTEM and record.concerns(actor):
        raise NotAllowed(_l("nobody keeps a record of this kind about themselves"), record.clause)


def remove(session: Session, record: Regulated, *, actor: Actor) -> None:
    """Delete a record that nothing uses (X5); the caller commits.

    Raises:
        Refusal: something still uses it, or the actor may not.
    """
    entity = type(record)
    allowed = any(covers(entity, record, actor, role) for role in entity.access.delete)
    if not allowed and actor is not SYSTEM:
        raise NotAllowed(_l("records of this kind are not deleted by your role"), entity.clause)
    _refuse_own(record, actor)
    with scope.acting(session, SYSTEM):
        for entity_, count in users_of(session, record):
            raise Refusal(
                uniqueness.STILL_USED
                if entity_.secluded  # what they are does not concern whoever asks
                else _l("%(count)s × %(thing)s still use it", count=count, thing=entity_.label),
                entity.clause,
                then=_l("Retire it with a date instead.") if entity.retires else None,
            )
    with uniqueness.refusing(record, uniqueness.STILL_USED):
        session.delete(record)
        session.flush()


def users_of(session: Session, record: Regulated) -> Iterator[tuple[type[Regulated], int]]:
    """The things that refer to a record, with how many of each."""
    table = record.__tablename__
    for entity in REGISTRY.values():
        for declared in entity.fields().values():
            if declared.kind is Kind.RELATION and declared.target == table:
                key = getattr(entity, declared.column)
                count = session.scalar(select(func.count(entity.id)).where(key == record.id))
                if count:
                    yield entity, count


def _defaults(entity: type[Entity], values: dict[str, Any]) -> dict[str, Any]:
    """Facts not given have their declared default already when the rules look at them."""
    columns = entity.__table__.c
    missing = [d for n, d in entity.fields().items() if n not in values and d.column not in values]
    defaults = {one.name: columns[one.column].default for one in missing}
    return {n: default.arg for n, default in defaults.items() if default and default.is_scalar}


def _fill_owner(session: Session, entity: type[Regulated], record: Regulated, actor: Actor) -> None:
    """Who files for nobody else files for themselves."""
    if entity.owner in (None, "self") or actor.staff_id is None:
        return
    relation, key = str(entity.owner), f"{entity.owner}_id"
    if getattr(record, relation) is None and getattr(record, key) is None:
        setattr(record, relation, session.get(REGISTRY["staff"], actor.staff_id))


def _fill_relations(session: Session, entity: type[Regulated], record: Regulated) -> None:
    """Let each relation and its key say the same, whichever of the two was given."""
    for name, declared in entity.fields().items():
        if declared.kind is not Kind.RELATION:
            continue
        thing, key = getattr(record, name), getattr(record, declared.column)
        if thing is not None and thing.id is not None:
            setattr(record, declared.column, thing.id)
        elif thing is None and key is not None:
            setattr(record, name, session.get(REGISTRY[str(declared.target)], key))


def _fill_changed(entity: type[Regulated], record: Regulated, values: dict[str, Any]) -> None:
    for name, declared in entity.fields().items():
        if name in values and declared.kind is Kind.RELATION:
            setattr(record, declared.column, getattr(values[name], "id", None))


def _fill_unit(session: Session, entity: type[Regulated], record: Regulated, actor: Actor) -> None:
    """A record belongs to the unit that is answerable on its day: its owner's, else the actor's."""
    if not entity.unit_bound or record.unit_id is not None or record.unit is not None:
        return
    owned_by = select(STAFF.c.unit_id).where(STAFF.c.id == record.owner_id())
    record.unit_id = session.scalar(owned_by) or actor.unit_id
    record.unit = session.get(REGISTRY["unit"], record.unit_id) if record.unit_id else None


def _within_reach(entity: type[Regulated], record: Regulated, actor: Actor) -> None:
    """Nobody makes a record that they could not read afterwards."""
    if actor is SYSTEM:
        return
    if any(_reaches(entity, record, actor, role) for role in entity.access.create):
        return
    raise NotAllowed(_l("it would lie outside your own unit"), entity.clause)


def _reaches(entity: type[Regulated], record: Regulated, actor: Actor, role: Role) -> bool:
    if role not in actor.roles:
        return False
    if entity.access.read.get(role) is Reach.OWN and not entity.owner:
        return True
    return covers(entity, record, actor, role)


FIRST_YEAR, LAST_YEAR = 1900, 2199


def _out_of_bounds(record: Regulated) -> Iterator[Refusal]:
    """Figures below what they may be, and days of no year that the hall knows."""
    for name, declared in type(record).fields().items():
        value = getattr(record, declared.column)
        if value is None:
            continue
        if declared.least is not None and value < declared.least:
            why = _l("%(field)s is at least %(least)s", field=declared.label, least=declared.least)
            yield Refusal(why, field=name)
        if declared.kind is Kind.DAY and not FIRST_YEAR <= value.year <= LAST_YEAR:
            yield Refusal(
                _l("%(field)s is in no year of the hall", field=declared.label), field=name
            )


def _keep_bounds(record: Regulated) -> None:
    for problem in _out_of_bounds(record):
        problem.clause = record.clause
        raise problem


def _raise_problems(session: Session, record: Regulated, at: datetime) -> None:
    double = uniqueness.twice(session, record)
    found = (*seclusion.problems(record), *record.problems(session, at))
    for problem in (*([double] if double else []), *found):
        problem.clause = problem.clause or record.clause
        raise problem


def _next_number(session: Session, entity: type[Regulated], at: datetime) -> str:
    """The next gap-free number of the entity's series in the hall's year, such as QJ2026-00042."""
    year = hall_day(at).year
    assert entity.series is not None
    if entity.secluded:
        return seclusion.drawn_number(entity.series, year)
    number = numbering.next_number(session, entity.series, year)
    return f"{entity.series}{year}-{number:0{NUMBER_WIDTH}d}"
