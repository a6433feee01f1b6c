"""Insertions that two processes may try at once: the database lets one of them be first."""

from typing import cast

from sqlalchemy import Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import DeclarativeBase, Session

Insert = postgresql.Insert | sqlite.Insert


def insert(session: Session, model: type[DeclarativeBase]) -> Insert:
    """An INSERT into a model's table that can say ON CONFLICT, in the session's dialect."""
    table = table_of(model)
    if session.get_bind().dialect.name == "postgresql":
        return postgresql.insert(table)
    return sqlite.insert(table)


def table_of(model: type[DeclarativeBase]) -> Table:
    """A model's table, for the statements that the engine makes for itself and under no scope."""
    return cast(Table, model.__table__)
