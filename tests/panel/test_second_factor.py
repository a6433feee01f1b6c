"""The second factor over HTTP: set up before anything else, asked after the password (AUTH-8)."""

import re
from datetime import UTC, datetime, timedelta

import pytest
import segno
import time_machine
from sqlalchemy import select

from hallpanel.engine.roles import Role
from hallpanel.guard import one_time, second_factor
from hallpanel.guard.account import Account, disable
from hallpanel.guard.granting import grant
from tests import authenticator
from tests.panel.door import (
    PASSWORD,
    account,
    asks_code,
    assert_only,
    at_work,
    browser,
    code_step,
    form_token,
    is_in,
    password_step,
    post,
    session_id,
    sign_in,
)

NOON = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
STEP = timedelta(seconds=30)
SET_UP = "/me/second-factor/"
NEEDS_ONE = [Role.SYSADMIN, Role.SECADMIN, Role.AUDITOR, Role.HALL_ADMIN, Role.KEEPER]


@pytest.fixture
def noon():
    with time_machine.travel(NOON, tick=False) as clock:
        yield clock


@pytest.fixture
def processes(make_app):
    """Two server processes on one database."""
    return make_app(), make_app()


def without_device(app, *roles, username="mei"):
    """An account whose holder has not set a device up yet."""
    number = account(app, username)
    at_work(app, lambda session: [grant(session, number, r, datetime.now(UTC)) for r in roles])
    return number


def offered(client):
    """The secret that the page offers, as it is typed into a device."""
    page = client.get(SET_UP).text
    return re.search(r'class="gate-key"[^>]*>([A-Z2-7 ]+)<', page)[1].replace(" ", "")


def code_of(secret):
    return second_factor.code_at(secret, datetime.now(UTC))


@pytest.mark.parametrize("role", NEEDS_ONE, ids=str)
def test_without_a_device_a_session_reaches_only_its_set_up_auth_8_auth_9(app, role):
    without_device(app, role)
    client = browser(app)
    answer = client.get("/")
    assert (answer.status_code, answer.location) == (303, SET_UP)
    assert client.get(SET_UP).status_code == 200
    if role is Role.HALL_ADMIN:  # whose roles open most
        assert_only(client, app, SET_UP)


def test_setting_up_wants_a_code_of_the_device_and_gives_a_new_id_sess_2(app, noon):
    without_device(app, Role.AUDITOR)
    client, elsewhere = browser(app), browser(app)
    before, secret = session_id(client), offered(client)
    assert offered(client) == secret, "looking twice at the page does not change what was scanned"
    for wrong in ("000000" if code_of(secret) != "000000" else "111111", "", "abc"):
        answer = post(client, SET_UP, SET_UP, code=wrong)
        assert (answer.status_code, session_id(client)) == (200, before)
        assert "field-wrong" in answer.text
    answer = post(client, SET_UP, SET_UP, code=code_of(secret))
    assert (answer.status_code, answer.location) == (303, "/")
    assert session_id(client) != before
    assert client.get("/").status_code == 200
    assert not is_in(app, before)
    assert elsewhere.get("/me/").location.startswith("/login"), "it knew only the password"


def test_the_square_says_what_the_key_under_it_says(app):
    without_device(app, Role.AUDITOR)
    client = browser(app)
    address = second_factor.address_of(offered(client), "mei")
    assert address.startswith("otpauth://totp/hallpanel:mei?secret=")
    drawn = segno.make(address, error="m").svg_data_uri(
        scale=4, border=4, dark="#000", light="#fff"
    )
    shown = re.search(r'class="gate-square" src="([^"]+)"', client.get(SET_UP).text)[1]
    assert shown.replace("&#39;", "'").replace("&amp;", "&") == drawn


def test_each_session_is_offered_a_secret_of_its_own(app):
    without_device(app, Role.AUDITOR)
    assert len({offered(browser(app)) for _ in range(3)}) == 3


