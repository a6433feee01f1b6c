"""Leases: of several processes that could do a job one holds it; another takes over if it dies.

A lease is only a matter of economy. Whatever runs under one must be right in two processes at once,
because a process that was paused past its time does not know that it lost the lease.
"""

from datetime import datetime, timedelta

from sqlalchemy import String, delete
from sqlalchemy.orm import Mapped, Session, mapped_column

from hallpanel.engine.conflict import insert, table_of
from hallpanel.engine.store import Base, UtcDateTime

LONGEST_HOLDER = 200


class Lease(Base):
    """Who does a job at present, and until when nobody else may."""

    __tablename__ = "lease"

    name: Mapped[str] = mapped_column(String(63), primary_key=True)
    holder: Mapped[str] = mapped_column(String(LONGEST_HOLDER))
    until: Mapped[datetime] = mapped_column(UtcDateTime)


def claim(session: Session, name: str, holder: str, at: datetime, length: timedelta) -> bool:
    """Take or keep a lease; False while somebody else's runs. The caller commits."""
    table = table_of(Lease)
    mine = {"holder": holder, "until": at + length}
    free = (table.c.until <= at) | (table.c.holder == holder)
    taken = (
        insert(session, Lease)
        .values(name=name, **mine)
        .on_conflict_do_update(index_elements=[table.c.name], set_=mine, where=free)
        .returning(table.c.holder)
    )
    return session.execute(taken).first() is not None


def release(session: Session, name: str, holder: str) -> None:
    """Give a lease back, so that the next one need not wait for its end; the caller commits."""
    table = table_of(Lease)
    session.execute(delete(table).where(table.c.name == name, table.c.holder == holder))
