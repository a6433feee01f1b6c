"""Whether the panel can reach its records, for whoever watches the service."""

from flask import Blueprint, Response
from sqlalchemy import literal, select

from hallpanel.panel.extensions import db
from hallpanel.panel.sign_in import open_to_all

blueprint = Blueprint("health", __name__)


@blueprint.get("/healthz")
@open_to_all
def healthz() -> Response:
    """200 and "ok" when the database answers; else the error page's 503."""
    db.session.execute(select(literal(1)))
    return Response("ok\n", mimetype="text/plain")
