"""Leave types (clauses 2.1.2, 2.1.3)."""

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from sqlalchemy import CheckConstraint
from sqlalchemy.orm import Mapped, Session

from hallpanel.engine.entity import REFERENCE, ListView, Regulated, Secrecy, column
from hallpanel.engine.errors import Refusal
from hallpanel.engine.words import _l

DAYS = _l("Days and allowance")
RULES = _l("Rules of application")


class Entitlement(StrEnum):
    """How many days a year a person has of a type."""

    NONE = "none"
    SENIORITY = "seniority"
    FIXED = "fixed"


class Counting(StrEnum):
    """Whether rest days inside a span count."""

    WORKING = "working"
    CALENDAR = "calendar"


class DecidedBy(StrEnum):
    """Whether the hall decides, or only files what the home department decided."""

    HERE = "here"
    FILED = "filed"


class Tone(StrEnum):
    """The colours in which the calendar marks a day; each is told apart in light and in dark."""

    GREEN = "success"
    AMBER = "warning"
    RED = "danger"
    BLUE = "info"
    GREY = "secondary"


KNOWN_TONES = tuple(tone.value for tone in Tone)


class LeaveType(Regulated):
    """A kind of leave with its allowance and its rules, as data."""

    clause = "2.1.2"
    label = _l("Leave type")
    plural = _l("Leave types")
    title = "name"
    icon = "tags"
    unit_bound = False
    retires = True
    access = REFERENCE
    __table_args__ = (CheckConstraint(f"tone IN {KNOWN_TONES}", name="tone_known"),)

    code: Mapped[str] = column(_l("Code"), secrecy=Secrecy.PUBLIC, length=30, unique=True)
    name: Mapped[str] = column(_l("Name"), secrecy=Secrecy.PUBLIC, length=40, unique=True)
    letter: Mapped[str] = column(_l("Letter in the calendar"), secrecy=Secrecy.PUBLIC, length=2)
    tone: Mapped[Tone] = column(
        _l("Colour"),
        secrecy=Secrecy.PUBLIC,
        default=Tone.BLUE,
        labels={
            "success": _l("Green"),
            "warning": _l("Amber"),
            "danger": _l("Red"),
            "info": _l("Blue"),
            "secondary": _l("Grey"),
        },
        hint=_l("Of its days in the calendar."),
    )
    entitlement: Mapped[Entitlement] = column(
        _l("Allowance"),
        group=DAYS,
        filter=True,
        default=Entitlement.NONE,
        labels={
            "none": _l("No allowance kept"),
            "seniority": _l("By years worked"),
            "fixed": _l("Fixed days a year"),
        },
    )
    days_a_year: Mapped[Decimal | None] = column(_l("Days a year"), group=DAYS, places=1, least=0)
    counts: Mapped[Counting] = column(
        _l("Which days count"),
        group=DAYS,
        default=Counting.WORKING,
        labels={"working": _l("Working days"), "calendar": _l("Calendar days")},
    )
    half_days: Mapped[bool] = column(_l("Half days allowed"), group=DAYS, default=True)
    largest_span: Mapped[Decimal | None] = column(
        _l("Largest span in days"), group=DAYS, places=1, least=0
    )
    carry_until: Mapped[str | None] = column(
        _l("Carried over until"),
        group=DAYS,
        secrecy=Secrecy.PUBLIC,
        length=5,
        hint=_l("Month and day of the next year, such as 03-31; empty: not carried over."),
    )
    certificate_after_days: Mapped[Decimal | None] = column(
        _l("Certificate from how many days"), group=RULES, places=1, least=0
    )
    notice_days: Mapped[int] = column(_l("Notice in working days"), group=RULES, default=0, least=0)
    decided: Mapped[DecidedBy] = column(
        _l("Decided where"),
        group=RULES,
        default=DecidedBy.HERE,
        labels={"here": _l("By the hall"), "filed": _l("By the home department, filed here")},
    )
    present: Mapped[bool] = column(_l("Counts as present"), group=RULES, default=False)
    paid: Mapped[bool] = column(_l("Paid"), group=RULES, default=True)

    list_view = ListView(
        "code",
        "name",
        "entitlement",
        "days_a_year",
        "counts",
        "notice_days",
        "decided",
        "paid",
        search=("code", "name"),
    )

    def problems(self, session: Session, at: datetime) -> Iterator[Refusal]:
        """A fixed allowance needs its number; a carry-over date must be a date."""
        if self.entitlement is Entitlement.FIXED and self.days_a_year is None:
            yield Refusal(_l("a fixed allowance needs its days"), field="days_a_year")
        if self.carry_until is not None and not _is_month_day(self.carry_until):
            yield Refusal(
                _l("the day must be written as month-day, such as 03-31"), field="carry_until"
            )

    @property
    def keeps_balance(self) -> bool:
        """Whether a person's days of this type are counted against an allowance."""
        return self.entitlement is not Entitlement.NONE


def _is_month_day(text: str) -> bool:
    try:
        datetime.strptime(f"2024-{text}", "%Y-%m-%d")  # noqa: DTZ007 - only the spelling is tried
    except ValueError:
        return False
    return True
