"""Comments on a record."""

from flask import abort, redirect, request
from werkzeug.wrappers import Response

from hallpanel.engine import comments
from hallpanel.engine.entity import Regulated
from hallpanel.engine.scope import Actor
from hallpanel.panel.extensions import db
from hallpanel.panel.person import request_instant
from hallpanel.panel.showing import record_url

LONGEST = 4000


def add(record: Regulated, actor: Actor) -> Response:
    """Add what was written; an empty comment is none."""
    text = request.form.get("text", "").strip()
    if len(text) > LONGEST:
        abort(413)
    if text:
        comments.comment(db.session(), record, text, actor=actor, at=request_instant())
        db.session.commit()
    return redirect(f"{record_url(record.__tablename__, record.id)}#timeline", 303)
