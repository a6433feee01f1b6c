"""Secluded records: whom they are about does not learn that they exist (CMP-1, CMP-2).

An entity that is `secluded` names in `conflicted` the relations to those it accuses. They, the
leads of their units, and whoever acts for any of them today cannot see, find or count a record, are
not told of it, and cannot be put in charge of it. Its ids and numbers are drawn by lot, so that no
gap between two of them tells of a third.
"""

import secrets
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, and_, not_, or_, select, true
from sqlalchemy.orm import Session, object_session

from hallpanel.engine import scope
from hallpanel.engine.errors import Refusal
from hallpanel.engine.recipients import ACCOUNT, ROLE_GRANT, STAFF
from hallpanel.engine.roles import Role
from hallpanel.engine.scope import SYSTEM, Actor
from hallpanel.engine.store import LARGEST_INTEGER
from hallpanel.engine.words import _l

if TYPE_CHECKING:
    from hallpanel.engine.entity import Regulated

LETTERS = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"
NUMBER_LENGTH = 8


def criterion(entity: Any, actor: Actor) -> ColumnElement[bool] | None:
    """The rows that no conflict keeps from an actor; None where nothing is kept from anybody."""
    if not entity.conflicted:
        return None
    barred = [_barring(entity, path, actor) for path in entity.conflicted]
    found = [one for one in barred if one is not None]
    return not_(or_(*found)) if found else None


def _barring(entity: Any, path: str, actor: Actor) -> ColumnElement[bool] | None:
    """Rows that a path leads from to somebody whom the actor must not judge, nor be."""
    relation, _dot, rest = path.partition(".")
    declared = entity.fields()[relation]
    key = getattr(entity, declared.column)
    if not rest:
        return _is_party(entity, key, actor)
    from hallpanel.engine.entity import REGISTRY

    target = REGISTRY[str(declared.target)]
    names = scope.names_of(target)
    inner = _is_party(target, names.c[target.fields()[rest].column], actor, names.c)
    if inner is None:
        return None
    return and_(key.is_not(None), key.in_(select(names.c.id).where(inner)))


def _is_party(
    entity: Any, key: Any, actor: Actor, columns: Any = None
) -> ColumnElement[bool] | None:
    """The accused is the person, one for whom they act, or of a unit that any of them leads."""
    found: list[ColumnElement[bool]] = []
    for person in actor.people:
        if person.staff_id is not None:
            found.append(key == person.staff_id)
        units = person.units(Role.LEAD)
        if units:
            led = key.in_(select(STAFF.c.id).where(STAFF.c.unit_id.in_(sorted(units))))
            found.append(and_(led, _implicated(entity, columns)))
    return and_(key.is_not(None), or_(*found)) if found else None


def _implicated(entity: Any, columns: Any) -> ColumnElement[bool]:
    """While the lead of an accused person's unit is implicated too; always, unless declared."""
    if entity.implicates_leads is None:
        return true()
    implicated: ColumnElement[bool] = entity.implicates_leads(columns or entity)
    return implicated


def bars(record: "Regulated", actor: Actor) -> bool:
    """Whether a conflict keeps a loaded record from an actor."""
    if not record.conflicted or actor is SYSTEM:
        return False
    session, entity = object_session(record), type(record)
    barred = criterion(entity, actor)
    if barred is None:
        return False
    if session is None or record.id is None:
        return any(
            staff == person.staff_id for staff in _accused(record) for person in actor.people
        )
    with scope.acting(session, SYSTEM), session.no_autoflush:
        seen = session.scalar(select(entity.id).where(entity.id == record.id, barred))
    return seen is None


def free_of_conflict(session: Session, record: Any, account_ids: Iterable[int]) -> list[int]:
    """Of some accounts those that a conflict does not keep from a record."""
    wanted = list(dict.fromkeys(account_ids))
    accused = [one for one in _accused(record) if one] if _is_about_people(record) else []
    if not accused:
        return wanted
    themselves = select(ACCOUNT.c.id).where(ACCOUNT.c.staff_id.in_(accused))
    units = select(STAFF.c.unit_id).where(STAFF.c.id.in_(accused))
    leads = select(ROLE_GRANT.c.account_id).where(
        ROLE_GRANT.c.role == Role.LEAD.value, ROLE_GRANT.c.unit_id.in_(units)
    )
    barred = set(session.scalars(themselves))
    if _implicates(session, record):
        barred |= set(session.scalars(leads))
    return [account for account in wanted if account not in barred]


def _implicates(session: Session, record: Any) -> bool:
    entity = type(record)
    if entity.implicates_leads is None:
        return True
    with scope.acting(session, SYSTEM):
        asked = select(entity.id).where(entity.id == record.id, entity.implicates_leads(entity))
        return session.scalar(asked) is not None


def _is_about_people(record: Any) -> bool:
    return bool(getattr(record, "conflicted", ()))


def _accused(record: Any) -> list[int | None]:
    """The members of staff whom a record accuses."""
    found = []
    for path in record.conflicted:
        relation, _dot, rest = path.partition(".")
        holder = getattr(record, relation) if rest else record
        column = f"{rest or relation}_id"
        found.append(None if holder is None else getattr(holder, column))
    return found


def problems(record: "Regulated") -> Iterator[Refusal]:
    """Nobody whom a record accuses is put in charge of it."""
    accused = {one for one in _accused(record) if one} if record.conflicted else set()
    for name, declared in type(record).fields().items():
        named = declared.target == "staff" and name not in record.conflicted
        if named and getattr(record, declared.column) in accused:
            yield Refusal(_l("they are a party to it themselves"), record.clause, field=name)


def drawn_id(session: Session, entity: Any) -> int:
    """An id by lot, that no row has yet."""
    while True:
        number = 1 + secrets.randbelow(LARGEST_INTEGER)
        if session.scalar(select(entity.id).where(entity.id == number)) is None:
            return number


def drawn_number(series: str, year: int) -> str:
    """A number by lot, such as TS2026-7KQ2M4XA; two alike are refused by the database."""
    drawn = "".join(secrets.choice(LETTERS) for _ in range(NUMBER_LENGTH))
    return f"{series}{year}-{drawn}"
