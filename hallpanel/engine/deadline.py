"""Deadlines: the clocks that run over records, with a promise (yellow) and a statute (red).

A clock is started, stopped, paused and resumed by transitions. When it next speaks is kept as an
instant, so that the sweep asks one index; its cost grows with the clocks that speak.
"""

from collections.abc import Iterable, Sequence
from dataclasses import KW_ONLY, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Update, and_, select, update
from sqlalchemy.orm import Session

from hallpanel.engine import limits
from hallpanel.engine.clock import hall_day
from hallpanel.engine.conflict import insert
from hallpanel.engine.deadline_clock import (
    DEADLINE,
    NO_KINDS,
    PAUSE,
    Clock,
    Deadline,
    DeadlineMark,
    DeadlinePause,
    DeadlineState,
    MarkKind,
    marks_of,
    next_fire,
)
from hallpanel.engine.deadline_sweep import Fired, due_marks, mark, marks, past_promise
from hallpanel.engine.limits import Limits, Pause
from hallpanel.engine.roles import Role
from hallpanel.engine.words import Phrase
from hallpanel.engine.workdays import WorkCalendar

__all__ = [
    "Deadline",
    "DeadlineMark",
    "DeadlinePause",
    "DeadlineRule",
    "DeadlineState",
    "Fired",
    "MarkKind",
    "Moved",
    "due_marks",
    "mark",
    "marks",
    "past_promise",
    "pause",
    "recompute",
    "resume",
    "running",
    "start",
    "stop",
]

BATCH = 200


@dataclass(frozen=True)
class DeadlineRule:
    """A limit that an entity declares: which verbs start, stop, pause and resume its clock.

    `promise`, `statute` and `reminder` are keys of limits; the reminder's is how long before the
    end of the promise. `escalates` is the verb that the sweep makes when the promise has passed.
    """

    name: str
    _: KW_ONLY
    label: Phrase
    clause: str
    starts: tuple[str, ...]
    stops: tuple[str, ...]
    promise: str
    statute: str | None = None
    reminder: str | None = None
    pauses: tuple[str, ...] = ()
    resumes: tuple[str, ...] = ()
    escalates: str | None = None


@dataclass(frozen=True)
class Moved:
    """A clock whose limits now end at another time, or are no longer provisional."""

    deadline_id: int
    rule: str
    table_name: str
    record_id: int
    unit_id: int | None
    promise_before: datetime
    promise_due_at: datetime
    statute_before: datetime | None
    statute_due_at: datetime | None
    provisional: bool


def start(
    session: Session,
    rule: DeadlineRule,
    table_name: str,
    record_id: int,
    *,
    unit_id: int | None,
    at: datetime,
    calendar: WorkCalendar,
    holder_role: Role | None = None,
) -> int:
    """Start a record's clock, unless it runs already; its id.

    Raises:
        NoLimit: a figure that the rule names is not in force on the day.
    """
    keys = {
        "promise_limit": rule.promise,
        "statute_limit": rule.statute,
        "reminder_limit": rule.reminder,
    }
    schedule = _schedule(keys | {"started_at": at}, (), limits.load(session), calendar)
    clock = {
        "table_name": table_name,
        "record_id": record_id,
        "unit_id": unit_id,
        "rule": rule.name,
        "clause": rule.clause,
        "state": DeadlineState.RUNNING,
        "holder_role": holder_role,
        "started_at": at,
        "next_fire_at": next_fire(schedule, NO_KINDS),
    }
    new = insert(session, Deadline).values(clock | keys | schedule)
    new_id: int | None = session.scalar(new.on_conflict_do_nothing().returning(DEADLINE.c.id))
    if new_id is not None:
        return new_id
    present = select(Deadline.id).where(_open(rule, table_name, record_id))
    return session.execute(present).scalar_one()


def stop(
    session: Session, rule: DeadlineRule | None, table_name: str, record_id: int, *, at: datetime
) -> bool:
    """Stop a record's clock, or all its clocks where no rule is named; whether any was open."""
    stopped = (
        update(DEADLINE)
        .where(_open(rule, table_name, record_id))
        .values(
            state=DeadlineState.STOPPED,
            stopped_at=at,
            paused_at=None,
            pause_reason=None,
            next_fire_at=None,
        )
        .returning(DEADLINE.c.id)
    )
    ids = session.scalars(stopped).all()
    session.execute(_end_pauses(ids, at))
    return bool(ids)


def pause(
    session: Session,
    rule: DeadlineRule,
    table_name: str,
    record_id: int,
    *,
    at: datetime,
    reason: str,
) -> bool:
    """Let a running clock stand still; whether one was running."""
    paused = (
        update(DEADLINE)
        .where(_open(rule, table_name, record_id), DEADLINE.c.state == DeadlineState.RUNNING)
        .values(state=DeadlineState.PAUSED, paused_at=at, pause_reason=reason, next_fire_at=None)
        .returning(DEADLINE.c.id)
    )
    deadline_id = session.scalar(paused)
    if deadline_id is None:
        return False
    kept = {"deadline_id": deadline_id, "paused_at": at, "reason": reason}
    session.execute(PAUSE.insert().values(kept))
    return True


