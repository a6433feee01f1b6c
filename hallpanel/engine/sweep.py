"""What time itself does: fires deadlines, makes timed transitions, sends reminders, does chores.

`run` may be called as often as one likes and in two processes at once: each thing happens once.
Every record is handled in a transaction of its own.
"""

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, String, UniqueConstraint, select
from sqlalchemy.orm import Mapped, Session, mapped_column
from sqlalchemy.orm.exc import StaleDataError

from hallpanel.engine import conflict, deadline, outbox, recipients, records, workflow
from hallpanel.engine.clock import hall_day, start_of_day
from hallpanel.engine.deadline import Fired, MarkKind
from hallpanel.engine.entity import REGISTRY, Regulated
from hallpanel.engine.errors import Refusal
from hallpanel.engine.scope import SYSTEM
from hallpanel.engine.store import Base
from hallpanel.engine.words import Phrase, _l

log = logging.getLogger(__name__)

Due = Callable[[Any, datetime], ColumnElement[bool]]
Chore = Callable[[Session, datetime], int]


@dataclass(frozen=True)
class Timed:
    """A transition that the sweep makes for records whose time has come."""

    verb: str
    due: Due


@dataclass(frozen=True)
class Reminder:
    """A sentence sent once a day, while it holds, to the owner or to whoever's turn it is."""

    name: str
    due: Due
    phrase: Phrase
    to: recipients.Recipient = recipients.OWNER


