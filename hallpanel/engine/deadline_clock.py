"""A record's clock as it is kept: when it runs and ends, what it said, and when it speaks next."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, Index, String, select, text
from sqlalchemy.orm import Mapped, Session, mapped_column

from hallpanel.engine.conflict import table_of
from hallpanel.engine.roles import Role
from hallpanel.engine.store import Base, UtcDateTime, enum_by_value

OPEN = "stopped_at IS NULL"
WILL_SPEAK = "next_fire_at IS NOT NULL"


class DeadlineState(StrEnum):
    """Whether a clock counts."""

    RUNNING = "running"
    PAUSED = "paused"
    STOPPED = "stopped"


class MarkKind(StrEnum):
    """What a clock said, once."""

    REMINDER = "reminder"
    YELLOW = "yellow"
    RED = "red"
    ESCALATED = "escalated"


class Deadline(Base):
    """One clock of one record: since when it runs, when its limits end, when it speaks next."""

    __tablename__ = "deadline"
    __table_args__ = (
        Index("ix_deadline_record", "table_name", "record_id"),
        Index("ix_deadline_unit", "unit_id", "state", "promise_due_at"),
        Index(
            "ix_deadline_next_fire_at",
            "next_fire_at",
            "id",
            sqlite_where=text(WILL_SPEAK),
            postgresql_where=text(WILL_SPEAK),
        ),
        Index(
            "uq_deadline_open",
            "table_name",
            "record_id",
            "rule",
            unique=True,
            sqlite_where=text(OPEN),
            postgresql_where=text(OPEN),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    table_name: Mapped[str] = mapped_column(String(63))
    record_id: Mapped[int]
    unit_id: Mapped[int | None]
    rule: Mapped[str] = mapped_column(String(63))
    clause: Mapped[str] = mapped_column(String(16))
    state: Mapped[DeadlineState] = mapped_column(enum_by_value(DeadlineState))
    holder_role: Mapped[Role | None] = mapped_column(enum_by_value(Role))
    promise_limit: Mapped[str] = mapped_column(String(63))
    statute_limit: Mapped[str | None] = mapped_column(String(63))
    reminder_limit: Mapped[str | None] = mapped_column(String(63))
    started_at: Mapped[datetime] = mapped_column(UtcDateTime)
    remind_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    promise_due_at: Mapped[datetime] = mapped_column(UtcDateTime)
    statute_due_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    provisional: Mapped[bool]
    paused_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    pause_reason: Mapped[str | None]
    paused_working_days: Mapped[int] = mapped_column(default=0)
    stopped_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    next_fire_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class DeadlinePause(Base):
    """A time in which a clock stood still, and why."""

    __tablename__ = "deadline_pause"

    id: Mapped[int] = mapped_column(primary_key=True)
    deadline_id: Mapped[int] = mapped_column(ForeignKey(Deadline.id), index=True)
    paused_at: Mapped[datetime] = mapped_column(UtcDateTime)
    resumed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    reason: Mapped[str]


class DeadlineMark(Base):
    """A warning that fired, and what had become due; it stays on record and fires no more."""

    __tablename__ = "deadline_mark"

    deadline_id: Mapped[int] = mapped_column(ForeignKey(Deadline.id), primary_key=True)
    kind: Mapped[MarkKind] = mapped_column(enum_by_value(MarkKind), primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    due_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


DEADLINE = table_of(Deadline)
PAUSE = table_of(DeadlinePause)
MARK = table_of(DeadlineMark)

Clock = Mapping[str, Any]
Kinds = frozenset[MarkKind]
NO_KINDS: Kinds = frozenset()
THRESHOLDS = {
    MarkKind.REMINDER: "remind_at",
    MarkKind.YELLOW: "promise_due_at",
    MarkKind.RED: "statute_due_at",
}


def thresholds(clock: Clock) -> Iterator[tuple[MarkKind, datetime]]:
    """What a clock has to say in its life, and when."""
    for kind, column in THRESHOLDS.items():
        if clock[column] is not None:
            yield kind, clock[column]


def next_fire(clock: Clock, said: Iterable[MarkKind]) -> datetime | None:
    """When a running clock next says what it has not said; it reminds of nothing overdue."""
    spent = set(said)
    if spent & {MarkKind.YELLOW, MarkKind.RED}:
        spent.add(MarkKind.REMINDER)
    return min((due for kind, due in thresholds(clock) if kind not in spent), default=None)


def marks_of(session: Session, ids: Sequence[int]) -> dict[int, Kinds]:
    """What each of some clocks has said; clocks that said nothing are not in it."""
    query = select(MARK.c.deadline_id, MARK.c.kind).where(MARK.c.deadline_id.in_(ids))
    found: dict[int, Kinds] = {}
    for deadline_id, kind in session.execute(query):
        found[deadline_id] = found.get(deadline_id, NO_KINDS) | {kind}
    return found
