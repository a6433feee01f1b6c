"""What the reader's language is, and how sentences, days, instants and numbers are put in it."""

import re
from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from functools import cache
from gettext import GNUTranslations
from pathlib import Path
from typing import Any, Protocol, cast
from urllib.parse import quote

from babel import Locale
from babel.dates import format_skeleton
from babel.numbers import format_decimal
from flask import (
    Blueprint,
    Flask,
    abort,
    current_app,
    g,
    has_request_context,
    redirect,
    request,
)
from flask_babel import force_locale, get_locale, gettext, lazy_gettext
from flask_wtf import FlaskForm
from werkzeug.wrappers import Response
from wtforms.fields import Field, HiddenField
from wtforms.i18n import get_builtin_gnu_translations

from hallpanel.engine.clock import HALL_ZONE
from hallpanel.engine.errors import Refusal
from hallpanel.engine.words import Phrase
from hallpanel.guard.account import Habit, keep_habit
from hallpanel.panel.extensions import babel, db
from hallpanel.panel.paths import here, previous_path, wanted_path
from hallpanel.panel.person import open_to_all, request_instant, signed_in

_ = gettext
_l = lazy_gettext

LANGUAGES = {"zh_Hans_CN": "简体中文", "zh_Hant_TW": "繁體中文", "en": "English"}
THEMES = ("auto", "light", "dark")
LANGUAGE_COOKIE = "hallpanel_language"
THEME_COOKIE = "hallpanel_theme"
A_YEAR = 365 * 24 * 3600
UNBROKEN = re.compile(r"(\b\w{1,12}(?:-\w{1,8}){1,3}(?: ?\([^()]{1,8}\))?)", re.ASCII)
"""2026-02-12(周四), QJ2026-00789: read as one word, so never torn apart at the end of a line."""

blueprint = Blueprint("language", __name__)


class Reader(Protocol):
    """What an account remembers of how its holder reads."""

    language: str | None
    theme: str | None


def init_app(app: Flask) -> None:
    """Choose the language of each request, and give templates the words to show things in it."""
    app.config.setdefault("BABEL_DEFAULT_LOCALE", "zh_Hans_CN")
    app.config.setdefault("BABEL_DEFAULT_TIMEZONE", HALL_ZONE.key)
    translations = Path(app.root_path) / "translations"
    app.config.setdefault("BABEL_TRANSLATION_DIRECTORIES", str(translations))
    babel.init_app(app, locale_selector=language)
    app.register_blueprint(blueprint)
    app.context_processor(_for_templates)
    app.jinja_env.filters.update(
        translated=translate,
        day=format_day,
        instant=format_instant,
        number=format_number,
        pieces=pieces,
    )


def language() -> str:
    """The reader's language: chosen on this browser, else the account's, else the hall's."""
    account = _reader()
    default: str = current_app.config["BABEL_DEFAULT_LOCALE"]
    wishes = (
        request.cookies.get(LANGUAGE_COOKIE) if request else None,
        account.language if account else None,
    )
    return next((wish for wish in wishes if wish in LANGUAGES), default)


def theme() -> str:
    """Light, dark, or as the device: chosen on this browser, else kept with the account."""
    account = _reader()
    wishes = (request.cookies.get(THEME_COOKIE), account.theme if account else None)
    return next((wish for wish in wishes if wish in THEMES), "auto")


def speaking(tag: str) -> Any:
    """Write in another language for a while, as for a message that is mailed to its reader."""
    return force_locale(tag)


def translate(phrase: str) -> str:
    """A phrase of the engine in the reader's language; any other text as it is."""
    if not isinstance(phrase, Phrase) or not phrase.msgid:
        return str(phrase)
    text = gettext(phrase.msgid)
    if not phrase.params:
        return text
    return text % {name: in_words(value) for name, value in phrase.params.items()}


def listed(words: Iterable[Any]) -> str:
    """Words in a row, as the reader's language sets them apart."""
    return ("、" if _chinese() else ", ").join(in_words(word) for word in words)


def followed(sentence: str, then: str | None) -> str:
    """A sentence and what can be done next, which Chinese does not set apart by a space."""
    if not then:
        return sentence
    return f"{sentence}{'' if _chinese() else ' '}{translate(then)}"


def refusal_sentence(refusal: Refusal) -> str:
    """Why a rule said no, and what can be done next; the clause stands beside it."""
    why = translate(refusal.why)
    sentence = gettext("%(why)s.", why=why[:1].upper() + why[1:])
    return followed(sentence, refusal.then)


def in_words(value: Any) -> str:
    """A parameter of a phrase as the reader reads it."""
    match value:
        case None:
            return ""
        case str():
            return translate(value)
        case Enum():
            return str(value.value)
        case datetime():
            return format_instant(value)
        case date():
            return format_day(value)
        case Decimal():
            return format(value.normalize(), "f")
        case list() | tuple() | set() | frozenset():
            return listed(value)
    return str(value)


