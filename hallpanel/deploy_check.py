"""What must hold before an installation serves a hall on the network (CFG-1)."""

import stat
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, make_url
from sqlalchemy.orm import Session

from hallpanel.engine import audit, wall
from hallpanel.engine.store import SQLITE_PRAGMAS
from hallpanel.guard import exclusions
from hallpanel.guard.actors import demonstration_accounts

SHORTEST_KEY = 32
FEWEST_CHARACTERS = 10
PRIVATE = ("secret-key", "anchor-key", "anchors", "attachments", "imports")
# Keys that stand in a book, a test or an example, in the spelling of their digest.
KNOWN_KEYS = frozenset(
    {
        "3eb1bd439947eb762998e566ccc2e099c791118b2f40579cc4f7da2b5061b7f9",
        "a8ae6e6ee929abea3afcfc5258c8ccd6f85273e0d4626d26c7279f3250f77c8e",
        "4a785508f14fa9f55a1e55788f112eb8cd30261a7002a64d9f7fe61dad66650a",
        "ebfa6ad50211ab51863d2d5c2c8a27652f4b269415e8abdf06eb730ce41d9805",
        "ca1332d9d38bd0688b2b24821f38905c645d754d0a3558192f594f2ebb4f5442",
    }
)
NETWORK = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "fuse.sshfs", "afs", "ceph", "glusterfs"}
)
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
    connection = session.connection()
    for look in (_unguarded, _pragmas, _walls):
        yield from look(connection)


def unreadable(error: Exception) -> Fault:
    """What there is to say of a database that could not be asked."""
    return Fault(
        "P16",
        f"the database cannot be read: {str(error).splitlines()[0]}",
        "See that it runs, and migrate it: flask --app wsgi db upgrade -d hallpanel/migrations",
    )


def serves_others(settings: Settings) -> bool:
    """Whether the panel answers under a name by which other machines reach it."""
    return bool(set(settings.get("TRUSTED_HOSTS") or ()) - ONLY_THIS_MACHINE)


def _key(settings: Settings) -> Iterator[Fault]:
    key = str(settings.get("SECRET_KEY") or "")
    if len(key) < SHORTEST_KEY or len(set(key)) < FEWEST_CHARACTERS:
        yield Fault(
            "P02",
            "the secret key is short or easy to guess",
            'Make one: python3 -c "import secrets; print(secrets.token_hex(32))", '
            "and set HALLPANEL_SECRET_KEY_FILE.",
        )


def _known_key(settings: Settings) -> Iterator[Fault]:
    digest = sha256(str(settings.get("SECRET_KEY") or "").encode()).hexdigest()
    if digest in KNOWN_KEYS:
        yield Fault(
            "P10",
            "the secret key is one that stands in an example",
            'Make one: python3 -c "import secrets; print(secrets.token_hex(32))", '
            "and set HALLPANEL_SECRET_KEY_FILE.",
        )


def _network(settings: Settings) -> Iterator[Fault]:
    """SQLite relies on locks that file systems of a network do not keep (DUR-2)."""
    url = make_url(settings["SQLALCHEMY_DATABASE_URI"])
    if url.get_backend_name() != "sqlite":
        return
    kind = file_system(Path(str(url.database)), Path("/proc/mounts"))
    if kind in NETWORK:
        yield Fault(
            "P11",
            f"the database file lies on a file system of the network ({kind})",
            "Keep it on a disk of this machine, or use PostgreSQL.",
        )


def file_system(path: Path, mounts: Path) -> str | None:
    """The kind of file system on which a file lies; None where the machine does not say."""
    try:
        lines = [line.split() for line in mounts.read_text(encoding="utf-8").splitlines()]
    except OSError:
        return None
    place = path.resolve()
    over = [(Path(where), kind) for _device, where, kind, *_rest in lines]
    under = [(len(at.parts), kind) for at, kind in over if place.is_relative_to(at)]
    return max(under)[1] if under else None


def _anchors(settings: Settings) -> Iterator[Fault]:
    folder = settings.get("HALLPANEL_ANCHOR_FOLDER")
    if folder and Path(folder).is_relative_to(Path(settings["HALLPANEL_INSTANCE"])):
        yield Fault(
            "P14",
            "the anchors of the audit lie beside the records they are to prove",
            "Set HALLPANEL_ANCHOR_FOLDER to a folder of another machine.",
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
    yield from (instance / name for name in PRIVATE)
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
    apart = exclusions.unguarded(connection)
    if apart:
        yield Fault(
            "P10",
            f"the database does not keep excluded roles apart: no trigger {', '.join(apart)}",
            "Migrate the database: flask --app wsgi db upgrade -d hallpanel/migrations",
        )
    missing = audit.unguarded(connection)
    if missing:
        yield Fault(
            "P09",
            f"the audit book is not guarded: no trigger {', '.join(missing)}",
            "Migrate the database: flask --app wsgi db upgrade -d hallpanel/migrations",
        )


def _pragmas(connection: Connection) -> Iterator[Fault]:
    """How SQLite is open on this connection, asked of itself (DUR-2)."""
    if connection.dialect.name != "sqlite":
        return
    for pragma in SQLITE_PRAGMAS:
        name, _equals, wanted = pragma.removeprefix("PRAGMA ").partition("=")
        found = str(connection.exec_driver_sql(f"PRAGMA {name}").scalar()).upper()
        if found != PRAGMA_VALUES.get(wanted, wanted):
            yield Fault(
                "P12",
                f"SQLite is open with {name}={found} and not {wanted}",
                "Leave the database to the panel, which opens it right.",
            )


def _walls(connection: Connection) -> Iterator[Fault]:
    for why in wall.overpowered(connection):
        yield Fault(
            "P13",
            f"the account that serves passes by the walls of the tables: {why}",
            "Set HALLPANEL_OWNER_URL to the owner and HALLPANEL_DATABASE_URL to another account, "
            "then: flask --app wsgi db-roles",
        )
    missing = wall.unwalled(connection)
    if missing:
        yield Fault(
            "P15",
            f"tables show all rows to whoever asks: {', '.join(missing)}",
            "Raise their walls: flask --app wsgi db-roles",
        )


PRAGMA_VALUES = {"FULL": "2", "ON": "1"}
CHECKS: tuple[Check, ...] = (
    *(_key, _known_key, _debug, _cookies, _hosts, _proxies, _files, _network, _anchors),
)
