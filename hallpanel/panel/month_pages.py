"""The month of people by window: who is away in which half day, and who remains (L6)."""

from calendar import monthrange
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from flask import render_template, request, url_for
from sqlalchemy import select

from hallpanel.engine import records
from hallpanel.engine.calendar_view import CalendarView, HalfCover, UnitCover
from hallpanel.engine.clock import hall_day
from hallpanel.engine.entity import REGISTRY, Regulated
from hallpanel.engine.roles import Role
from hallpanel.engine.scope import SYSTEM, Actor, acting
from hallpanel.panel.extensions import db
from hallpanel.panel.forms import options_of
from hallpanel.panel.language import _, format_day, format_month, translate
from hallpanel.panel.lists import Filter
from hallpanel.panel.person import request_instant
from hallpanel.panel.showing import record_url
from hallpanel.panel.surroundings import calendar
from hallpanel.panel.transitions import clause_link

FIRST_YEAR, LAST_YEAR = 2000, 2100


@dataclass(frozen=True)
class Day:
    """A column of the grid."""

    number: int
    weekday: str
    working: bool
    today: bool
    date_text: str
    provisional: bool


@dataclass(frozen=True)
class DayCell:
    """A person's two halves of a day."""

    am: tuple[str, str, str, str, bool] | None
    pm: tuple[str, str, str, str, bool] | None


@dataclass(frozen=True)
class Person:
    """A row of the grid."""

    name: str
    cells: list[DayCell | None]
    url: str | None


@dataclass(frozen=True)
class CoverCell:
    """What remains at a window on a day: the tighter of its halves."""

    remaining: int
    minimum: int
    short: bool
    title: str


@dataclass(frozen=True)
class WindowGroup:
    """A window with its people and what remains of them."""

    label: str
    people: list[Person]
    cover: list[CoverCell | None]


def answer(entity: type[Regulated], actor: Actor) -> str:
    """The month's page of one unit."""
    return render_template(
        "hallpanel/calendar.html",
        page=_Month(entity, actor).page(),
        crumbs=[
            (_("Home"), url_for("home.index")),
            (translate(entity.plural), url_for(f"{entity.__tablename__}.index_view")),
            (_("Calendar"), None),
        ],
    )


