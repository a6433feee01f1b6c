from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from sqlalchemy import select
from werkzeug.datastructures import MultiDict
from wtforms import Form
from wtforms.fields import DateField

from hallpanel.engine.errors import Refusal
from hallpanel.engine.roles import Role
from hallpanel.engine.words import Phrase
from hallpanel.guard.account import Account, keep_habit
from hallpanel.panel import language
from hallpanel.panel.language import (
    LANGUAGES,
    TranslatedForm,
    format_day,
    format_instant,
    format_number,
    refusal_sentence,
    translate,
)
from tests.panel.door import account, at_work, browser, post

DAY = date(2026, 2, 12)
SIMPLIFIED, TRADITIONAL, ENGLISH = LANGUAGES


@pytest.fixture
def speaking(app):
    """Speak one of the languages for a while."""
    with app.test_request_context():
        yield language.speaking


def spoken(client, address="/login"):
    page = client.get(address).text
    return page.split('<html lang="', 1)[1].split('"', 1)[0].replace("-", "_")


def test_the_hall_speaks_simplified_chinese_at_first(client):
    assert spoken(client) == SIMPLIFIED


def test_what_the_browser_prefers_does_not_matter(client):
    client.environ_base["HTTP_ACCEPT_LANGUAGE"] = "en"
    assert spoken(client) == SIMPLIFIED


def test_the_setting_changes_what_the_hall_speaks_at_first(make_app):
    app = make_app(BABEL_DEFAULT_LOCALE=TRADITIONAL)
    assert spoken(app.test_client()) == TRADITIONAL


def test_one_click_changes_the_language(client):
    for tag in [*reversed(LANGUAGES), *LANGUAGES]:
        answer = client.get(f"/language/{tag}?next=/login")
        assert (answer.status_code, answer.location) == (303, "/login")
        assert spoken(client) == tag
        page = client.get("/login").text
        link = f'href="/language/{tag}?next=/login" lang="{tag.replace("_", "-")}" aria-current'
        assert link in page


def test_there_are_exactly_three_languages(client):
    for tag in ["zh", "zh_CN", "EN", "de", "..", "en%20", "x" * 500]:
        assert client.get(f"/language/{tag}").status_code == 404, tag
    assert spoken(client) == SIMPLIFIED


CAME_FROM = {
    "http://localhost/me/?tab=1": "/me/?tab=1",
    "http://localhost//evil.example": "/",
    "http://evil.example/me/": "/",
    "http://localhost.evil.example/me/": "/",
    "nonsense": "/",
    "": "/",
}


def test_changing_the_language_leads_back_to_the_page_inp_4(client):
    for referrer, back in CAME_FROM.items():
        answer = client.get("/language/en", headers={"Referer": referrer})
        assert answer.location == back, referrer


def test_changing_the_language_never_leads_outside_pitfall_9(client):
    assert client.get("/language/en?next=//evil.example").status_code == 400


def test_a_forged_cookie_is_no_language(client):
    client.set_cookie("hallpanel_language", "xx_YY")
    client.set_cookie("hallpanel_theme", "<script>")
    assert spoken(client) == SIMPLIFIED
    assert 'data-theme="auto"' in client.get("/login").text


def test_an_account_brings_its_language_to_a_new_browser(app):
    number = account(app)
    now = datetime.now(UTC)
    at_work(app, lambda session: keep_habit(session, number, "language", ENGLISH, now))
    client = browser(app)
    assert spoken(client, "/me/") == ENGLISH
    client.get(f"/language/{TRADITIONAL}")
    assert spoken(client, "/me/") == TRADITIONAL


@pytest.mark.parametrize(
    ("address", "habit"), [("/language/en", "language"), ("/theme/dark", "theme")]
)
def test_looking_changes_nothing_of_the_account_but_a_form_does_inp_3(app, address, habit):
    account(app)
    client = browser(app)

    def kept():
        return at_work(app, lambda session: session.scalar(select(getattr(Account, habit))))

    client.get(address)
    assert kept() is None
    post(client, address)
    assert kept() == address.rpartition("/")[2]


def test_light_and_dark_are_one_click_away(client):
    for name in language.THEMES:
        assert client.get(f"/theme/{name}?next=/login").location == "/login"
        assert f'data-theme="{name}"' in client.get("/login").text
    assert client.get("/theme/pink").status_code == 404


@pytest.mark.parametrize(
    ("tag", "day", "instant"),
    [
        (SIMPLIFIED, "2026-02-12(周四)", "2026-02-12(周四) 09:30"),
        (TRADITIONAL, "2026-02-12(週四)", "2026-02-12(週四) 09:30"),
        (ENGLISH, "2026-02-12 (Thu)", "2026-02-12 (Thu) 09:30"),
    ],
)
def test_days_and_instants_are_those_of_the_hall(speaking, tag, day, instant):
    with speaking(tag):
        assert format_day(DAY) == day
        assert format_instant(datetime(2026, 2, 12, 1, 30, tzinfo=UTC)) == instant
        assert format_instant(datetime(2026, 2, 11, 16, 0, tzinfo=UTC)).startswith(day)


