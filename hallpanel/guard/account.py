"""Who may come in: an account, and the roles granted to it."""

import unicodedata
from datetime import date, datetime
from typing import Literal

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Date,
    ForeignKey,
    String,
    false,
    select,
    true,
    update,
)
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, Session, mapped_column

from hallpanel.engine import audit
from hallpanel.engine.errors import Refusal
from hallpanel.engine.roles import Role
from hallpanel.engine.store import Base, Json, UtcDateTime, enum_by_value
from hallpanel.engine.words import _l
from hallpanel.guard import password_policy, passwords, sessions
from hallpanel.guard.password_policy import Owner

LONGEST_USERNAME = 64
LONGEST_MAIL = 254
LONGEST_SEALED = 255

Habit = Literal["language", "theme"]


class Account(Base):
    """A person's way into the panel; disabled but never deleted, so that its name stays taken.

    While `one_time_until` is set, the hash is that of a one-time code and not of a password.
    """

    __tablename__ = "account"
    __table_args__ = (CheckConstraint("failures >= 0", name="failures_counted"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    username: Mapped[str] = mapped_column(String(LONGEST_USERNAME))
    username_key: Mapped[str] = mapped_column(String(4 * LONGEST_USERNAME), unique=True)
    password_hash: Mapped[str] = mapped_column(String(255))
    display_name: Mapped[str] = mapped_column(String(100))
    staff_id: Mapped[int | None] = mapped_column(ForeignKey("staff.id"), index=True)
    failures: Mapped[int] = mapped_column(default=0, server_default="0")
    locked_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    must_change_password: Mapped[bool] = mapped_column(default=True, server_default=true())
    disabled_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    password_changed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    one_time_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    totp_secret: Mapped[str | None] = mapped_column(String(LONGEST_SEALED))
    totp_step: Mapped[int | None] = mapped_column(BigInteger)
    totp_since: Mapped[datetime | None] = mapped_column(UtcDateTime)
    demonstration: Mapped[bool] = mapped_column(default=False, server_default=false())
    language: Mapped[str | None] = mapped_column(String(20))
    theme: Mapped[str | None] = mapped_column(String(10))
    views: Mapped[dict[str, list[list[str]]] | None] = mapped_column(Json)
    mail: Mapped[str | None] = mapped_column(String(LONGEST_MAIL))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class RoleGrant(Base):
    """A role on an account, over a unit or none; `since` and `until` are its first and last day."""

    __tablename__ = "role_grant"
    __table_args__ = (CheckConstraint("until IS NULL OR until >= since", name="period_in_order"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"), index=True)
    role: Mapped[Role] = mapped_column(enum_by_value(Role))
    unit_id: Mapped[int | None] = mapped_column(ForeignKey("unit.id"), index=True)
    since: Mapped[date] = mapped_column(Date)
    until: Mapped[date | None] = mapped_column(Date)


def username_key(username: str) -> str:
    """The form under which two spellings of a user name are one (AUTH-2)."""
    folded = unicodedata.normalize("NFKC", username.strip()).casefold()
    return unicodedata.normalize("NFKC", folded)


def create_account(
    session: Session,
    username: str,
    display_name: str,
    password: str | None,
    at: datetime,
    *,
    staff_id: int | None = None,
    must_change_password: bool = True,
    demonstration: bool = False,
    mail: str | None = None,
) -> Account:
    """Open an account; without a password nobody can sign in to it.

    The password of a demonstration is whatever the settings accepted; it guards nothing real.
    Messages go to the address `mail` as well, where the hall has a mail server.

    Raises:
        Refusal: the name cannot be a user name or is taken, or the password is too weak.
    """
    _refuse_odd_username(username)
    if password is not None and not demonstration:
        password_policy.refuse_weak(password, Owner(username, display_name))
    account = Account(
        username=username.strip(),
        username_key=username_key(username),
        password_hash=passwords.NOBODY if password is None else passwords.hash_password(password),
        display_name=display_name,
        staff_id=staff_id,
        failures=0,
        must_change_password=must_change_password,
        demonstration=demonstration,
        password_changed_at=at if password is not None else None,
        mail=mail,
        created_at=at,
    )
    try:
        with session.begin_nested():
            session.add(account)
    except IntegrityError as error:
        if find_account(session, username) is None:
            raise
        raise Refusal(_l("this user name is taken"), field="username") from error
    _audit_account(session, "create_account", account.id, at)
    return account


def find_account(session: Session, username: str) -> Account | None:
    """The account of a user name however it is spelt; text that is no name finds none."""
    if not is_username(username):
        return None
    return session.scalar(select(Account).where(Account.username_key == username_key(username)))


def disable(session: Session, account_id: int, at: datetime) -> None:
    """Close an account for good: its sessions end, its name stays taken."""
    session.execute(
        update(Account)
        .where(Account.id == account_id, Account.disabled_at.is_(None))
        .values(disabled_at=at)
    )
    sessions.end_all(session, account_id, at)
    _audit_account(session, "disable_account", account_id, at)


def end_sessions(session: Session, account_id: int, at: datetime) -> int:
    """End whatever an account is signed in to, as the security administrator may; how many."""
    ended = sessions.end_all(session, account_id, at)
    _audit_account(session, "end_sessions", account_id, at)
    return ended


def unlock(session: Session, account_id: int, at: datetime) -> None:
    """Let a locked account try again before its time (AUTH-6)."""
    session.execute(
        update(Account).where(Account.id == account_id).values(failures=0, locked_until=None)
    )
    _audit_account(session, "unlock_account", account_id, at)


def keep_habit(
    session: Session,
    account_id: int,
    habit: Habit,
    choice: str,
    at: datetime,
) -> None:
    """Keep how a person reads, for every browser they sign in on."""
    session.execute(update(Account).where(Account.id == account_id).values({habit: choice}))
    _audit_account(session, f"choose_{habit}", account_id, at)


def is_username(text: str) -> bool:
    """Whether a text can be a user name at all: neither long, nor with gaps, nor invisible."""
    name = text.strip()
    visible = name.isprintable() and not any(character.isspace() for character in name)
    return visible and 0 < len(name) <= LONGEST_USERNAME


def _refuse_odd_username(username: str) -> None:
    if not is_username(username):
        raise Refusal(
            _l(
                "a user name has 1 to %(longest)s characters, no spaces and nothing invisible",
                longest=LONGEST_USERNAME,
            ),
            field="username",
        )


def _audit_account(session: Session, action: str, account_id: int, at: datetime) -> None:
    audit.record(
        session, audit.Event(action=action, table_name="account", record_id=account_id, at=at)
    )
