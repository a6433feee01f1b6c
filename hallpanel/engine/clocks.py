"""The clocks of a record, moved by what happens to it: its birth and its transitions."""

from datetime import datetime

from sqlalchemy.orm import Session

from hallpanel.engine import deadline, workdays
from hallpanel.engine.deadline import DeadlineRule
from hallpanel.engine.entity import Regulated
from hallpanel.engine.errors import Refusal
from hallpanel.engine.limits import NoLimit
from hallpanel.engine.words import _l
from hallpanel.engine.workdays import WorkCalendar

BIRTH = "create"
"""Stands among the verbs that start a limit for a record's being made."""


def move(
    session: Session, record: Regulated, verb: str, *, at: datetime, reason: str | None = None
) -> None:
    """Stop, pause, resume and start what the record's deadline rules say of a verb."""
    if not record.deadlines:
        return
    table, calendar = record.__tablename__, workdays.hall_calendar(session)
    for rule in record.deadlines:
        if verb in rule.stops:
            deadline.stop(session, rule, table, record.id, at=at)
        if verb in rule.pauses:
            deadline.pause(session, rule, table, record.id, at=at, reason=reason or "")
        if verb in rule.resumes:
            deadline.resume(session, rule, table, record.id, at=at, calendar=calendar)
        if verb in rule.starts and _still_undecided(record):
            _start(session, record, rule, at, calendar)


def _start(
    session: Session, record: Regulated, rule: DeadlineRule, at: datetime, calendar: WorkCalendar
) -> None:
    try:
        deadline.start(
            session,
            rule,
            record.__tablename__,
            record.id,
            unit_id=getattr(record, "unit_id", None),
            at=at,
            calendar=calendar,
            holder_role=getattr(record, "turn", None),
        )
    except NoLimit as missing:
        raise Refusal(
            _l("no figure is in force for the limit “%(limit)s”", limit=rule.label),
            rule.clause,
            then=_l("The hall administrator adds “%(key)s” to the limits.", key=missing.key),
        ) from None


def _still_undecided(record: Regulated) -> bool:
    """An approval whose last tier agreed has nobody's turn, and no clock over it."""
    return not record.approval or record.turn is not None
