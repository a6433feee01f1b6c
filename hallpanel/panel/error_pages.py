"""What a person reads when a page cannot be given: a plain sentence, nothing of the inside."""

from dataclasses import dataclass
from typing import Any

from flask import Flask, Response, current_app, g, jsonify, make_response, render_template, request
from flask_babel import gettext
from flask_wtf.csrf import CSRFError
from markupsafe import escape
from sqlalchemy.exc import InterfaceError, OperationalError, TimeoutError
from werkzeug.exceptions import HTTPException, InternalServerError, SecurityError

from hallpanel.engine.errors import AuditUnwritable, NotAllowed, Refusal
from hallpanel.engine.words import Phrase, _l
from hallpanel.panel.denials import note_denial
from hallpanel.panel.extensions import db
from hallpanel.panel.language import refusal_sentence, translate

NOT_SAVED = _l("Nothing was saved.")
STALE_FORM = _l(
    "This form is no longer valid: it was opened before you last signed in or out, or elsewhere. "
    "Go back, reload the page and send it again."
)
UNAUDITED = _l(
    "The audit cannot be written, so nothing can be changed. %(end)s Reading goes on. "
    "Tell the system administrator.",
    end=NOT_SAVED,
)
UNKNOWN_HOST = _l(
    "The panel does not answer under this name. "
    "The administrator adds it to the setting HALLPANEL_HOSTS."
)


@dataclass(frozen=True)
class Plain:
    """An error as a person reads it."""

    title: Phrase
    sentence: Phrase


PAGES = {
    400: Plain(
        _l("The request cannot be read"),
        _l(
            "The address or the form holds something no page of the panel sends. %(end)s",
            end=NOT_SAVED,
        ),
    ),
    401: Plain(
        _l("You are signed out"),
        _l("Sign in again, then go back and send the form once more. %(end)s", end=NOT_SAVED),
    ),
    403: Plain(_l("Not allowed"), _l("None of your roles may do this.")),
    404: Plain(
        _l("Page not found"), _l("There is no such page or record, or it is not yours to see.")
    ),
    405: Plain(
        _l("Not possible this way"),
        _l(
            "This address is not opened like this. Use the button on the page. %(end)s",
            end=NOT_SAVED,
        ),
    ),
    409: Plain(_l("Not possible"), NOT_SAVED),
    413: Plain(
        _l("Too large"),
        _l("The form or its file is larger than the panel accepts. %(end)s", end=NOT_SAVED),
    ),
    500: Plain(
        _l("Something went wrong here"),
        _l("%(end)s The administrator finds the cause in the log.", end=NOT_SAVED),
    ),
    503: Plain(
        _l("The panel cannot reach its records"),
        _l("%(end)s Try again in a minute.", end=NOT_SAVED),
    ),
}


def init_app(app: Flask) -> None:
    """Answer every error with a plain page."""
    app.register_error_handler(HTTPException, _refused_by_http)
    app.register_error_handler(CSRFError, _stale_form)
    app.register_error_handler(SecurityError, _unknown_host)
    app.register_error_handler(Refusal, _refused_by_rule)
    app.register_error_handler(InternalServerError, _broken)
    app.register_error_handler(AuditUnwritable, _unaudited)
    for fault in (OperationalError, InterfaceError, TimeoutError):
        app.register_error_handler(fault, _out_of_reach)


def error_page(code: int, sentence: str | None = None, clause: str | None = None) -> Response:
    """The page of an error, or its sentence as JSON for a script; a phrase is translated."""
    plain = PAGES.get(code) or PAGES[400 if code < 500 else 500]
    words = (translate(plain.title), translate(sentence or plain.sentence))
    if wants_json():
        response = jsonify(error=words[1])
    else:
        response = make_response(_rendered(code, *words, clause))
    response.status_code = code
    return response


def wants_json() -> bool:
    """Whether a script asks, rather than a person."""
    offered = ("text/html", "application/json")
    return request.accept_mimetypes.best_match(offered) == "application/json"


def _rendered(code: int, title: str, sentence: str, clause: str | None) -> str:
    page = {"code": code, "title": title, "sentence": sentence, "clause": clause}
    shown = {**page, "page": page, "page_title": title, "number": g.get("request_id")}
    try:
        return render_template("hallpanel/error.html", **shown)
    except Exception:  # whatever broke the page may break its frame as well
        current_app.logger.exception("the error page itself failed")
        return _bare(title, sentence)


def _bare(title: str, sentence: str) -> str:
    """A page that needs nothing: no database, no route, no template."""
    home = escape(f"{request.script_root}/")
    return (
        f'<!doctype html><meta charset="utf-8"><title>{escape(title)}</title>'
        f"<h1>{escape(title)}</h1><p>{escape(sentence)}</p><p>{escape(g.get('request_id'))}</p>"
        f'<p><a href="{home}">{escape(gettext("Home"))}</a></p>'
    )


def _refused_by_http(error: HTTPException) -> Any:
    code = error.code or 500
    if code == 403:
        db.session.rollback()
        note_denial()
    response = error_page(code)
    for name, value in error.get_headers():
        if name not in ("Content-Type", "Content-Length"):
            response.headers[name] = value
    return response


def _stale_form(_error: CSRFError) -> Response:
    return error_page(400, STALE_FORM)


def _unknown_host(_error: SecurityError) -> Response:
    """No link can be made under a name that is not ours, so the page has none."""
    return Response(_bare(translate(PAGES[400].title), translate(UNKNOWN_HOST)), 400)


def _refused_by_rule(refusal: Refusal) -> Response:
    """A rule said no where no page had a better place to say so."""
    db.session.rollback()
    code = 403 if isinstance(refusal, NotAllowed) else 409
    if code == 403:
        note_denial(str(refusal))
    return error_page(code, refusal_sentence(refusal), refusal.clause)


def _unaudited(error: AuditUnwritable) -> Response:
    """Without its audit nothing changes (AUD-7); whoever only looks does not come here."""
    current_app.logger.error(
        "request %s: the audit cannot be written", g.get("request_id"), exc_info=error
    )
    _give_up_transaction()
    return error_page(503, UNAUDITED)


def _out_of_reach(error: Exception) -> Response:
    current_app.logger.error(
        "request %s: the database is out of reach", g.get("request_id"), exc_info=error
    )
    _give_up_transaction()
    response = error_page(503)
    response.headers["Retry-After"] = "30"
    return response


def _broken(_error: InternalServerError) -> Response:
    """Flask has written the cause to the log."""
    _give_up_transaction()
    return error_page(500)


def _give_up_transaction() -> None:
    try:
        db.session.rollback()
    except Exception:  # the database may be gone; the page is given all the same
        current_app.logger.warning("the transaction could not be rolled back", exc_info=True)
