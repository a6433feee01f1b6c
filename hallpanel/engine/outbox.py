"""Messages: written with the change they tell of, read in the panel, and carried out of it.

What rolls back tells nobody, and what is written is not lost: a worker hands each message to the
channels that are set up (mail, a webhook), tries again when one fails, and keeps what it could not
deliver. Several workers share the work.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import groupby
from typing import Any

from sqlalchemy import (
    ForeignKey,
    Index,
    Integer,
    ScalarSelect,
    Select,
    String,
    UniqueConstraint,
    column,
    func,
    select,
    table,
    text,
    update,
)
from sqlalchemy.orm import Mapped, Session, mapped_column

from hallpanel.engine import seclusion
from hallpanel.engine.conflict import table_of
from hallpanel.engine.store import Base, Json, UtcDateTime, enum_by_value
from hallpanel.engine.words import Phrase

BACK_OFF = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 30, 120))
# A worker that died is given up after this time, and its letter is sent by another.
LEASE = timedelta(minutes=15)
BATCH = 20
LONGEST_ERROR = 500
NOT_POSTED = "posted_at IS NULL"
UNREAD = "read_at IS NULL"
TO_TRY = "next_try_at IS NOT NULL"

# A table of the guard; only the columns named here are relied on.
ACCOUNT = table("account", column("id", Integer), column("display_name", String))


class DeliveryState(StrEnum):
    """How far a message has come on one channel."""

    WAITING = "waiting"
    SENDING = "sending"
    SENT = "sent"
    FAILED = "failed"


class Message(Base):
    """One sentence for one account, about a record or about none; the inbox of the panel."""

    __tablename__ = "message"
    __table_args__ = (
        Index("ix_message_inbox", "to_account_id", "id"),
        Index("ix_message_record", "table_name", "record_id"),
        Index(
            "ix_message_unread",
            "to_account_id",
            sqlite_where=text(UNREAD),
            postgresql_where=text(UNREAD),
        ),
        Index(
            "ix_message_not_posted",
            "id",
            sqlite_where=text(NOT_POSTED),
            postgresql_where=text(NOT_POSTED),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    to_account_id: Mapped[int]
    kind: Mapped[str] = mapped_column(String(32))
    phrase: Mapped[Any] = mapped_column(Json)
    table_name: Mapped[str | None] = mapped_column(String(63))
    record_id: Mapped[int | None]
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    read_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    posted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    @property
    def sentence(self) -> Phrase:
        """The sentence, for its reader's language."""
        return Phrase.unpacked(self.phrase)


