"""A regulated entity with a fact of every kind, for the tests of what works on kinds."""

from contextlib import contextmanager
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import Engine
from sqlalchemy.orm import Mapped

from hallpanel.engine.entity import REFERENCE, Kind, ListView, Regulated, Secrecy, column, related
from hallpanel.engine.store import Base
from hallpanel.engine.words import _l
from tests.declared import forgetting

WORD = _l("Word")


class Colour(StrEnum):
    """A choice."""

    RED = "red"
    GREEN = "green"


SORTABLE = (
    "word",
    "size",
    "price",
    "weight",
    "done",
    "day",
    "hour",
    "seen_at",
    "took",
    "key",
    "colour",
    "post",
)


@contextmanager
def declared() -> Any:
    """The entity, for a while."""
    from hallpanel.rulebook.hall.post import Post

    with forgetting():

        class Specimen(Regulated):
            """One thing with a fact of every kind, each of which may be empty."""

            clause = "2.1.1"
            label = _l("Specimen")
            title = "id"
            unit_bound = False
            access = REFERENCE

            word: Mapped[str | None] = column(WORD, secrecy=Secrecy.PUBLIC, filter=True)
            code: Mapped[str | None] = column(WORD, secrecy=Secrecy.PUBLIC)
            story: Mapped[str | None] = column(
                WORD, kind=Kind.LONG_TEXT, secrecy=Secrecy.PUBLIC, filter=True
            )
            size: Mapped[int | None] = column(WORD, filter=True)
            price: Mapped[Decimal | None] = column(WORD, filter=True)
            weight: Mapped[float | None] = column(WORD, filter=True)
            done: Mapped[bool | None] = column(WORD, filter=True)
            day: Mapped[date | None] = column(WORD, filter=True)
            hour: Mapped[time | None] = column(WORD, filter=True)
            seen_at: Mapped[datetime | None] = column(WORD, filter=True)
            took: Mapped[timedelta | None] = column(WORD, filter=True)
            key: Mapped[UUID | None] = column(WORD, filter=True)
            colour: Mapped[Colour | None] = column(WORD, filter=True)
            post: Mapped[Post | None] = related(WORD, filter=True)

            list_view = ListView(*SORTABLE, search=("word", "code", "post.name"))

        yield Specimen


def build(engine: Engine, entity: Any) -> None:
    """Create the tables that a specimen needs."""
    tables = [Base.metadata.tables["post"], entity.__table__]
    Base.metadata.create_all(engine, tables=tables)
