"""Who may make a transition: the owner, whoever's turn it is, a party, the holders of a role."""

from dataclasses import replace
from typing import Any

from sqlalchemy import ColumnElement, and_, false, or_

from hallpanel.engine import approval
from hallpanel.engine.entity import Regulated, covers
from hallpanel.engine.roles import Reach, Role
from hallpanel.engine.scope import SYSTEM, Actor


class Who:
    """Who may make a transition. `decides` bars everyone from their own record (X2)."""

    decides: bool = True
    automatic: bool = False
    roles: frozenset[Role] = frozenset()

    def allows(self, actor: Actor, record: Regulated) -> bool:
        """Whether one of the actor's grants allows it on this record."""
        return False

    def awaits(self, entity: type[Regulated], actor: Actor) -> ColumnElement[bool]:
        """The records in a source state that wait for this actor."""
        return false()


def lender(by: Who, actor: Actor, record: Regulated) -> str | None:
    """The delegator by whose right an actor may act on a record; None for a right of their own."""
    if actor is SYSTEM or by.allows(replace(actor, delegators=()), record):
        return None
    return next((lent.name for lent in actor.delegators if by.allows(lent, record)), None)


class Holds(Who):
    """Whoever holds one of the roles, as far as the role reaches."""

    def __init__(self, *roles: Role, decides: bool = True) -> None:
        self.roles = frozenset(roles)
        self.decides = decides

    def allows(self, actor: Actor, record: Regulated) -> bool:
        """Own roles and borrowed ones alike."""
        return any(
            covers(type(record), record, person, role)
            for person in actor.people
            for role in self.roles
        )


class OwnerMay(Who):
    """The member of staff whose record it is."""

    decides = False
    roles = frozenset({Role.STAFF})

    def allows(self, actor: Actor, record: Regulated) -> bool:
        """Nobody stands in for the owner."""
        return actor.staff_id is not None and record.owner_id() == actor.staff_id

    def awaits(self, entity: type[Regulated], actor: Actor) -> ColumnElement[bool]:
        """The actor's own records."""
        if actor.staff_id is None:
            return false()
        column: ColumnElement[Any] = getattr(entity, f"{entity.owner}_id")
        return column == actor.staff_id


class PartyMay(Who):
    """The person named in one relation of the record, such as the substitute."""

    decides = False
    roles = frozenset({Role.STAFF})

    def __init__(self, relation: str) -> None:
        self.relation = relation

    def allows(self, actor: Actor, record: Regulated) -> bool:
        """Only the person named."""
        named = getattr(record, f"{self.relation}_id")
        return named is not None and named == actor.staff_id

    def awaits(self, entity: type[Regulated], actor: Actor) -> ColumnElement[bool]:
        """The records in which the actor is named."""
        if actor.staff_id is None:
            return false()
        column: ColumnElement[Any] = getattr(entity, f"{self.relation}_id")
        return column == actor.staff_id


class ApproverMay(Who):
    """Whoever holds the role whose turn it is (L5); a lead over the own unit only."""

    roles = frozenset(approval.LADDER)

    def allows(self, actor: Actor, record: Regulated) -> bool:
        """The turn's role, own or borrowed, over this record's unit."""
        return record.turn is not None and any(
            covers(type(record), record, person, record.turn) for person in actor.people
        )

    def awaits(self, entity: type[Regulated], actor: Actor) -> ColumnElement[bool]:
        """The records whose turn is one of the actor's roles, not the actor's own."""
        turns = [
            _turn_in_reach(entity, person, role)
            for person in actor.people
            for role in person.roles & self.roles
        ]
        mine = [
            getattr(entity, f"{entity.owner}_id") != p.staff_id for p in actor.people if p.staff_id
        ]
        return and_(or_(*turns), *mine) if turns else false()


def _turn_in_reach(entity: type[Regulated], person: Actor, role: Role) -> ColumnElement[bool]:
    is_turn: ColumnElement[bool] = entity.turn == role
    match entity.access.read.get(role):
        case Reach.HALL:
            return is_turn
        case Reach.UNIT:
            return and_(is_turn, entity.unit_id.in_(person.units(role) or {person.unit_id}))
    return false()


class Either(Who):
    """Any of several; barred from the own record only where each of them is."""

    def __init__(self, *who: Who) -> None:
        self.who = who
        self.roles = frozenset().union(*(one.roles for one in who))
        self.decides = False

    def allows(self, actor: Actor, record: Regulated) -> bool:
        """Each asked as if alone, with its own bar."""
        return any(
            one.allows(actor, record) and not (one.decides and record.concerns(actor))
            for one in self.who
        )

    def awaits(self, entity: type[Regulated], actor: Actor) -> ColumnElement[bool]:
        """What waits for any of them."""
        return or_(*(one.awaits(entity, actor) for one in self.who))


class SystemMay(Who):
    """The sweep alone: nobody presses it."""

    decides = False
    automatic = True

    def allows(self, actor: Actor, record: Regulated) -> bool:
        """Only the system."""
        return actor is SYSTEM
