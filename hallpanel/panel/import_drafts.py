"""The file of an import between its dry run and its confirmation: one for each person and table.

It lies in the instance folder under a name that only the panel can work out, so that no form
needs to carry one and nobody can confirm another person's file.
"""

import hmac
import json
import os
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from flask import current_app
from werkzeug.datastructures import FileStorage

from hallpanel.engine.errors import Refusal
from hallpanel.engine.words import _l

MEGABYTE = 1024 * 1024
LARGEST = 10 * MEGABYTE
CHUNK = 64 * 1024
KEPT_SECONDS = 24 * 3600


@dataclass(frozen=True)
class Draft:
    """A kept file with what is known of it."""

    path: Path
    name: str
    digest: str
    mapping: Mapping[str, str] | None = None


def keep(account_id: int, table: str, posted: FileStorage) -> Draft:
    """Keep an uploaded file in the place of the one before.

    Raises:
        Refusal: it is too large.
    """
    folder = _folder()
    _clear_old(folder)
    handle, draft = tempfile.mkstemp(dir=folder, prefix="draft-")
    try:
        with os.fdopen(handle, "wb") as file:
            digest = _copy(posted, file)
        path = _place(account_id, table)
        os.replace(draft, path)
    finally:
        Path(draft).unlink(missing_ok=True)
    kept = Draft(path, (posted.filename or "")[-200:], digest)
    _note(kept)
    return kept


def find(account_id: int, table: str) -> Draft | None:
    """The file that a person uploaded last for a table, if it is still kept."""
    path = _place(account_id, table)
    try:
        known = json.loads(_notes(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    return Draft(path, **known) if path.exists() else None


def map_columns(draft: Draft, mapping: Mapping[str, str]) -> Draft:
    """Keep what a person said of the columns, by their place in the file."""
    mapped = Draft(draft.path, draft.name, draft.digest, dict(mapping))
    _note(mapped)
    return mapped


def drop(draft: Draft) -> None:
    """Forget a file."""
    draft.path.unlink(missing_ok=True)
    _notes(draft.path).unlink(missing_ok=True)


def _folder() -> Path:
    path = Path(current_app.config["HALLPANEL_INSTANCE"]) / "imports"
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


def _place(account_id: int, table: str) -> Path:
    key = str(current_app.config["SECRET_KEY"]).encode()
    name = hmac.new(key, f"import {account_id} {table}".encode(), sha256).hexdigest()
    return _folder() / name


def _notes(path: Path) -> Path:
    return path.with_suffix(".json")


def _note(draft: Draft) -> None:
    known: dict[str, Any] = {
        "name": draft.name,
        "digest": draft.digest,
        "mapping": draft.mapping,
    }
    notes = _notes(draft.path)
    handle, new = tempfile.mkstemp(dir=notes.parent, prefix="draft-")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        json.dump(known, file, ensure_ascii=False)
    os.replace(new, notes)


def _copy(posted: FileStorage, file: Any) -> str:
    size, digest = 0, sha256()
    while chunk := posted.stream.read(CHUNK):
        size += len(chunk)
        if size > LARGEST:
            raise Refusal(_l("the file is larger than %(most)s MB", most=LARGEST // MEGABYTE))
        digest.update(chunk)
        file.write(chunk)
    return digest.hexdigest()


def _clear_old(folder: Path) -> None:
    oldest = time.time() - KEPT_SECONDS
    for path in folder.iterdir():
        if path.stat().st_mtime < oldest:
            path.unlink(missing_ok=True)
