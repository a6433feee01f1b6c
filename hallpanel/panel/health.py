"""Whether the panel can reach its records and audit, for whoever watches the service (AUD-7)."""

from flask import Blueprint, Response

from hallpanel.engine import audit
from hallpanel.panel.extensions import db
from hallpanel.panel.sign_in import open_to_all

blueprint = Blueprint("health", __name__)


@blueprint.get("/healthz")
@open_to_all
def healthz() -> Response:
    """200 and "ok" when the database answers and takes audit events; else 503."""
    with db.engine.connect() as connection:
        writable = audit.is_writable(connection)
    if not writable:
        return Response("the audit cannot be written\n", 503, mimetype="text/plain")
    return Response("ok\n", mimetype="text/plain")
