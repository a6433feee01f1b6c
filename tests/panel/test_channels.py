"""Messages leave the panel by mail and by a webhook, in their reader's own language (X11)."""

import json
import smtplib
import threading
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from sqlalchemy import select, update

from hallpanel.engine import outbox, records
from hallpanel.engine.clock import utc_now
from hallpanel.engine.outbox import Delivery, DeliveryState, Letter
from hallpanel.engine.words import STATES, Phrase
from hallpanel.guard.account import Account
from hallpanel.panel import channels
from hallpanel.panel.extensions import db
from tests.panel.door import account, at_work

AT = datetime(2026, 2, 9, 2, tzinfo=UTC)
SMTP = {
    "host": "mail.hall",
    "port": 25,
    "security": "starttls",
    "user": "panel",
    "password": "tea",
    "sender": "panel@hall.example",
}


class Server:
    """A mail server that keeps what it is given."""

    def __init__(self, host, port, **options):
        self.told = [("open", host, port, options["timeout"])]
        Server.last = self

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.told.append(("quit",))

    def starttls(self, context):
        self.told.append(("starttls", context.check_hostname))

    def login(self, *words):
        self.told.append(("login", *words))

    def send_message(self, mail):
        self.told.append(("send", mail["To"], mail["Subject"], mail.get_content()))


@contextmanager
def hook(status=204):
    """A web address that takes messages."""
    taken = []

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            taken.append((self.headers["Content-Type"], json.loads(body)))
            self.send_response(status)
            self.send_header("Location", "/elsewhere")
            self.end_headers()

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Hook)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/hook", taken
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def letter(to, phrase=STATES["approved"]):
    return Letter(7, to, "told", phrase, "leave_request", 3, AT)


def with_mail(app, address="mei@hall.example", language=None, **more):
    """An account with a mail address."""
    number = account(app, **more)
    changed = update(Account).where(Account.id == number).values(mail=address, language=language)
    at_work(app, lambda session: session.execute(changed))
    return number


def test_without_settings_messages_stay_in_the_panel(app):
    assert channels.channels(app) == {}


def test_a_mail_is_sent_over_tls_with_the_hall_s_own_name_and_password(app, monkeypatch):
    monkeypatch.setattr(smtplib, "SMTP", Server)
    app.config["HALLPANEL_SMTP"] = SMTP
    number = with_mail(app)
    with app.app_context():
        mail = channels.channels(app)["mail"]
        assert mail.address_of(number) == "mei@hall.example"
        mail.send(letter(number), "mei@hall.example")
    opened, secured, known, sent, quitted = Server.last.told
    assert opened == ("open", "mail.hall", 25, channels.PATIENCE)
    assert secured == ("starttls", True)
    assert known == ("login", "panel", "tea")
    assert sent[:3] == ("send", "mei@hall.example", "已批准")
    assert quitted == ("quit",)


def test_a_message_is_in_the_language_its_reader_chose(app):
    number = with_mail(app, language="en")
    mail = channels.Mail(SMTP)
    with app.app_context():
        assert mail.message(letter(number), "a@b")["Subject"] == "Approved"


def test_no_name_in_a_message_writes_a_head_of_the_mail(app):
    number = with_mail(app)
    phrase = Phrase("%(name)s", name="x\r\nBcc: all@hall.example " + "长" * 200)
    with app.app_context():
        mail = channels.Mail(SMTP).message(letter(number, phrase), "a@b")
    assert mail["Bcc"] is None
    assert len(mail["Subject"]) <= channels.LONGEST_SUBJECT


def test_whoever_has_no_address_or_left_gets_no_mail(app):
    app.config["HALLPANEL_SMTP"] = SMTP
    lin, gone = account(app, "lin"), with_mail(app, username="gone")
    closed = update(Account).where(Account.id == gone).values(disabled_at=AT)
    at_work(app, lambda session: session.execute(closed))
    with app.app_context():
        mail = channels.channels(app)["mail"]
        assert [mail.address_of(number) for number in (lin, gone, 999)] == [None, None, None]


def test_a_webhook_gets_the_message_as_json(app):
    number = account(app)
    with hook() as (url, taken), app.app_context():
        app.config["HALLPANEL_WEBHOOK_URL"] = url
        out = channels.channels(app)["webhook"]
        assert out.address_of(number) == "mei"
        out.send(letter(number), "mei")
    ((kind, content),) = taken
    assert kind == "application/json"
    assert content == {
        "to": "mei",
        "text": "已批准",
        "kind": "told",
        "table": "leave_request",
        "id": 3,
        "at": AT.isoformat(),
    }


@pytest.mark.parametrize("status", [302, 404, 500])
def test_an_answer_that_is_no_success_is_an_error_and_leads_nowhere(app, status):
    number = account(app)
    with hook(status) as (url, taken), app.app_context():
        out = channels.Webhook(url)
        with pytest.raises(OSError, match=str(status)) as raised:
            out.send(letter(number), "mei")
        raised.value.close()
    assert len(taken) == 1


def test_no_lock_waits_for_a_slow_server(app):
    """While a letter is on its way somebody else can save; SQLite has one writer at a time."""
    number = account(app)
    at_work(app, lambda s: outbox.tell(s, [number], STATES["approved"], at=utc_now()))
    saved = []

    def slow(_letter, _address):
        account(app, "someone")
        saved.append(True)

    with app.app_context(), records.open_session(db.engine) as session:
        out = channels.Webhook("http://nowhere")
        channel = outbox.Channel(slow, out.address_of)
        outbox.deliver(session, utc_now(), {"webhook": channel})
        state = session.scalars(select(Delivery.state)).one()
    assert (saved, state) == ([True], DeliveryState.SENT)
