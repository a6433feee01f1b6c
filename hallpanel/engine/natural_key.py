"""How people tell two records of an entity apart: a number, a code, or a few facts together."""

from typing import Any

from hallpanel.engine.entity import Kind, Regulated
from hallpanel.engine.errors import DeclarationError


def natural_key(entity: type[Regulated]) -> tuple[str, ...]:
    """The fields by which people tell two records of an entity apart.

    Raises:
        DeclarationError: there are none.
    """
    fields, columns = entity.fields(), entity.__table__.c
    for name, declared in fields.items():
        if columns[declared.column].unique and declared.kind is not Kind.RELATION:
            return (name,)
    by_column = {declared.column: name for name, declared in fields.items()}
    if entity.unique_together:
        return tuple(by_column[column] for column in entity.unique_together)
    raise DeclarationError(
        "S02",
        entity.__name__,
        "its rows cannot be told apart",
        "declare a unique column or unique_together",
    )


def has_natural_key(entity: type[Regulated]) -> bool:
    """Whether two records that say the same can be told apart at all."""
    columns = entity.__table__.c
    unique = (d for d in entity.fields().values() if d.kind is not Kind.RELATION)
    return bool(entity.unique_together) or any(columns[d.column].unique for d in unique)


def short_key(entity: type[Regulated]) -> str | None:
    """The one fact that names a record beyond doubt, such as a staff number; None without one."""
    names = natural_key(entity) if has_natural_key(entity) else ()
    single = len(names) == 1 and entity.fields()[names[0]].kind is Kind.TEXT
    return names[0] if single else None


def comparable(value: Any) -> Any:
    """A value of a key as it is compared: a related record by its id."""
    return value.id if isinstance(value, Regulated) else value
