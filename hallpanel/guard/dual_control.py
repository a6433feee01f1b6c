"""Deeds for which two people are needed: one asks, another agrees within half an hour (SOD-3).

A kind says who may ask and who may agree. Where it carries the deed out itself, agreement and deed
are one transaction. Where the asker does it (an export, a restore), agreement permits them that
deed once: `demand` is asked right before it, in its transaction.

    refusal = dual_control.demand(session, "export_personal", payload, actor, at)
    if refusal is not None:
        raise refusal  # or, in the panel: return dual_pages.second_person(...)
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    Index,
    ScalarSelect,
    String,
    func,
    select,
    update,
)
from sqlalchemy.orm import Mapped, Session, mapped_column

from hallpanel.engine import audit, outbox
from hallpanel.engine.errors import NotAllowed, Refusal
from hallpanel.engine.roles import ROLE_LABELS, Role
from hallpanel.engine.scope import Actor
from hallpanel.engine.store import Base, Json, UtcDateTime, enum_by_value
from hallpanel.engine.words import Phrase, _l
from hallpanel.guard.account import Account
from hallpanel.guard.granting import holders

VALID_FOR = timedelta(minutes=30)
LONGEST_REASON = 2000

Payload = Mapping[str, Any]


class Outcome(StrEnum):
    """What became of a request."""

    WAITING = "waiting"
    APPROVED = "approved"
    REFUSED = "refused"
    EXPIRED = "expired"
    DONE = "done"


OUTCOMES: dict[Outcome, Phrase] = {
    Outcome.WAITING: _l("Waiting for a second person"),
    Outcome.APPROVED: _l("Agreed, not yet done"),
    Outcome.REFUSED: _l("Refused"),
    Outcome.EXPIRED: _l("Expired"),
    Outcome.DONE: _l("Done"),
}


class DualControl(Base):
    """A request that one person made and another one decides."""

    __tablename__ = "dual_control"
    __table_args__ = (
        CheckConstraint("decided_by IS NULL OR decided_by <> requested_by", name="two_people"),
        Index("ix_dual_control_open", "outcome", "expires_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(40))
    payload: Mapped[Any] = mapped_column(Json)
    reason: Mapped[str] = mapped_column(String(LONGEST_REASON))
    unit_id: Mapped[int | None] = mapped_column(ForeignKey("unit.id"))
    requested_by: Mapped[int] = mapped_column(ForeignKey("account.id"))
    requested_at: Mapped[datetime] = mapped_column(UtcDateTime)
    requested_in: Mapped[str | None] = mapped_column(String(64))
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    decided_by: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    decided_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    remark: Mapped[str | None] = mapped_column(String(LONGEST_REASON))
    outcome: Mapped[Outcome] = mapped_column(enum_by_value(Outcome))


@dataclass(frozen=True)
class Kind:
    """A deed that takes two people.

    `else_by` may agree where nobody but the asker holds a role of `may_approve`. `concerns` names
    the accounts that the deed is about: they neither ask nor agree. `told` is the deed in words.
    """

    name: str
    label: Phrase
    may_ask: frozenset[Role]
    may_approve: frozenset[Role]
    told: Callable[[Session, Payload], Phrase]
    carry_out: Callable[[Session, "DualControl", datetime], None] | None = None
    else_by: frozenset[Role] = frozenset()
    concerns: Callable[[Payload], frozenset[int]] = lambda _payload: frozenset()


KINDS: dict[str, Kind] = {}


def register(kind: Kind) -> Kind:
    """Make a kind known; its name is what callers say."""
    KINDS[kind.name] = kind
    return kind


def ask(
    session: Session,
    kind: str,
    payload: Payload,
    reason: str,
    actor: Actor,
    at: datetime,
    *,
    unit_id: int | None = None,
) -> DualControl:
    """Ask for a second person's agreement, and tell those who may give it; the caller commits.

    Raises:
        Refusal: the actor may not ask, it is about themselves, no reason is given, or it waits.
    """
    wanted = KINDS[kind]
    if actor.account_id is None or not actor.roles & wanted.may_ask:
        raise NotAllowed(_l("none of your roles asks for this"))
    _refuse_own(session, wanted, payload, actor)
    if not reason.strip():
        raise Refusal(_l("a second person needs the reason"), field="reason")
    expire_old(session, at)
    if _of(session, kind, payload, actor, Outcome.WAITING, at) is not None:
        raise Refusal(_l("this is asked for already"), then=_l("It waits under “Two people”."))
    request = DualControl(
        kind=kind,
        payload=dict(payload),
        reason=reason.strip()[:LONGEST_REASON],
        unit_id=unit_id,
        requested_by=actor.account_id,
        requested_at=at,
        requested_in=_sitting(session),
        expires_at=at + VALID_FOR,
        outcome=Outcome.WAITING,
    )
    session.add(request)
    session.flush()
    _note(session, "dual_ask", request, at, reason=request.reason)
    phrase = _l("%(who)s asks for a second person: %(what)s", who=actor.name, what=wanted.label)
    outbox.tell(session, _approver_accounts(session, request, at), phrase, at=at, record=request)
    return request


def may_decide(session: Session, request: DualControl, actor: Actor, at: datetime) -> bool:
    """Whether a person is the second one that a request waits for."""
    return barred(session, request, actor, at) is None


def barred(session: Session, request: DualControl, actor: Actor, at: datetime) -> Phrase | None:
    """Why a person may not decide a request, or None."""
    kind = KINDS[request.kind]
    people = [actor, *actor.delegators]
    if request.requested_by in {person.account_id for person in people}:
        return _l("who asks does not agree, nor does who stands in for them")
    asker = _staff_of(session, request.requested_by)
    if asker is not None and asker in {person.staff_id for person in people}:
        return _l("who asks does not agree, nor does who stands in for them")
    if request.requested_in is not None and request.requested_in == _sitting(session):
        return _l("the second person signs in themselves")
    if not actor.roles & approving_roles(session, request, at):
        return _l("none of your roles agrees to this")
    if _is_about(session, kind, request.payload, actor):
        return _l("nobody decides about themselves")
    return None


def decide(
    session: Session,
    request_id: int,
    actor: Actor,
    at: datetime,
    *,
    agrees: bool,
    remark: str | None = None,
) -> DualControl:
    """Agree or refuse as the second person; of two who do so at once, one. The caller commits.

    Raises:
        Refusal: it no longer waits, or the deed itself is refused. NotAllowed: not this person.
    """
    request = find(session, request_id)
    if request is None:
        raise Refusal(_l("there is no such request"))
    against = barred(session, request, actor, at)
    if against is not None:
        raise NotAllowed(against)
    if request.outcome is Outcome.WAITING and at >= request.expires_at:
        raise Refusal(_l("it has expired"), then=_l("It has to be asked for again."))
    _settle(session, request, actor, at, agrees=agrees, remark=remark)
    _note(session, "dual_approve" if agrees else "dual_refuse", request, at, reason=remark)
    kind = KINDS[request.kind]
    if agrees and kind.carry_out is not None:
        kind.carry_out(session, request, at)
        _finish(session, request, at)
    words = _l("%(who)s agreed: %(what)s") if agrees else _l("%(who)s refused: %(what)s")
    words.params = {"who": actor.name, "what": kind.label}
    outbox.tell(session, [request.requested_by], words, at=at, record=request)
    return request


def demand(
    session: Session, kind: str, payload: Payload, actor: Actor, at: datetime
) -> Refusal | None:
    """Use up the agreement to a deed, in the deed's own transaction; why not, where there is none.

    None says that a second person agreed to exactly this, for this person, within the last half
    hour, and that nobody has done it since.
    """
    request = _of(session, kind, payload, actor, Outcome.APPROVED, at)
    if request is None or not _take(session, request, Outcome.APPROVED, outcome=Outcome.DONE):
        return Refusal(
            _l("a second person must agree: %(what)s", what=KINDS[kind].label),
            then=_l("Ask for it with a reason; it then waits under “Two people”."),
        )
    _note(session, "dual_done", request, at)
    return None


def use(
    session: Session, request_id: int, kind: str, payload: Payload, at: datetime
) -> Refusal | None:
    """The same for the command line, which knows the request's number and not the person."""
    request = find(session, request_id)
    fits = request is not None and request.kind == kind and request.payload == dict(payload)
    if request is None or not fits or request.outcome is not Outcome.APPROVED:
        return Refusal(_l("no second person agreed to this under that number"))
    if at >= request.expires_at:
        return Refusal(_l("the agreement has expired"))
    if not _take(session, request, Outcome.APPROVED, outcome=Outcome.DONE):
        return Refusal(_l("the agreement was used already"))
    _note(session, "dual_done", request, at)
    return None


