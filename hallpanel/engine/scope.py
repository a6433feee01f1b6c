"""Who asks, and which records they may see: one hook under every ORM read.

Each protected entity says, for an actor, which of its rows are in reach. The hook adds that to
every SELECT of a session, so that a list, a count, a look-up or a load by id cannot forget it.
Nobody asking is an error, never all rows. Names of things related to a visible record stay visible:
relationship loads are not narrowed.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, TableClause, column, event, table
from sqlalchemy.orm import ORMExecuteState, Session, SessionTransaction, with_loader_criteria

from hallpanel.engine import scope_forms
from hallpanel.engine.errors import NoActor
from hallpanel.engine.roles import Role


@dataclass(frozen=True)
class Grant:
    """A role in force; `unit_id` is the unit it is held over, None where the role has no unit."""

    role: Role
    unit_id: int | None = None


@dataclass(frozen=True)
class Actor:
    """A person at the panel with the roles in force at this moment.

    `delegators` are those for whom this person decides today: their deciding roles are borrowed,
    and what they are excluded from, this person is excluded from too (X10).
    """

    account_id: int | None
    staff_id: int | None
    unit_id: int | None
    name: str
    grants: frozenset[Grant] = frozenset()
    delegators: tuple["Actor", ...] = field(default=())

    @property
    def roles(self) -> frozenset[Role]:
        """The person's own roles."""
        return frozenset(grant.role for grant in self.grants)

    @property
    def people(self) -> tuple["Actor", ...]:
        """The person and all for whom they act today."""
        return (self, *self.delegators)

    @property
    def reachable_roles(self) -> frozenset[Role]:
        """Own and borrowed roles."""
        return frozenset(grant.role for person in self.people for grant in person.grants)

    def units(self, role: Role) -> frozenset[int]:
        """The units over which the person holds a role."""
        return frozenset(
            grant.unit_id
            for grant in self.grants
            if grant.role is role and grant.unit_id is not None
        )


SYSTEM = Actor(None, None, None, "system")

FLUSHING = "flushing"
RESPELLING = "respelling"
"""Set while the session itself writes what became of its records, which the trail reads."""

Criterion = Callable[[Actor], ColumnElement[bool] | None]

_PROTECTED: dict[type[Any], Criterion] = {}


def protect(entity: type[Any], criterion: Criterion) -> None:
    """Narrow every read of an entity; the criterion gives None where the actor sees all rows."""
    _PROTECTED[entity] = criterion
    _TABLES.cache = None


def release(entity: type[Any]) -> None:
    """Forget an entity that a test declared."""
    _PROTECTED.pop(entity, None)
    _TABLES.cache = None


def names_of(entity: type[Any]) -> TableClause:
    """The table of an entity, for the names of what a visible record refers to.

    It alone is not narrowed: a record within reach shows the name of a colleague who is not.
    """
    columns = (column(c.name, c.type) for c in entity.__table__.columns)
    return table(entity.__tablename__, *columns)


def actor_of(session: Session) -> Actor:
    """Who is asking in this session.

    Raises:
        NoActor: nobody is.
    """
    actor: Actor | None = session.info.get("actor")
    if actor is None:
        raise NoActor("records were asked for with no actor in the session")
    return actor


def set_actor(session: Session, actor: Actor) -> None:
    """Say who asks from now on in this session."""
    session.info["actor"] = actor
    session.info.pop("criteria", None)


@contextmanager
def acting(session: Session, actor: Actor) -> Iterator[Session]:
    """Ask as an actor for a while; rules that must see more than the person ask as SYSTEM."""
    before = {key: session.info.get(key) for key in ("actor", "criteria")}
    set_actor(session, actor)
    try:
        yield session
    finally:
        session.info.update(before)


class _ProtectedTables:
    """The tables of protected entities, gathered when first asked for."""

    cache: frozenset[Table] | None = None

    def __call__(self) -> frozenset[Table]:
        if self.cache is None:
            self.cache = frozenset(entity.__table__ for entity in _PROTECTED)
        return self.cache


_TABLES = _ProtectedTables()


def _criteria(session: Session, actor: Actor) -> tuple[Any, ...]:
    cached: tuple[Any, ...] | None = session.info.get("criteria")
    if cached is None:
        limits = [(entity, narrow(actor)) for entity, narrow in _PROTECTED.items()]
        cached = tuple(
            with_loader_criteria(entity, limit, include_aliases=True, propagate_to_loaders=False)
            for entity, limit in limits
            if limit is not None
        )
        session.info["criteria"] = cached
    return cached


def _narrow(state: ORMExecuteState) -> None:
    if state.is_insert or state.is_update or state.is_delete:
        _refuse_wholesale(state)
        return
    actor: Actor | None = state.session.info.get("actor")
    if actor is SYSTEM or not (state.is_select or state.is_from_statement):
        return
    if actor is None:
        if state.is_from_statement or scope_forms.touches(state.statement, _TABLES()):
            raise NoActor("records were asked for with no actor in the session")
        return
    if state.is_column_load or state.is_relationship_load:
        return
    scope_forms.demand_narrowable(state.statement, _TABLES())
    state.statement = state.statement.options(*_criteria(state.session, actor))


def _refuse_wholesale(state: ORMExecuteState) -> None:
    _demand_one_by_one(state.statement)


def _demand_one_by_one(statement: Any) -> None:
    """A statement over many rows leaves no line per record in the audit, so there is none."""
    if scope_forms.changed_table(statement) in _TABLES():
        raise RuntimeError(
            "insert(), update() and delete() over regulated records leave no audit: "
            "make, change or remove them one by one"
        )


def _watch_writes(session: Session, _whole: SessionTransaction, connection: Connection) -> None:
    """Also what goes round the session's execute(): its connection, and the old bulk methods."""

    def watch(_connection: Any, statement: Any, *_rest: Any) -> None:
        if not (session.info.get(FLUSHING) or session.info.get(RESPELLING)):
            _demand_one_by_one(statement)

    event.listen(connection, "before_execute", watch)


@contextmanager
def respelling(session: Session) -> Iterator[None]:
    """Let stored values be spelt anew: under another key they say what they said before."""
    session.info[RESPELLING] = True
    try:
        yield
    finally:
        session.info.pop(RESPELLING)


def _flush_begins(session: Session, *_rest: Any) -> None:
    session.info[FLUSHING] = True


def _flush_ends(session: Session, *_rest: Any) -> None:
    session.info.pop(FLUSHING, None)


def install(session_class: type[Session]) -> None:
    """Put the hook under every session of a class; installing twice is installing once."""
    if event.contains(session_class, "do_orm_execute", _narrow):
        return
    event.listen(session_class, "do_orm_execute", _narrow)
    event.listen(session_class, "after_begin", _watch_writes)
    event.listen(session_class, "before_flush", _flush_begins)
    event.listen(session_class, "after_flush", _flush_ends)
    event.listen(session_class, "after_soft_rollback", _flush_ends)
