"""The first page: what waits for me, who is away, what is overdue, and what I have left."""

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from flask import render_template, url_for
from flask_admin import AdminIndexView, expose
from sqlalchemy import select

from hallpanel.engine import workflow
from hallpanel.engine.clock import hall_day
from hallpanel.engine.deadline import Deadline, DeadlineState
from hallpanel.engine.entity import REGISTRY, Regulated
from hallpanel.engine.roles import Role
from hallpanel.engine.scope import SYSTEM, Actor, acting
from hallpanel.engine.words import Phrase
from hallpanel.engine.workflow import Act, Transition
from hallpanel.panel.extensions import db
from hallpanel.panel.language import _, format_day, format_number, listed, translate
from hallpanel.panel.lists import Column, ListRow
from hallpanel.panel.opening import for_all_inside
from hallpanel.panel.person import present, request_instant
from hallpanel.panel.record_page import chip_of
from hallpanel.panel.showing import (
    Button,
    Cell,
    Chip,
    cell,
    plain,
    record_url,
    state_word,
    tone_of,
    when_of,
)
from hallpanel.panel.surroundings import calendar, figures, waiting_for
from hallpanel.panel.transitions import line_of

MOST_WAITING = 20
MOST_OVERDUE = 10
MOST_OWN = 6
DAYS_AHEAD = 7


@dataclass(frozen=True)
class WaitingRow:
    """A record that waits for the reader, with the next step right there."""

    id: int
    url: str
    who: str
    what: str
    detail: str
    how_long: str
    cover_text: str
    cover_tone: str
    deadline: Chip | None
    buttons: list[Button]
    due: datetime


@dataclass(frozen=True)
class Figure:
    """A number that opens its records."""

    label: str
    value: str
    url: str
    tone: str


@dataclass(frozen=True)
class Balance:
    """What the reader has left of something."""

    label: str
    remaining_text: str
    percent: int
    used_text: str
    tone: str


@dataclass(frozen=True)
class Away:
    """A person who is away, with the record that says so."""

    name: str
    what: str
    half: str
    url: str


@dataclass
class Mine:
    """The reader's own things."""

    balances: list[Balance]
    requests: list[ListRow]
    columns: list[Column]
    leave_url: str | None


@dataclass
class HomePage:
    """All that the home template shows; a part that is None is not for this reader."""

    greeting_line: str
    waiting: list[WaitingRow] | None = None
    waiting_count: int = 0
    away_today: list[Away] | None = None
    away_tomorrow: list[Away] | None = None
    away_week: list[tuple[str, list[tuple[str, str]]]] = field(default_factory=list)
    overdue: list[tuple[str, str, Chip]] = field(default_factory=list)
    figures: list[Figure] = field(default_factory=list)
    mine: Mine | None = None
    quick: list[Button] = field(default_factory=list)
    calendar_url: str | None = None
    inbox: list[Any] = field(default_factory=list)


class HomeView(AdminIndexView):
    """Flask-Admin's index, at the root of the panel."""

    @expose("/")
    @for_all_inside
    def index(self) -> str:
        """The home page of whoever is signed in."""
        page = home_page(present().actor)
        return render_template("hallpanel/home.html", page=page, crumbs=[], page_title=_("Home"))


def home_page(actor: Actor) -> HomePage:
    """Gather the page from the declarations: nothing here knows a particular entity."""
    today = hall_day(request_instant())
    page = HomePage(_("%(name)s, %(day)s", name=actor.name, day=format_day(today)))
    if actor.delegators:
        names = listed(person.name for person in actor.delegators)
        page.greeting_line += " · " + _("Acting for %(names)s", names=names)
    page.waiting_count = sum(figures().waiting.values())
    page.waiting = _waiting(actor)
    page.overdue = _overdue(actor)
    if _oversees(actor):
        _fill_away(page, actor, today)
    if actor.staff_id is not None and Role.STAFF in actor.roles:
        page.mine = _mine(actor)
    if _sees_the_hall(actor):
        page.figures = _figures(page)
    return page


def _with_workflow() -> list[type[Regulated]]:
    return [entity for entity in REGISTRY.values() if entity.workflow is not None]


def _oversees(actor: Actor) -> bool:
    return bool(actor.reachable_roles & {Role.LEAD, *_HALL_WIDE})


