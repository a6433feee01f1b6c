"""Reading one masked fact whole: by a role that may, for a reason, on record (PII-3)."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from hallpanel.engine import audit, facts, outbox, scope, sealing
from hallpanel.engine.audit_event import EVENTS, HEAD
from hallpanel.engine.clock import hall_day, start_of_day
from hallpanel.engine.entity import Field, Regulated, covers
from hallpanel.engine.errors import NotAllowed, Refusal
from hallpanel.engine.masking import Discreet
from hallpanel.engine.personal import UNMASKED_A_DAY
from hallpanel.engine.recipients import accounts_with_role
from hallpanel.engine.roles import Role
from hallpanel.engine.scope import SYSTEM, Actor
from hallpanel.engine.words import _l

ACTION = "unmask"
SHORTEST_REASON = 4
SEEN = "done"
TOO_MANY = "refused"
ALARM = "unmask_limit"


@dataclass(frozen=True)
class Unmasked:
    """A fact as it is, for the one answer in which it is shown."""

    declared: Field
    value: str


def may_unmask(record: Regulated, declared: Field, actor: Actor) -> bool:
    """Whether one of the actor's own roles may read this fact of this record whole."""
    if declared.mask is None or not facts.may_read(declared, actor, facts.state_of(record)):
        return False
    return any(covers(type(record), record, actor, role) for role in declared.unmask)


def unmaskable(record: Regulated, actor: Actor) -> list[Field]:
    """The filled facts of a record that the actor may read whole."""
    declared = type(record).fields().values()
    filled = [one for one in declared if one.mask is not None and getattr(record, one.column)]
    return [one for one in filled if may_unmask(record, one, actor)]


def unmask(
    session: Session, record: Regulated, name: str, *, actor: Actor, at: datetime, reason: str
) -> Unmasked:
    """Read a fact whole; the caller commits, and shows it in one answer only.

    Raises:
        NotAllowed: no role of the actor unmasks it. Refusal: there is no reason, or the day's
            figure is used up; the refusal is on record too, so the caller commits that as well.
    """
    entity = type(record)
    declared = entity.fields().get(name)
    if declared is None or not may_unmask(record, declared, actor):
        raise NotAllowed(_l("your role does not read it whole"), entity.clause)
    if len(reason.strip()) < SHORTEST_REASON:
        raise Refusal(_l("say what you need it for"), entity.clause, field="reason")
    used = _used(session, actor, at)
    if used >= UNMASKED_A_DAY:
        _note(session, record, declared, reason, TOO_MANY)
        _raise_alarm(session, actor, at)
        raise Refusal(
            _l("you have read %(count)s facts whole today, which is the limit", count=used),
            entity.clause,
            then=_l("The security administrator has been told. Tomorrow you can go on."),
        )
    value = _value(record, declared)
    _note(session, record, declared, reason, SEEN)
    return Unmasked(declared, value)


def _value(record: Regulated, declared: Field) -> str:
    try:
        value = getattr(record, declared.name)
    except sealing.Unreadable:
        raise Refusal(
            _l("its stored value does not open: it was altered, or its key is missing"),
            type(record).clause,
            then=_l("The system administrator looks at the data keys and the backup."),
        ) from None
    if not isinstance(value, Discreet):
        raise Refusal(_l("it is empty"), type(record).clause)
    return value.plain


def _used(session: Session, actor: Actor, at: datetime) -> int:
    """How many facts the account has read whole today; parallel requests are counted in turn."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(select(HEAD.c.seq).with_for_update())
    return _count(session, actor, at, SEEN)


def _count(session: Session, actor: Actor, at: datetime, result: str) -> int:
    event = EVENTS.c
    counted = select(func.count()).where(
        event.actor_account_id == actor.account_id,
        event.action == ACTION,
        event.result == result,
        event.at >= start_of_day(hall_day(at)),
    )
    return session.scalar(counted) or 0


def _note(session: Session, record: Regulated, declared: Field, reason: str, result: str) -> None:
    done = audit.Event(
        ACTION,
        record.__tablename__,
        record.id,
        unit_id=getattr(record, "unit_id", None),
        clause=record.clause,
        reason=reason.strip(),
        after={"fact": declared.name},
        result=result,
    )
    audit.record(session, done)


def _raise_alarm(session: Session, actor: Actor, at: datetime) -> None:
    """Tell the security administrators, once for an account and day."""
    if _count(session, actor, at, TOO_MANY):
        return
    with scope.acting(session, SYSTEM):
        told = accounts_with_role(session, Role.SECADMIN, None, at)
    phrase = _l(
        "%(who)s asked to read more than %(count)s masked facts whole today and was refused.",
        who=actor.name,
        count=UNMASKED_A_DAY,
    )
    outbox.tell(session, told, phrase, at=at, kind=ALARM)
