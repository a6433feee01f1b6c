import re
from io import BytesIO

import pytest
from sqlalchemy.exc import IntegrityError, OperationalError

from hallpanel.engine.errors import NotAllowed, Refusal
from hallpanel.engine.words import _l
from hallpanel.panel.extensions import db
from hallpanel.panel.paths import internal_path
from hallpanel.panel.person import open_to_all
from tests.panel.door import account, browser, form_token, post, sign_in
from tests.panel.test_sign_in import OUTSIDE

POLICY = {
    "default-src": "'none'",
    "script-src": "'nonce-…'",
    "style-src": "'self' 'nonce-…'",
    "img-src": "'self' data:",
    "font-src": "'self'",
    "connect-src": "'self'",
    "form-action": "'self'",
    "base-uri": "'none'",
    "frame-ancestors": "'none'",
    "object-src": "'none'",
}


def policy(answer):
    text = re.sub(r"'nonce-[^']+'", "'nonce-…'", answer.headers["Content-Security-Policy"])
    return dict(part.split(" ", 1) for part in text.split("; "))


def nonce(answer):
    return re.search(r"script-src 'nonce-([^']+)'", answer.headers["Content-Security-Policy"])[1]


def pages(app):
    return sorted(
        rule.rule
        for rule in app.url_map.iter_rules()
        if "GET" in rule.methods and not rule.arguments and not rule.endpoint.endswith("static")
    )


@pytest.fixture(params=["a stranger", "a person"])
def visitor(request, app):
    if request.param == "a stranger":
        return app.test_client()
    account(app)
    return browser(app)


def test_every_page_carries_the_headers_cfg_2(app, visitor):
    for rule in [*pages(app), "/no/such/page", "/logout"]:
        answer = visitor.get(rule)
        assert policy(answer) == POLICY, rule
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "same-origin"
        assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin"
        assert answer.headers["Cache-Control"] == "no-store", rule
        assert re.fullmatch("[0-9a-f]{16}", answer.headers["X-Request-ID"])


def test_the_nonce_differs_on_each_response_cfg_2(client):
    answers = [client.get("/login") for _ in range(20)]
    assert len({nonce(answer) for answer in answers}) == 20
    assert len({answer.headers["X-Request-ID"] for answer in answers}) == 20


def test_every_script_of_a_page_may_run_and_nothing_else_can(app, visitor):
    for rule in ["/login", "/me/", "/no/such/page"]:
        answer = visitor.get(rule)
        scripts = re.findall(r"<script[^>]*>", answer.text)
        assert all(f'nonce="{nonce(answer)}"' in script for script in scripts)
        assert not re.search(r"<[^>]+\s(on[a-z]+|style)\s*=", answer.text), rule
        assert "javascript:" not in answer.text


def test_no_page_sends_the_browser_to_another_host_cfg_2(app, visitor):
    for rule in ["/login", "/me/", "/no/such/page"]:
        named = re.findall(r'(?:src|href|action)="([^"]*)"', visitor.get(rule).text)
        assert all(re.match(r"(/(?!/)|#|$)", address) for address in named), rule


def test_strict_transport_is_asked_for_under_tls_only_cfg_2(client):
    assert "Strict-Transport-Security" not in client.get("/login").headers
    answer = client.get("/login", base_url="https://localhost")
    assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"


def test_files_are_kept_by_the_browser_when_their_address_has_a_version_pitfall_33(client):
    address = "/bootstrap/static/css/bootstrap.min.css"
    assert caching(client, f"{address}?v=5") == "public, max-age=31536000, immutable"
    assert "no-cache" in caching(client, address)
    assert caching(client, "/static/none.css?v=5") == "no-store"


def caching(client, address):
    with client.get(address) as answer:
        return answer.headers["Cache-Control"]