_HALL_WIDE = frozenset({Role.SUPERVISION, Role.DEPUTY, Role.DIRECTOR, Role.HALL_ADMIN})


def _sees_the_hall(actor: Actor) -> bool:
    return bool(actor.roles & _HALL_WIDE)


# what waits


def _waiting(actor: Actor) -> list[WaitingRow]:
    rows: list[WaitingRow] = []
    for entity in _with_workflow():
        statement = waiting_for(entity, actor)
        if statement is None or not figures().waiting.get(entity.__tablename__):
            continue
        found = list(db.session.scalars(statement.limit(MOST_WAITING)))
        clocks = _clocks(entity.__tablename__, [record.id for record in found])
        rows += [_waiting_row(record, actor, clocks.get(record.id)) for record in found]
    return sorted(rows, key=lambda row: row.due)[:MOST_WAITING]


def _clocks(table: str, ids: list[int]) -> dict[int, Deadline]:
    query = select(Deadline).where(
        Deadline.table_name == table,
        Deadline.record_id.in_(ids),
        Deadline.state == DeadlineState.RUNNING,
    )
    return {clock.record_id: clock for clock in db.session.scalars(query)}


def _waiting_row(record: Regulated, actor: Actor, clock: Deadline | None) -> WaitingRow:
    table = record.__tablename__
    offered = workflow.offered(record, actor)
    first = [t for t in offered if t.awaited]
    second = [t for t in offered if t.danger and t.bulk] or [t for t in offered if t not in first]
    home = url_for("home.index")
    note = _note(record, actor, first[0]) if first else None
    barred = note is not None and note[1]
    buttons = [
        Button(
            translate(t.label),
            url_for(f"{table}.act_view", verb=t.verb, id=record.id, url=home),
            "danger" if t.danger else "secondary" if barred else "primary",
            sheet=True,
        )
        for t in (*first[:1], *second[:1])
    ]
    who, *rest = record.title_line() if len(record.title_line()) > 1 else (line_of(record),)
    return WaitingRow(
        id=record.id,
        url=record_url(table, record.id),
        who=str(who),
        what=_what(record, rest),
        detail=_detail(record),
        how_long="",
        cover_text=translate(note[0]) if note else "",
        cover_tone=("danger" if note[1] else "success") if note else "",
        deadline=chip_of(clock) if clock else None,
        buttons=buttons,
        due=clock.promise_due_at if clock else record.created_at + timedelta(days=365),
    )


def _note(record: Regulated, actor: Actor, step: Transition) -> tuple[Phrase, bool] | None:
    """Why the step cannot be made now, else what whoever decides should know."""
    if not step.by.decides:
        return None
    act = Act(db.session(), record, step, actor, request_instant())
    refusal = workflow.look(act)
    if refusal is not None:
        return refusal.why, True
    with acting(db.session(), SYSTEM):
        return record.decider_note(db.session())


def _what(record: Regulated, rest: list[object]) -> str:
    if not rest:
        return translate(record.label)
    return " ".join(plain(part) for part in rest)


def _detail(record: Regulated) -> str:
    return when_of(record) or state_word(type(record), record.state)


# who is away


def _fill_away(page: HomePage, actor: Actor, today: date) -> None:
    calendars = [e for e in REGISTRY.values() if e.calendar_view and e.access.may(actor, "read")]
    spans = [span for entity in calendars for span in _spans(entity, today)]
    page.away_today = _away_on(spans, today)
    page.away_tomorrow = _away_on(spans, today + timedelta(days=1))
    for ahead in range(2, DAYS_AHEAD):
        day = today + timedelta(days=ahead)
        names = [(away.name, away.what) for away in _away_on(spans, day)]
        if names:
            page.away_week.append((format_day(day), names))
    if calendars:
        page.calendar_url = url_for(f"{calendars[0].__tablename__}.calendar_view")


def _spans(entity: type[Regulated], today: date) -> list[Regulated]:
    view = entity.calendar_view
    assert view is not None
    until = today + timedelta(days=DAYS_AHEAD)
    criterion = view.criterion(entity, today, until, pending=False)
    return list(db.session.scalars(select(entity).where(criterion).order_by(entity.id)))