def test_the_code_of_the_set_up_does_not_sign_in_again_auth_8(app, noon):
    without_device(app, Role.AUDITOR)
    client = browser(app)
    secret = offered(client)
    code = code_of(secret)
    post(client, SET_UP, SET_UP, code=code)
    other = app.test_client()
    assert asks_code(password_step(other))
    assert code_step(other, code).status_code == 200
    noon.shift(STEP)
    assert code_step(other, code_of(secret)).status_code == 303


def test_whoever_has_a_device_is_not_offered_another_one(app):
    account(app, "mei", Role.AUDITOR)
    client = browser(app)
    assert client.get(SET_UP).location == "/me/"
    answer = post(client, SET_UP, code="123456")
    assert answer.status_code == 409


def test_anybody_may_set_a_device_up(app, noon):
    account(app)
    client = browser(app)
    assert SET_UP in client.get("/me/").text
    secret = offered(client)
    assert post(client, SET_UP, SET_UP, code=code_of(secret)).status_code == 303
    assert SET_UP not in client.get("/me/").text
    assert asks_code(password_step(app.test_client()))


def test_the_code_is_asked_on_a_second_page_and_leads_on_auth_8(app, noon):
    account(app, "mei", Role.AUDITOR)
    client = app.test_client()
    answer = password_step(client, onward="/me/?tab=1")
    assert (answer.status_code, answer.location) == (303, "/login?next=/me/?tab%3D1")
    page = client.get(answer.location).text
    assert 'name="code"' in page
    assert 'name="password"' not in page
    waiting = session_id(client)
    answer = code_step(client, authenticator.shown(), onward="/me/?tab=1")
    assert (answer.status_code, answer.location) == (303, "/me/?tab=1")
    assert session_id(client) != waiting
    assert client.get("/me/").status_code == 200


def test_before_the_code_nothing_opens_auth_8(app):
    account(app, "mei", Role.HALL_ADMIN)
    client = app.test_client()
    password_step(client)
    waiting = session_id(client)
    for rule in app.url_map.iter_rules():
        if "GET" in rule.methods and not rule.arguments and not rule.endpoint.endswith("static"):
            answer = client.get(rule.rule)
            if rule.rule not in ("/login", "/healthz"):
                assert answer.status_code == 303, rule.rule
                assert answer.location.startswith("/login?next="), rule.rule
    assert not is_in(app, waiting)


@pytest.mark.parametrize("code", ["000000", "", " ", "x" * 3000, "１２３４５６", "\u0661" * 6])
def test_a_wrong_code_keeps_the_question_and_shows_no_code(app, noon, code):
    account(app, "mei", Role.AUDITOR)
    client = app.test_client()
    password_step(client)
    page = code_step(client, code)
    assert page.status_code == 200
    assert 'name="code"' in page.text
    assert "error-summary" in page.text
    assert not code.strip() or code not in page.text


def test_a_code_without_a_password_before_it_opens_nothing_auth_8(app):
    account(app, "mei", Role.AUDITOR)
    client = app.test_client()
    answer = client.post(
        "/login", data={"csrf_token": form_token(client), "code": authenticator.shown()}
    )
    assert answer.status_code == 200
    assert 'name="password"' in answer.text
    assert session_id(client) is None


def test_one_may_begin_again_as_somebody_else(app):
    account(app, "mei", Role.AUDITOR)
    account(app, "lin")
    client = app.test_client()
    password_step(client)
    assert "/login?anew=1" in client.get("/login").text
    assert 'name="password"' in client.get("/login?anew=1").text
    assert sign_in(client, "lin").status_code == 303
    assert "Lin" in client.get("/me/").text


def test_the_question_waits_five_minutes(app, noon):
    account(app, "mei", Role.AUDITOR)
    client = app.test_client()
    password_step(client)
    noon.shift(5 * MINUTE)
    answer = code_step(client, authenticator.shown())
    assert answer.status_code == 200
    assert 'name="password"' in answer.text


