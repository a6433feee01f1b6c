"""Numbers of records: gap-free in each series and year, also when many desks number at once."""

from sqlalchemy import String
from sqlalchemy.orm import Mapped, Session, mapped_column

from hallpanel.engine.conflict import insert
from hallpanel.engine.store import Base


class Counter(Base):
    """The last number given out in one series and year."""

    __tablename__ = "counter"

    series: Mapped[str] = mapped_column(String(40), primary_key=True)
    year: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    value: Mapped[int]


def next_number(session: Session, series: str, year: int) -> int:
    """Take the next number of a series in a year, from 1.

    The counter's row stays locked until the transaction ends, and a rollback gives the number back:
    so there is no gap, and transactions of one series come one after the other.
    """
    first = insert(session, Counter).values(series=series, year=year, value=1)
    taken = first.on_conflict_do_update(
        index_elements=[Counter.series, Counter.year], set_={"value": Counter.value + 1}
    ).returning(Counter.value)
    return session.execute(taken).scalar_one()