class _Month:
    """One month of one unit for one reader."""

    def __init__(self, entity: type[Regulated], actor: Actor) -> None:
        assert entity.calendar_view is not None
        self.entity, self.actor = entity, actor
        self.view: CalendarView = entity.calendar_view
        self.today = hall_day(request_instant())
        self.first = self._month()
        _weekday, length = monthrange(self.first.year, self.first.month)
        self.days = [self.first + timedelta(days=n) for n in range(length)]
        self.unit_id = self._unit()

    def _month(self) -> date:
        year, _dash, month = request.args.get("month", "").partition("-")
        if _number(year, FIRST_YEAR, LAST_YEAR) and _number(month, 1, 12):
            return date(int(year), int(month), 1)
        return self.today.replace(day=1)

    def _unit(self) -> int | None:
        """The unit asked for if it is within reach, else the reader's own, else the first."""
        within = [key for key, _name in self._units()]
        wanted = records.as_id(request.args.get("f.unit.is", ""))
        for unit_id in (wanted, *sorted(self.actor.units(Role.LEAD)), self.actor.unit_id):
            if unit_id in within:
                return unit_id
        return within[0] if within else None

    def _units(self) -> list[tuple[int, str]]:
        units = options_of(REGISTRY["unit"], most=200)
        if self.entity.criterion(self.actor) is None:
            return units
        own = {self.actor.unit_id, *self.actor.units(Role.LEAD)}
        own |= {u for person in self.actor.delegators for u in person.units(Role.LEAD)}
        return [(key, name) for key, name in units if key in own]

    def page(self) -> dict[str, Any]:
        """What the template shows."""
        cover = self._cover()
        spans = self._spans()
        return {
            "title": _("Leave calendar"),
            "clause": clause_link(self.entity.clause),
            "month_label": format_month(self.first),
            "previous_url": self._url(self.first - timedelta(days=1)),
            "next_url": self._url(self.days[-1] + timedelta(days=1)),
            "today_url": self._url(self.today),
            "days": self._columns(),
            "groups": self._groups(cover, spans) if cover else [],
            "legend": self._legend(spans),
            "filters": self._filters(),
            "hidden": [("month", f"{self.first:%Y-%m}")],
        }

    def _url(self, day: date) -> str:
        args = {"month": f"{day:%Y-%m}"}
        if self.unit_id is not None:
            args["f.unit.is"] = str(self.unit_id)
        return url_for(f"{self.entity.__tablename__}.calendar_view", **args)  # type: ignore[arg-type]

    def _columns(self) -> list[Day]:
        known = calendar()
        return [
            Day(
                day.day,
                format_day(day).partition("(")[2].rstrip(")")[-1:] or "",
                known.is_working(day),
                day == self.today,
                format_day(day),
                not known.official(day.year),
            )
            for day in self.days
        ]

    def _cover(self) -> UnitCover | None:
        if self.unit_id is None:
            return None
        with acting(db.session(), SYSTEM):
            return self.view.cover(db.session(), self.unit_id, self.days[0], self.days[-1])

    def _spans(self) -> list[Regulated]:
        criterion = self.view.criterion(self.entity, self.days[0], self.days[-1])
        query = select(self.entity).where(criterion, self.entity.unit_id == self.unit_id)
        return list(db.session.scalars(query.order_by(self.entity.id)))

    def _groups(self, cover: UnitCover, spans: list[Regulated]) -> list[WindowGroup]:
        marks = self._marks(spans)
        return [
            WindowGroup(
                _("Window %(number)s", number=number) if number else _("Without a window"),
                [self._person(staff_id, name, marks) for staff_id, name in people],
                [self._remaining(cover, number, day) for day in self.days] if number else [],
            )
            for number, people in cover.people.items()
        ]

    def _marks(self, spans: list[Regulated]) -> dict[tuple[int, date, str], Any]:
        marks = {}
        working = {day for day in self.days if calendar().is_working(day)}
        for record in spans:
            pending = record.state in self.view.pending
            kind = getattr(record, self.view.kind)
            url = record_url(record.__tablename__, record.id)
            for half in record.span.halves():
                if half.day not in working:
                    continue
                word = _("morning") if half.half.value == "morning" else _("afternoon")
                title = f"{record.staff.name} · {kind.name} · {format_day(half.day)} {word}"
                marks[(record.staff_id, half.day, half.half.value)] = (
                    kind.letter,
                    kind.tone,
                    title,
                    url,
                    pending,
                )
        return marks

    def _person(self, staff_id: int, name: str, marks: dict[tuple[int, date, str], Any]) -> Person:
        cells: list[DayCell | None] = []
        for day in self.days:
            am, pm = (marks.get((staff_id, day, half)) for half in ("morning", "afternoon"))
            cells.append(DayCell(am, pm) if am or pm else None)
        return Person(name, cells, None)

    def _remaining(self, cover: UnitCover, number: str, day: date) -> CoverCell | None:
        halves: list[HalfCover] = [
            cover.halves[(number, day, half)]
            for half in ("morning", "afternoon")
            if (number, day, half) in cover.halves
        ]
        if not halves:
            return None
        tightest = min(halves, key=lambda half: half.remaining)
        title = _(
            "%(day)s: %(remaining)s on post, %(minimum)s must be",
            day=format_day(day),
            remaining=tightest.remaining,
            minimum=tightest.minimum,
        )
        return CoverCell(tightest.remaining, tightest.minimum, tightest.short, title)

    def _legend(self, spans: list[Regulated]) -> list[tuple[str, str, str]]:
        kinds = {getattr(record, self.view.kind) for record in spans}
        return sorted((kind.letter, kind.name, kind.tone) for kind in kinds)

    def _filters(self) -> list[Filter]:
        units = self._units()
        if len(units) < 2:
            return []
        choices = [(str(key), name) for key, name in units]
        chosen = {"is": [str(self.unit_id)]}
        return [Filter("unit", _("Window unit"), "relation", choices, [("is", _("is"))], chosen)]


def _number(text: str, least: int, most: int) -> bool:
    short = len(text) <= len(str(LAST_YEAR))
    return short and text.isascii() and text.isdigit() and least <= int(text) <= most
