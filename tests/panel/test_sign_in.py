import re
import threading
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from sqlalchemy import select, update

from hallpanel.engine.audit import AuditEvent
from hallpanel.engine.roles import Role
from hallpanel.guard import one_time, second_factor, sessions
from hallpanel.guard.account import Account, RoleGrant, disable, end_sessions
from hallpanel.guard.granting import grant, revoke
from hallpanel.guard.sessions import SignInSession
from tests.panel.door import (
    COOKIE,
    OTHER_PASSWORD,
    PASSWORD,
    account,
    assert_only,
    at_work,
    browser,
    form_token,
    is_in,
    post,
    session_id,
    sign_in,
)

NOON = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)


@pytest.fixture
def processes(make_app):
    """Two server processes on one database."""
    return make_app(), make_app()


def test_the_right_password_opens_the_panel(app, client):
    account(app)
    answer = sign_in(client)
    assert (answer.status_code, answer.location) == (303, "/")
    assert "Mei" in client.get("/me/").text


def test_the_cookie_is_for_this_panel_alone_sess_4(app, client):
    account(app)
    (cookie,) = [c for c in sign_in(client).headers.getlist("Set-Cookie") if c.startswith(COOKIE)]
    parts = set(cookie.split("; ")[1:])
    assert parts == {"HttpOnly", "Path=/", "SameSite=Lax"}


def test_under_tls_no_other_host_can_set_the_cookie_sess_4(make_app):
    app = make_app(HALLPANEL_TLS=True, SESSION_COOKIE_SECURE=True)
    account(app)
    client = app.test_client()
    headers = {"Referer": "https://localhost/login"}
    data = {"username": "mei", "password": PASSWORD}
    page = client.get("/login", base_url="https://localhost")
    data["csrf_token"] = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page.text)[1]
    answer = client.post("/login", base_url="https://localhost", data=data, headers=headers)
    cookies = {c.split("=")[0]: c for c in answer.headers.getlist("Set-Cookie")}
    assert set(cookies) <= {"__Host-hallpanel", "__Host-hallpanel_forms"}
    for cookie in cookies.values():
        assert {"Secure", "HttpOnly", "Path=/", "SameSite=Lax"} <= set(cookie.split("; "))
        assert "Domain" not in cookie


def test_under_tls_every_page_keeps_its_cookies_and_nothing_in_the_browser_sess_4(make_app):
    app = make_app(HALLPANEL_TLS=True, SESSION_COOKIE_SECURE=True)
    number = account(app, "mei", Role.HALL_ADMIN)
    opened = at_work(app, lambda s: sessions.open_session(s, number, datetime.now(UTC)))
    client, walked = app.test_client(), 0
    client.set_cookie("__Host-hallpanel", opened)
    for rule in app.url_map.iter_rules():
        if "GET" not in rule.methods or rule.arguments or rule.endpoint.endswith("static"):
            continue
        page = client.get(rule.rule, base_url="https://localhost")
        assert page.headers["Cache-Control"] == "no-store", rule.rule
        assert "max-age=31536000" in page.headers["Strict-Transport-Security"]
        for cookie in page.headers.getlist("Set-Cookie"):
            assert cookie.startswith("__Host-"), rule.rule
            assert {"Secure", "HttpOnly", "Path=/", "SameSite=Lax"} <= set(cookie.split("; "))
            assert "Domain" not in cookie
        walked += page.status_code == 200
    assert walked > 20


def test_whoever_is_not_signed_in_is_asked_to_and_led_back(app, client):
    account(app)
    answer = client.get("/me/?tab=1")
    assert (answer.status_code, answer.location) == (303, "/login?next=/me/?tab%3D1")
    page = client.get(answer.location)
    assert 'name="next" value="/me/?tab=1"' in page.text
    assert sign_in(client, onward="/me/?tab=1").location == "/me/?tab=1"


def test_a_form_sent_without_signing_in_is_told_so_and_changes_nothing(app, client):
    account(app)
    answer = client.post("/me/password/", data={"csrf_token": form_token(client)})
    assert answer.status_code == 401


def test_a_script_is_told_that_nobody_is_signed_in(client):
    answer = client.get("/me/", headers={"Accept": "application/json"})
    assert answer.status_code == 401
    assert set(answer.json) == {"error"}


def test_no_page_is_open_but_those_marked_az_1(app, client):
    closed = [
        rule.rule
        for rule in app.url_map.iter_rules()
        if "GET" in rule.methods and not rule.arguments and not rule.endpoint.endswith("static")
    ]
    answers = {rule: client.get(rule) for rule in closed}
    opened = {rule for rule, answer in answers.items() if answer.status_code == 200}
    assert opened <= {"/login", "/healthz"}
    for rule, answer in answers.items():
        if rule not in opened:
            assert answer.status_code == 303
            assert answer.location.startswith("/login?next=/")


