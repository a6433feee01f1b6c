"""Looking into the audit book: who did what, to which record, when; the newest first (AUD-8)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import ColumnElement, Integer, String, cast, column, func, or_, select, table
from sqlalchemy.orm import Session

from hallpanel.engine.audit_event import AuditEvent
from hallpanel.engine.clock import end_of_day, start_of_day

ACCOUNT = table("account", column("id", Integer), column("username", String))
BATCH = 1000


@dataclass(frozen=True)
class Asked:
    """What somebody wants to see of the book; every part narrows it, and none widens it."""

    who: str | None = None
    account_id: int | None = None
    table: str | None = None
    record: str | None = None
    action: str | None = None
    result: str | None = None
    since: date | None = None
    until: date | None = None
    request: str | None = None
    text: str | None = None

    def conditions(self) -> Iterator[ColumnElement[bool]]:
        """The conditions an event has to meet."""
        one = AuditEvent
        if self.account_id is not None:
            yield one.actor_account_id == self.account_id
        if self.who:
            named = select(ACCOUNT.c.id).where(ACCOUNT.c.username == self.who)
            yield or_(
                one.actor_name.icontains(self.who, autoescape=True),
                one.on_behalf_of.icontains(self.who, autoescape=True),
                one.actor_account_id.in_(named),
            )
        exact = (
            (one.table_name, self.table),
            (one.record_id, self.record),
            (one.action, self.action),
            (one.result, self.result),
            (one.request_id, self.request),
        )
        yield from (said == wanted for said, wanted in exact if wanted)
        if self.since is not None:
            yield one.at >= start_of_day(self.since)
        if self.until is not None:
            yield one.at < end_of_day(self.until)
        if self.text:
            yield self._holds(self.text)

    @staticmethod
    def _holds(words: str) -> ColumnElement[bool]:
        one = AuditEvent
        told = (one.reason, cast(one.before, String), cast(one.after, String))
        return or_(*(text.icontains(words, autoescape=True) for text in told))


@dataclass(frozen=True)
class Page:
    """Some events, the newest first, and whether there are newer and older ones."""

    events: Sequence[AuditEvent]
    newer: bool
    older: bool


def page(
    session: Session,
    asked: Asked,
    *,
    size: int,
    upto: int,
    after: int | None = None,
    before: int | None = None,
) -> Page:
    """A page of the book: of events up to a number, after (older than) or before another one."""
    conditions = [*asked.conditions(), AuditEvent.seq <= upto]
    query = select(AuditEvent).where(*conditions)
    if before is not None:
        rising = query.where(AuditEvent.seq > before).order_by(AuditEvent.seq).limit(size + 1)
        found = list(session.scalars(rising))
        return Page(found[:size][::-1], len(found) > size, older=True)
    if after is not None:
        query = query.where(AuditEvent.seq < after)
    found = list(session.scalars(query.order_by(AuditEvent.seq.desc()).limit(size + 1)))
    return Page(found[:size], after is not None, len(found) > size)


def count(session: Session, asked: Asked, *, upto: int, cap: int) -> int:
    """How many events meet what is asked, counted up to a cap and one more."""
    some = select(AuditEvent.seq).where(*asked.conditions(), AuditEvent.seq <= upto).limit(cap + 1)
    return session.scalar(select(func.count()).select_from(some.subquery())) or 0


def stream(session: Session, asked: Asked, *, upto: int, most: int) -> Iterator[AuditEvent]:
    """The events one after the other, the newest first, without having all of them at once."""
    below, left = upto + 1, most
    while left > 0:
        query = select(AuditEvent).where(*asked.conditions(), AuditEvent.seq < below)
        rows = session.scalars(query.order_by(AuditEvent.seq.desc()).limit(min(BATCH, left))).all()
        yield from rows
        if len(rows) < BATCH:
            return
        below, left = rows[-1].seq, left - len(rows)
        session.expunge_all()


def event(session: Session, seq: int) -> AuditEvent | None:
    """One event by its number."""
    return session.scalars(select(AuditEvent).where(AuditEvent.seq == seq)).one_or_none()


def actions(session: Session) -> Sequence[str]:
    """The kinds of deeds that are in the book."""
    return session.scalars(select(AuditEvent.action).distinct().order_by(AuditEvent.action)).all()


def tables(session: Session) -> Sequence[str]:
    """The tables that deeds in the book were about."""
    named = select(AuditEvent.table_name).where(AuditEvent.table_name.is_not(None))
    found = session.scalars(named.distinct().order_by(AuditEvent.table_name)).all()
    return [name for name in found if name is not None]


def last(session: Session, action: str) -> AuditEvent | None:
    """The newest event of a kind."""
    found = select(AuditEvent).where(AuditEvent.action == action)
    return session.scalars(found.order_by(AuditEvent.seq.desc()).limit(1)).first()


def begun_at(session: Session) -> datetime | None:
    """When the first event of the book was written."""
    return session.scalar(select(AuditEvent.at).order_by(AuditEvent.seq).limit(1))