class Delivery(Base):
    """A message on its way through one channel, with how often it was tried and what went wrong."""

    __tablename__ = "delivery"
    __table_args__ = (
        UniqueConstraint("message_id", "channel"),
        Index(
            "ix_delivery_next_try_at",
            "next_try_at",
            sqlite_where=text(TO_TRY),
            postgresql_where=text(TO_TRY),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    message_id: Mapped[int] = mapped_column(ForeignKey(Message.id))
    channel: Mapped[str] = mapped_column(String(32))
    address: Mapped[str]
    state: Mapped[DeliveryState] = mapped_column(enum_by_value(DeliveryState))
    tries: Mapped[int] = mapped_column(default=0)
    next_try_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    sent_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    error: Mapped[str | None]


@dataclass(frozen=True)
class Letter:
    """A message as a channel gets it."""

    message_id: int
    to_account_id: int
    kind: str
    phrase: Phrase
    table_name: str | None
    record_id: int | None
    created_at: datetime


@dataclass(frozen=True)
class Channel:
    """A way out of the panel: how to send, and where an account is reached, if it is.

    `send` raises whatever it likes when it fails; it is tried again later.
    """

    send: Callable[[Letter, str], None]
    address_of: Callable[[int], str | None]


@dataclass
class Delivered:
    """What one round of deliveries did."""

    sent: int = 0
    failed: int = 0


@dataclass(frozen=True)
class _Claim:
    delivery_id: int
    channel: str
    address: str
    tries: int
    letter: Letter


MESSAGE = table_of(Message)
DELIVERY = table_of(Delivery)


def tell(
    session: Session,
    account_ids: Iterable[int],
    phrase: Phrase,
    *,
    at: datetime,
    record: Any = None,
    kind: str = "told",
) -> None:
    """Write a sentence to accounts, each once, within the change that it tells of."""
    about = {"table_name": None, "record_id": None}
    if record is not None:
        about = {"table_name": record.__tablename__, "record_id": record.id}
        account_ids = seclusion.free_of_conflict(session, record, account_ids)
    message = {"kind": kind, "phrase": phrase.packed(), "created_at": at, **about}
    messages = [{"to_account_id": account, **message} for account in dict.fromkeys(account_ids)]
    if messages:
        session.execute(MESSAGE.insert(), messages)


def inbox(account_id: int) -> Select[Message]:
    """The messages of an account, the newest first."""
    return select(Message).where(Message.to_account_id == account_id).order_by(Message.id.desc())


def unread_count(account_id: int) -> ScalarSelect[int]:
    """How many messages an account has not read, as part of a larger question."""
    return (
        select(func.count())
        .select_from(MESSAGE)
        .where(MESSAGE.c.to_account_id == account_id, MESSAGE.c.read_at.is_(None))
        .scalar_subquery()
    )


def mark_read(
    session: Session, account_id: int, at: datetime, message_ids: Sequence[int] | None = None
) -> int:
    """Note that an account has read some of its messages, or all; how many were unread."""
    mine = [MESSAGE.c.to_account_id == account_id, MESSAGE.c.read_at.is_(None)]
    if message_ids is not None:
        mine.append(MESSAGE.c.id.in_(message_ids))
    read = update(MESSAGE).where(*mine).values(read_at=at).returning(MESSAGE.c.id)
    return len(session.scalars(read).all())


def told_about(session: Session, record: Any) -> list[tuple[Phrase, list[str], datetime]]:
    """What was told of a record, to whom and when: its timeline shows it as one line each."""
    query = (
        select(MESSAGE.c.phrase, MESSAGE.c.created_at, ACCOUNT.c.display_name)
        .outerjoin(ACCOUNT, ACCOUNT.c.id == MESSAGE.c.to_account_id)
        .where(MESSAGE.c.table_name == record.__tablename__, MESSAGE.c.record_id == record.id)
        .order_by(MESSAGE.c.id)
    )
    rows = session.execute(query).all()
    return [
        (Phrase.unpacked(phrase), [row.display_name for row in told if row.display_name], at)
        for (phrase, at), told in groupby(rows, lambda row: (row.phrase, row.created_at))
    ]


def deliver(
    session: Session, at: datetime, channels: Mapping[str, Channel], batch: int = BATCH
) -> Delivered:
    """Hand new messages to the channels, and send what is due on them, so many at most.

    It commits as it goes, because no lock may wait for a mail server; so it wants a session in
    which nothing is under way. A worker calls it also when no channel is set up: then what was
    written before the first one is not sent the day somebody sets it up.
    """
    if session.in_transaction():
        raise RuntimeError("deliveries commit as they go: commit or roll back what is under way")
    _post(session, at, channels)
    session.commit()
    done = Delivered()
    for _ in range(batch):
        claim = _claim(session, at, tuple(channels))
        session.commit()
        if claim is None:
            break
        error = _send(channels[claim.channel], claim)
        _settle(session, claim, error, at)
        session.commit()
        done.sent += error is None
        done.failed += error is not None
    return done


def _post(session: Session, at: datetime, channels: Mapping[str, Channel]) -> None:
    """Open a delivery for each new message on each channel that reaches its account."""
    new = (
        update(MESSAGE)
        .where(MESSAGE.c.posted_at.is_(None))
        .values(posted_at=at)
        .returning(MESSAGE.c.id, MESSAGE.c.to_account_id)
    )
    deliveries = [
        {"message_id": message_id, "channel": name, "address": address}
        for message_id, account_id in session.execute(new).all()
        for name, channel in channels.items()
        if (address := channel.address_of(account_id))
    ]
    if deliveries:
        waiting = {"state": DeliveryState.WAITING, "tries": 0, "next_try_at": at}
        session.execute(DELIVERY.insert(), [delivery | waiting for delivery in deliveries])


def _claim(session: Session, at: datetime, channels: Sequence[str]) -> _Claim | None:
    """Take the delivery that has been due longest; no other worker gets it while the lease runs."""
    due = (
        select(DELIVERY.c.id)
        .where(DELIVERY.c.next_try_at <= at, DELIVERY.c.channel.in_(channels))
        .order_by(DELIVERY.c.next_try_at, DELIVERY.c.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    taken = (
        update(DELIVERY)
        .where(DELIVERY.c.id == due.scalar_subquery(), DELIVERY.c.next_try_at <= at)
        .values(state=DeliveryState.SENDING, tries=DELIVERY.c.tries + 1, next_try_at=at + LEASE)
        .returning(*DELIVERY.c)
    )
    delivery = session.execute(taken).one_or_none()
    if delivery is None:
        return None
    letter = _letter(session, delivery.message_id)
    return _Claim(delivery.id, delivery.channel, delivery.address, delivery.tries, letter)


def _letter(session: Session, message_id: int) -> Letter:
    message = session.execute(select(MESSAGE).where(MESSAGE.c.id == message_id)).one()
    return Letter(
        message_id=message.id,
        to_account_id=message.to_account_id,
        kind=message.kind,
        phrase=Phrase.unpacked(message.phrase),
        table_name=message.table_name,
        record_id=message.record_id,
        created_at=message.created_at,
    )


def _send(channel: Channel, claim: _Claim) -> str | None:
    """Send one letter; what went wrong, if anything did."""
    try:
        channel.send(claim.letter, claim.address)
    except Exception as error:  # noqa: BLE001 - whatever a channel raises, the letter is kept
        return f"{type(error).__name__}: {error}"[:LONGEST_ERROR]
    return None


def _settle(session: Session, claim: _Claim, error: str | None, at: datetime) -> None:
    """Write down how a try ended, unless the lease ran out and another worker has taken over."""
    if error is None:
        outcome = {"state": DeliveryState.SENT, "sent_at": at, "next_try_at": None, "error": None}
    elif claim.tries > len(BACK_OFF):
        outcome = {"state": DeliveryState.FAILED, "next_try_at": None, "error": error}
    else:
        next_try_at = at + BACK_OFF[claim.tries - 1]
        outcome = {"state": DeliveryState.WAITING, "next_try_at": next_try_at, "error": error}
    mine = (DELIVERY.c.id == claim.delivery_id, DELIVERY.c.tries == claim.tries)
    session.execute(update(DELIVERY).where(*mine).values(outcome))