OUTSIDE = [
    "http:evil.example",
    "http://evil.example",
    "https://evil.example/",
    "//evil.example",
    "///evil.example",
    "////evil.example",
    "/\\evil.example",
    "\\/evil.example",
    "\\\\evil.example",
    "/\\/evil.example",
    "/\t/evil.example",
    "/\n/evil.example",
    "/\r/evil.example",
    "\t//evil.example",
    " //evil.example",
    "/\x00/evil.example",
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    "data:text/html,x",
    "evil.example",
    "./evil",
    "../evil",
    "?next=/",
    "#top",
    "@evil.example",
    "/\x85/evil.example",
    "/\x7f/evil.example",
    "http:/evil.example",
    "https:evil.example",
    "ftp://evil.example",
    "/" + "x" * 2001,
]


def test_signing_in_never_leads_outside_inp_4(app, client):
    account(app)
    for outside in OUTSIDE:
        assert client.get("/login", query_string={"next": outside}).status_code == 400, outside
        answer = sign_in(client, onward=outside)
        assert answer.status_code == 400, outside
        assert "Location" not in answer.headers
        assert session_id(client) is None


def test_whoever_is_signed_in_is_not_asked_again(app):
    account(app)
    client = browser(app)
    before = session_id(client)
    assert client.get("/login?next=/me/").location == "/me/"
    assert session_id(client) == before


def test_each_sign_in_has_a_new_id_and_new_form_tokens_sess_2(app, client):
    account(app)
    stale = form_token(client)
    sign_in(client)
    first = session_id(client)
    answer = client.post("/logout", data={"csrf_token": stale})
    assert answer.status_code == 400
    post(client, "/logout")
    sign_in(client)
    assert session_id(client) not in (None, first)


def test_an_id_that_someone_planted_is_not_taken_up_sess_2(app, client):
    account(app)
    client.set_cookie(COOKIE, "planted")
    sign_in(client)
    assert session_id(client) != "planted"


def test_signing_out_takes_a_form_and_leaves_nothing_sess_4(app):
    account(app)
    client = browser(app)
    assert client.get("/logout").status_code == 405
    answer = post(client, "/logout")
    assert (answer.status_code, answer.location) == (303, "/login")
    assert '"cache"' in answer.headers["Clear-Site-Data"]
    assert session_id(client) is None
    assert client.get("/me/").status_code == 303


def leave(client, _app):
    post(client, "/logout")


def change_password(client, _app):
    form = {"old": PASSWORD, "new": OTHER_PASSWORD, "again": OTHER_PASSWORD}
    assert post(client, "/me/password/", **form).status_code == 303


def disable_account(_client, app):
    at_work(app, lambda session: disable(session, number(session), datetime.now(UTC)))


def disable_by_hand(_client, app):
    at_work(app, lambda s: s.execute(update(Account).values(disabled_at=datetime.now(UTC))))


def change_roles(_client, app):
    at_work(app, lambda s: grant(s, number(s), Role.DEPUTY, datetime.now(UTC)))


def end_elsewhere(_client, app):
    other = browser(app)
    post(other, "/me/sessions/end-others/")


def take_a_role_away(_client, app):
    at_work(app, lambda s: revoke(s, s.scalars(select(RoleGrant)).one(), datetime.now(UTC)))


def set_up_a_device(client, _app):
    page = "/me/second-factor/"
    secret = re.search(r'class="gate-key"[^>]*>([A-Z2-7 ]+)<', client.get(page).text)[1]
    code = second_factor.code_at(secret.replace(" ", ""), datetime.now(UTC))
    assert post(client, page, page, code=code).status_code == 303


def give_a_new_start(_client, app):
    at_work(app, lambda s: one_time.issue(s, number(s), datetime.now(UTC)))


def end_as_security_administrator(_client, app):
    assert at_work(app, lambda s: end_sessions(s, number(s), datetime.now(UTC))) == 1


def number(session):
    return session.scalar(select(Account.id))


@pytest.mark.parametrize(
    "ending",
    [
        leave,
        change_password,
        set_up_a_device,
        give_a_new_start,
        disable_account,
        disable_by_hand,
        change_roles,
        take_a_role_away,
        end_elsewhere,
        end_as_security_administrator,
    ],
)
def test_a_copied_cookie_is_refused_by_every_process_afterwards_sess_1(processes, ending):
    one, other = processes
    account(one, "mei", Role.DIRECTOR)
    client = browser(one)
    stolen = session_id(client)
    assert is_in(one, stolen)
    assert is_in(other, stolen)
    ending(client, other)
    assert not is_in(one, stolen)
    assert not is_in(other, stolen)


