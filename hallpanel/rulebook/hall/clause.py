"""The rule book's own clauses, each version with the day from which it holds (clause 1.3.1)."""

from datetime import date
from enum import StrEnum

from sqlalchemy import select
from sqlalchemy.orm import Mapped, Session

from hallpanel.engine.entity import Access, Kind, ListView, Regulated, Secrecy, column
from hallpanel.engine.roles import Reach, Role
from hallpanel.engine.words import _l


class ClauseKind(StrEnum):
    """What a clause asks for."""

    PRINCIPLE = "principle"
    DUTY = "duty"
    PROHIBITION = "prohibition"
    PROCEDURE = "procedure"
    ASSESSMENT = "assessment"


class Clause(Regulated):
    """One clause in one version; an amendment is a new row with a later day."""

    clause = "1.3.1"
    label = _l("Clause")
    plural = _l("Clauses")
    icon = "journal-text"
    unit_bound = False
    # The book binds all, those included who may read nothing else.
    access = Access(read=dict.fromkeys(Role, Reach.HALL), create=(Role.HALL_ADMIN,))
    unique_together = ("number", "since")

    number: Mapped[str] = column(_l("Number"), secrecy=Secrecy.PUBLIC, length=20, index=True)
    kind: Mapped[ClauseKind] = column(
        _l("Kind"),
        filter=True,
        labels={
            "principle": _l("Principle"),
            "duty": _l("Duty"),
            "prohibition": _l("Prohibition"),
            "procedure": _l("Procedure"),
            "assessment": _l("Assessment"),
        },
    )
    text_zh: Mapped[str] = column(
        _l("Words in Chinese"), kind=Kind.LONG_TEXT, secrecy=Secrecy.PUBLIC
    )
    text_en: Mapped[str] = column(
        _l("Words in English"), kind=Kind.LONG_TEXT, secrecy=Secrecy.PUBLIC
    )
    since: Mapped[date] = column(_l("In force since"), filter=True)

    list_view = ListView("number", "kind", "since", search=("number",), order=("number",))


def in_force(session: Session, number: str, day: date) -> Clause | None:
    """The words of a clause that hold on a day."""
    query = (
        select(Clause)
        .where(Clause.number == number, Clause.since <= day)
        .order_by(Clause.since.desc())
        .limit(1)
    )
    return session.scalars(query).first()
