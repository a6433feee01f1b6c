"""Names of related records in table files: the name alone where it is one record's only."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from hallpanel.engine import scope
from hallpanel.engine.entity import REGISTRY, Kind, Regulated
from hallpanel.engine.natural_key import short_key
from hallpanel.engine.scope import SYSTEM


def telling_names(
    session: Session, entity: type[Regulated], columns: Iterable[str]
) -> dict[str, dict[int, str]]:
    """For each relation among columns the records that share their name, by id: 王芳 (1002)."""
    fields = entity.fields()
    relations = [name for name in columns if "." not in name]
    return {
        name: _namesakes(session, REGISTRY[str(fields[name].target)])
        for name in relations
        if fields[name].kind is Kind.RELATION
    }


def telling_name(title: str, key: str | int) -> str:
    """A name with what tells its bearer from others of that name."""
    return f"{title} ({key})"


def _namesakes(session: Session, target: type[Regulated]) -> dict[int, str]:
    columns = target.__table__.c
    if target.title == "id" or columns[target.title].unique:
        return {}
    title: Any = getattr(target, target.title)
    shared = select(title).group_by(title).having(func.count() > 1)
    key_name = short_key(target)
    key: Any = getattr(target, key_name) if key_name else target.id
    with scope.acting(session, SYSTEM):
        found = session.execute(select(target.id, title, key).where(title.in_(shared))).all()
    mark = "" if key_name else "#"
    return {record_id: telling_name(str(name), f"{mark}{own}") for record_id, name, own in found}
