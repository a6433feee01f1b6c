"""States and transitions: who may do what to a record, when, and what follows.

One function, `perform`, carries out a transition; the row button, the bulk action, the record's
page, the command line and the sweep all come here.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement
from sqlalchemy.orm import Session
from sqlalchemy.orm.attributes import flag_modified
from sqlalchemy.orm.exc import StaleDataError

from hallpanel.engine import (
    approval,
    clocks,
    conflict,
    deadline,
    outbox,
    scope,
    seclusion,
    trail,
)
from hallpanel.engine.entity import Kind, Regulated
from hallpanel.engine.errors import NotAllowed, Refusal, Stale
from hallpanel.engine.recipients import OWNER, TURN, Recipient
from hallpanel.engine.roles import ROLE_LABELS
from hallpanel.engine.scope import SYSTEM, Actor
from hallpanel.engine.who import Who, lender
from hallpanel.engine.words import TELLINGS, VERBS, Phrase, _l


@dataclass(frozen=True)
class Ask:
    """One question that a transition puts to the person who makes it."""

    name: str
    label: Phrase
    kind: Kind = Kind.LONG_TEXT
    optional: bool = False
    target: str | None = None
    choices: type[StrEnum] | None = None
    hint: Phrase | None = None


REASON = (Ask("reason", _l("Reason")),)
REMARK = (Ask("reason", _l("Remark"), optional=True),)


@dataclass
class Act:
    """A transition being considered or made: on what, by whom, when, with which answers."""

    session: Session
    record: Any
    transition: "Transition"
    actor: Actor
    at: datetime
    answers: dict[str, Any] = field(default_factory=dict)
    on_behalf_of: str | None = None

    @property
    def reason(self) -> str | None:
        """What the person gave as reason or remark."""
        reason: str | None = self.answers.get("reason")
        return reason or None


Guard = Callable[[Act], "Phrase | Refusal | None"]


class Effect:
    """What follows from a transition, and the sentences that say so beforehand (X12)."""

    def __init__(self, apply: Callable[[Act], None]) -> None:
        self.apply = apply
        self.foresee: Callable[[Act], Iterable[Phrase]] = lambda _act: ()

    def foresees(self, foresee: Callable[[Act], Iterable[Phrase]]) -> "Effect":
        """Decorate the function that says what will happen."""
        self.foresee = foresee
        return self


effect = Effect


@dataclass(frozen=True)
class Transition:
    """One verb of the rule book: from which states to which, by whom, when, and what follows.

    `when` are guards, each of which gives the reason against or None. `then` are effects; where
    `target` is the last step of an approval, they follow the last step only. `awaited` puts the
    record on the home page of whoever may make it. `tells` are told besides the owner and the next;
    `told` is the sentence for them, of %(thing)s and %(who)s, unless the standard one will do.
    """

    verb: str
    source: tuple[StrEnum, ...]
    target: StrEnum
    by: Who
    clause: str
    label: Phrase
    when: tuple[Guard, ...]
    then: tuple[Effect, ...]
    asks: tuple[Ask, ...]
    tells: tuple[Recipient, ...]
    told: Phrase
    step: bool
    bulk: bool
    awaited: bool | Callable[[Any], ColumnElement[bool]]
    danger: bool

    def __init__(
        self,
        verb: str,
        source: StrEnum | tuple[StrEnum, ...],
        target: StrEnum,
        *,
        by: Who,
        clause: str,
        label: Phrase | None = None,
        when: Guard | tuple[Guard, ...] = (),
        then: Effect | tuple[Effect, ...] = (),
        asks: tuple[Ask, ...] = (),
        tells: tuple[Recipient, ...] = (),
        told: Phrase | None = None,
        step: bool = False,
        bulk: bool = False,
        awaited: bool | Callable[[Any], ColumnElement[bool]] = False,
        danger: bool = False,
    ) -> None:
        settings = {
            "verb": verb,
            "source": source if isinstance(source, tuple) else (source,),
            "target": target,
            "by": by,
            "clause": clause,
            "label": label or VERBS.get(verb, Phrase("")),
            "when": when if isinstance(when, tuple) else (when,),
            "then": then if isinstance(then, tuple) else (then,),
            "asks": asks,
            "tells": tells,
            "told": told or TELLINGS.get(verb, _l("%(thing)s: %(verb)s, by %(who)s.")),
            "step": step,
            "bulk": bulk,
            "awaited": awaited,
            "danger": danger,
        }
        for name, value in settings.items():
            object.__setattr__(self, name, value)


class Workflow:
    """The table of transitions of one entity."""

    def __init__(self, initial: StrEnum, *transitions: Transition) -> None:
        self.initial = initial
        self.transitions = transitions
        self.by_verb = {transition.verb: transition for transition in transitions}

    def find(self, verb: str) -> Transition | None:
        """The transition of a verb, if the entity has it."""
        return self.by_verb.get(verb)

    def leaving(self, state: StrEnum) -> list[Transition]:
        """The transitions out of a state, in the order of the declaration."""
        return [t for t in self.transitions if state in t.source]

    def final(self, state: StrEnum) -> bool:
        """Whether nothing leads out of a state."""
        return not self.leaving(state)


def offered(record: Regulated, actor: Actor) -> list[Transition]:
    """The transitions that an actor may try on a record now; guards are asked later."""
    if record.workflow is None:
        return []
    return [t for t in record.workflow.leaving(record.state) if not barred(record, t, actor)]


def barred(record: Regulated, transition: Transition, actor: Actor) -> Phrase | None:
    """Why an actor may not make a transition on a record, whatever its state."""
    if actor is SYSTEM:
        return None
    if seclusion.bars(record, actor):
        return _l("it is not your turn or not within your office")
    if transition.by.decides and record.concerns(actor):
        return _l("nobody decides on their own record")
    if not transition.by.allows(actor, record):
        return _l("it is not your turn or not within your office")
    return None


def look(act: Act, version: int | None = None) -> Refusal | None:
    """Why an act cannot be made now, or None; changes nothing."""
    transition, record = act.transition, act.record
    # First what became of the record: whoever comes second is told who was first, not "not yours".
    if record.state not in transition.source:
        return _already(act)
    if version is not None and version != record.version:
        return _newer(act)
    against = barred(record, transition, act.actor)
    if against:
        return NotAllowed(against, transition.clause)
    with scope.acting(act.session, SYSTEM):
        for guard in transition.when:
            against_it = guard(act)
            if against_it is not None:
                return _as_refusal(against_it, transition.clause)
    return None


def foresee(act: Act) -> Iterator[Phrase]:
    """Say what will happen when the act is made (X12): effects, deadlines, who is told."""
    transition, record = act.transition, act.record
    with scope.acting(act.session, SYSTEM):
        if transition.step:
            yield from approval.foresee(act.session, record)
        if _is_last_step(act):
            for effect_ in transition.then:
                yield from effect_.foresee(act)
        yield from deadline_phrases(act)
        told = [p for r in _recipients(act) for p in r.named(act.session, record)]
        if record.concerns(act.actor):
            told = [person for person in told if person != act.actor.name]
        for person in dict.fromkeys(told):
            yield _l("%(person)s is told", person=person)


def deadline_phrases(act: Act) -> Iterator[Phrase]:
    """Say which limits a transition stops, starts, or starts anew for the next tier."""
    record, verb = act.record, act.transition.verb
    running = deadline.running(act.session, record.__tablename__, record.id)
    for rule in record.deadlines:
        starts = verb in rule.starts and not (act.transition.step and _is_last_step(act))
        if running is not None and verb in rule.stops:
            again = _l("The limit “%(limit)s” starts anew for the next tier", limit=rule.label)
            yield again if starts else _l("The limit “%(limit)s” stops", limit=rule.label)
        elif starts:
            yield _l("The limit “%(limit)s” starts", limit=rule.label)


def perform(
    session: Session,
    record: Any,
    verb: str,
    *,
    actor: Actor,
    at: datetime,
    answers: dict[str, Any] | None = None,
    version: int | None = None,
) -> Act:
    """Make a transition, in the caller's transaction; the door commits.

    Raises:
        Refusal: a rule is against it, or someone was faster. The caller rolls back.
    """
    transition = record.workflow.find(verb) if record.workflow else None
    if transition is None:
        raise NotAllowed(_l("there is no such transition here"))
    act = Act(session, record, transition, actor, at, answers or {})
    with scope.acting(session, SYSTEM):
        _take_turns(session, record)
    refusal = look(act, version)
    if refusal is not None:
        raise refusal
    act.on_behalf_of = lender(transition.by, actor, record)
    with scope.acting(session, SYSTEM), trail.doing(act):
        _change_state(act)
    return act


def _change_state(act: Act) -> None:
    session, record, transition = act.session, act.record, act.transition
    last = approval.advance(act) if transition.step else True
    if last and record.state is not transition.target:
        record.state = transition.target
    else:
        # Of two decisions on one step, too, only one finds the version that it read.
        flag_modified(record, "state")
    try:
        session.flush()
    except StaleDataError:
        session.rollback()
        raise _already(act) from None
    if last:
        for effect_ in transition.then:
            effect_.apply(act)
    clocks.move(session, record, transition.verb, at=act.at, reason=act.reason)
    _tell(act)
    session.flush()


def _is_last_step(act: Act) -> bool:
    return not act.transition.step or approval.remaining(act.session, act.record) <= 1


def _recipients(act: Act) -> list[Recipient]:
    standard: list[Recipient] = [OWNER] if act.record.owner else []
    if act.record.approval:
        standard.append(TURN)
    return [*standard, *act.transition.tells]


def _tell(act: Act) -> None:
    record = act.record
    accounts = {a for r in _recipients(act) for a in r.accounts(act.session, record, act.at)}
    accounts.discard(act.actor.account_id or 0)
    if not accounts:
        return
    outbox.tell(act.session, sorted(accounts), _sentence(act), at=act.at, record=record)


def _sentence(act: Act) -> Phrase:
    """What was done to which record and by whom, with the reason or remark they gave."""
    transition, thing = act.transition, act.record.in_a_sentence()
    who: str = _l("the panel") if act.actor is SYSTEM else act.actor.name
    if act.on_behalf_of:
        who = _l("%(who)s for %(whom)s", who=who, whom=act.on_behalf_of)
    turn = act.record.turn if transition.step else None
    if turn is not None:
        told = _l(
            "%(thing)s has the consent of %(who)s; next to decide: %(turn)s.",
            thing=thing,
            who=who,
            turn=ROLE_LABELS[turn],
        )
    else:
        told = Phrase(transition.told.msgid, thing=thing, who=who, verb=transition.label)
    return _l("%(told)s Note: %(note)s", told=told, note=act.reason) if act.reason else told


def _take_turns(session: Session, record: Regulated) -> None:
    """Let the decisions of one unit come one after the other, so that guards see the last word.

    SQLite does so by itself. PostgreSQL locks the unit's row until the transaction ends; what the
    record became while this one waited is read again.
    """
    if session.get_bind().dialect.name == "sqlite":
        return
    conflict.hold_unit(session, getattr(record, "unit_id", None))
    session.refresh(record, with_for_update=True)


def _as_refusal(against: Phrase | Refusal, clause: str) -> Refusal:
    if isinstance(against, Refusal):
        against.clause = against.clause or clause
        return against
    return Refusal(against, clause)


def _already(act: Act) -> Refusal:
    """Someone was faster: say who, and what they did."""
    with scope.acting(act.session, SYSTEM):
        last = trail.last_decision(act.session, act.record)
        state = trail.present_state(act.session, act.record)
    label = act.record.state_labels().get(state or "", Phrase(state or ""))
    if last is None:
        return Stale(_l("its state is now “%(state)s”", state=label), act.transition.clause)
    return Stale(
        _l("%(who)s was faster; its state is now “%(state)s”", who=last, state=label),
        act.transition.clause,
    )


def _newer(act: Act) -> Refusal:
    with scope.acting(act.session, SYSTEM):
        last = trail.last_decision(act.session, act.record)
    return Stale(
        _l("%(who)s was faster and changed it after you opened it", who=last or _l("someone")),
        act.transition.clause,
        then=_l("Look at it again and decide once more."),
    )