def test_a_foreign_host_is_refused_and_named_nowhere_inp_4(client):
    for host in ["evil.example", "localhost.evil.example", "evil@localhost", ""]:
        answer = client.get("/login", headers={"Host": host})
        assert answer.status_code == 400, host
        assert "HALLPANEL_HOSTS" in answer.text
        assert "evil" not in answer.text + str(answer.headers)
        assert policy(answer) == POLICY


@pytest.mark.parametrize("outside", OUTSIDE)
def test_an_address_outside_is_no_path_pitfall_9(outside):
    assert internal_path(outside) is None


@pytest.mark.parametrize(
    "inside", ["/", "/admin/leave_request/?page=2#row", "/search/?q=//", "/a//b", "/@b", "/请假"]
)
def test_a_path_of_the_panel_is_itself_pitfall_9(inside):
    assert internal_path(inside) == inside


def test_no_address_is_no_path():
    assert internal_path(None) is None
    assert internal_path("") is None


UNREADABLE = [
    "/login?next=%00",
    "/login?%00=1",
    "/login?x=%0d%0aSet-Cookie:a=b",
    "/login?x=%1b[31m",
    "/login?x=%ff",
    "/login?x=%ed%a0%80",
    "/login?x=%7f",
    "/language/%00",
    "/language/en%0a",
    "/language/%ff",
    "/no/such/%00page",
]


def test_an_unreadable_address_is_a_plain_400_pitfall_7(client):
    for address in UNREADABLE:
        answer = client.get(address)
        assert answer.status_code == 400, address
        assert "Set-Cookie:a" not in str(answer.headers)


def test_an_unreadable_form_is_a_plain_400_pitfall_7(client):
    data = {"csrf_token": form_token(client), "username": "mei", "password": "x"}
    for odd in [{"username": "mei\x00"}, {"na\x00me": "x"}, {"na\nme": "x"}, {"x": "\x1b[31m"}]:
        assert client.post("/login", data=data | odd).status_code == 400, odd


@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "multipart/form-data"])
def test_bytes_that_are_no_text_are_a_plain_400_pitfall_7(client, kind):
    body, header = b"username=%ff%fe", kind
    if kind.startswith("multipart"):
        header = f"{kind}; boundary=b"
        body = b'--b\r\nContent-Disposition: form-data; name="username"\r\n\r\n\xff\r\n--b--\r\n'
    assert client.post("/login", data=body, content_type=header).status_code == 400


def test_lines_and_tabs_are_text_in_a_form(client):
    data = {"csrf_token": form_token(client), "username": "a\tb\r\nc", "password": "x"}
    assert client.post("/login", data=data).status_code == 200


def test_what_is_too_large_is_refused_inp_4(make_app):
    client = make_app(MAX_CONTENT_LENGTH=10_000).test_client()
    form = {"csrf_token": form_token(client), "file": (BytesIO(b"x" * 20_000), "a.txt")}
    assert client.post("/login", data=form).status_code == 413


def test_a_form_of_five_thousand_parts_is_refused_inp_4(client):
    part = '--b\r\nContent-Disposition: form-data; name="a"\r\n\r\nx\r\n'
    body = f"{part * 5000}--b--\r\n"
    answer = client.post("/login", data=body, content_type="multipart/form-data; boundary=b")
    assert answer.status_code == 413


SECRET = "SELECT secret FROM account"
BREAKDOWNS = {
    "fault": (500, lambda: 1 / 0),
    "database": (503, lambda: fail(OperationalError(SECRET, {}, Exception(SECRET)))),
    "conflict": (500, lambda: fail(IntegrityError(SECRET, {}, Exception(SECRET)))),
    "rule": (409, lambda: fail(Refusal(_l("the window stays empty"), "2.1.2"))),
    "role": (403, lambda: fail(NotAllowed(_l("your role does not"), "2.1.2"))),
}


def fail(error):
    raise error


