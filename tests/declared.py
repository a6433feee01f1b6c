"""Entities that live for one test: declared in it, and forgotten by the process afterwards."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.orm import configure_mappers

from hallpanel.engine import scope
from hallpanel.engine.entity import FIELDS, REGISTRY
from hallpanel.engine.store import Base


@contextmanager
def forgetting() -> Iterator[None]:
    """Forget whatever is declared meanwhile: entities, their tables, their mappers, their scope."""
    configure_mappers()
    tables, mappers = set(Base.metadata.tables), set(Base.registry.mappers)
    entities = set(REGISTRY)
    try:
        yield
    finally:
        for name in set(REGISTRY) - entities:
            FIELDS.pop(REGISTRY[name], None)
            scope.release(REGISTRY.pop(name))
        for mapper in set(Base.registry.mappers) - mappers:
            Base.registry._managers.pop(mapper.class_manager)
            Base.registry._dispose_manager_and_mapper(mapper.class_manager)
        for name in set(Base.metadata.tables) - tables:
            Base.metadata.remove(Base.metadata.tables[name])
