"""The passwords an account had before, as hashes, so that none of them comes back (AUTH-3)."""

from datetime import datetime

from sqlalchemy import ForeignKey, String, delete, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from hallpanel.engine.store import Base, UtcDateTime

KEPT = 5
"""How many passwords of an account are remembered, the present one among them."""


class FormerPassword(Base):
    """A password that was replaced."""

    __tablename__ = "password_history"

    id: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"), index=True)
    password_hash: Mapped[str] = mapped_column(String(255))
    replaced_at: Mapped[datetime] = mapped_column(UtcDateTime)


def keep(session: Session, account_id: int, password_hash: str, at: datetime) -> None:
    """Remember a password that is being replaced, and forget those of long ago."""
    session.add(FormerPassword(account_id=account_id, password_hash=password_hash, replaced_at=at))
    session.flush()
    of_account = FormerPassword.account_id == account_id
    newest = select(FormerPassword.id).where(of_account).order_by(FormerPassword.id.desc())
    kept = session.scalars(newest.limit(KEPT)).all()
    session.execute(delete(FormerPassword).where(of_account, FormerPassword.id.not_in(kept)))


def former_hashes(session: Session, account_id: int, count: int) -> list[str]:
    """The passwords replaced last, the newest first."""
    if count <= 0:
        return []
    rows = session.scalars(
        select(FormerPassword.password_hash)
        .where(FormerPassword.account_id == account_id)
        .order_by(FormerPassword.id.desc())
        .limit(count)
    )
    return list(rows)
