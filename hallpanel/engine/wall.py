"""PostgreSQL's own wall behind the scope: what the hook forgets, the database withholds (AZ-4).

Each regulated table has a policy made from its entity's declaration: which roles reach it how far,
whose record it is, and its unit. Who asks is told to the database in settings of one transaction
(never of a connection, which the pool hands on): before a statement of a session, if it has to see
another reach than the one before. Without them a table shows no row, also to its owner.

The wall is the outer one. The names of what a visible record refers to, and the relations loaded
with it, stay readable as they do in the scope: such a statement opens the tables whose names it
asks for, that statement alone. What a flush writes has passed the rules and is not held up.
"""

from collections.abc import Iterable, Iterator
from contextlib import closing
from typing import Any

from sqlalchemy import Connection, TableClause, event, inspect
from sqlalchemy.engine.url import URL
from sqlalchemy.orm import ORMExecuteState, Session, SessionTransaction
from sqlalchemy.sql import visitors
from sqlalchemy.sql.base import Executable
from sqlalchemy.sql.elements import (
    ClauseElement,
    ReleaseSavepointClause,
    RollbackToSavepointClause,
    SavepointClause,
)

from hallpanel.engine.entity import REGISTRY, Regulated, owner_column
from hallpanel.engine.roles import Reach, Role
from hallpanel.engine.scope import SYSTEM, Actor

POLICY = "hall_reach"
EVERYTHING = "*"
GRANTS, STAFF, NAMES = "hallpanel.grants", "hallpanel.staff", "hallpanel.names"
TELL = (
    f"SELECT set_config('{GRANTS}', %s, true), set_config('{STAFF}', %s, true),"
    f" set_config('{NAMES}', %s, true)"
)
OPTION = "hall_wall"

SAVEPOINTS = (SavepointClause, RollbackToSavepointClause, ReleaseSavepointClause)

Reached = tuple[str, str, str]
"""What the database is told: the grants, the member of staff, the tables whose names are asked."""

NOTHING: Reached = ("", "", "")
ALL: Reached = (EVERYTHING, "", "")


# what the database is told


def reach_of(actor: Actor | None) -> Reached:
    """The grants of an actor as the policies read them; nobody asking reaches nothing.

    `role` is a grant over the hall, `role@unit` one over a unit, `own:role` one of the actor's own,
    not borrowed: in another's place nobody reads that other's own records.
    """
    if actor is None:
        return NOTHING
    if actor is SYSTEM:
        return ALL
    told = set()
    for person in actor.people:
        for grant in person.grants:
            unit = grant.unit_id if grant.unit_id is not None else person.unit_id
            told |= {grant.role.value, f"{grant.role.value}@{unit}"}
            if person is actor:
                told.add(f"own:{grant.role.value}")
    staff = "" if actor.staff_id is None else str(actor.staff_id)
    return ",".join(sorted(told)), staff, ""


def install(session_class: type[Session]) -> None:
    """Tell the database who asks, under every session of a class; twice is once."""
    if event.contains(session_class, "after_begin", _watch):
        return
    event.listen(session_class, "after_begin", _watch)
    event.listen(session_class, "do_orm_execute", _mark_loads)


class WideSession(Session):
    """A session for doors where nobody is known yet, such as the look-up of a signed-in person."""


