"""What stands around every page: the person, the navigation by chapter, and what waits for them."""

from dataclasses import dataclass
from typing import Any

from flask import Flask, Response, g, has_request_context, request, url_for
from sqlalchemy import Select, and_, column, func, or_, select, table

from hallpanel.engine import outbox, workdays
from hallpanel.engine.entity import REGISTRY, Regulated
from hallpanel.engine.roles import ROLE_LABELS, Role
from hallpanel.engine.scope import Actor
from hallpanel.engine.words import Phrase
from hallpanel.guard import dual_control
from hallpanel.guard.exclusions import ADMINISTRATORS
from hallpanel.panel.assets import version_of
from hallpanel.panel.extensions import db
from hallpanel.panel.icons import icon
from hallpanel.panel.language import _, _l, listed, translate
from hallpanel.panel.person import present, request_instant, sit_down

CHAPTERS: dict[str, tuple[Any, str]] = {
    "hall": (_l("Hall"), "bank"),
    "discipline": (_l("Discipline"), "calendar-check"),
    "business": (_l("Business"), "folder2-open"),
    "facilities": (_l("Facilities"), "pc-display"),
    "hygiene": (_l("Hygiene"), "stars"),
    "complaints": (_l("Complaints"), "chat-left-text"),
    "development": (_l("Training and appraisal"), "mortarboard"),
    "notices": (_l("Notices of criticism"), "megaphone"),
    "guard": (_l("Administration"), "shield-lock"),
}
"""The chapters in the book's order, with word and sign; others follow under their own name."""

OFFICES: tuple[tuple[str, Phrase, frozenset[Role]], ...] = (
    ("accounts.index", _l("Accounts"), frozenset(ADMINISTRATORS)),
    ("audit.index", _l("Audit book"), frozenset({Role.AUDITOR})),
    ("security.index", _l("Security requirements"), frozenset({Role.SECADMIN, Role.AUDITOR})),
)
"""The pages of the administrators: endpoint, name, and who finds them in the menu."""

# The hall's name is on every page, also of those whose roles do not read the table of halls.
HALL = table("hall", column("id"), column("name"))

SENIORITY = (
    Role.DIRECTOR,
    Role.DEPUTY,
    Role.HALL_ADMIN,
    Role.SUPERVISION,
    Role.LEAD,
    Role.REVIEWER,
    Role.KEEPER,
    Role.SYSADMIN,
    Role.SECADMIN,
    Role.AUDITOR,
    Role.STAFF,
)


@dataclass(frozen=True)
class Me:
    """The person in the corner of the page."""

    name: str
    initial: str
    role_label: str
    roles_text: str
    unread: int
    waiting: int
    acting_for: str


@dataclass(frozen=True)
class NavItem:
    """A way to a list."""

    label: str
    url: str
    active: bool
    count: int
    waiting: bool


@dataclass(frozen=True)
class Chapter:
    """A chapter of the rule book with the lists of its things."""

    key: str
    label: str
    icon: str
    items: list[NavItem]


@dataclass
class Figures:
    """What the frame of a page counts, asked for in one query together with the list's count."""

    unread: int
    waiting: dict[str, int]
    count: int
    stamp: str = ""
    second: int = 0
    hall: str | None = None


def init_app(app: Flask) -> None:
    """Give every template its surroundings."""
    app.context_processor(_surroundings)
    app.after_request(_vary_by_frame)
    app.jinja_env.globals["icon"] = icon
    app.jinja_env.globals["static"] = static_url


def _vary_by_frame(response: Response) -> Response:
    """A page that a script opens as a sheet has another frame under the same address."""
    if response.mimetype == "text/html":
        response.vary.add("X-Sheet")
    return response


def static_url(filename: str) -> str:
    """A file of the panel with its version, so that browsers may keep it."""
    return url_for("static", filename=filename, v=version_of(filename))


def figures(count: Any = None) -> Figures:
    """Ask once in a request: unread messages, what waits by entity, and the page's own count."""
    if "figures" in g:
        found: Figures = g.figures
        return found
    actor = present().actor
    name = select(HALL.c.name).order_by(HALL.c.id).limit(1)
    asked: dict[str, Any] = {"stamp": workdays.stamp(), "hall": name.scalar_subquery()}
    if actor.account_id is not None:
        asked["unread"] = outbox.unread_count(actor.account_id)
    for entity in REGISTRY.values():
        statement = waiting_for(entity, actor)
        if statement is not None:
            counted = statement.with_only_columns(func.count(entity.id)).order_by(None)
            asked[f"w_{entity.__tablename__}"] = counted.scalar_subquery()
    if dual_control.may_be_second(actor):
        asked["second"] = dual_control.count_for(actor, request_instant())
    if count is not None:
        asked["count"] = count
    row = _one_row(asked)
    g.figures = Figures(
        unread=row.get("unread") or 0,
        waiting={k[2:]: v or 0 for k, v in row.items() if k.startswith("w_")},
        count=row.get("count") or 0,
        second=row.get("second") or 0,
        stamp=row["stamp"],
        hall=row["hall"],
    )
    return g.figures


