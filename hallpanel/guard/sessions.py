"""Sign-in sessions, looked up at each request, so that an ended one is dead (SESS-1)."""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from sqlalchemy import ForeignKey, String, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from hallpanel.engine.store import Base, UtcDateTime

TOUCH_EVERY = timedelta(minutes=1)
LONGEST_AGENT = 200
LONGEST_ADDRESS = 64


@dataclass(frozen=True)
class Lifetime:
    """How long a session lives without use, and at all (SESS-3)."""

    idle: timedelta = timedelta(minutes=30)
    absolute: timedelta = timedelta(hours=12)


LIFETIME = Lifetime()


@dataclass(frozen=True)
class Origin:
    """Where a sign-in comes from, as far as the door can tell."""

    address: str = ""
    user_agent: str = ""
    request_id: str | None = None


UNKNOWN = Origin()


class SignInSession(Base):
    """One sign-in on one browser; only the SHA-256 of its id is kept (SESS-2)."""

    __tablename__ = "sign_in_session"

    id_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"), index=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    seen_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ends_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    user_agent: Mapped[str] = mapped_column(String(LONGEST_AGENT))
    address: Mapped[str] = mapped_column(String(LONGEST_ADDRESS))

    def is_open(self, at: datetime, lifetime: Lifetime = LIFETIME) -> bool:
        """Tell whether the session still opens the door at an instant."""
        return self.ended_at is None and at < self.ends_at and at < self.seen_at + lifetime.idle

    def is_due_a_touch(self, at: datetime) -> bool:
        """Tell whether the last use was long enough ago to be worth writing down."""
        return self.seen_at + TOUCH_EVERY <= at


def id_hash(token: str) -> str:
    """What the table keeps of a session id."""
    return sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def shown_hash(hashed: str) -> str:
    """Enough of a session's hash to tell it from others, in the audit and on its holder's page."""
    return hashed[:16]


def open_session(
    session: Session,
    account_id: int,
    at: datetime,
    origin: Origin = UNKNOWN,
    lifetime: Lifetime = LIFETIME,
) -> str:
    """Begin a session and give its id: 256 random bits, known to the browser alone."""
    token = secrets.token_urlsafe(32)
    session.add(
        SignInSession(
            id_hash=id_hash(token),
            account_id=account_id,
            created_at=at,
            seen_at=at,
            ends_at=at + lifetime.absolute,
            user_agent=_plain(origin.user_agent, LONGEST_AGENT),
            address=_plain(origin.address, LONGEST_ADDRESS),
        )
    )
    session.flush()
    return token


def find(
    session: Session, token: str, at: datetime, lifetime: Lifetime = LIFETIME
) -> SignInSession | None:
    """The open session of an id, or None."""
    row = session.scalar(
        select(SignInSession)
        .where(SignInSession.id_hash == id_hash(token))
        .execution_options(populate_existing=True)
    )
    return row if row is not None and row.is_open(at, lifetime) else None


def touch(session: Session, hashed: str, at: datetime) -> None:
    """Note that a session is in use; at most once a minute, and never one that has ended."""
    session.execute(
        update(SignInSession)
        .where(
            SignInSession.id_hash == hashed,
            SignInSession.ended_at.is_(None),
            SignInSession.seen_at <= at - TOUCH_EVERY,
        )
        .values(seen_at=at)
    )


def end(session: Session, hashed: str, at: datetime) -> bool:
    """End a session in every process at its next request; False if it had ended before."""
    return _end_where(session, at, SignInSession.id_hash == hashed) > 0


def end_all(session: Session, account_id: int, at: datetime, *, but: str | None = None) -> int:
    """End an account's sessions, but one if its hash is given; the number ended."""
    spared = () if but is None else (SignInSession.id_hash != but,)
    return _end_where(session, at, SignInSession.account_id == account_id, *spared)


def list_open(
    session: Session, account_id: int, at: datetime, lifetime: Lifetime = LIFETIME
) -> list[SignInSession]:
    """An account's open sessions, the last used first."""
    rows = session.scalars(
        select(SignInSession)
        .where(
            SignInSession.account_id == account_id,
            SignInSession.ended_at.is_(None),
            SignInSession.ends_at > at,
            SignInSession.seen_at > at - lifetime.idle,
        )
        .order_by(SignInSession.seen_at.desc(), SignInSession.id_hash)
    )
    return list(rows)


def _end_where(session: Session, at: datetime, *criteria: Any) -> int:
    ended = session.scalars(
        update(SignInSession)
        .where(SignInSession.ended_at.is_(None), *criteria)
        .values(ended_at=at)
        .returning(SignInSession.id_hash)
    )
    return len(ended.all())


def _plain(text: str, longest: int) -> str:
    """What a browser says of itself, without anything that could forge a line or fill a page."""
    return "".join(c if c.isprintable() else " " for c in text)[:longest]