@pytest.mark.parametrize(("after", "opens"), [(30 * MINUTE - SECOND, True), (30 * MINUTE, False)])
def test_a_session_left_alone_dies_after_half_an_hour_sess_3(processes, after, opens):
    one, other = processes
    with time_machine.travel(NOON, tick=False) as clock:
        account(one)
        stolen = session_id(browser(one))
        clock.shift(after)
        assert is_in(other, stolen) is opens
        assert is_in(one, stolen) is opens


@pytest.mark.parametrize(
    "role", [Role.SYSADMIN, Role.SECADMIN, Role.AUDITOR, Role.HALL_ADMIN], ids=str
)
@pytest.mark.parametrize(("after", "opens"), [(15 * MINUTE - SECOND, True), (15 * MINUTE, False)])
def test_an_administrators_session_dies_after_a_quarter_of_an_hour_sess_3(
    processes, role, after, opens
):
    one, other = processes
    with time_machine.travel(NOON, tick=False) as clock:
        account(one, "mei", role)
        stolen = session_id(browser(one))
        clock.shift(after)
        assert is_in(other, stolen) is opens
        assert is_in(one, stolen) is opens


TOO_OFTEN = ("signed in too often", "最早的一处已退出")


@pytest.mark.parametrize("role", [Role.DIRECTOR, Role.AUDITOR], ids=str)
def test_the_sixth_sign_in_ends_the_oldest_and_says_so_sess_3(processes, role):
    with time_machine.travel(NOON, tick=False) as clock:
        account(processes[0], "mei", role)
        ids = []
        for turn in range(6):
            client = browser(processes[turn % 2])
            ids.append(session_id(client))
            assert told_so(client) is (turn == 5)
            clock.shift(MINUTE)
        for app in processes:
            assert [is_in(app, one) for one in ids] == [False, *[True] * 5]
        assert not told_so(client)


def told_so(client):
    page = client.get("/me/").text
    return any(told in page for told in TOO_OFTEN)


def test_of_sign_ins_at_once_five_stay_sess_3(processes):
    account(processes[0])
    start, clients = threading.Barrier(8), [processes[i % 2].test_client() for i in range(8)]

    def come(client):
        start.wait()
        sign_in(client)

    crowd = [threading.Thread(target=come, args=(client,)) for client in clients]
    for one in crowd:
        one.start()
    for one in crowd:
        one.join()
    assert sum(is_in(processes[0], session_id(client)) for client in clients) == 5


def test_a_session_in_use_dies_after_twelve_hours_sess_3(processes):
    one, other = processes
    with time_machine.travel(NOON, tick=False) as clock:
        account(one)
        stolen = session_id(browser(one))
        for _ in range(25):
            clock.shift(28 * MINUTE)
            assert is_in(other, stolen)
        clock.shift(20 * MINUTE)
        assert not is_in(one, stolen)
        assert not is_in(other, stolen)


def test_looking_at_pages_keeps_a_session_alive_but_writes_once_a_minute(app):
    with time_machine.travel(NOON, tick=False) as clock:
        account(app)
        client = browser(app)
        for _ in range(3):
            clock.shift(25 * SECOND)
            client.get("/me/")
        seen = at_work(app, lambda session: session.scalars(select(SignInSession.seen_at)).one())
        assert seen == NOON + 75 * SECOND


def test_five_failures_at_two_processes_lock_the_account_auth_6(processes):
    with time_machine.travel(NOON, tick=False) as clock:
        account(processes[0])
        account(processes[0], "lin")
        for turn in range(5):
            assert sign_in(processes[turn % 2].test_client(), password="wrong").status_code == 200
        for app in processes:
            assert sign_in(app.test_client()).status_code == 200
            assert sign_in(app.test_client(), "lin").status_code == 303
        clock.shift(15 * MINUTE)
        assert sign_in(processes[1].test_client()).status_code == 303


def plain(page):
    """A page without what differs in each: the token, the nonce, and what was typed."""
    text = re.sub(r'(csrf_token" value=|nonce=|value=)"[^"]*"', r"\1", page.text)
    headers = {k: v for k, v in page.headers if k not in ("X-Request-ID", "Content-Length")}
    headers["Content-Security-Policy"] = re.sub(
        r"nonce-[^']*", "", headers["Content-Security-Policy"]
    )
    return page.status_code, text, sorted(headers)


