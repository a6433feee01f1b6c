"""The door for gunicorn, waitress and the `flask` command."""

import os
import sys

from flask import Flask
from sqlalchemy.exc import DBAPIError
from werkzeug.middleware.proxy_fix import ProxyFix

from hallpanel import create_app, deploy_check
from hallpanel.engine import records
from hallpanel.engine.clock import utc_now
from hallpanel.engine.errors import DeclarationError, SettingError
from hallpanel.engine.scope import SYSTEM
from hallpanel.panel.extensions import db


def make_app() -> Flask:
    """Build the panel, or say in one plain message why it must not start."""
    try:
        made = create_app()
    except (SettingError, DeclarationError) as error:
        sys.stderr.write(f"hallpanel does not start.\n{error}\n")
        raise SystemExit(1) from None
    if deploy_check.serves_others(made.config) and not os.environ.get("FLASK_RUN_FROM_CLI"):
        refuse_unfit(made)
    behind = made.config["HALLPANEL_PROXIES"]
    if behind:
        # Only as many forwarded headers are believed as there are proxies of our own in front.
        proxied = ProxyFix(made.wsgi_app, x_for=behind, x_proto=behind, x_host=behind)
        made.wsgi_app = proxied  # type: ignore[method-assign]
    return made


def refuse_unfit(made: Flask) -> None:
    """Serve nobody on the network while the installation has a fault (CFG-1)."""
    with made.app_context(), records.open_session(db.engine) as session:
        try:
            with records.at_desk(session, SYSTEM, utc_now()):
                faults = [*deploy_check.faults(made.config, session, utc_now())]
        except DBAPIError as error:
            faults = [deploy_check.unreadable(error)]
        db.engine.dispose()
    if faults:
        told = "\n".join(map(str, faults))
        sys.stderr.write(f"hallpanel does not serve for others.\n{told}\n")
        raise SystemExit(1)


app = make_app()
