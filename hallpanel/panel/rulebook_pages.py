"""The rule book as pages: each clause with its words and what in the panel rests on it (H2)."""

from dataclasses import dataclass, field
from typing import Any

from flask import Blueprint, abort, render_template, url_for

from hallpanel.engine.clock import hall_day
from hallpanel.engine.entity import REGISTRY
from hallpanel.engine.roles import ROLE_LABELS
from hallpanel.panel.extensions import db
from hallpanel.panel.language import _, format_day, language, listed, translate
from hallpanel.panel.person import present, request_instant
from hallpanel.panel.record_page import Fact
from hallpanel.panel.showing import Chip, choice_word, clause_url
from hallpanel.rulebook.hall import clause as clauses
from hallpanel.rulebook.table import Line, lines, outline

blueprint = Blueprint("rulebook", __name__, url_prefix="/rulebook")


@dataclass(frozen=True)
class ClauseRow:
    """A clause in the list of a chapter."""

    id: str
    url: str
    text: str
    kind: str
    enforced: list[Chip]
    open: int | None = None
    overdue: int | None = None
    month: int | None = None
    spark: list[int] = field(default_factory=list)


@blueprint.get("/")
@blueprint.get("/chapter/<chapter_id>")
def index(chapter_id: str = "1") -> str:
    """A chapter of the book."""
    book = outline()
    chapter = next((c for c in book if c["id"] == chapter_id), None)
    if chapter is None:
        abort(404)
    by_clause = _by_clause()
    page = {
        "title": _("Rule book"),
        "sentence": _("What the hall runs by, and what in the panel rests on each clause."),
        "chapters": [
            (_title(c), url_for("rulebook.index", chapter_id=c["id"]), c is chapter) for c in book
        ],
        "sections": [
            (
                f"{section['id']} {_title(section)}",
                [_row(one["id"], by_clause) for one in section["clauses"]],
            )
            for section in chapter["sections"]
        ],
    }
    crumbs = [(_("Home"), url_for("home.index")), (page["title"], None)]
    return render_template("hallpanel/rulebook.html", page=page, crumbs=crumbs)


@blueprint.get("/<clause>")
def clause_page(clause: str) -> str:
    """A clause: its words in both languages, since when, and all that rests on it."""
    found = clauses.in_force(db.session(), clause, hall_day(request_instant()))
    if found is None:
        abort(404)
    mine = [line for line in _readable() if line.clause == clause]
    first, second = found.text_zh, found.text_en
    if language() == "en":
        first, second = second, first
    page = {
        "id": clause,
        "title": _("Clause %(clause)s", clause=clause),
        "text": first,
        "other_text": second,
        "kind": choice_word(found.fields()["kind"], found.kind),
        "facts": [Fact(_("In force since"), format_day(found.since))],
        "enforced": _enforced(mine),
        "figures": [],
        "trend": [],
    }
    crumbs = [
        (_("Home"), url_for("home.index")),
        (_("Rule book"), url_for("rulebook.index", chapter_id=clause.partition(".")[0])),
        (clause, None),
    ]
    return render_template("hallpanel/clause.html", page=page, crumbs=crumbs)


def _readable() -> list[Line]:
    actor = present().actor
    return [line for line in lines() if REGISTRY[line.table].access.may(actor, "read")]


def _by_clause() -> dict[str, list[Line]]:
    found: dict[str, list[Line]] = {}
    for line in _readable():
        found.setdefault(line.clause, []).append(line)
    return found


def _row(number: str, by_clause: dict[str, list[Line]]) -> ClauseRow:
    found = clauses.in_force(db.session(), number, hall_day(request_instant()))
    text = "" if found is None else found.text_en if language() == "en" else found.text_zh
    kind = "" if found is None else choice_word(found.fields()["kind"], found.kind)
    entities = dict.fromkeys(line.table for line in by_clause.get(number, []))
    chips = [Chip(translate(REGISTRY[table].label)) for table in entities]
    return ClauseRow(number, clause_url(number), text, kind, chips)


def _enforced(mine: list[Line]) -> list[Any]:
    """What rests on a clause: each list with those of its transitions that do."""
    groups: dict[tuple[str, str], list[tuple[str, str | None, str]]] = {}
    for line in mine:
        entity = REGISTRY[line.table]
        heading = (translate(entity.plural), url_for(f"{line.table}.index_view"))
        items = groups.setdefault(heading, [])
        if line.verb is not None:
            items.append((translate(line.label), None, _who(line)))
    return [{"heading": h, "url": url, "items": items} for (h, url), items in groups.items()]


def _who(line: Line) -> str:
    return listed(ROLE_LABELS[role] for role in line.roles)


def _title(part: dict[str, Any]) -> str:
    return str(part["title"]["en" if language() == "en" else "zh"])
