"""A refusal is a deed too: whoever was told no at a door is in the audit, once (AUD-1)."""

from flask import current_app, g, request
from sqlalchemy.exc import SQLAlchemyError

from hallpanel.engine import audit, records
from hallpanel.engine.entity import REGISTRY
from hallpanel.engine.errors import AuditUnwritable
from hallpanel.guard import sessions
from hallpanel.panel.extensions import PanelSession, db
from hallpanel.panel.person import origin, request_instant

LONGEST = 200


def note_denial(reason: str | None = None) -> None:
    """Write down that the person of this request was refused; in a transaction of its own.

    What they were doing is rolled back, so its transaction cannot carry the event. An audit that
    cannot be written lets nobody in who was just kept out.
    """
    who = g.get("signed_in")
    if who is None or g.get("denial_noted"):
        return
    g.denial_noted = True
    table = (request.endpoint or "").partition(".")[0]
    denied = audit.Event(
        "deny",
        table if table in REGISTRY else None,
        records.as_id(request.values.get("id")),
        reason=reason,
        after={"method": request.method, "path": request.path[:LONGEST]},
        result="refused",
    )
    try:
        with PanelSession(db) as session:
            records.open_desk(
                session,
                who.actor,
                request_instant(),
                address=origin().address,
                session_hash=sessions.shown_hash(who.session_row.id_hash),
                request_id=g.request_id,
            )
            audit.record(session, denied)
            session.commit()
    except (AuditUnwritable, SQLAlchemyError):
        current_app.logger.exception("request %s: a refusal is not in the audit", g.request_id)
