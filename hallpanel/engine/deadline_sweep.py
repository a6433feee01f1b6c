"""What the sweep asks of the clocks: which have something to say now. Each thing is said once."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, select, update
from sqlalchemy.orm import Session

from hallpanel.engine.conflict import insert
from hallpanel.engine.deadline_clock import (
    DEADLINE,
    MARK,
    NO_KINDS,
    Clock,
    DeadlineMark,
    DeadlineState,
    Kinds,
    MarkKind,
    marks_of,
    next_fire,
    thresholds,
)
from hallpanel.engine.roles import Role

BATCH = 200


@dataclass(frozen=True)
class Fired:
    """A warning that has just fired, for the caller to tell of and to escalate."""

    deadline_id: int
    rule: str
    kind: MarkKind
    table_name: str
    record_id: int
    unit_id: int | None
    clause: str
    due_at: datetime
    holder_role: Role | None


def due_marks(session: Session, at: datetime, batch: int = BATCH) -> list[Fired]:
    """Claim and mark the warnings that are due, of so many clocks at a time.

    They are the caller's once it commits; after a rollback they are due again. An empty list says
    that none is left which another sweep has not in hand.
    """
    fired: list[Fired] = []
    while not fired:
        clocks = _due_clocks(session, at, batch)
        if not clocks:
            break
        said = marks_of(session, [clock["id"] for clock in clocks])
        for clock in clocks:
            fired += _fire(session, clock, said.get(clock["id"], NO_KINDS), at)
    return fired


def past_promise(session: Session) -> list[Fired]:
    """The running clocks whose promise has passed and that were not handed up yet.

    Asked by what stands on record, not by what one sweep fired: a sweep that died half-way leaves
    its escalations to the next.
    """
    handed_up = MARK.alias()
    escalated = (
        select(handed_up.c.deadline_id)
        .where(handed_up.c.deadline_id == DEADLINE.c.id)
        .where(handed_up.c.kind == MarkKind.ESCALATED)
        .exists()
    )
    query = (
        select(DEADLINE)
        .join(MARK, MARK.c.deadline_id == DEADLINE.c.id)
        .where(
            MARK.c.kind == MarkKind.YELLOW,
            DEADLINE.c.state == DeadlineState.RUNNING,
            ~escalated,
        )
        .order_by(DEADLINE.c.promise_due_at, DEADLINE.c.id)
    )
    clocks = [row._asdict() for row in session.execute(query)]
    return [_fired(clock, MarkKind.YELLOW, clock["promise_due_at"]) for clock in clocks]


def mark(session: Session, deadline_id: int, kind: MarkKind, at: datetime) -> bool:
    """Put one more warning on a clock's record, such as that it was escalated; once."""
    kept = insert(session, DeadlineMark).values(deadline_id=deadline_id, kind=kind, at=at)
    return session.scalar(kept.on_conflict_do_nothing().returning(MARK.c.kind)) is not None


def marks(
    session: Session, table_name: str, record_id: int
) -> Sequence[Row[str, MarkKind, datetime, datetime | None]]:
    """The warnings of a record's clocks, for its timeline: rule, kind, at, due_at."""
    query = (
        select(DEADLINE.c.rule, MARK.c.kind, MARK.c.at, MARK.c.due_at)
        .join(DEADLINE, DEADLINE.c.id == MARK.c.deadline_id)
        .where(DEADLINE.c.table_name == table_name, DEADLINE.c.record_id == record_id)
        .order_by(MARK.c.at, MARK.c.deadline_id, MARK.c.due_at.is_(None), MARK.c.due_at)
    )
    return session.execute(query).all()


def _due_clocks(session: Session, at: datetime, batch: int) -> list[dict[str, Any]]:
    """The clocks that have something to say, the longest due first; none that another sweep has."""
    query = (
        select(DEADLINE)
        .where(DEADLINE.c.next_fire_at <= at)
        .order_by(DEADLINE.c.next_fire_at, DEADLINE.c.id)
        .limit(batch)
        .with_for_update(skip_locked=True)
    )
    return [row._asdict() for row in session.execute(query)]


def _fire(session: Session, clock: Clock, said: Kinds, at: datetime) -> Iterator[Fired]:
    """Claim one clock; mark and yield what it has to say, unless another sweep was faster."""
    passed = {kind: due for kind, due in thresholds(clock) if due <= at and kind not in said}
    if len(passed) > 1:
        passed.pop(MarkKind.REMINDER, None)
    claim = (
        update(DEADLINE)
        .where(DEADLINE.c.id == clock["id"], DEADLINE.c.next_fire_at == clock["next_fire_at"])
        .values(next_fire_at=next_fire(clock, said | passed.keys()))
        .returning(DEADLINE.c.id)
    )
    if session.scalar(claim) is None:
        return
    for kind, due in passed.items():
        kept = {"deadline_id": clock["id"], "kind": kind, "at": at, "due_at": due}
        session.execute(MARK.insert().values(kept))
        yield _fired(clock, kind, due)


def _fired(clock: Clock, kind: MarkKind, due: datetime) -> Fired:
    return Fired(
        deadline_id=clock["id"],
        rule=clock["rule"],
        kind=kind,
        table_name=clock["table_name"],
        record_id=clock["record_id"],
        unit_id=clock["unit_id"],
        clause=clock["clause"],
        due_at=due,
        holder_role=clock["holder_role"],
    )