def find(session: Session, request_id: int) -> DualControl | None:
    """A request as it is stored now."""
    wanted = select(DualControl).where(DualControl.id == request_id)
    return session.scalar(wanted.execution_options(populate_existing=True))


def requests_for(session: Session, actor: Actor, at: datetime) -> list[DualControl]:
    """The requests that wait for a person."""
    waiting = session.scalars(
        select(DualControl)
        .where(DualControl.outcome == Outcome.WAITING, DualControl.expires_at > at)
        .order_by(DualControl.id)
    )
    return [one for one in waiting if may_decide(session, one, actor, at)]


def count_for(actor: Actor, at: datetime) -> ScalarSelect[int]:
    """How many requests a person's roles may agree to, to be asked together with other figures.

    Who stands in for a role that nobody holds is counted among them; `requests_for` looks closer.
    """
    mine = [key for key, kind in KINDS.items() if actor.roles & (kind.may_approve | kind.else_by)]
    return (
        select(func.count(DualControl.id))
        .where(
            DualControl.outcome == Outcome.WAITING,
            DualControl.expires_at > at,
            DualControl.kind.in_(mine),
            DualControl.requested_by != actor.account_id,
        )
        .scalar_subquery()
    )


def expire_old(session: Session, at: datetime) -> int:
    """Close what nobody decided or used in time, each with its event; the caller commits."""
    open_ones = (Outcome.WAITING, Outcome.APPROVED)
    late = session.scalars(
        select(DualControl).where(DualControl.outcome.in_(open_ones), DualControl.expires_at <= at)
    ).all()
    closed = 0
    for request in late:
        if _take(session, request, request.outcome, outcome=Outcome.EXPIRED):
            _note(session, "dual_expire", request, at)
            closed += 1
    return closed