class ReminderSent(Base):
    """That a reminder went out for a record on a hall day: it does so once."""

    __tablename__ = "reminder_sent"
    __table_args__ = (UniqueConstraint("table_name", "record_id", "name", "day"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    table_name: Mapped[str] = mapped_column(String(63))
    record_id: Mapped[int]
    name: Mapped[str] = mapped_column(String(40))
    day: Mapped[date]


@dataclass
class Swept:
    """How much of each kind one sweep did."""

    marks: int = 0
    transitions: int = 0
    reminders: int = 0
    chores: int = 0
    refused: list[str] = field(default_factory=list)


def run(session: Session, at: datetime) -> Swept:
    """Do all that is due at an instant; commits as it goes."""
    swept = Swept()
    with records.at_desk(session, SYSTEM, at):
        for entity in list(REGISTRY.values()):
            _make_timed(session, entity, at, swept)
        _fire_deadlines(session, at, swept)
        for entity in list(REGISTRY.values()):
            _remind(session, entity, at, swept)
            for chore in entity.chores:
                _do_chore(session, chore, at, swept)
    return swept


def _do_chore(session: Session, chore: Chore, at: datetime, swept: Swept) -> None:
    try:
        swept.chores += chore(session, at)
        session.commit()
    except (Refusal, StaleDataError) as clash:
        session.rollback()
        swept.refused.append(str(clash))


def _make_timed(session: Session, entity: type[Regulated], at: datetime, swept: Swept) -> None:
    verbs = entity.workflow.by_verb if entity.workflow else {}
    for timed in entity.timed:
        transition = verbs[timed.verb]
        query = select(entity.id).where(entity.state.in_(transition.source), timed.due(entity, at))
        ids = session.scalars(query.order_by(entity.id)).all()
        session.commit()
        for record_id in ids:
            swept.transitions += _make_one(session, entity, record_id, timed.verb, at)


def _make_one(
    session: Session, entity: type[Regulated], record_id: int, verb: str, at: datetime
) -> bool:
    record = records.find(session, entity, record_id)
    try:
        if record is None:
            return False
        workflow.perform(session, record, verb, actor=SYSTEM, at=at)
    except Refusal as refusal:
        session.rollback()
        log.debug("%s %s not made: %s", verb, record_id, refusal)
        return False
    session.commit()
    return True


def _fire_deadlines(session: Session, at: datetime, swept: Swept) -> None:
    """Tell of each warning once; where its rule says so, hand the record up (X4, L5)."""
    while fired := deadline.due_marks(session, at):
        for one in fired:
            _tell_of(session, one, at)
        session.commit()
        swept.marks += len(fired)
    for clock in deadline.past_promise(session):
        _escalate(session, clock, at, swept)


def _tell_of(session: Session, fired: Fired, at: datetime) -> None:
    record = records.find(session, REGISTRY[fired.table_name], fired.record_id)
    if record is None:
        return
    accounts = _answerable(session, record, at)
    phrase = WARNINGS[fired.kind]
    told = Phrase(phrase.msgid, thing=record.in_a_sentence())
    outbox.tell(session, sorted(accounts), told, at=at, record=record)


WARNINGS: dict[MarkKind, Phrase] = {
    MarkKind.REMINDER: _l("%(thing)s is due soon."),
    MarkKind.YELLOW: _l("%(thing)s is overdue: the promised limit has passed."),
    MarkKind.RED: _l("%(thing)s is overdue: the statutory limit has passed."),
}


def _answerable(session: Session, record: Regulated, at: datetime) -> set[int]:
    """Whoever's turn it is, else the owner."""
    if record.approval and record.turn is not None:
        return set(recipients.TURN.accounts(session, record, at))
    return set(recipients.OWNER.accounts(session, record, at)) if record.owner else set()


def _escalate(session: Session, clock: Fired, at: datetime, swept: Swept) -> None:
    """Hand up what its rule says, with the mark that it was, in one transaction."""
    entity = REGISTRY[clock.table_name]
    rule = next((r for r in entity.deadlines if r.name == clock.rule), None)
    if rule is None or rule.escalates is None:
        return
    record = records.find(session, entity, clock.record_id)
    if record is None:
        return
    before = _answerable(session, record, at)
    # The mark is the claim: another sweep that is here too waits for it, and finds it taken.
    if not deadline.mark(session, clock.deadline_id, MarkKind.ESCALATED, at):
        session.rollback()
        return
    try:
        workflow.perform(session, record, rule.escalates, actor=SYSTEM, at=at)
    except Refusal as refusal:
        session.rollback()
        swept.refused.append(str(refusal))
        return
    phrase = _l(
        "%(thing)s was not decided in time and has gone one level up.",
        thing=record.in_a_sentence(),
    )
    told = before | _answerable(session, record, at)
    outbox.tell(session, sorted(told), phrase, at=at, record=record)
    session.commit()
    swept.transitions += 1


def _remind(session: Session, entity: type[Regulated], at: datetime, swept: Swept) -> None:
    for reminder in (*entity.reminders, *_waiting(entity)):
        query = select(entity).where(reminder.due(entity, at)).order_by(entity.id)
        for record in session.scalars(query).all():
            if _first_today(session, record, reminder.name, at):
                accounts = reminder.to.accounts(session, record, at)
                phrase = Phrase(reminder.phrase.msgid, thing=record.in_a_sentence())
                outbox.tell(session, sorted(accounts), phrase, at=at, record=record)
                swept.reminders += 1
            session.commit()


def _waiting(entity: type[Regulated]) -> Iterable[Reminder]:
    """What waits for approval is recalled each day while it waits (X11)."""
    if entity.approval:
        yield Reminder(
            "waiting",
            _waits_since_yesterday,
            _l("%(thing)s is waiting for your decision."),
            recipients.TURN,
        )


def _waits_since_yesterday(entity: Any, at: datetime) -> ColumnElement[bool]:
    today = start_of_day(hall_day(at))
    waits: ColumnElement[bool] = entity.turn.is_not(None) & (entity.created_at < today)
    return waits


def _first_today(session: Session, record: Regulated, name: str, at: datetime) -> bool:
    statement = (
        conflict.insert(session, ReminderSent)
        .values(table_name=record.__tablename__, record_id=record.id, name=name, day=hall_day(at))
        .on_conflict_do_nothing()
        .returning(ReminderSent.id)
    )
    return session.execute(statement).first() is not None
