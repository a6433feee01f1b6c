"""What may be said of one record only: its number, its code, or some facts together."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from hallpanel.engine.entity import Field, Regulated
from hallpanel.engine.errors import Refusal
from hallpanel.engine.words import Phrase, _l

CLASH = _l("it clashes with what somebody else saved at this moment")
STILL_USED = _l("something still uses it")

log = logging.getLogger(__name__)


def twice(session: Session, record: Regulated) -> Refusal | None:
    """Why a record may not be saved that says what another one says; asked as the system."""
    entity = type(record)
    for facts in _unique_facts(entity):
        said = {one.column: getattr(record, one.column) for one in facts}
        if None in said.values():
            continue
        same = [getattr(entity, column) == value for column, value in said.items()]
        others = select(entity.id).where(*same, entity.id != (record.id or 0)).limit(1)
        if session.scalar(others) is not None:
            labels = [one.label for one in facts]
            why = _l("another record has the same %(facts)s", facts=labels)
            return Refusal(why, field=facts[-1].name)
    return None


@contextmanager
def refusing(record: Regulated, why: Phrase) -> Iterator[None]:
    """Where the database alone can tell, say so in a sentence; what it said goes to the log."""
    try:
        yield
    except IntegrityError as error:
        first_line = str(error.orig).partition("\n")[0]  # the others name what was typed
        log.warning("%s was not saved: %s", type(record).__name__, first_line)
        raise Refusal(why, record.clause) from None


def _unique_facts(entity: type[Regulated]) -> Iterator[list[Field]]:
    fields, columns = entity.fields(), entity.__table__.c
    for one in fields.values():
        if columns[one.column].unique:
            yield [one]
    if entity.unique_together:
        by_column = {one.column: one for one in fields.values()}
        yield [by_column[column] for column in entity.unique_together]
