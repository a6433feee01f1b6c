"""What every response carries and no request may: headers, tokens, text, hosts (CFG-2, INP-4)."""

import re
import secrets
from urllib.parse import unquote_to_bytes

from flask import Flask, Response, abort, current_app, g, request
from werkzeug.exceptions import SecurityError

from hallpanel.panel import error_pages
from hallpanel.panel.extensions import csrf
from hallpanel.panel.paths import internal_path, wanted_path

__all__ = ["csp_nonce", "init_app", "internal_path", "wanted_path"]

# Scripts run by nonce only. A style may also come from a file of ours; nothing from elsewhere.
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'nonce-{nonce}'",
        "style-src 'self' 'nonce-{nonce}'",
        "img-src 'self' data:",
        "font-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
        "object-src 'none'",
    )
)
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
ONE_YEAR = 31536000

# U+FFFD is what bytes that are no UTF-8 were read as.
UNREADABLE = re.compile("[\x00-\x1f\x7f\ufffd]")
UNREADABLE_IN_TEXT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffd]")  # lines and tabs are text


def init_app(app: Flask) -> None:
    """Guard every request and response of the panel; called before anything else is."""
    _settle_cookies(app)
    app.before_request(_begin)
    app.before_request(_refuse_unreadable)
    csrf.init_app(app)
    app.after_request(_protect)
    app.jinja_env.globals["csp_nonce"] = csp_nonce
    error_pages.init_app(app)


def csp_nonce() -> str:
    """The word without which no script of this page runs; another one for each response."""
    if "csp_nonce" not in g:
        g.csp_nonce = secrets.token_urlsafe(18)
    return str(g.csp_nonce)


def is_static(endpoint: str | None) -> bool:
    """Whether an endpoint serves files that are the same for everybody."""
    return endpoint is not None and (endpoint == "static" or endpoint.endswith(".static"))


def _settle_cookies(app: Flask) -> None:
    """Flask's own signed cookie carries form tokens and flashes only, never who is signed in."""
    tls = app.config.setdefault("HALLPANEL_TLS", False)
    app.config.update(
        SESSION_COOKIE_NAME="__Host-hallpanel_forms" if tls else "hallpanel_forms",
        SESSION_COOKIE_SECURE=tls,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_PATH="/",
    )


def _begin() -> None:
    g.request_id = secrets.token_hex(8)
    if isinstance(request.routing_exception, SecurityError):
        raise request.routing_exception


def _refuse_unreadable() -> None:
    """Stop what no page sends before a database refuses it half-way (pitfall 7)."""
    if UNREADABLE.search(request.path) or UNREADABLE.search(_query()):
        abort(400)
    for name, values in request.form.lists():
        if UNREADABLE.search(name) or any(UNREADABLE_IN_TEXT.search(text) for text in values):
            abort(400)


def _query() -> str:
    return unquote_to_bytes(request.query_string).decode(errors="replace")


def _protect(response: Response) -> Response:
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    response.headers["Content-Security-Policy"] = POLICY.format(nonce=csp_nonce())
    response.headers["X-Request-ID"] = g.get("request_id", "")
    if request.is_secure or current_app.config["HALLPANEL_TLS"]:
        response.headers["Strict-Transport-Security"] = f"max-age={ONE_YEAR}"
    _set_caching(response)
    return response


def _set_caching(response: Response) -> None:
    if not is_static(request.endpoint) or response.status_code >= 400:
        response.headers["Cache-Control"] = "no-store"
    elif "v" in request.args:
        response.headers["Cache-Control"] = f"public, max-age={ONE_YEAR}, immutable"
