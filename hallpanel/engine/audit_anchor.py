"""Anchors: the head of the audit book, signed and kept where the database's owner cannot write.

The worker leaves one each hour, and one is left when the auditor signs out (AUD-4).
"""

import json
import os
import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from hallpanel.engine import audit_verify
from hallpanel.engine.signing import SigningKey, holds

EVERY = timedelta(hours=1)
NAME = "anchor-{:%Y%m%dT%H%M%SZ}-{}.json"
LIKE = "anchor-*.json"
KIND = "hallpanel audit anchor"


def take(session: Session, key: SigningKey, at: datetime) -> dict[str, Any]:
    """The head of the book, signed."""
    head = audit_verify.anchor(session)
    return key.signed({"kind": KIND, **head, "at": at.astimezone(UTC).isoformat()})


def write(path: Path, anchor: Mapping[str, Any]) -> None:
    """Write an anchor whole or not at all."""
    handle, draft = tempfile.mkstemp(dir=path.parent)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(json.dumps(anchor, indent=1) + "\n")
        file.flush()
        os.fsync(file.fileno())
    os.replace(draft, path)


def read(path: Path) -> dict[str, Any] | None:
    """An anchor from its file; None where there is none in it."""
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        seq, at = int(kept["seq"]), datetime.fromisoformat(kept["at"]).isoformat()
        digest = str(kept["digest"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return {**kept, "seq": seq, "digest": digest, "at": at}


def is_genuine(anchor: Mapping[str, Any], public: str) -> bool:
    """Whether an anchor was signed here and says what it said then."""
    return anchor.get("kind") == KIND and holds(anchor, public)


def newest(folder: Path) -> dict[str, Any] | None:
    """The anchor that was left last in a folder."""
    for path in sorted(folder.glob(LIKE), reverse=True):
        anchor = read(path)
        if anchor is not None:
            return anchor
    return None


def leave(session: Session, folder: Path, key: SigningKey, at: datetime) -> Path:
    """Leave an anchor in the folder of the hall's anchors."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    anchor = take(session, key, at)
    path = folder / NAME.format(at.astimezone(UTC), anchor["seq"])
    write(path, anchor)
    return path


def leave_hourly(session: Session, folder: Path, key: SigningKey, at: datetime) -> Path | None:
    """Leave an anchor, unless one was left within the hour."""
    last = newest(folder) if folder.is_dir() else None
    if last is not None and at < datetime.fromisoformat(last["at"]) + EVERY:
        return None
    return leave(session, folder, key, at)