def format_day(day: date | None) -> str:
    """A day with its weekday: 2026-02-12(周四)."""
    if day is None:
        return ""
    weekday = _locale().days["format"]["abbreviated"][day.weekday()]
    return f"{day:%Y-%m-%d}" + (f"({weekday})" if _chinese() else f" ({weekday})")


def format_month(day: date) -> str:
    """The month of a day: 2026年2月."""
    return str(format_skeleton("yMMMM", day, locale=_locale()))


def pieces(text: str) -> list[str]:
    """A sentence in pieces; each second piece is a day or a number that stays on one line."""
    return UNBROKEN.split(text)


def format_instant(at: datetime | None) -> str:
    """An instant by the clock on the hall's wall: 2026-02-12(周四) 09:30."""
    if at is None:
        return ""
    local = at.astimezone(HALL_ZONE)
    return f"{format_day(local.date())} {local:%H:%M}"


def format_number(value: Decimal | float | None) -> str:
    """A figure without idle zeros: 1,234.5."""
    if value is None:
        return ""
    return str(format_decimal(value, format="#,##0.######", locale=_locale()))


def _locale() -> Locale:
    return cast(Locale, get_locale() or Locale.parse("en"))


def _chinese() -> bool:
    return bool(_locale().language == "zh")


def _reader() -> Reader | None:
    """The account behind the request, if it is known already; a language is no reason to ask."""
    who = g.get("signed_in")
    return None if who is None else cast(Reader, who.account)


class TranslatedForm:
    """A form that complains in the reader's script (pitfall 25); mix in before a form."""

    class Meta:
        def get_translations(self, form: Any) -> "FormWords":
            """WTForms asks here for its words."""
            return FormWords()


class PanelForm(TranslatedForm, FlaskForm):
    """A form of the panel itself, as the macros of `_form.html` read it."""

    def sections(self) -> list[tuple[str | None, list[Field]]]:
        """All visible fields, in one part without a heading."""
        return [(None, [field for field in self if not isinstance(field, HiddenField)])]


class FormWords:
    """The words of WTForms: ours where we have better ones, else its own in the right script."""

    def gettext(self, text: str) -> str:
        """One message."""
        ours = gettext(text)
        return ours if ours != text else _library_words(str(_locale())).gettext(text)

    def ngettext(self, singular: str, plural: str, number: int) -> str:
        """One message about one or several."""
        ours = gettext(singular)
        if ours != singular:
            return ours
        return _library_words(str(_locale())).ngettext(singular, plural, number)


LIBRARY_TAGS = {"zh_Hans_CN": "zh", "zh_Hant_TW": "zh_TW", "en": "en"}

# What WTForms says in English still, or says wrongly ("must be greater than" for "at least").
BETTER_WORDS = (
    _l("This field is required."),
    _l("Date must be at least %(min)s."),
    _l("Date must be at most %(max)s."),
    _l("Date must be between %(min)s and %(max)s."),
    _l("Number must be at least %(min)s."),
    _l("Number must be at most %(max)s."),
    _l("Not a valid choice."),
    _l("'%(value)s' is not a valid choice for this field."),
    _l("This field cannot be edited."),
    _l("This field is disabled and cannot have a value."),
    _l("Not a valid week value."),
)


@cache
def _library_words(tag: str) -> GNUTranslations:
    words = get_builtin_gnu_translations([LIBRARY_TAGS[tag]])
    return cast(GNUTranslations, words)


@blueprint.route("/language/<tag>", methods=["GET", "POST"])
@open_to_all
def choose_language(tag: str) -> Response:
    """Remember a language on this browser, and with the account where a form says so."""
    return _remember(LANGUAGE_COOKIE, "language", tag, tuple(LANGUAGES))


@blueprint.route("/theme/<name>", methods=["GET", "POST"])
@open_to_all
def choose_theme(name: str) -> Response:
    """Remember light or dark in the same way."""
    return _remember(THEME_COOKIE, "theme", name, THEMES)


def _remember(cookie: str, habit: Habit, choice: str, choices: tuple[str, ...]) -> Response:
    if choice not in choices:
        abort(404)
    response = redirect(wanted_path() or previous_path(), 303)
    who = signed_in()
    if request.method == "POST" and who is not None:
        keep_habit(db.session(), who.account.id, habit, choice, request_instant())
        db.session.commit()
    response.set_cookie(
        cookie,
        choice,
        max_age=A_YEAR,
        httponly=True,
        samesite="Lax",
        secure=current_app.config["SESSION_COOKIE_SECURE"],
    )
    return response


def _for_templates() -> dict[str, Any]:
    if not has_request_context():
        return {}
    return {"languages": _offered(), "theme": theme()}


def _offered() -> list[tuple[str, str, str, bool]]:
    """The languages with the link that switches to each and comes back here."""
    spoken, back = language(), quote(here(), safe="/")
    return [
        (tag, name, f"{request.script_root}/language/{tag}?next={back}", tag == spoken)
        for tag, name in LANGUAGES.items()
    ]
