"""A copy of all records and attached files in one file, and the way back (DUR-5).

The file is a tar archive: what the database holds at one moment, the attached files, and a few
lines that say what it is. A file that is attached is stored before its note is saved, so copying
the database first and the files afterwards never misses one.
"""

import io
import json
import os
import shutil
import sqlite3
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import URL

from hallpanel.engine import wall

NOTES, DATABASE, ATTACHMENTS = "hallpanel.json", "database", "attachments"
EDITION = 1
DEBIAN = Path("/usr/lib/postgresql")


class BackupError(Exception):
    """A backup or restore that cannot be done, with what to do about it."""


def write(target: Path, url: URL, attachments: Path, at: datetime) -> dict[str, Any]:
    """Write a backup to a new file; what it says of itself.

    Raises:
        BackupError: the file is there already, or the database cannot be copied.
    """
    if target.exists():
        raise BackupError(f"{target} is there already. Name a new file.")
    notes = {
        "edition": EDITION,
        "kind": url.get_backend_name(),
        "at": at.isoformat(),
    }
    with _workplace(target.parent) as place:
        copy = place / DATABASE
        _copy_database(url, copy)
        names = sorted(p.name for p in attachments.glob("*")) if attachments.is_dir() else []
        notes["attachments"] = len([n for n in names if _is_attachment(n)])
        draft = place / "draft"
        with tarfile.open(draft, "w") as archive:
            _add_notes(archive, notes)
            archive.add(copy, DATABASE)
            for name in filter(_is_attachment, names):
                archive.add(attachments / name, f"{ATTACHMENTS}/{name}")
        draft.chmod(0o600)
        with draft.open("rb") as file:
            os.fsync(file.fileno())
        os.link(draft, target)  # whole or not at all, and over no other file
    return notes


def read(source: Path, url: URL, attachments: Path) -> dict[str, Any]:
    """Put a backup's records in the place of those in the database, and add its files.

    Raises:
        BackupError: it is none, is of another kind of database, or is damaged.
    """
    with _workplace(source.parent) as place:
        notes = _unpack(source, place)
        if notes.get("edition") != EDITION or notes.get("kind") != url.get_backend_name():
            raise BackupError(
                f"{source} is a backup of {notes.get('kind')}, edition {notes.get('edition')}; "
                f"this is {url.get_backend_name()}, edition {EDITION}."
            )
        _restore_database(place / DATABASE, url)
        attachments.mkdir(mode=0o700, parents=True, exist_ok=True)
        for path in (place / ATTACHMENTS).glob("*"):
            shutil.copyfile(path, attachments / path.name)
            (attachments / path.name).chmod(0o600)
    return notes


@contextmanager
def _workplace(folder: Path) -> Iterator[Path]:
    """A folder beside the file that only this user enters."""
    try:
        with tempfile.TemporaryDirectory(prefix=".hallpanel-", dir=folder) as name:
            yield Path(name)
    except (OSError, sqlite3.Error, tarfile.TarError) as error:
        raise BackupError(f"It cannot be done: {error}") from error


def _is_attachment(name: str) -> bool:
    """Whether a name is one that the panel gives to attached files."""
    return len(name) == 32 and all(c in "0123456789abcdef" for c in name)


def _add_notes(archive: tarfile.TarFile, notes: dict[str, Any]) -> None:
    content = json.dumps(notes, indent=1).encode()
    entry = tarfile.TarInfo(NOTES)
    entry.size, entry.mode = len(content), 0o600
    archive.addfile(entry, io.BytesIO(content))


def _unpack(source: Path, place: Path) -> dict[str, Any]:
    """Unpack what a backup holds and nothing else, whatever names are in it."""
    with tarfile.open(source, "r:") as archive:
        for entry in archive:
            folder, _slash, name = entry.name.rpartition("/")
            known = entry.name in (NOTES, DATABASE)
            if entry.isfile() and (known or (folder == ATTACHMENTS and _is_attachment(name))):
                archive.extract(entry, place, filter="data", set_attrs=False)
    if not (place / NOTES).is_file() or not (place / DATABASE).is_file():
        raise BackupError(f"{source} is no backup of hallpanel.")
    notes: dict[str, Any] = json.loads((place / NOTES).read_text(encoding="utf-8"))
    return notes


# the database


def _copy_database(url: URL, copy: Path) -> None:
    if url.get_backend_name() == "sqlite":
        with closing(sqlite3.connect(str(url.database))) as source:
            source.execute("VACUUM INTO ?", (str(copy),))
        return
    _run(
        "pg_dump",
        url,
        *("--format=custom", "--no-owner", "--no-privileges"),
        *("--enable-row-security", f"--file={copy}"),
    )


def _restore_database(copy: Path, url: URL) -> None:
    if url.get_backend_name() == "sqlite":
        _restore_sqlite(copy, str(url.database))
        return
    _run(
        "pg_restore",
        url,
        *("--clean", "--if-exists", "--no-owner", "--no-privileges"),
        *("--single-transaction", "--exit-on-error", str(copy)),
    )


def _restore_sqlite(copy: Path, database: str) -> None:
    """Write into the file that is there, so that whoever has it open sees the new records."""
    with closing(sqlite3.connect(copy)) as source:
        (verdict,) = source.execute("PRAGMA integrity_check").fetchone()
        if verdict != "ok":
            raise BackupError(f"The backup is damaged: {verdict}")
        with closing(sqlite3.connect(database, timeout=15)) as target:
            source.backup(target)


def _run(program: str, url: URL, *arguments: str) -> None:
    """Run a program of PostgreSQL; the password goes by the environment, where `ps` shows none."""
    path = shutil.which(program) or _newest(program)
    if path is None:
        raise BackupError(
            f"{program} is not installed. It comes with the client of PostgreSQL "
            "(on Debian: apt install postgresql-client)."
        )
    given = {
        "PGHOST": url.host,
        "PGPORT": str(url.port) if url.port else None,
        "PGUSER": url.username,
        "PGPASSWORD": url.password,
        # The copy is of all rows, also for an owner whom the tables show none (AZ-4).
        "PGOPTIONS": f"-c {wall.GRANTS}={wall.EVERYTHING}",
        **{f"PG{name.upper()}": str(value) for name, value in url.query.items()},
    }
    environment = os.environ | {name: value for name, value in given.items() if value}
    command = [path, f"--dbname={url.database}", "--no-password", *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        raise BackupError(f"{program} failed: {done.stderr.strip()}")


def _newest(program: str) -> str | None:
    """Debian keeps the programs of each version in a folder of its own."""
    found = sorted(DEBIAN.glob(f"*/bin/{program}"), key=lambda path: float(path.parts[-3]))
    return str(found[-1]) if found else None
