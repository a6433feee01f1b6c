"""Sealed facts under a new key, a few at a time, while the hall goes on working (PII-4).

A value is written anew only where it still is what was read: what somebody saves meanwhile is under
the newest key already, and stays. A run that is cut off is begun again and does what is left.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from sqlalchemy import func, not_, select, update
from sqlalchemy.orm import Session

from hallpanel.engine import audit, scope, sealing
from hallpanel.engine.conflict import table_of
from hallpanel.engine.entity import Field, Regulated

BATCH = 200
OpenSession = Callable[[], Any]


def sealed_facts(
    entities: Iterable[type[Regulated]],
) -> Iterator[tuple[type[Regulated], Field]]:
    """Every sealed fact of some entities."""
    for entity in entities:
        for declared in entity.fields().values():
            if declared.sealed:
                yield entity, declared


def waiting(session: Session, entities: Iterable[type[Regulated]]) -> int:
    """How many values are under an older key, or another cipher."""
    return sum(
        session.scalar(select(func.count()).where(_old(entity, declared))) or 0
        for entity, declared in sealed_facts(entities)
    )


def rotate(open_desk: OpenSession, entities: Iterable[type[Regulated]]) -> int:
    """Write all older values anew, each batch in a transaction of its own; how many there were.

    Raises:
        Unreadable: a value does not open, so it was altered; those before it are done.
    """
    written = 0
    for entity, declared in sealed_facts(entities):
        last, more = 0, True
        while more:
            with open_desk() as session:
                last, count, more = _batch(session, entity, declared, last)
                written += count
                session.commit()
    with open_desk() as session:
        done = {"values": written, "key": sealing.ring().newest, "cipher": sealing.ring().cipher}
        audit.record(session, audit.Event("rotate_keys", after=done))
        session.commit()
    return written


def _batch(
    session: Session, entity: type[Regulated], declared: Field, last: int
) -> tuple[int, int, bool]:
    """The next values of one fact: the last id, how many were written, and whether there is more.

    They are read without a lock, and written where they have not changed since.
    """
    table, column = table_of(entity), table_of(entity).c[declared.column]
    query = (
        select(table.c.id, table.c.row_key, column)
        .where(_old(entity, declared), table.c.id > last)
        .order_by(table.c.id)
        .limit(BATCH)
    )
    rows = session.connection().execute(query).all()
    fact, ring, count = getattr(entity, declared.name), sealing.ring(), 0
    with scope.respelling(session):
        for record_id, row_key, stored in rows:
            again = ring.seal(fact.place(row_key), fact.opened(stored, row_key))
            same = update(table).where(table.c.id == record_id, column == stored)
            count += session.connection().execute(same.values({column.name: again})).rowcount
    return (rows[-1][0] if rows else last), count, len(rows) == BATCH


def _old(entity: type[Regulated], declared: Field) -> Any:
    column = table_of(entity).c[declared.column]
    prefix = sealing.ring().prefix_of_newest()
    return column.is_not(None) & not_(column.startswith(prefix, autoescape=True))