def test_missing_wrong_disabled_and_locked_get_the_same_page_auth_6(app):
    for name in ("mei", "gone", "shut"):
        account(app, name)
    at_work(
        app,
        lambda session: session.execute(
            update(Account).where(Account.username == "gone").values(disabled_at=datetime.now(UTC))
        ),
    )
    for _ in range(5):
        sign_in(app.test_client(), "shut", "wrong")
    tries = {"nobody": PASSWORD, "mei": "wrong", "gone": PASSWORD, "shut": PASSWORD}
    pages = [plain(sign_in(app.test_client(), name, word)) for name, word in tries.items()]
    assert all(page == pages[0] for page in pages)
    assert pages[0][0] == 200


def test_a_failed_sign_in_keeps_the_name_and_not_the_password(app, client):
    page = sign_in(client, 'mei"><script>', "wrong password").text
    assert "mei&#34;&gt;&lt;script&gt;" in page
    assert "wrong password" not in page


@pytest.mark.parametrize("missing", ["username", "password"])
def test_an_unfinished_form_is_asked_for_again(app, client, missing):
    data = {"csrf_token": form_token(client), "username": "mei", "password": PASSWORD}
    answer = client.post("/login", data={**data, missing: ""})
    assert answer.status_code == 200
    assert "error-summary" in answer.text


def test_a_demonstration_shows_its_accounts_and_a_real_hall_shows_none(app, client):
    account(app, "mei", Role.DIRECTOR)
    assert "demo-accounts" not in client.get("/login").text
    account(app, "director", Role.DIRECTOR, demonstration=True)
    page = client.get("/login").text
    assert "<code>director</code>" in page
    assert "<code>mei</code>" not in page


def test_every_form_wants_a_token_inp_3(app):
    account(app)
    client = browser(app)
    before = at_work(app, lambda session: session.scalars(select(SignInSession.id_hash)).all())
    posts = [r.rule for r in app.url_map.iter_rules() if "POST" in r.methods and not r.arguments]
    assert {"/login", "/logout", "/me/password/"} <= set(posts)
    for rule in [*posts, "/language/en", "/theme/dark"]:
        assert client.post(rule).status_code == 400, rule
        assert client.post(rule, data={"csrf_token": "forged"}).status_code == 400, rule
    after = at_work(app, lambda session: session.scalars(select(SignInSession.id_hash)).all())
    assert before == after
    assert is_in(app, session_id(client))


def test_a_given_password_opens_only_the_page_that_changes_it_auth_9(app):
    account(app, "mei", Role.DIRECTOR, must_change_password=True)
    client = browser(app)
    assert_only(client, app, "/me/password/")
    assert 'name="old"' in client.get("/me/password/").text
    form = {"old": PASSWORD, "new": OTHER_PASSWORD, "again": OTHER_PASSWORD}
    assert post(client, "/me/password/", "/me/password/", **form).location == "/"
    assert client.get("/me/").status_code == 200
    assert "end-others" in browser_twice(app, client)


def test_an_old_password_is_changed_at_the_next_request_in_djbh3_auth_3(make_app):
    asks, does_not = make_app(), make_app(HALLPANEL_PASSWORD_PROFILE="nist")
    with time_machine.travel(NOON, tick=False) as clock:
        account(asks)
        clock.shift(90 * DAY - MINUTE)
        client = browser(asks)
        assert client.get("/me/").status_code == 200
        clock.shift(MINUTE)
        assert is_in(does_not, session_id(client))
        assert client.get("/me/").location == "/me/password/"
        assert_only(client, asks, "/me/password/")
        form = {"old": PASSWORD, "new": OTHER_PASSWORD, "again": OTHER_PASSWORD}
        assert post(client, "/me/password/", "/me/password/", **form).location == "/"
        assert client.get("/me/").status_code == 200


@pytest.mark.parametrize(
    ("profile", "word", "taken"),
    [
        ("djbh3", "rain on the window", False),
        ("djbh3", "Rain on 9", False),
        ("djbh3", "Rain on 99", True),
        ("nist", "rain on the window", True),
        ("nist", "Rain on 99", False),
    ],
)
def test_the_setting_chooses_what_a_password_must_be_auth_3(make_app, profile, word, taken):
    app = make_app(HALLPANEL_PASSWORD_PROFILE=profile)
    account(app)
    client = browser(app)
    answer = post(client, "/me/password/", old=PASSWORD, new=word, again=word)
    assert (answer.status_code == 303) is taken
    assert ("field-wrong" in answer.text) is not taken


