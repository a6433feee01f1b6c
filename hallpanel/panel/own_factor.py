"""Setting up one's second factor: a square to photograph, and a code that proves it (AUTH-8)."""

import segno
from flask import (
    Blueprint,
    abort,
    flash,
    make_response,
    redirect,
    render_template,
    request,
    url_for,
)
from werkzeug.wrappers import Response
from wtforms.fields import StringField
from wtforms.validators import InputRequired

from hallpanel.engine.errors import Refusal
from hallpanel.guard import second_factor, sessions
from hallpanel.panel.extensions import db
from hallpanel.panel.language import PanelForm, _, _l, refusal_sentence
from hallpanel.panel.paths import home_path
from hallpanel.panel.person import (
    hand_over,
    lifetime,
    origin,
    present,
    request_instant,
    secret_key,
    session_token,
)

GROUP = 4  # letters of the secret that are read in one go

blueprint = Blueprint("own_factor", __name__)


class FactorForm(PanelForm):
    """The code that shows that the device has the secret."""

    code = StringField(
        _l("Code from your authenticator"),
        [InputRequired()],
        description=_l("Six digits that change every 30 seconds"),
        render_kw={"inputmode": "numeric", "autocomplete": "one-time-code", "autofocus": True},
    )


@blueprint.route("/me/second-factor/", methods=["GET", "POST"])
def set_up() -> Response:
    """Set my second factor up; whoever has one gets another only with a one-time code."""
    if present().account.totp_secret is not None:
        if request.method == "POST":
            abort(409)
        return redirect(url_for("own_page.me"), 303)
    form = FactorForm()
    token = _confirm(form) if request.method == "POST" and form.validate() else None
    if token is None:
        return _page(form)
    flash(_("Your second factor is set up. Each sign-in asks for its code from now on."), "success")
    return hand_over(redirect(home_path(), 303), token)


def _confirm(form: FactorForm) -> str | None:
    """The id of the new session, which alone is left, or None with the reason beside the field."""
    session, who, at = db.session(), present(), request_instant()
    try:
        second_factor.confirm(session, who.account.id, _offered(), form.code.data, secret_key(), at)
    except Refusal as refusal:
        form.code.errors = [refusal_sentence(refusal)]
        return None
    token = sessions.open_session(session, who.account.id, at, origin(), lifetime())
    session.commit()
    return token


def _offered() -> str:
    return second_factor.offered_secret(secret_key(), session_token() or "")


def _page(form: FactorForm) -> Response:
    who, secret = present(), _offered()
    square = segno.make(second_factor.address_of(secret, who.account.username), error="m")
    is_required = second_factor.is_required(who.actor.reachable_roles)
    page = {
        "title": _("Set up your second factor"),
        "form": form,
        "square": square.svg_data_uri(scale=4, border=4, dark="#000", light="#fff"),
        "secret": " ".join(secret[i : i + GROUP] for i in range(0, len(secret), GROUP)),
        "back_url": None if is_required else url_for("own_page.me"),
    }
    return make_response(
        render_template("hallpanel/own_factor.html", page=page, page_title=page["title"])
    )
