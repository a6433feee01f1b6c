"""Days on which leave is not approved (clause 2.1.2)."""

from collections.abc import Iterator
from datetime import date, datetime

from sqlalchemy import or_, select
from sqlalchemy.orm import Mapped, Session

from hallpanel.engine.entity import REFERENCE, ListView, Regulated, Secrecy, column, related
from hallpanel.engine.errors import Refusal
from hallpanel.engine.words import _l
from hallpanel.rulebook.hall.unit import Unit


class BlockedDate(Regulated):
    """Days on which a unit, or the whole hall, lets nobody go."""

    clause = "2.1.2"
    label = _l("Blocked date")
    plural = _l("Blocked dates")
    title = "reason"
    place = 40
    everyday = True
    icon = "calendar-x"
    unit_bound = False
    access = REFERENCE

    first_day: Mapped[date] = column(_l("From"), filter=True)
    last_day: Mapped[date] = column(_l("Until"), filter=True)
    only_unit: Mapped[Unit | None] = related(
        _l("Only for unit"), filter=True, hint=_l("Empty: the whole hall.")
    )
    reason: Mapped[str] = column(_l("Reason"), secrecy=Secrecy.PUBLIC)

    list_view = ListView(
        "first_day", "last_day", "only_unit", "reason", search=("reason",), order=("-first_day",)
    )

    def problems(self, session: Session, at: datetime) -> Iterator[Refusal]:
        """Days run forward."""
        if self.last_day < self.first_day:
            yield Refusal(_l("the last day is before the first"), field="last_day")


def blocked_between(session: Session, unit_id: int, first: date, last: date) -> BlockedDate | None:
    """The first blocked date that touches a span, for a unit."""
    query = (
        select(BlockedDate)
        .where(
            BlockedDate.first_day <= last,
            BlockedDate.last_day >= first,
            or_(BlockedDate.only_unit == None, BlockedDate.only_unit.has(Unit.id == unit_id)),  # noqa: E711
        )
        .order_by(BlockedDate.first_day)
        .limit(1)
    )
    return session.scalars(query).first()