def browser_twice(app, client):
    browser(app, password=OTHER_PASSWORD)
    return client.get("/me/").text


def test_my_page_shows_my_roles_and_my_sessions(app):
    account(app, "mei", Role.DIRECTOR)
    client = app.test_client()
    sign_in(client)
    other = app.test_client()
    other.environ_base["HTTP_USER_AGENT"] = "Mozilla/5.0 (Windows NT 10.0) Firefox/140.0"
    sign_in(other)
    page = client.get("/me/").text
    assert "Firefox · Windows · 127.0.0.1" in page
    assert page.count('name="id"') == 1


FIREFOX = "Mozilla/5.0 (Windows NT 10.0) Firefox/140.0"


def stranger_with(app, stolen, agent, address):
    """A browser elsewhere that holds a copied id."""
    client = app.test_client()
    client.environ_base.update(HTTP_USER_AGENT=agent, REMOTE_ADDR=address)
    client.set_cookie(COOKIE, stolen)
    return client


@pytest.mark.parametrize(
    ("agent", "address", "opens"),
    [
        (FIREFOX, "10.1.2.3", True),
        (FIREFOX, "10.1.2.77", True),
        (FIREFOX, "10.1.3.3", False),
        (FIREFOX, "fd00::1", False),
        (FIREFOX.replace("140", "141"), "10.1.2.3", False),
        ("curl/8", "10.1.2.3", False),
    ],
)
def test_a_session_used_from_elsewhere_ends_with_one_alarm_sess_5(processes, agent, address, opens):
    one, other = processes
    account(one)
    mine = one.test_client()
    mine.environ_base.update(HTTP_USER_AGENT=FIREFOX, REMOTE_ADDR="10.1.2.3")
    sign_in(mine)
    for app in (other, one, other):
        thief = stranger_with(app, session_id(mine), agent, address)
        assert (thief.get("/me/").status_code == 200) is opens
    assert (mine.get("/me/").status_code == 200) is opens
    alarms = at_work(one, lambda s: s.scalars(select(AuditEvent.reason).where(ANOMALY)).all())
    assert len(alarms) == (0 if opens else 1)


ANOMALY = AuditEvent.action == "session_anomaly"


def test_i_end_my_session_on_another_device_sess_3(processes):
    one, other = processes
    account(one)
    at_home, at_work_ = browser(one), browser(other)
    shown = sessions.shown_hash(sessions.id_hash(session_id(at_home)))
    assert post(at_work_, "/me/sessions/end/", id=shown).status_code == 303
    assert not is_in(one, session_id(at_home))
    assert is_in(one, session_id(at_work_))


@pytest.mark.parametrize("shown", ["", "0" * 16, "not a session"])
def test_nobody_ends_a_session_that_is_not_theirs(app, shown):
    account(app)
    account(app, "lin")
    lin = browser(app, "lin")
    shown = shown or sessions.shown_hash(sessions.id_hash(session_id(lin)))
    assert post(browser(app), "/me/sessions/end/", id=shown).status_code == 404
    assert is_in(app, session_id(lin))


def test_a_changed_password_keeps_me_in_under_a_new_id(app):
    account(app)
    client = browser(app)
    before = session_id(client)
    change_password(client, app)
    assert session_id(client) != before
    assert client.get("/me/").status_code == 200
    assert sign_in(app.test_client(), password=OTHER_PASSWORD).status_code == 303
    assert sign_in(app.test_client()).status_code == 200


@pytest.mark.parametrize(
    ("form", "field"),
    [
        ({"old": "wrong", "new": OTHER_PASSWORD, "again": OTHER_PASSWORD}, "old"),
        ({"old": PASSWORD, "new": "short", "again": "short"}, "new"),
        ({"old": PASSWORD, "new": OTHER_PASSWORD, "again": "differs"}, "again"),
        ({"old": PASSWORD}, "new"),
    ],
)
def test_a_refused_change_says_why_beside_the_field_and_shows_no_password(app, form, field):
    account(app)
    client = browser(app)
    answer = post(client, "/me/password/", **form)
    assert answer.status_code == 200
    assert f'id="{field}-error"' in answer.text
    assert PASSWORD not in answer.text
    assert is_in(app, session_id(client))


def test_nothing_of_flask_login_outlives_a_session_pitfall_27(app):
    account(app)
    client = browser(app)
    client.set_cookie("remember_token", "1|forged")
    client.set_cookie("hallpanel_unused", "1|forged")
    post(client, "/logout")
    assert client.get("/me/").status_code == 303
    with client.session_transaction() as forms:
        assert "_user_id" not in forms