def _away_on(spans: list[Regulated], day: date) -> list[Away]:
    found = []
    for record in spans:
        view = record.calendar_view
        assert view is not None
        halves = [h.half.value for h in record.span.halves() if h.day == day]
        if halves and calendar().is_working(day):
            kind = getattr(record, view.kind)
            half = (
                ""
                if len(halves) == 2
                else (_("morning") if halves == ["morning"] else _("afternoon"))
            )
            url = record_url(record.__tablename__, record.id)
            found.append(Away(record.staff.name, kind.display(), half, url))
    return found


# what is overdue


def _overdue(actor: Actor) -> list[tuple[str, str, Chip]]:
    found: list[tuple[str, str, Chip]] = []
    now = request_instant()
    for entity in _with_workflow():
        if not entity.deadlines or not entity.access.may(actor, "read"):
            continue
        query = (
            select(entity, Deadline)
            .join(Deadline, (Deadline.record_id == entity.id))
            .where(
                Deadline.table_name == entity.__tablename__,
                Deadline.state == DeadlineState.RUNNING,
                Deadline.promise_due_at < now,
            )
            .order_by(Deadline.promise_due_at)
            .limit(MOST_OVERDUE)
        )
        for record, clock in db.session.execute(query):
            label = f"{record.display()} {line_of(record)}"
            found.append((label, record_url(entity.__tablename__, record.id), chip_of(clock)))
    return found[:MOST_OVERDUE]


# my own


def _mine(actor: Actor) -> Mine:
    balances = []
    for entity in REGISTRY.values():
        if entity.standing is not None and actor.staff_id is not None:
            for one in entity.standing(db.session(), actor.staff_id, request_instant()):
                balances.append(_balance(one))
    return Mine(balances, *_own_records(actor))


def _balance(one: Any) -> Balance:
    percent = int(100 * one.left / one.of) if one.of else 0
    return Balance(
        one.label,
        _("%(days)s days left", days=format_number(one.left)),
        max(0, min(100, percent)),
        _("of %(days)s days", days=format_number(one.of)),
        "danger" if percent < 10 else "primary",
    )


def _own_records(actor: Actor) -> tuple[list[ListRow], list[Column], str | None]:
    """The reader's own latest records of what goes through approval."""
    for entity in _with_workflow():
        if entity.approval and entity.owner and Role.STAFF in entity.access.create:
            table = entity.__tablename__
            owner = getattr(entity, f"{entity.owner}_id")
            query = select(entity).where(owner == actor.staff_id).order_by(entity.id.desc())
            found = db.session.scalars(query.limit(MOST_OWN))
            columns = [Column(n, w, numeric=False, sort_url=None, sort=None) for n, w in _heads()]
            return [_own_row(r) for r in found], columns, url_for(f"{table}.create_view")
    return [], [], None


def _heads() -> list[tuple[str, str]]:
    return [
        ("number", _("Number")),
        ("what", _("What")),
        ("when", _("When")),
        ("state", _("State")),
    ]


def _own_row(record: Regulated) -> ListRow:
    url = record_url(record.__tablename__, record.id)
    entity = type(record)
    _who, *rest = record.title_line()
    state = state_word(entity, record.state)
    if record.turn is not None:
        turn = cell(entity, "turn", record.turn, None).text
        state = _("%(state)s: %(turn)s", state=state, turn=turn)
    cells = [
        Cell("link", record.display(), url=url),
        Cell("text", _what(record, rest)),
        Cell("text", _detail(record)),
        Cell("chip", state, tone=tone_of(record.state)),
    ]
    return ListRow(
        record.id, record.version, url, selectable=False, cells=cells, actions=[], more=[]
    )


# figures


def _figures(page: HomePage) -> list[Figure]:
    waiting, overdue = page.waiting_count, len(page.overdue)
    away = len(page.away_today or [])
    return [
        Figure(
            _("Waiting for me"),
            format_number(waiting),
            "#waiting",
            "warning" if waiting else "success",
        ),
        Figure(
            _("Overdue"),
            format_number(overdue),
            "#overdue-heading",
            "danger" if overdue else "success",
        ),
        Figure(
            _("Away today"), format_number(away), page.calendar_url or "#away-heading", "secondary"
        ),
    ]