def may_be_second(actor: Actor) -> bool:
    """Whether a person's roles may agree to anything at all."""
    return any(actor.roles & (kind.may_approve | kind.else_by) for kind in KINDS.values())


def approving_roles(session: Session, request: DualControl, at: datetime) -> frozenset[Role]:
    """Who may agree to a request now: those named, or who stands in where there is none of them."""
    kind = KINDS[request.kind]
    others = [
        account.id
        for role in kind.may_approve
        for account in holders(session, role, at)
        if account.id != request.requested_by and account.id not in kind.concerns(request.payload)
    ]
    return kind.may_approve if others or not kind.else_by else kind.may_approve | kind.else_by


def _approver_accounts(session: Session, request: DualControl, at: datetime) -> list[int]:
    roles = approving_roles(session, request, at)
    found = {account.id for role in roles for account in holders(session, role, at)}
    return sorted(found - {request.requested_by} - KINDS[request.kind].concerns(request.payload))


def _refuse_own(session: Session, kind: Kind, payload: Payload, actor: Actor) -> None:
    if _is_about(session, kind, payload, actor):
        raise NotAllowed(_l("nobody decides about themselves"))


def _is_about(session: Session, kind: Kind, payload: Payload, actor: Actor) -> bool:
    """Whether a deed is about a person, or one for whom they act, under whichever account."""
    about = kind.concerns(payload)
    if about & {person.account_id for person in actor.people}:
        return True
    staff = {_staff_of(session, account) for account in about} - {None}
    return bool(staff & {person.staff_id for person in actor.people})


def _staff_of(session: Session, account_id: int) -> int | None:
    return session.scalar(select(Account.staff_id).where(Account.id == account_id))


def _sitting(session: Session) -> str | None:
    """The sign-in session behind this database session, as the audit knows it."""
    context: audit.AuditContext | None = session.info.get(audit.CONTEXT)
    return None if context is None else context.session_hash


def _of(
    session: Session, kind: str, payload: Payload, actor: Actor, outcome: Outcome, at: datetime
) -> DualControl | None:
    """A person's request for exactly one deed that is at some point and has not expired."""
    mine = select(DualControl).where(
        DualControl.kind == kind,
        DualControl.requested_by == actor.account_id,
        DualControl.outcome == outcome,
        DualControl.expires_at > at,
    )
    found = session.scalars(mine.order_by(DualControl.id).with_for_update())
    return next((one for one in found if one.payload == dict(payload)), None)


def _settle(
    session: Session,
    request: DualControl,
    actor: Actor,
    at: datetime,
    *,
    agrees: bool,
    remark: str | None,
) -> None:
    taken = _take(
        session,
        request,
        Outcome.WAITING,
        outcome=Outcome.APPROVED if agrees else Outcome.REFUSED,
        decided_by=actor.account_id,
        decided_at=at,
        remark=remark,
        expires_at=at + VALID_FOR if agrees else request.expires_at,
    )
    if not taken:
        raise Refusal(_l("it was decided already, or has expired"))


def _finish(session: Session, request: DualControl, at: datetime) -> None:
    _take(session, request, Outcome.APPROVED, outcome=Outcome.DONE)
    _note(session, "dual_done", request, at)


def _take(session: Session, request: DualControl, present: Outcome, **values: Any) -> bool:
    """Move a request on from where it is; False if somebody did so first."""
    moved = session.scalar(
        update(DualControl)
        .where(DualControl.id == request.id, DualControl.outcome == present)
        .values(**values)
        .returning(DualControl.id)
        .execution_options(synchronize_session=False)
    )
    session.refresh(request)
    return moved is not None


def _note(
    session: Session, action: str, request: DualControl, at: datetime, reason: str | None = None
) -> None:
    audit.record(
        session,
        audit.Event(
            action=action,
            table_name=DualControl.__tablename__,
            record_id=request.id,
            unit_id=request.unit_id,
            reason=reason,
            at=at,
            after={
                "kind": request.kind,
                "payload": request.payload,
                "requested_by": request.requested_by,
                "decided_by": request.decided_by,
            },
        ),
    )


def role_words(roles: frozenset[Role]) -> list[Phrase]:
    """Roles as their labels, in the order of the hall."""
    return [label for role, label in ROLE_LABELS.items() if role in roles]
