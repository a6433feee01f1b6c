"""What two processes may try at once: the database lets one of them be first."""

from typing import cast

from sqlalchemy import Table, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import DeclarativeBase, Session

from hallpanel.engine.recipients import UNIT

Insert = postgresql.Insert | sqlite.Insert


def insert(session: Session, model: type[DeclarativeBase]) -> Insert:
    """An INSERT into a model's table that can say ON CONFLICT, in the session's dialect."""
    table = table_of(model)
    if session.get_bind().dialect.name == "postgresql":
        return postgresql.insert(table)
    return sqlite.insert(table)


def hold_unit(session: Session, unit_id: int | None) -> None:
    """Let what is decided about one unit come one after the other, until the transaction ends.

    SQLite does so by itself, with all that is written; PostgreSQL locks the unit's row.
    """
    if unit_id is not None and session.get_bind().dialect.name == "postgresql":
        held = select(UNIT.c.id).where(UNIT.c.id == unit_id).with_for_update()
        session.execute(held)


def table_of(model: type[DeclarativeBase]) -> Table:
    """A model's table, for the statements that the engine makes for itself and under no scope."""
    return cast(Table, model.__table__)
