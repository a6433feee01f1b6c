"""Which statements the scope can narrow: those that name their entities where the ORM looks.

The ORM puts the scope's criteria on the entities of a SELECT's columns, joins, `select_from()` and
conditions. What it would overlook is refused here, before it is asked: a bare table, an expression
in which it sees no entity, an entity hidden behind another one. Raw SQL text is not read here; a
patrol keeps it out of every room but the engine.
"""

from collections.abc import Collection, Iterator
from typing import Any

from sqlalchemy import Alias, Column, Table
from sqlalchemy.orm import FromStatement, QueryableAttribute
from sqlalchemy.sql import visitors
from sqlalchemy.sql.dml import UpdateBase
from sqlalchemy.sql.selectable import AliasedReturnsRows, Select, SelectBase

ENTITY = "parententity"
Tables = Collection[Any]


class Unnarrowed(RuntimeError):
    """A statement would read rows that the scope does not narrow."""

    def __init__(self, problem: str) -> None:
        super().__init__(
            f"the scope cannot narrow this statement: {problem}\n"
            "      Hint: name each entity as a column of its own, in select_from(), in where() or "
            "in join(); join an alias along a relation"
        )


def touches(statement: Any, tables: Tables) -> bool:
    """Whether a statement reads or writes any of some tables."""
    return any(
        element in tables for element in visitors.iterate(statement) if isinstance(element, Table)
    )


def changed_table(statement: Any) -> Any:
    """The table that an INSERT, UPDATE or DELETE changes."""
    return statement.table if isinstance(statement, UpdateBase) else None


def demand_narrowable(statement: Any, tables: Tables) -> None:
    """Let a statement pass in which the ORM sees every entity.

    Raises:
        Unnarrowed: some rows would come without being narrowed.
    """
    if isinstance(statement, FromStatement) and not isinstance(statement.element, SelectBase):
        raise Unnarrowed("its rows come from a text")
    elements = list(visitors.iterate(statement))
    selects = [element for element in elements if isinstance(element, Select)]
    seen = {select: _seen(select) for select in selects}
    narrowed = {entity.selectable for entities in seen.values() for entity in entities}
    for select in selects:
        _demand_seen(select, seen[select], narrowed, tables)
    if any(changed_table(element) in tables for element in elements):
        raise Unnarrowed("it changes regulated records while it reads")


def _demand_seen(select: Select[Any], seen: set[Any], narrowed: set[Any], tables: Tables) -> None:
    met = [element for part in _parts(select) for element in _surface(part)]
    read = {source for source in map(_source, met) if _base(source) in tables}
    if read and select._propagate_attrs.get("compile_state_plugin") != "orm":
        raise Unnarrowed("the ORM sees no entity in an expression over a regulated table")
    hidden = {entity for entity in map(_entity, met) if entity} - seen
    if any(_base(entity.selectable) in tables for entity in hidden):
        raise Unnarrowed("an entity stands behind another one")
    if not read <= narrowed:
        raise Unnarrowed("it reads a bare table")
    if any(_base(source) in tables for source in _joined_by_condition(select)):
        raise Unnarrowed("an alias is joined by a condition of its own")


def _joined_by_condition(select: Select[Any]) -> Iterator[Any]:
    """Aliases in whose ON clause the ORM would put the criteria of the entity, not of the alias."""
    for target, condition, *_ in select._setup_joins:
        along_relation = any(isinstance(e, QueryableAttribute) for e in (target, condition))
        entity = _joined(target)
        if entity is not None and entity.is_aliased_class and not along_relation:
            yield entity.selectable


def _parts(select: Select[Any]) -> tuple[Any, ...]:
    """What makes up the rows of a SELECT; its order and groups are made of the same."""
    joined = (target for target, *_ in select._setup_joins)
    targets = (target for target in joined if not isinstance(target, QueryableAttribute))
    return (*select._raw_columns, *select._from_obj, *select._where_criteria, *targets)


def _seen(select: Select[Any]) -> set[Any]:
    """The entities to which the ORM adds criteria, as it goes about it."""
    found = {_first(column) for column in select._raw_columns}
    found |= {_entity(source) for source in select._from_obj}
    found |= {_entity(e) for criterion in select._where_criteria for e in _surface(criterion)}
    found |= {_joined(target) for target, *_ in select._setup_joins}
    return found - {None}


def _first(column: Any) -> Any:
    return next(filter(None, map(_entity, _surface(column))), None)


def _joined(target: Any) -> Any:
    return target.entity if isinstance(target, QueryableAttribute) else _entity(target)


def _entity(element: Any) -> Any:
    return element._annotations.get(ENTITY)


def _source(element: Any) -> Any:
    """The table or alias that an element is, or is a column of."""
    return element.table if isinstance(element, Column) else element


def _base(source: Any) -> Any:
    while isinstance(source, Alias):
        source = source.element
    return source


def _surface(element: Any) -> Iterator[Any]:
    """An element and what it is made of, breadth first, down to the SELECTs and aliases in it."""
    waiting = [element]
    for one in waiting:
        yield one
        if not isinstance(one, (SelectBase, AliasedReturnsRows)):
            waiting += one.get_children()
