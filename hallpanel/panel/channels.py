"""Ways out of the panel for messages, as the settings say: mail, and a webhook (X11)."""

import json
import smtplib
import ssl
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from email.message import EmailMessage
from email.utils import format_datetime
from http.client import HTTPMessage
from typing import IO, Any

from flask import Flask
from flask_babel import force_locale
from sqlalchemy import select

from hallpanel.engine.clock import HALL_ZONE
from hallpanel.engine.outbox import Channel, Letter
from hallpanel.engine.store import reading
from hallpanel.engine.wall import WideSession
from hallpanel.guard.account import Account
from hallpanel.panel.extensions import db
from hallpanel.panel.language import LANGUAGES, _, translate

PATIENCE = 20  # seconds; the next letter waits behind this one
LONGEST_SUBJECT = 70
AGENT = "hallpanel"


def channels(app: Flask) -> dict[str, Channel]:
    """The channels that are set up; none where messages stay in the panel."""
    found = {}
    if app.config.get("HALLPANEL_SMTP"):
        found["mail"] = Channel(Mail(app.config["HALLPANEL_SMTP"]).send, _mail_address)
    if app.config.get("HALLPANEL_WEBHOOK_URL"):
        hook = Webhook(app.config["HALLPANEL_WEBHOOK_URL"])
        found["webhook"] = Channel(hook.send, hook.address_of)
    return found


def _account(account_id: int) -> Account | None:
    """An open account, read beside the delivery: no lock may wait for a mail server."""
    query = select(Account).where(Account.id == account_id, Account.disabled_at.is_(None))
    with WideSession(reading(db.engine), expire_on_commit=False) as session:
        return session.scalars(query).one_or_none()


def _mail_address(account_id: int) -> str | None:
    account = _account(account_id)
    return account.mail if account else None


def words_for(letter: Letter) -> str:
    """The sentence in its reader's own language."""
    account = _account(letter.to_account_id)
    known = account is not None and account.language in LANGUAGES
    if not known or account is None or account.language is None:
        return translate(letter.phrase)
    with force_locale(account.language):
        return translate(letter.phrase)


class Mail:
    """Sends letters through the hall's mail server."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self.settings = settings

    def send(self, letter: Letter, address: str) -> None:
        """Send one letter; whatever goes wrong is raised."""
        with self._connection() as server:
            server.send_message(self.message(letter, address))

    def message(self, letter: Letter, address: str) -> EmailMessage:
        """The letter as a mail of plain text."""
        sentence = " ".join(words_for(letter).split())
        mail = EmailMessage()
        mail["From"] = self.settings["sender"]
        mail["To"] = address
        short = len(sentence) <= LONGEST_SUBJECT
        mail["Subject"] = sentence if short else f"{sentence[: LONGEST_SUBJECT - 1]}…"
        mail["Date"] = format_datetime(letter.created_at.astimezone(HALL_ZONE))
        mail["Auto-Submitted"] = "auto-generated"
        note = _("This message was written by the panel.")
        mail.set_content(f"{sentence}\n\n{note}\n")
        return mail

    @contextmanager
    def _connection(self) -> Iterator[smtplib.SMTP]:
        host, port = self.settings["host"], self.settings["port"]
        context = ssl.create_default_context()
        if self.settings["security"] == "tls":
            server: smtplib.SMTP = smtplib.SMTP_SSL(host, port, timeout=PATIENCE, context=context)
        else:
            server = smtplib.SMTP(host, port, timeout=PATIENCE)
        with server:
            if self.settings["security"] == "starttls":
                server.starttls(context=context)
            if self.settings["user"]:
                server.login(self.settings["user"], self.settings["password"])
            yield server


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A message goes where the settings say, and is not passed on."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: HTTPMessage,
        newurl: str,
    ) -> None:
        """Leave the answer as it is: an error."""


class Webhook:
    """Posts letters as JSON to one address, for a messenger of the hall to pass on."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.open: Callable[..., Any] = urllib.request.build_opener(_NoRedirect).open

    def address_of(self, account_id: int) -> str | None:
        """Whom the message is for: the user name."""
        account = _account(account_id)
        return account.username if account else None

    def send(self, letter: Letter, address: str) -> None:
        """Post one letter; any answer but success is raised as an error."""
        content = {
            "to": address,
            "text": words_for(letter),
            "kind": letter.kind,
            "table": letter.table_name,
            "id": letter.record_id,
            "at": letter.created_at.isoformat(),
        }
        request = urllib.request.Request(  # noqa: S310 - the settings let only http and https pass
            self.url,
            data=json.dumps(content, ensure_ascii=False).encode(),
            headers={"Content-Type": "application/json", "User-Agent": AGENT},
            method="POST",
        )
        with self.open(request, timeout=PATIENCE):
            pass
