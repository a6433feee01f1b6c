"""A form sent twice makes one record: each form carries a token, which is used up once (CON-2)."""

from datetime import datetime

from sqlalchemy import String, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from hallpanel.engine import conflict
from hallpanel.engine.store import Base, UtcDateTime

LONGEST_TOKEN = 64


class Submission(Base):
    """A form that was sent, and the record it made."""

    __tablename__ = "submission"

    token: Mapped[str] = mapped_column(String(120), primary_key=True)
    table_name: Mapped[str] = mapped_column(String(63))
    record_id: Mapped[int | None]
    at: Mapped[datetime] = mapped_column(UtcDateTime)


def claim(session: Session, token: str, account_id: int, table: str, at: datetime) -> bool:
    """Use a form's token up; False if it was used before. A racing twin waits for the first."""
    values = {"token": _own(token, account_id), "table_name": table, "at": at}
    statement = (
        conflict.insert(session, Submission)
        .values(**values)
        .on_conflict_do_nothing()
        .returning(Submission.token)
    )
    return session.execute(statement).first() is not None


def keep_result(session: Session, token: str, account_id: int, record_id: int) -> None:
    """Note which record the form made."""
    session.execute(
        update(Submission)
        .where(Submission.token == _own(token, account_id))
        .values(record_id=record_id)
    )


def result(session: Session, token: str, account_id: int) -> int | None:
    """The record that an earlier sending of the form made."""
    query = select(Submission.record_id).where(Submission.token == _own(token, account_id))
    return session.scalar(query)


def _own(token: str, account_id: int) -> str:
    return f"{account_id}:{token[:LONGEST_TOKEN]}"
