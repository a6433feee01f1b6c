"""What must hold before an installation serves a hall on the network (CFG-1)."""

import stat
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, make_url
from sqlalchemy.orm import Session

from hallpanel.engine import audit
from hallpanel.guard.actors import demonstration_accounts

SHORTEST_KEY = 32
FEWEST_CHARACTERS = 10
ONLY_THIS_MACHINE = frozenset({"localhost", "127.0.0.1", "::1"})
FOR_OTHERS = stat.S_IRWXG | stat.S_IRWXO


@dataclass(frozen=True)
class Fault:
    """A reason not to serve: its id, the problem, and what to do."""

    id: str
    problem: str
    hint: str

    def __str__(self) -> str:
        return f"{self.id} {self.problem}\n      Hint: {self.hint}"


Settings = Mapping[str, Any]
Check = Callable[[Settings], Iterator[Fault]]


def faults(settings: Settings, session: Session, at: datetime) -> Iterator[Fault]:
    """All that is wrong with an installation."""
    for check in CHECKS:
        yield from check(settings)
    yield from _demonstration(session, at)
    yield from _unguarded(session.connection())


def _key(settings: Settings) -> Iterator[Fault]:
    key = str(settings.get("SECRET_KEY") or "")
    if len(key) < SHORTEST_KEY or len(set(key)) < FEWEST_CHARACTERS:
        yield Fault(
            "P02",
            "the secret key is short or easy to guess",
            'Make one: python3 -c "import secrets; print(secrets.token_hex(32))", '
            "and set HALLPANEL_SECRET_KEY_FILE.",
        )


def _debug(settings: Settings) -> Iterator[Fault]:
    if settings.get("DEBUG") or settings.get("TESTING"):
        yield Fault("P03", "debugging is on", "Serve with wsgi:app and without FLASK_DEBUG.")


def _cookies(settings: Settings) -> Iterator[Fault]:
    if not settings.get("HALLPANEL_TLS"):
        yield Fault(
            "P04",
            "pages and cookies travel without encryption",
            "Put a proxy with TLS in front and set HALLPANEL_TLS=yes.",
        )
    kept = settings.get("SESSION_COOKIE_HTTPONLY") and settings.get("SESSION_COOKIE_SAMESITE")
    secure = settings.get("SESSION_COOKIE_SECURE") or not settings.get("HALLPANEL_TLS")
    if not kept or not secure:
        yield Fault("P05", "cookies are not protected", "Leave the cookie settings to the panel.")


def _hosts(settings: Settings) -> Iterator[Fault]:
    hosts = set(settings.get("TRUSTED_HOSTS") or ())
    if not hosts - ONLY_THIS_MACHINE:
        yield Fault(
            "P06",
            "the panel answers under no name but this machine's own",
            "Set HALLPANEL_HOSTS to the name that people type.",
        )


def _proxies(settings: Settings) -> Iterator[Fault]:
    if settings.get("HALLPANEL_TLS") and not settings.get("HALLPANEL_PROXIES"):
        yield Fault(
            "P07",
            "TLS is on and no proxy is trusted, so every request looks unencrypted",
            "Set HALLPANEL_PROXIES to the number of proxies in front, mostly 1.",
        )


def _files(settings: Settings) -> Iterator[Fault]:
    """Files with records or keys belong to the user of the panel alone."""
    for path in _private(settings):
        if path.exists() and path.stat().st_mode & FOR_OTHERS:
            mode = "700" if path.is_dir() else "600"
            yield Fault(
                "P08", f"{path} is open to other users of this machine", f"chmod {mode} {path}"
            )


def _private(settings: Settings) -> Iterator[Path]:
    instance = Path(settings["HALLPANEL_INSTANCE"])
    yield instance
    yield from (instance / name for name in ("secret-key", "attachments", "imports"))
    if settings.get("HALLPANEL_DATA_KEY_FILE"):
        yield Path(settings["HALLPANEL_DATA_KEY_FILE"])
    url = make_url(settings["SQLALCHEMY_DATABASE_URI"])
    if url.get_backend_name() == "sqlite":
        yield from (Path(f"{url.database}{part}") for part in ("", "-wal", "-shm"))


def _demonstration(session: Session, at: datetime) -> Iterator[Fault]:
    names = [name for name, _roles in demonstration_accounts(session, at)]
    if names:
        yield Fault(
            "P01",
            f"accounts of the demonstration can sign in: {', '.join(names[:5])}"
            + (" …" if len(names) > 5 else ""),
            "Begin with an empty database, and open accounts with `flask account add`.",
        )


def _unguarded(connection: Connection) -> Iterator[Fault]:
    missing = audit.unguarded(connection)
    if missing:
        yield Fault(
            "P09",
            f"the audit book is not guarded: no trigger {', '.join(missing)}",
            "Migrate the database: flask --app wsgi db upgrade -d hallpanel/migrations",
        )


CHECKS: tuple[Check, ...] = (_key, _debug, _cookies, _hosts, _proxies, _files)