def _watch(session: Session, _transaction: SessionTransaction, connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        _Teller(session, connection)


event.listen(WideSession, "after_begin", _watch)


def _mark_loads(state: ORMExecuteState) -> None:
    """Relations of a visible record are not narrowed, and its columns are its own."""
    if state.is_column_load or state.is_relationship_load:
        state.update_execution_options(**{OPTION: EVERYTHING})


class _Teller:
    """Tells one transaction's connection who asks, whenever that differs from what it knows."""

    def __init__(self, session: Session, connection: Connection) -> None:
        self.session, self.known = session, NOTHING
        event.listen(connection, "before_execute", self.tell)
        event.listen(connection, "rollback_savepoint", self.forget)

    def tell(
        self, connection: Connection, statement: Any, _many: Any, _one: Any, options: Any
    ) -> None:
        """Before a statement: settings of this transaction, over the driver's own cursor."""
        if isinstance(statement, SAVEPOINTS):  # which may be the way out of a failed statement
            return
        wanted = self.wanted(statement, options)
        if wanted != self.known:
            self.known = wanted
            with closing(connection.connection.cursor()) as cursor:
                cursor.execute(TELL, wanted)

    def forget(self, *_event: Any) -> None:
        """Going back to a savepoint takes the settings back that were made after it."""
        self.known = ("?", "", "")

    def wanted(self, statement: Any, options: Any) -> Reached:
        """The reach that a statement has to see."""
        wide = isinstance(self.session, WideSession) or self.session._flushing
        if wide or options.get(OPTION) == EVERYTHING:
            return ALL
        grants, staff, _none = _reach_in(self.session)
        if grants == EVERYTHING or not isinstance(statement, Executable):
            return grants, staff, ""
        return grants, staff, _names_in(statement)


def _reach_in(session: Session) -> Reached:
    actor: Actor | None = session.info.get("actor")
    kept: tuple[Actor | None, Reached] | None = session.info.get("reach")
    if kept is None or kept[0] is not actor:
        kept = session.info["reach"] = (actor, reach_of(actor))
    return kept[1]


def _names_in(statement: Any) -> str:
    """The tables that a statement names as scope.names_of() does: bare, and not as an entity."""
    if not isinstance(statement, ClauseElement):
        return ""
    named = {
        element.name
        for element in visitors.iterate(statement)
        if type(element) is TableClause and element.name in REGISTRY
    }
    return ",".join(sorted(named))


# what the database holds


def policy_of(entity: type[Regulated]) -> str:
    """The rows of an entity's table that show, as a condition of PostgreSQL.

    Each setting is read once for a statement, in a sub-select of its own, and not for each row.
    """
    shown = [
        f"'{EVERYTHING}' = ANY ({_told(GRANTS)})",
        f"'{entity.__tablename__}' = ANY ({_told(NAMES)})",
    ]
    hall = _roles(entity, Reach.HALL)
    if hall:
        shown.append(f"{_told(GRANTS)} && {_array(hall)}")
    unit, own = _roles(entity, Reach.UNIT), _roles(entity, Reach.OWN)
    if unit and entity.unit_bound:
        shown += [f"('{role}@' || unit_id) = ANY ({_told(GRANTS)})" for role in unit]
    named = _own_rows(entity)
    if named and (unit or own):
        through = _array([*unit, *(f"own:{role}" for role in own)])
        shown.append(f"({_told(GRANTS)} && {through} AND ({named}))")
    return " OR ".join(shown)


def _own_rows(entity: type[Regulated]) -> str:
    """The rows that are about the asker, or in which they are named."""
    me = f"(SELECT nullif(current_setting('{STAFF}', true), '')::integer)"
    own = [f"{owner_column(entity)} = {me}"] if entity.owner else []
    named = [f"{party}_id = {me}" for party in entity.parties]
    if named and entity.parties_while is not None:
        states = ", ".join(f"'{state.value}'" for state in entity.parties_while)
        named = [f"(state IN ({states}) AND ({' OR '.join(named)}))"]
    return " OR ".join([*own, *named])


def _roles(entity: type[Regulated], reach: Reach) -> list[str]:
    return sorted(Role(role).value for role, far in entity.access.read.items() if far is reach)


def _told(setting: str) -> str:
    return f"(SELECT string_to_array(current_setting('{setting}', true), ','))::text[]"


def _array(words: Iterable[str]) -> str:
    return "ARRAY[" + ", ".join(f"'{word}'" for word in words) + "]"


def raise_walls(connection: Connection) -> None:
    """Give every regulated table the policy of its declaration; done after each migration."""
    if connection.dialect.name != "postgresql":
        return
    present = set(inspect(connection).get_table_names())
    for table, entity in sorted(REGISTRY.items()):
        if table in present:
            for statement in _policy_statements(connection, entity):
                connection.exec_driver_sql(statement)


def _policy_statements(connection: Connection, entity: type[Regulated]) -> Iterator[str]:
    table = connection.dialect.identifier_preparer.format_table(entity.__table__)
    yield f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY"
    yield f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY"
    yield f"DROP POLICY IF EXISTS {POLICY} ON {table}"
    yield f"CREATE POLICY {POLICY} ON {table} USING ({policy_of(entity)})"


def unwalled(connection: Connection) -> list[str]:
    """The regulated tables that the database does not guard."""
    if connection.dialect.name != "postgresql":
        return []
    guarded = set(
        connection.exec_driver_sql(
            "SELECT relname FROM pg_class JOIN pg_policy ON polrelid = pg_class.oid "
            "WHERE relrowsecurity AND relforcerowsecurity AND polname = %s "
            "AND pg_table_is_visible(pg_class.oid)",
            (POLICY,),
        ).scalars()
    )
    return sorted(set(REGISTRY) - guarded)


# who serves

BOOK_RIGHTS = (
    ("audit_event", "SELECT, INSERT"),
    ("audit_head", "SELECT, UPDATE"),
    ("audit_archive", "SELECT"),
    ("alembic_version", "SELECT"),
)


def settle_role(connection: Connection, serving: URL) -> list[str]:
    """Make the account that serves, if it is missing, with just the rights it needs; what was done.

    It owns nothing and cannot pass by the wall; of the audit it may only read and write on.
    """
    name = str(serving.username)
    role = connection.dialect.identifier_preparer.quote(name)
    known = connection.exec_driver_sql("SELECT 1 FROM pg_roles WHERE rolname = %s", (name,)).first()
    done = []
    if known is None:
        create = connection.exec_driver_sql(
            "SELECT format('CREATE ROLE %%I LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE"
            "%%s', %s::text, CASE WHEN %s::text IS NULL THEN '' ELSE format(' PASSWORD %%L',"
            " %s::text) END)",
            (name, serving.password, serving.password),
        ).scalar_one()
        connection.exec_driver_sql(create.replace("%", "%%"))
        done.append(f"made the account {name}")
    for statement in _rights(connection, role):
        connection.exec_driver_sql(statement)
    return [*done, f"gave {name} the rights to serve"]


def _rights(connection: Connection, role: str) -> Iterator[str]:
    schema = connection.dialect.identifier_preparer.quote(
        str(connection.exec_driver_sql("SELECT current_schema()").scalar_one())
    )
    present = set(inspect(connection).get_table_names())
    yield f"GRANT USAGE ON SCHEMA {schema} TO {role}"
    yield f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema} TO {role}"
    yield f"GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA {schema} TO {role}"
    for table, rights in BOOK_RIGHTS:
        if table in present:
            yield f"REVOKE ALL ON {schema}.{table} FROM {role}"
            yield f"GRANT {rights} ON {schema}.{table} TO {role}"


def overpowered(connection: Connection) -> list[str]:
    """Why the account of this connection could pass by the wall, if it could."""
    if connection.dialect.name != "postgresql":
        return []
    row = connection.exec_driver_sql(
        "SELECT rolsuper, rolbypassrls, EXISTS (SELECT 1 FROM pg_class"
        " WHERE relname = 'audit_event' AND pg_table_is_visible(oid)"
        " AND pg_has_role(current_user, relowner, 'MEMBER')) AS owns"
        " FROM pg_roles WHERE rolname = current_user"
    ).one()
    found = {
        "it is a superuser": row.rolsuper,
        "it passes by row level security": row.rolbypassrls,
        "it owns the tables": row.owns,
    }
    return [why for why, holds in found.items() if holds]