@pytest.fixture
def broken(make_app):
    """A panel with pages that fail, and answers as it does in the hall."""
    app = make_app(TESTING=False, PROPAGATE_EXCEPTIONS=False)
    for name, (_, view) in BREAKDOWNS.items():
        app.add_url_rule(f"/broken/{name}", f"broken_{name}", open_to_all(lambda v=view: v()))
    return app.test_client()


@pytest.mark.parametrize(("name", "code"), [(n, c) for n, (c, _) in BREAKDOWNS.items()])
def test_a_failure_is_one_plain_sentence_pitfall_10(broken, name, code):
    answer = broken.get(f"/broken/{name}")
    assert answer.status_code == code
    assert f'<p class="message-code">{code}</p>' in answer.text
    assert SECRET not in answer.text
    assert "Traceback" not in answer.text
    assert policy(answer) == POLICY


def test_a_rule_is_told_with_its_clause(broken):
    broken.get("/language/en")
    page = broken.get("/broken/rule").text
    assert "The window stays empty." in page
    assert "2.1.2" in page


def test_a_script_is_answered_in_its_own_form(broken):
    answer = broken.get("/broken/rule", headers={"Accept": "application/json"})
    assert answer.status_code == 409
    assert set(answer.json) == {"error"}


def test_when_the_records_are_out_of_reach_even_the_error_page_asks_for_none(make_app, monkeypatch):
    app = make_app(TESTING=False, PROPAGATE_EXCEPTIONS=False)
    account(app)
    client = browser(app)
    monkeypatch.setattr(
        "hallpanel.panel.person.load_signed_in",
        lambda *_: fail(OperationalError(SECRET, {}, Exception(SECRET))),
    )
    answer = client.get("/me/")
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "30"
    assert SECRET not in answer.text


def test_a_page_that_cannot_be_drawn_leaves_a_bare_sentence(make_app, monkeypatch):
    client = make_app().test_client()
    monkeypatch.setattr(
        "hallpanel.panel.error_pages.render_template", lambda *_, **__: fail(KeyError(SECRET))
    )
    answer = client.get("/no/such/page")
    assert answer.status_code == 404
    assert answer.text.startswith("<!doctype html>")
    assert SECRET not in answer.text


def test_a_method_that_is_not_offered_says_which_is(client):
    answer = client.get("/logout")
    assert answer.status_code == 405
    assert "POST" in answer.headers["Allow"]


def test_whoever_may_read_may_go_on_reading_when_nothing_can_be_written_aud_7(app, monkeypatch):
    account(app)
    client = browser(app)
    monkeypatch.setattr(
        "hallpanel.panel.person.SignInSession.is_due_a_touch", lambda *_: True, raising=True
    )
    monkeypatch.setattr(
        "hallpanel.panel.person.sessions.touch",
        lambda *_: fail(OperationalError("full", {}, Exception("disk full"))),
    )
    assert client.get("/me/").status_code == 200


def test_a_page_that_only_looks_takes_no_write_lock_pitfall_28(app):
    account(app)
    client = browser(app)
    with app.app_context(), db.engine.connect() as writer, writer.begin():
        assert client.get("/me/").status_code == 200


def test_signing_in_holds_no_lock_while_the_password_is_compared_pitfall_28(app, monkeypatch):
    from hallpanel.panel import sign_in as door

    account(app)
    prove = door.signing_in.prove

    def look_around(claim, password):
        with db.engine.connect() as writer, writer.begin():  # on SQLite: waits for a lock in vain
            return prove(claim, password)

    monkeypatch.setattr(door.signing_in, "prove", look_around)
    assert sign_in(app.test_client()).status_code == 303


def test_a_form_of_an_earlier_sign_in_is_explained(app):
    account(app)
    client = browser(app)
    stale = form_token(client, "/me/")
    post(client, "/logout")
    sign_in(client)
    client.get("/language/en")
    answer = client.post("/me/sessions/end-others/", data={"csrf_token": stale})
    assert answer.status_code == 400
    assert "no longer valid" in answer.text
