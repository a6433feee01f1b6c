"""The inbox: what the panel told the reader."""

from dataclasses import dataclass

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from hallpanel.engine import outbox, records
from hallpanel.engine.entity import REGISTRY
from hallpanel.panel.extensions import db
from hallpanel.panel.language import _, format_instant, translate
from hallpanel.panel.person import present, request_instant
from hallpanel.panel.showing import record_url

PAGE_SIZE = 30

blueprint = Blueprint("inbox", __name__, url_prefix="/inbox")


@dataclass(frozen=True)
class Line:
    """A message as the inbox lists it."""

    id: int
    text: str
    url: str
    at_text: str
    unread: bool
    kind: str


def _account() -> int:
    return present().account.id


@blueprint.get("/")
def index() -> str:
    """Messages, the newest first; opening one marks it read."""
    before = records.as_id(request.args.get("before", ""))
    query = outbox.inbox(_account())
    if before is not None:
        query = query.where(outbox.Message.id < before)
    found = db.session.scalars(query.limit(PAGE_SIZE + 1)).all()
    more, shown = len(found) > PAGE_SIZE, found[:PAGE_SIZE]
    page = {
        "title": _("Inbox"),
        "messages": [
            Line(
                one.id,
                translate(one.sentence),
                url_for("inbox.opened", message_id=one.id),
                format_instant(one.created_at),
                one.read_at is None,
                one.kind,
            )
            for one in shown
        ],
        "read_all_url": url_for("inbox.read_all"),
        "next_url": url_for("inbox.index", before=shown[-1].id) if more else None,
        "previous_url": None,
        "first_url": url_for("inbox.index") if before else None,
    }
    crumbs = [(_("Home"), url_for("home.index")), (page["title"], None)]
    return render_template("hallpanel/inbox.html", page=page, crumbs=crumbs)


@blueprint.get("/<int:message_id>")
def opened(message_id: int) -> Response:
    """Lead to the record a message is about. A link changes nothing: the message stays unread."""
    query = outbox.inbox(_account()).where(outbox.Message.id == records.as_id(message_id))
    message = db.session.scalars(query).one_or_none()
    if message is None:
        abort(404)
    if message.table_name == "dual_control":
        return redirect(url_for("dual.index"), 303)
    if message.table_name not in REGISTRY or message.record_id is None:
        return redirect(url_for("inbox.index"), 303)
    if records.find(db.session(), REGISTRY[message.table_name], message.record_id) is None:
        flash(_("The record of this message is no longer within your reach."), "info")
        return redirect(url_for("inbox.index"), 303)
    return redirect(record_url(message.table_name, message.record_id), 303)


@blueprint.post("/read")
def read_all() -> Response:
    """Mark everything as read."""
    outbox.mark_read(db.session(), _account(), request_instant())
    db.session.commit()
    return redirect(url_for("inbox.index"), 303)
