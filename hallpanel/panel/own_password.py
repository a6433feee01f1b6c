"""Choosing one's own password: at will, after a one-time code, or when the old one is too old."""

from flask import Blueprint, flash, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response
from wtforms.fields import PasswordField
from wtforms.validators import EqualTo, InputRequired

from hallpanel.engine.errors import Refusal
from hallpanel.guard import password_policy, second_factor
from hallpanel.guard.duties import Duty, duty
from hallpanel.guard.password_change import change_password
from hallpanel.panel.extensions import db
from hallpanel.panel.language import PanelForm, _, _l, refusal_sentence, translate
from hallpanel.panel.paths import home_path
from hallpanel.panel.person import (
    hand_over,
    lifetime,
    origin,
    present,
    profile,
    request_instant,
)

FIELDS = {"old": "old", "password": "new"}  # where the guard's answers belong on the form

blueprint = Blueprint("own_password", __name__)


class PasswordForm(PanelForm):
    """The present password, and the new one twice."""

    old = PasswordField(
        _l("Present password"),
        [InputRequired()],
        render_kw={"autocomplete": "current-password"},
    )
    new = PasswordField(
        _l("New password"), [InputRequired()], render_kw={"autocomplete": "new-password"}
    )
    again = PasswordField(
        _l("New password once more"),
        [InputRequired(), EqualTo("new", _l("The two new passwords differ."))],
        render_kw={"autocomplete": "new-password"},
    )


def password_form() -> PasswordForm:
    """The form for the person of this request: who came with a one-time code has no old one."""
    form, who = PasswordForm(), present()
    if _came_with_a_code():
        del form.old
    has_factor = who.account.totp_secret is not None
    required = second_factor.is_required(who.actor.reachable_roles)
    rules = password_policy.rules(profile(), has_factor=has_factor or required)
    form.new.description = translate(rules)
    return form


@blueprint.route("/me/password/", methods=["GET", "POST"])
def choose_password() -> Response:
    """Choose my password; every other session of mine ends."""
    form = password_form()
    token = _change(form) if request.method == "POST" and form.validate() else None
    if token is None:
        return _page(form)
    flash(_("Your password is changed, and you are signed out everywhere else."), "success")
    onward = home_path() if _is_a_duty() else url_for("own_page.me")
    return hand_over(redirect(onward, 303), token)


def _change(form: PasswordForm) -> str | None:
    """The id of the new session, or None with the reason beside its field."""
    try:
        token = change_password(
            db.session(),
            present().account.id,
            form.old.data if form.old else "",
            form.new.data,
            request_instant(),
            origin(),
            lifetime(),
            profile(),
        )
    except Refusal as refusal:
        token = None
        form[FIELDS[refusal.field or "old"]].errors = [refusal_sentence(refusal)]
    db.session.commit()  # of a refusal too: the failure was counted
    return token


def _page(form: PasswordForm) -> Response:
    page = {
        "title": _("Choose your password") if _is_a_duty() else _("Change password"),
        "lead": _why(),
        "username": present().account.username,
        "form": form,
        "back_url": None if _is_a_duty() else url_for("own_page.me"),
    }
    return make_response(
        render_template("hallpanel/own_password.html", page=page, page_title=page["title"])
    )


def _why() -> str:
    account = present().account
    if not _is_a_duty():
        return ""
    if _came_with_a_code():
        return _("The one-time code works no more. From now on only you know your password.")
    if account.must_change_password:
        return _("Somebody else knows your present password. Choose one of your own.")
    age = profile().max_age
    return _("Your password is older than %(days)s days.", days=age.days if age else "")


def _came_with_a_code() -> bool:
    return present().account.one_time_until is not None


def _is_a_duty() -> bool:
    return duty(present(), profile(), request_instant()) is Duty.PASSWORD