def calendar() -> workdays.WorkCalendar:
    """The hall's work calendar, read again only when its entries changed."""
    return workdays.hall_calendar(db.session(), figures().stamp)


def _one_row(asked: dict[str, Any]) -> dict[str, Any]:
    statement = select(*(value.label(name) for name, value in asked.items()))
    return dict(db.session.execute(statement).one()._mapping)


def waiting_for(entity: type[Regulated], actor: Actor) -> Select[Any] | None:
    """The records of an entity that wait for a person: transitions declared as awaited."""
    if entity.workflow is None or not entity.access.may(actor, "read"):
        return None
    found = []
    for transition in entity.workflow.transitions:
        if not transition.awaited or not actor.reachable_roles & transition.by.roles:
            continue
        waits = and_(entity.state.in_(transition.source), transition.by.awaits(entity, actor))
        if callable(transition.awaited):
            waits = and_(waits, transition.awaited(entity))
        found.append(waits)
    if not found:
        return None
    return select(entity).where(or_(*found)).order_by(entity.id)


def _surroundings() -> dict[str, Any]:
    if not has_request_context():
        return {}
    who = None if g.get("at_the_gate") else g.get("signed_in")
    if who is None or request.headers.get("X-Sheet"):
        return {"me": _anybody(who), "navigation": []}
    if "actor" not in db.session().info:  # an error page of a request that was stopped at the gate
        sit_down(who)
    counted = figures()
    return {
        "me": _me(who.actor, counted),
        "navigation": _navigation(who.actor, counted),
        "hall_name": counted.hall,
    }


def _anybody(who: Any) -> Me | None:
    return None if who is None else _me(who.actor, Figures(0, {}, 0))


def _me(actor: Actor, counted: Figures) -> Me:
    roles = [translate(ROLE_LABELS[role]) for role in SENIORITY if role in actor.roles]
    delegators = listed(person.name for person in actor.delegators)
    return Me(
        name=actor.name,
        initial=actor.name[:1],
        role_label=roles[0] if roles else _("No role"),
        roles_text=listed(roles),
        unread=counted.unread,
        waiting=sum(counted.waiting.values()),
        acting_for=_("Acting for %(names)s", names=delegators) if delegators else "",
    )


def _in_menu(entity: type[Regulated], actor: Actor) -> bool:
    """What one works with every day, and what one keeps; the rest is found by search."""
    keeps = any(entity.access.may(actor, right) for right in ("create", "edit"))
    return entity.access.may(actor, "read") and (entity.everyday or keeps)


def _guarded(actor: Actor, counted: Figures) -> list[NavItem]:
    """The pages of the administrators, and of those who may be a second person."""
    items = [
        _guard_item(translate(label), endpoint, 0)
        for endpoint, label, roles in OFFICES
        if roles & actor.roles
    ]
    if dual_control.may_be_second(actor):
        items.append(_guard_item(_("Two people"), "dual.index", counted.second))
    return items


def _guard_item(label: str, endpoint: str, count: int) -> NavItem:
    url = url_for(endpoint)
    return NavItem(label, url, request.path.startswith(url), count, count > 0)


def _navigation(actor: Actor, counted: Figures) -> list[Chapter]:
    chapters: dict[str, list[NavItem]] = {}
    for entity in sorted(REGISTRY.values(), key=lambda one: one.place):
        table = entity.__tablename__
        if _in_menu(entity, actor):
            url = url_for(f"{table}.index_view")
            count = counted.waiting.get(table, 0)
            item = NavItem(
                translate(entity.plural), url, request.path.startswith(url), count, count > 0
            )
            chapters.setdefault(entity.chapter(), []).append(item)
    chapters["guard"] = _guarded(actor, counted)
    order = [*CHAPTERS, *(key for key in chapters if key not in CHAPTERS)]
    return [
        Chapter(
            key, str(CHAPTERS.get(key, (key, ""))[0]), CHAPTERS.get(key, ("", "folder"))[1], items
        )
        for key in order
        if (items := chapters.get(key))
    ]