def resume(
    session: Session,
    rule: DeadlineRule,
    table_name: str,
    record_id: int,
    *,
    at: datetime,
    calendar: WorkCalendar,
) -> bool:
    """Let a paused clock run on; all its limits end later by what the pause took."""
    resumed = (
        update(DEADLINE)
        .where(_open(rule, table_name, record_id), DEADLINE.c.state == DeadlineState.PAUSED)
        .values(state=DeadlineState.RUNNING, paused_at=None, pause_reason=None)
        .returning(*DEADLINE.c)
    )
    clock = session.execute(resumed).one_or_none()
    if clock is None:
        return False
    session.execute(_end_pauses([clock.id], at))
    _reschedule(session, [clock._asdict()], calendar)
    return True


def recompute(session: Session, calendar: WorkCalendar) -> list[Moved]:
    """Count all open clocks anew, when a notice or a figure has changed; those that moved.

    A warning that fired stays on record also where its moment is now later.
    """
    moved: list[Moved] = []
    last = 0
    while True:
        query = (
            select(DEADLINE)
            .where(DEADLINE.c.stopped_at.is_(None), DEADLINE.c.id > last)
            .order_by(DEADLINE.c.id)
            .limit(BATCH)
            .with_for_update()
        )
        clocks = [row._asdict() for row in session.execute(query)]
        if not clocks:
            return moved
        moved += _reschedule(session, clocks, calendar)
        last = clocks[-1]["id"]


def running(session: Session, table_name: str, record_id: int) -> Deadline | None:
    """The record's open clock that ends first, for its page; None where none is open."""
    query = select(Deadline).where(_open(None, table_name, record_id))
    first = query.order_by(DEADLINE.c.promise_due_at, DEADLINE.c.id).limit(1)
    # Clocks are moved by statements, of which an object that was loaded before knows nothing.
    return session.scalar(first.execution_options(populate_existing=True))


def _open(rule: DeadlineRule | None, table_name: str, record_id: int) -> ColumnElement[bool]:
    """The open clock of a record under a rule, or all its open clocks."""
    clock = DEADLINE.c
    which = (clock.rule == rule.name,) if rule else ()
    return and_(
        clock.table_name == table_name,
        clock.record_id == record_id,
        clock.stopped_at.is_(None),
        *which,
    )


def _end_pauses(ids: Iterable[int], at: datetime) -> Update:
    lasting = and_(PAUSE.c.deadline_id.in_(ids), PAUSE.c.resumed_at.is_(None))
    return update(PAUSE).where(lasting).values(resumed_at=at)


def _schedule(
    clock: Clock, pauses: Sequence[Pause], figures: Limits, calendar: WorkCalendar
) -> dict[str, Any]:
    """When a clock's limits end, by the figures in force on the day it was started."""
    started: datetime = clock["started_at"]
    day = hall_day(started)
    keys = (clock["promise_limit"], clock["statute_limit"])
    ends = [
        figures.in_force(key, day).end(started, calendar, pauses) if key else None for key in keys
    ]
    promise_due_at, statute_due_at = (end.at if end else None for end in ends)
    remind_at = None
    if clock["reminder_limit"] and promise_due_at:
        ahead = figures.in_force(clock["reminder_limit"], day)
        remind_at = ahead.ahead(promise_due_at, calendar)
    return {
        # Nobody is reminded of what they have only just been given.
        "remind_at": remind_at if remind_at and remind_at > started else None,
        "promise_due_at": promise_due_at,
        "statute_due_at": statute_due_at,
        "provisional": any(end.provisional for end in ends if end),
        "paused_working_days": limits.paused_working_days(pauses, calendar),
    }


def _reschedule(session: Session, clocks: Sequence[Clock], calendar: WorkCalendar) -> list[Moved]:
    """Count clocks anew with their pauses; a paused one stays silent until it is resumed."""
    figures = limits.load(session)
    ids = [clock["id"] for clock in clocks]
    pauses, said = _pauses_of(session, ids), marks_of(session, ids)
    moved = []
    for clock in clocks:
        schedule = _schedule(clock, pauses.get(clock["id"], ()), figures, calendar)
        running = clock["state"] is DeadlineState.RUNNING
        speaks = next_fire(schedule, said.get(clock["id"], NO_KINDS)) if running else None
        values = schedule | {"next_fire_at": speaks}
        if any(clock[name] != value for name, value in values.items()):
            session.execute(update(DEADLINE).where(DEADLINE.c.id == clock["id"]).values(values))
            moved.append(_moved(clock, schedule))
    return moved


def _moved(clock: Clock, schedule: Clock) -> Moved:
    return Moved(
        deadline_id=clock["id"],
        rule=clock["rule"],
        table_name=clock["table_name"],
        record_id=clock["record_id"],
        unit_id=clock["unit_id"],
        promise_before=clock["promise_due_at"],
        promise_due_at=schedule["promise_due_at"],
        statute_before=clock["statute_due_at"],
        statute_due_at=schedule["statute_due_at"],
        provisional=schedule["provisional"],
    )


def _pauses_of(session: Session, ids: Sequence[int]) -> dict[int, list[Pause]]:
    """The pauses of clocks that are over; one that lasts has moved nothing yet."""
    over = and_(PAUSE.c.deadline_id.in_(ids), PAUSE.c.resumed_at.is_not(None))
    found: dict[int, list[Pause]] = {}
    for row in session.execute(select(PAUSE).where(over).order_by(PAUSE.c.id)):
        found.setdefault(row.deadline_id, []).append(Pause(row.paused_at, row.resumed_at))
    return found