def test_leaving_before_the_code_ends_the_question(app, noon):
    account(app, "mei", Role.AUDITOR)
    client = app.test_client()
    password_step(client)
    waiting = session_id(client)
    client.post("/logout", data={"csrf_token": form_token(client)})
    client.set_cookie("hallpanel_session", waiting)
    assert 'name="password"' in client.get("/login").text


def test_a_code_opens_one_of_two_processes_auth_8(processes, noon):
    one, other = processes
    account(one, "mei", Role.AUDITOR)
    here, there = one.test_client(), other.test_client()
    for client in (here, there):
        password_step(client)
    code = authenticator.shown()
    assert [code_step(client, code).status_code for client in (here, there)] == [303, 200]
    noon.shift(-MINUTE)
    assert code_step(there, code).status_code == 200


def test_wrong_codes_at_two_processes_lock_the_account_auth_6(processes, noon):
    account(processes[0], "mei", Role.AUDITOR)
    clients = [app.test_client() for app in processes]
    for turn in range(5):
        client = clients[turn % 2]
        assert asks_code(password_step(client))
        assert code_step(client, "1").status_code == 200
    assert password_step(processes[0].test_client()).status_code == 200
    noon.shift(15 * MINUTE)
    assert sign_in(processes[1].test_client()).status_code == 303


def test_a_role_that_needs_a_factor_asks_for_it_at_the_next_sign_in_auth_8(app):
    number = account(app)
    client = browser(app)
    at_work(app, lambda session: grant(session, number, Role.SECADMIN, datetime.now(UTC)))
    assert client.get("/me/").location.startswith("/login")
    assert browser(app).get("/").location == SET_UP


def test_a_disabled_account_gets_no_further_by_a_code(app, noon):
    number = account(app, "mei", Role.AUDITOR)
    client = app.test_client()
    password_step(client)
    at_work(app, lambda session: disable(session, number, NOON))
    code_step(client, authenticator.shown())
    assert client.get("/me/").status_code == 303


def test_a_new_start_means_code_then_password_then_device_auth_9(app, noon):
    number = account(app, "mei", Role.AUDITOR)
    before = session_id(browser(app))
    code = at_work(app, lambda session: one_time.issue(session, number, NOON))
    assert not is_in(app, before)
    client = app.test_client()
    assert not asks_code(password_step(client, password=code))
    assert_only(client, app, "/me/password/")
    assert 'name="old"' not in client.get("/me/password/").text
    chosen = "Rain at the window, 9 am"
    post(client, "/me/password/", "/me/password/", new=chosen, again=chosen)
    assert client.get("/").location == SET_UP
    secret = offered(client)
    post(client, SET_UP, SET_UP, code=code_of(secret))
    assert client.get("/").status_code == 200
    assert password_step(app.test_client(), password=code).status_code == 200
    assert password_step(app.test_client(), password=PASSWORD).status_code == 200
    assert asks_code(password_step(app.test_client(), password=chosen))


def test_whoever_decides_for_an_administrator_needs_a_factor_too_auth_8(hall, at_ten):
    """A borrowed role opens what an own one opens."""
    lead = hall.browser("lead.a")
    assert lead.get("/").status_code == 200
    form = lead_borrows(hall)
    assert form.status_code == 303, form.text
    assert lead.get("/").location == SET_UP


def lead_borrows(hall):
    admin = hall.browser("halladmin")
    address = "/admin/delegation/new/"
    return admin.post(
        address,
        admin.form(address)
        | {
            "delegator": hall.id("staff", number="0003"),
            "delegate": hall.id("staff", number="1001"),
            "first_day": "2026-02-09",
            "last_day": "2026-02-10",
        },
    )


def test_no_page_shows_the_secret_once_it_is_kept(app):
    account(app, "mei", Role.AUDITOR)
    client = browser(app)
    kept = at_work(app, lambda session: session.scalar(select(Account.totp_secret)))
    for page in ("/me/", "/", "/login"):
        text = client.get(page).text
        assert authenticator.SECRET not in text
        assert kept not in text