@pytest.mark.parametrize("empty", [format_day, format_instant, format_number])
def test_what_is_not_known_is_shown_as_nothing(speaking, empty):
    assert empty(None) == ""


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (Decimal("3.00"), "3"),
        (Decimal("0.50"), "0.5"),
        (Decimal("1234.5"), "1,234.5"),
        (12, "12"),
        (Decimal("-2.125"), "-2.125"),
    ],
)
def test_figures_have_no_idle_zeros(speaking, value, shown):
    assert format_number(value) == shown


def test_a_phrase_is_translated_with_all_that_it_names(speaking, monkeypatch):
    words = {"%(who)s rests %(days)s days from %(first)s": "%(who)s%(first)s起休%(days)s天"}
    monkeypatch.setattr(language, "gettext", lambda text, **_: words.get(text, text))
    with speaking(SIMPLIFIED):
        phrase = Phrase(
            "%(who)s rests %(days)s days from %(first)s", who="梅", days=Decimal("5.00"), first=DAY
        )
        assert translate(phrase) == "梅2026-02-12(周四)起休5天"


def test_a_phrase_within_a_phrase_is_translated_too(speaking, monkeypatch):
    words = {"Cannot: %(why)s": "不能:%(why)s", "overlap with %(n)s": "与%(n)s重叠"}
    monkeypatch.setattr(language, "gettext", lambda text, **_: words.get(text, text))
    phrase = Phrase("Cannot: %(why)s", why=Phrase("overlap with %(n)s", n=["甲", "乙"]))
    with speaking(SIMPLIFIED):
        assert translate(phrase) == "不能:与甲、乙重叠"
    with speaking(ENGLISH):
        assert translate(phrase) == "不能:与甲, 乙重叠"


def test_what_people_typed_is_never_taken_for_a_phrase(speaking):
    with speaking(SIMPLIFIED):
        assert translate("100% Draft %(x)s") == "100% Draft %(x)s"
        assert translate(Phrase("Reason: %(text)s", text="50% %(x)s")).endswith("50% %(x)s")
        assert translate(Phrase("")) == ""
        assert translate(Phrase("%(role)s %(none)s", role=Role.LEAD, none=None)) == "lead "


def test_a_refusal_is_a_sentence_with_what_to_do_next(speaking):
    with speaking(ENGLISH):
        refusal = Refusal(Phrase("the balance is short"), then=Phrase("Choose fewer days."))
        assert refusal_sentence(refusal) == "The balance is short. Choose fewer days."
        assert refusal_sentence(Refusal(Phrase("no"))) == "No."


class Complaining(TranslatedForm, Form):
    day = DateField()


@pytest.mark.parametrize(
    ("tag", "complaint"),
    [
        (SIMPLIFIED, "不是有效的日期值。"),
        (TRADITIONAL, "不是有效的日期值。"),
        (ENGLISH, "Not a valid date value."),
    ],
)
def test_a_form_complains_in_the_language_of_its_reader_pitfall_25(speaking, tag, complaint):
    with speaking(tag):
        form = Complaining(MultiDict({"day": "yesterday"}))
        assert not form.validate()
        assert [str(error) for error in form.day.errors] == [complaint]


@pytest.mark.parametrize(
    ("tag", "complaint"),
    [(SIMPLIFIED, "无效的 UUID。"), (TRADITIONAL, "無效的 UUID。"), (ENGLISH, "Invalid UUID.")],
)
def test_a_form_complains_in_the_script_of_its_reader_pitfall_25(speaking, tag, complaint):
    with speaking(tag):
        assert Complaining().day.gettext("Invalid UUID.") == complaint


def test_what_a_form_says_of_several_has_its_number(speaking):
    texts = ("%(n)s thing", "%(n)s things")
    with speaking(ENGLISH):
        assert [Complaining().day.ngettext(*texts, n) for n in (1, 2)] == list(texts)


def test_our_own_words_come_before_those_of_the_library(speaking, monkeypatch):
    ours = {"Invalid UUID.": "我们的话", "%(n)s thing": "%(n)s 件"}
    monkeypatch.setattr(language, "gettext", lambda text, **_: ours.get(text, text))
    with speaking(SIMPLIFIED):
        assert Complaining().day.gettext("Invalid UUID.") == "我们的话"
        assert Complaining().day.ngettext("%(n)s thing", "%(n)s things", 2) == "%(n)s 件"
