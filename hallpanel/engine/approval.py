"""Approval by tiers: which roles must agree, whose turn it is, and what each decided (L5)."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Index, String, UniqueConstraint, func, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from hallpanel.engine.errors import Refusal
from hallpanel.engine.roles import ROLE_LABELS, Role
from hallpanel.engine.scope import SYSTEM, Actor
from hallpanel.engine.store import Base, UtcDateTime, enum_by_value
from hallpanel.engine.words import Phrase, _l

LADDER: tuple[Role, ...] = (
    Role.LEAD,
    Role.SUPERVISION,
    Role.DEPUTY,
    Role.DIRECTOR,
    Role.HALL_ADMIN,
)


class StepState(StrEnum):
    """What became of one tier of an approval."""

    WAITING = "waiting"
    NOW = "now"
    APPROVED = "approved"
    REFUSED = "refused"
    ESCALATED = "escalated"
    VOID = "void"


class ApprovalStep(Base):
    """One tier of one record's approval, planned at submission and filled in as it is decided."""

    __tablename__ = "approval_step"
    __table_args__ = (
        UniqueConstraint("table_name", "record_id", "round", "position"),
        Index("ix_approval_step_record", "table_name", "record_id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    table_name: Mapped[str] = mapped_column(String(63))
    record_id: Mapped[int]
    round: Mapped[int] = mapped_column(default=1)
    position: Mapped[int]
    role: Mapped[Role] = mapped_column(enum_by_value(Role))
    state: Mapped[StepState] = mapped_column(enum_by_value(StepState))
    decided_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    decided_by: Mapped[str | None] = mapped_column(String(200))
    account_id: Mapped[int | None]
    on_behalf_of: Mapped[str | None] = mapped_column(String(200))
    remark: Mapped[str | None] = mapped_column(String(2000))


def above(role: Role) -> Role | None:
    """The next role up the ladder; nobody is above the hall administrator."""
    position = LADDER.index(role) + 1
    return LADDER[position] if position < len(LADDER) else None


def steps_of(session: Session, record: Any) -> Sequence[ApprovalStep]:
    """All steps of a record, the latest round last."""
    query = (
        select(ApprovalStep)
        .where(ApprovalStep.table_name == record.__tablename__, ApprovalStep.record_id == record.id)
        .order_by(ApprovalStep.round, ApprovalStep.position)
    )
    return session.scalars(query).all()


def begin(session: Session, record: Any, roles: Iterable[Role]) -> None:
    """Plan the tiers of a submission; the first one's turn begins."""
    round_ = 1 + (session.scalar(_latest_round(record)) or 0)
    for position, role in enumerate(roles):
        state = StepState.WAITING if position else StepState.NOW
        session.add(_step(record, round_, position, role, state))
        if not position:
            record.turn = role


def remaining(session: Session, record: Any) -> int:
    """How many tiers have yet to agree, the present one included."""
    open_states = (StepState.NOW, StepState.WAITING)
    query = (
        select(func.count())
        .select_from(ApprovalStep)
        .where(
            ApprovalStep.table_name == record.__tablename__,
            ApprovalStep.record_id == record.id,
            ApprovalStep.state.in_(open_states),
        )
    )
    return session.scalar(query) or 0


def advance(act: Any) -> bool:
    """Record the present tier's agreement; say whether it was the last."""
    steps = _open_steps(act.session, act.record)
    if not steps:
        raise Refusal(_l("there is no step of approval left to decide"))
    _decide(steps[0], StepState.APPROVED, act)
    return not _turn_to(act.record, steps[1:])


def end(act: Any, state: StepState) -> None:
    """Close the approval early: the present tier refused it, or it was withdrawn."""
    steps = _open_steps(act.session, act.record)
    if steps:
        _decide(steps[0], state, act)
    for step in steps[1:]:
        step.state = StepState.VOID
    act.record.turn = None


def escalate(act: Any) -> None:
    """Hand the present tier's turn one level up; it stays on record that it did not decide.

    Raises:
        Refusal: nobody is above the present tier.
    """
    steps = _open_steps(act.session, act.record)
    if not steps:
        raise Refusal(_l("there is no step of approval left to decide"))
    present, *later = steps
    if not later:
        higher = above(present.role)
        if higher is None:
            raise Refusal(_l("there is nobody above to decide it"))
        later = [_step(act.record, present.round, present.position + 1, higher, StepState.WAITING)]
        act.session.add(later[0])
    _decide(present, StepState.ESCALATED, act)
    _turn_to(act.record, later)


def foresee(session: Session, record: Any) -> Iterator[Phrase]:
    """Say to whom the record goes after the present tier's agreement."""
    steps = _open_steps(session, record)
    if len(steps) > 1:
        yield _l("It goes on to %(role)s", role=ROLE_LABELS[steps[1].role])


def _open_steps(session: Session, record: Any) -> list[ApprovalStep]:
    states = (StepState.NOW, StepState.WAITING)
    return [step for step in steps_of(session, record) if step.state in states]


def _turn_to(record: Any, later: Sequence[ApprovalStep]) -> bool:
    if not later:
        record.turn = None
        return False
    later[0].state = StepState.NOW
    record.turn = later[0].role
    return True


def _decide(step: ApprovalStep, state: StepState, act: Any) -> None:
    actor: Actor = act.actor
    step.state = state
    step.decided_at = act.at
    step.decided_by = None if actor is SYSTEM else actor.name
    step.account_id = actor.account_id
    step.on_behalf_of = act.on_behalf_of
    step.remark = act.reason


def _latest_round(record: Any) -> Any:
    return select(func.max(ApprovalStep.round)).where(
        ApprovalStep.table_name == record.__tablename__, ApprovalStep.record_id == record.id
    )


def _step(record: Any, round_: int, position: int, role: Role, state: StepState) -> ApprovalStep:
    return ApprovalStep(
        table_name=record.__tablename__,
        record_id=record.id,
        round=round_,
        position=position,
        role=role,
        state=state,
    )
