"""The views of a list that a person keeps: what is searched, filtered, ordered and shown in it."""

from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode

from flask import flash, redirect, request, url_for
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response

from hallpanel.engine.entity import Regulated
from hallpanel.engine.errors import Refusal
from hallpanel.engine.facts import Reading
from hallpanel.engine.listing import operators_of
from hallpanel.engine.scope import SYSTEM
from hallpanel.guard import saved_views
from hallpanel.panel.extensions import db
from hallpanel.panel.language import _, refusal_sentence
from hallpanel.panel.lists import ListPage, chosen_columns, read_asked
from hallpanel.panel.person import present, request_instant
from hallpanel.panel.security import UNREADABLE

LONGEST_SENT = 20_000
"""More than any browser's address holds, so what is beyond comes from no page."""


@dataclass(frozen=True)
class SavedView:
    """A kept view in the menu; `current` where the page shows just this."""

    label: str
    url: str
    current: bool


def lay_on(page: ListPage, entity: type[Regulated]) -> None:
    """Put the reader's views of a list on its page; they came with the account."""
    here = normal_query(entity, request.query_string.decode("utf-8", "replace"))
    page.saved_views = [
        SavedView(label, list_url(entity, query), query == here)
        for label, query in saved_views.views_of(present().account, entity.__tablename__)
    ]
    page.view_query = here
    page.save_view_url = url_for(f"{entity.__tablename__}.keep_view")
    page.drop_view_url = url_for(f"{entity.__tablename__}.drop_view")


def keep(entity: type[Regulated]) -> Response:
    """Keep the view that the list was in when the form was sent."""
    query = normal_query(entity, request.form.get("query", ""))
    session = db.session()
    try:
        name = saved_views.keep_view(
            session,
            present().account.id,
            entity.__tablename__,
            request.form.get("label", ""),
            query,
            request_instant(),
        )
        session.commit()
        flash(_("View kept: %(name)s", name=name), "success")
    except Refusal as refusal:
        session.rollback()
        flash(refusal_sentence(refusal), "danger")
    return redirect(list_url(entity, query), 303)


def drop(entity: type[Regulated]) -> Response:
    """Forget a view; the list stays as it is."""
    session = db.session()
    try:
        name = saved_views.drop_view(
            session,
            present().account.id,
            entity.__tablename__,
            request.form.get("label", ""),
            request_instant(),
        )
        session.commit()
        flash(_("View removed: %(name)s", name=name), "success")
    except Refusal as refusal:
        session.rollback()
        flash(refusal_sentence(refusal), "danger")
    return redirect(list_url(entity, normal_query(entity, request.form.get("query", ""))), 303)


def list_url(entity: type[Regulated], query: str) -> str:
    """The list in a view: its own address, never one that was sent."""
    address = url_for(f"{entity.__tablename__}.index_view")
    return f"{address}?{query}" if query else address


def normal_query(entity: type[Regulated], query: str) -> str:
    """What a query asks of a list, in one possible spelling; the place in its pages is no view."""
    pairs = parse_qsl(query[:LONGEST_SENT])
    args = MultiDict((n, v) for n, v in pairs if not UNREADABLE.search(n + v))
    asked, facts = read_asked(args), entity.fields()
    known = [c for c in asked.conditions if c.field in facts and facts[c.field].filter]
    conditions = {
        (c.parameter, c.value) for c in known if c.operator in operators_of(facts[c.field])
    }
    columns = chosen_columns(Reading(entity, SYSTEM), args)
    found = [("search", asked.search)] if asked.search else []
    found += sorted(conditions)
    if columns != entity.list_view.columns:
        found += [("columns", name) for name in columns]
    if asked.sort and _orders(entity, asked.sort, columns):
        found.append(("sort", asked.sort))
    return urlencode(found)


def _orders(entity: type[Regulated], sort: str, columns: tuple[str, ...]) -> bool:
    """Whether an order can be had of the shown columns, and is not the usual one."""
    usual = next(iter(entity.list_view.order), "-id")
    return sort != usual and sort.removeprefix("-") in ("id", *columns)
