"""Facts that a request would set though no form offered them: they stay, and are recorded."""

from collections.abc import Iterable

from flask import request

from hallpanel.engine import audit
from hallpanel.engine.entity import Regulated
from hallpanel.panel.extensions import db

ENVELOPE = frozenset({"id", "version"})
"""Columns that forms send to say which record they mean, as it was when they were opened."""


def note(entity: type[Regulated], offered: Iterable[str], record: Regulated | None = None) -> None:
    """Record which facts a form was sent with that it does not have (AZ-6)."""
    facts = {*entity.fields(), *entity.__table__.columns.keys()}
    extra = (facts - ENVELOPE).intersection(request.form).difference(offered)
    if not extra:
        return
    event = audit.Event(
        "mass_assign",
        entity.__tablename__,
        getattr(record, "id", None),
        unit_id=getattr(record, "unit_id", None),
        clause=entity.clause,
        after={"facts": sorted(extra)},
        result="refused",
    )
    audit.record(db.session(), event)
    db.session.commit()
