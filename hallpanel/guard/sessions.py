"""Sign-in sessions, looked up at each request, so that an ended one is dead (SESS-1)."""

import secrets
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from ipaddress import ip_address, ip_network
from typing import Any

from sqlalchemy import ForeignKey, String, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from hallpanel.engine.roles import Role
from hallpanel.engine.store import Base, UtcDateTime, enum_by_value

TOUCH_EVERY = timedelta(minutes=1)
MOST = 5  # sessions of an account at a time
NETWORK_BITS = {4: 24, 6: 64}
CODE_WITHIN = timedelta(minutes=5)
LONGEST_AGENT = 200
LONGEST_ADDRESS = 64

ADMINISTER = frozenset({Role.SYSADMIN, Role.SECADMIN, Role.AUDITOR, Role.HALL_ADMIN})


@dataclass(frozen=True)
class Lifetime:
    """How long a session lives without use, and at all (SESS-3)."""

    idle: timedelta = timedelta(minutes=30)
    absolute: timedelta = timedelta(hours=12)
    idle_administrator: timedelta = timedelta(minutes=15)

    def of(self, roles: Iterable[Role]) -> "Lifetime":
        """The same for somebody with these roles: administrators walk away for a shorter time."""
        if ADMINISTER.isdisjoint(roles):
            return self
        return replace(self, idle=min(self.idle, self.idle_administrator))


LIFETIME = Lifetime()


@dataclass(frozen=True)
class Origin:
    """Where a sign-in comes from, as far as the door can tell."""

    address: str = ""
    user_agent: str = ""
    request_id: str | None = None


UNKNOWN = Origin()


class Stage(StrEnum):
    """How far a sign-in has come: only an open one opens the door."""

    CODE = "code"
    OPEN = "open"


class SignInSession(Base):
    """One sign-in on one browser; only the SHA-256 of its id is kept (SESS-2)."""

    __tablename__ = "sign_in_session"

    id_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"), index=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    seen_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ends_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    stage: Mapped[Stage] = mapped_column(
        enum_by_value(Stage), default=Stage.OPEN, server_default=Stage.OPEN
    )
    user_agent: Mapped[str] = mapped_column(String(LONGEST_AGENT))
    address: Mapped[str] = mapped_column(String(LONGEST_ADDRESS))

    def is_open(self, at: datetime, lifetime: Lifetime = LIFETIME) -> bool:
        """Tell whether the session still opens the door at an instant."""
        open_still = self.stage is Stage.OPEN and self.ended_at is None
        return open_still and at < self.ends_at and at < self.seen_at + lifetime.idle

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
    return _begin(session, account_id, at, origin, Stage.OPEN, lifetime.absolute)


def await_code(session: Session, account_id: int, at: datetime, origin: Origin = UNKNOWN) -> str:
    """Begin what only the second factor opens: its id leads to the question for the code."""
    return _begin(session, account_id, at, origin, Stage.CODE, CODE_WITHIN)


def _begin(
    session: Session,
    account_id: int,
    at: datetime,
    origin: Origin,
    stage: Stage,
    lives: timedelta,
) -> str:
    token = secrets.token_urlsafe(32)
    session.add(
        SignInSession(
            id_hash=id_hash(token),
            account_id=account_id,
            created_at=at,
            seen_at=at,
            ends_at=at + lives,
            stage=stage,
            user_agent=_plain(origin.user_agent, LONGEST_AGENT),
            address=_plain(origin.address, LONGEST_ADDRESS),
        )
    )
    session.flush()
    return token


def find_awaiting(session: Session, token: str, at: datetime) -> SignInSession | None:
    """What waits for a code under an id, or None."""
    return session.scalar(
        select(SignInSession)
        .where(
            SignInSession.id_hash == id_hash(token),
            SignInSession.stage == Stage.CODE,
            SignInSession.ended_at.is_(None),
            SignInSession.ends_at > at,
        )
        .execution_options(populate_existing=True)
    )


def make_room(
    session: Session, account_id: int, at: datetime, lifetime: Lifetime = LIFETIME
) -> int:
    """End the oldest sessions of an account, so that one more is not too many; the number ended.

    The caller holds the account's row, so that of two sign-ins at once each sees the other.
    """
    rows = sorted(list_open(session, account_id, at, lifetime), key=lambda row: row.created_at)
    surplus = rows[: max(0, len(rows) - MOST + 1)]
    for row in surplus:
        end(session, row.id_hash, at)
    return len(surplus)


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


def strangeness(row: SignInSession, origin: Origin) -> str | None:
    """What tells that a session is used by somebody else than who began it, or None (SESS-5).

    Of where it began only what is known is compared. Within a network addresses change by
    themselves; a browser does not turn into another one.
    """
    if row.user_agent and row.user_agent != _plain(origin.user_agent, LONGEST_AGENT):
        return "another browser"
    if row.address and _network(row.address) != _network(origin.address):
        return "another network"
    return None


def _network(address: str) -> str:
    """The network of an address: 256 neighbours of old kind, one link of the new."""
    try:
        known = ip_address(address)
    except ValueError:
        return address
    return str(ip_network((known, NETWORK_BITS[known.version]), strict=False))


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
            SignInSession.stage == Stage.OPEN,
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
