"""What people add to a record beside its facts: comments, and attached files."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Index, String, Text, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from hallpanel.engine import audit
from hallpanel.engine.scope import Actor
from hallpanel.engine.store import Base, UtcDateTime


class Comment(Base):
    """A remark on a record; it stays as it was written."""

    __tablename__ = "comment"
    __table_args__ = (Index("ix_comment_record", "table_name", "record_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    table_name: Mapped[str] = mapped_column(String(63))
    record_id: Mapped[int]
    text: Mapped[str] = mapped_column(Text)
    author_account_id: Mapped[int | None]
    author: Mapped[str] = mapped_column(String(200))
    at: Mapped[datetime] = mapped_column(UtcDateTime)


class Attachment(Base):
    """A file on a record. Its name is data; where it is kept has an opaque name of its own."""

    __tablename__ = "attachment"
    __table_args__ = (Index("ix_attachment_record", "table_name", "record_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    table_name: Mapped[str] = mapped_column(String(63))
    record_id: Mapped[int]
    name: Mapped[str] = mapped_column(String(255))
    stored_name: Mapped[str] = mapped_column(String(64), unique=True)
    media_type: Mapped[str] = mapped_column(String(100))
    size: Mapped[int]
    digest: Mapped[str] = mapped_column(String(64))
    author_account_id: Mapped[int | None]
    author: Mapped[str] = mapped_column(String(200))
    at: Mapped[datetime] = mapped_column(UtcDateTime)


def comment(session: Session, record: Any, text: str, *, actor: Actor, at: datetime) -> Comment:
    """Add a comment; the caller commits."""
    written = Comment(
        table_name=record.__tablename__,
        record_id=record.id,
        text=text,
        author_account_id=actor.account_id,
        author=actor.name,
        at=at,
    )
    session.add(written)
    _tell_audit(session, record, "comment", {"text": text})
    return written


def attach(session: Session, record: Any, file: Attachment) -> Attachment:
    """Put a stored file on a record; the caller commits."""
    file.table_name, file.record_id = record.__tablename__, record.id
    session.add(file)
    _tell_audit(session, record, "attach", {"name": file.name, "sha256": file.digest})
    return file


def comments_of(session: Session, record: Any) -> Sequence[Comment]:
    """The comments on a record, oldest first."""
    return session.scalars(_on(Comment, record).order_by(Comment.id)).all()


def attachments_of(session: Session, record: Any) -> Sequence[Attachment]:
    """The files on a record, oldest first."""
    return session.scalars(_on(Attachment, record).order_by(Attachment.id)).all()


def _on(kind: Any, record: Any) -> Any:
    return select(kind).where(kind.table_name == record.__tablename__, kind.record_id == record.id)


def _tell_audit(session: Session, record: Any, action: str, after: dict[str, Any]) -> None:
    audit.record(
        session,
        audit.Event(
            action=action,
            table_name=record.__tablename__,
            record_id=record.id,
            unit_id=getattr(record, "unit_id", None),
            clause=record.clause,
            after=after,
        ),
    )
