"""Search over all that the reader may see: numbers, names, windows and pages."""

from dataclasses import dataclass

from flask import Blueprint, render_template, request, url_for
from sqlalchemy import select

from hallpanel.engine.entity import REGISTRY, Regulated
from hallpanel.engine.listing import Asked, Listing
from hallpanel.panel.extensions import db
from hallpanel.panel.language import _, translate
from hallpanel.panel.person import present
from hallpanel.panel.showing import Chip, record_url, state_chip
from hallpanel.panel.transitions import line_of

MOST_EACH = 5
LONGEST_QUERY = 100

blueprint = Blueprint("search", __name__, url_prefix="/search")


@dataclass(frozen=True)
class Result:
    """A thing that was found."""

    title: str
    url: str
    text: str = ""
    chip: Chip | None = None


@dataclass(frozen=True)
class Group:
    """What was found of one kind."""

    heading: str
    url: str | None
    results: list[Result]


@blueprint.get("/")
def index() -> str:
    """The search page."""
    query = request.args.get("q", "").strip()[:LONGEST_QUERY]
    page = {"title": _("Search"), "query": query, "groups": _groups(query) if query else []}
    crumbs = [(_("Home"), url_for("home.index")), (page["title"], None)]
    return render_template("hallpanel/search.html", page=page, crumbs=crumbs)


def _groups(query: str) -> list[Group]:
    actor = present().actor
    readable = sorted(
        (entity for entity in REGISTRY.values() if entity.access.may(actor, "read")),
        key=lambda entity: entity.place,
    )
    groups = [_pages(readable, query)]
    groups += [
        _records(entity, query)
        for entity in readable
        if entity.list_view.search and entity.title != "id"
    ]
    return [group for group in groups if group.results]


def _pages(readable: list[type[Regulated]], query: str) -> Group:
    found = [
        Result(translate(entity.plural), url_for(f"{entity.__tablename__}.index_view"))
        for entity in readable
        if query.lower() in translate(entity.plural).lower()
    ]
    return Group(_("Pages"), None, found)


def _records(entity: type[Regulated], query: str) -> Group:
    listing = Listing(entity, Asked(search=query, size=MOST_EACH), (), reader=present().actor)
    ids = [row.id for row in listing.page(db.session()).rows]
    by_id = {one.id: one for one in db.session.scalars(select(entity).where(entity.id.in_(ids)))}
    table = entity.__tablename__
    return Group(
        translate(entity.plural),
        url_for(f"{table}.index_view", search=query),
        [
            Result(one.display(), record_url(table, one.id), line_of(one), state_chip(one))
            for one in (by_id[number] for number in ids)
        ],
    )
