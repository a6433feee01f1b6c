"""The door for gunicorn, waitress and the `flask` command."""

import sys

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from hallpanel import create_app
from hallpanel.engine.errors import DeclarationError, SettingError


def make_app() -> Flask:
    """Build the panel, or say in one plain message why it must not start."""
    try:
        made = create_app()
    except (SettingError, DeclarationError) as error:
        sys.stderr.write(f"hallpanel does not start.\n{error}\n")
        raise SystemExit(1) from None
    behind = made.config["HALLPANEL_PROXIES"]
    if behind:
        # Only as many forwarded headers are believed as there are proxies of our own in front.
        proxied = ProxyFix(made.wsgi_app, x_for=behind, x_proto=behind, x_host=behind)
        made.wsgi_app = proxied  # type: ignore[method-assign]
    return made


app = make_app()
