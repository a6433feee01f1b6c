"""Which facts of a record a person reads and sets: the rule of each field, by role and state.

One place answers for lists, pages, forms, filters, orders, searches, files, look-ups and the trail
(AZ-5). A fact that a person may not read does not exist for them: its name is unknown, what they
ask of it is as if they had not asked, and what they send for it is refused.
"""

from collections.abc import Iterable
from typing import Any

from hallpanel.engine.entity import REGISTRY, Field, FieldRule, Kind, Regulated
from hallpanel.engine.errors import NotAllowed, Refusal
from hallpanel.engine.masking import looks_masked
from hallpanel.engine.personal import Personal
from hallpanel.engine.roles import Role
from hallpanel.engine.scope import SYSTEM, Actor
from hallpanel.engine.words import _l

NOBODY = Actor(None, None, None, "nobody")
"""A reader who is unknown: of facts with a rule, they read none."""

Allowed = frozenset[str] | None
"""The states in which somebody may; None is any state."""


def allowed(rule: FieldRule | None, roles: Iterable[Role]) -> Allowed:
    """The states in which some roles may by a rule; an empty set is never."""
    if rule is None:
        return None
    mine = set(roles)
    if isinstance(rule, tuple):
        return None if mine & set(rule) else frozenset()
    return frozenset(state.value for role in mine & set(rule) for state in rule[role])


def may_read(declared: Field, actor: Actor, state: Any = None) -> bool:
    """Whether an actor reads a fact of a record in a state."""
    if actor is SYSTEM:
        return True
    states = allowed(declared.read, actor.reachable_roles)
    return states is None or _value(state) in states


def may_write(declared: Field, actor: Actor, state: Any = None) -> bool:
    """Whether an actor sets a fact of a record in a state; a role for that is never borrowed."""
    if actor is SYSTEM:
        return True
    states = allowed(declared.write, actor.roles)
    return states is None or _value(state) in states


def _value(state: Any) -> str | None:
    return None if state is None else str(getattr(state, "value", state))


def state_of(record: Regulated) -> Any:
    """The state of a record, if it has states."""
    return record.state if record.workflow is not None else None


class Reading:
    """What one person reads of an entity."""

    def __init__(self, entity: type[Regulated], actor: Actor) -> None:
        self.entity, self.actor = entity, actor
        self._states = {
            name: None if actor is SYSTEM else self._read_in(declared)
            for name, declared in entity.fields().items()
        }

    def _read_in(self, declared: Field) -> Allowed:
        """The states in which it is read; None where that is all there are."""
        states = allowed(declared.read, self.actor.reachable_roles)
        workflow = self.entity.workflow
        every = {state.value for state in type(workflow.initial)} if workflow else set()
        return None if states and states >= every else states

    @property
    def fields(self) -> dict[str, Field]:
        """The facts that the person reads in some state at least."""
        return {n: one for n, one in self.entity.fields().items() if self.shows(n)}

    @property
    def depends_on_state(self) -> bool:
        """Whether some fact is read in some states only."""
        return any(self._states.values())

    def shows(self, name: str) -> bool:
        """Whether a listed name, perhaps of a related record, is there for the person at all."""
        relation, _dot, inner = name.partition(".")
        if relation not in self._states:
            return relation == "id"
        if self._states[relation] == frozenset():
            return False
        return not inner or self._shows_inner(relation, inner)

    def _shows_inner(self, relation: str, inner: str) -> bool:
        if self.entity.fields()[relation].kind is not Kind.RELATION:
            return False
        target = self._target(relation)
        hidden = Reading(target, self.actor)._states.get(inner) == frozenset()
        return inner in target.fields() and not hidden

    def hides(self, name: str) -> bool:
        """Whether a name is that of a fact which the person does not read."""
        return name.partition(".")[0] in self._states and not self.shows(name)

    def finds(self, name: str) -> bool:
        """Whether records may be filtered, searched and ordered by it: it is read in all states."""
        relation, _dot, inner = name.partition(".")
        if relation not in self._states:
            return relation == "id"
        if self._states[relation] is not None:
            return False
        if not inner:
            return True
        if self.entity.fields()[relation].kind is not Kind.RELATION:
            return False
        return Reading(self._target(relation), self.actor).finds(inner)

    def reads(self, name: str, state: Any) -> bool:
        """Whether it is read in a record of this state."""
        states = self._states.get(name.partition(".")[0])
        return states is None or _value(state) in states

    def _target(self, relation: str) -> type[Regulated]:
        return REGISTRY[str(self.entity.fields()[relation].target)]


def innermost(entity: type[Regulated], name: str) -> Field | None:
    """The fact behind a listed name: of the related record where it leads to one."""
    relation, _dot, inner = name.partition(".")
    declared = entity.fields().get(relation)
    if declared is None or declared.kind is not Kind.RELATION:
        return declared
    target = REGISTRY[str(declared.target)]
    return target.fields().get(inner or target.title, declared)


def is_personal(entity: type[Regulated], name: str) -> bool:
    """Whether a listed name tells of a person."""
    declared = innermost(entity, name)
    return declared is not None and isinstance(declared.personal, Personal)


def keep_rules(entity: type[Regulated], names: Iterable[str], actor: Actor, state: Any) -> None:
    """Let nobody set what their role may not.

    Raises:
        NotAllowed: a fact among the names is not theirs to set.
    """
    fields = entity.fields()
    for name in names:
        declared = fields.get(name)
        if declared is not None and not may_write(declared, actor, state):
            why = _l("your role does not set %(field)s", field=declared.label)
            raise NotAllowed(why, entity.clause, field=name)


def keep_whole(entity: type[Regulated], values: dict[str, Any]) -> None:
    """Let nobody save what a mask has left of a fact in its place.

    Raises:
        Refusal: a value is a mask.
    """
    for name, declared in entity.fields().items():
        if declared.mask is not None and looks_masked(values.get(name)):
            why = _l("%(field)s is masked; write it whole", field=declared.label)
            raise Refusal(why, entity.clause, field=name)
