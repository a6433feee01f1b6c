"""Old events, moved to a file with their chain; a link in the book stands for them (AUD-6).

Nothing younger than the time of keeping goes. The database holds to that by itself: its triggers
let an event go only when it is old by the database's clock and a link that fits the chain was put.
The file verifies on its own: each event vouches for the one before, and the whole is signed.
"""

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import delete, func, insert, select
from sqlalchemy.orm import Session

from hallpanel.engine import audit
from hallpanel.engine.audit_event import ARCHIVE, EVENTS, digest_of
from hallpanel.engine.audit_verify import Problem, Tampering, floor_of, raw_events
from hallpanel.engine.errors import Refusal
from hallpanel.engine.signing import SigningKey, holds
from hallpanel.engine.store import canonical_json
from hallpanel.engine.words import _l

KIND = "hallpanel audit archive"


@dataclass(frozen=True)
class Archive:
    """What a file of old events says of itself."""

    first_seq: int
    last_seq: int
    previous_digest: str
    digest: str
    file_digest: str

    @property
    def count(self) -> int:
        """How many events it holds."""
        return self.last_seq - self.first_seq + 1


@dataclass(frozen=True)
class Checked:
    """What the check of a file found; `archive` is None where it is none."""

    archive: Archive | None
    problems: tuple[Problem, ...] = ()
    signed: bool = True
    digests: Mapping[int, str] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Whether the file is an archive as it was written."""
        return self.archive is not None and self.signed and not self.problems


def last_to_go(session: Session, at: datetime, days: int) -> int:
    """The newest event that may go: it and all before it are older than the days of keeping."""
    floor = floor_of(session).seq
    limit = at - timedelta(days=max(days, audit.KEPT_DAYS))
    behind = EVENTS.c.seq > floor
    young = session.scalar(select(func.min(EVENTS.c.seq)).where(behind, EVENTS.c.at >= limit))
    if young is not None:
        return int(young) - 1
    newest: int | None = session.scalar(select(func.max(EVENTS.c.seq)).where(behind))
    return floor if newest is None else newest


def archive(session: Session, path: Path, key: SigningKey, at: datetime, days: int) -> Archive:
    """Move the events that are old enough to a new file; the caller commits.

    Raises:
        Refusal: no event is old enough, one is not as it was written, or the file is there.
    """
    floor, last = floor_of(session), last_to_go(session, at, days)
    if last <= floor.seq:
        raise Refusal(_l("no event is older than %(days)s days", days=max(days, audit.KEPT_DAYS)))
    made = _write(session, path, key, at, (floor.seq + 1, last), floor.digest)
    try:
        facts = {name: getattr(made, name) for name in Archive.__dataclass_fields__}
        session.execute(insert(ARCHIVE).values(facts | {"archived_at": at}))
        gone = EVENTS.c.seq.between(made.first_seq, made.last_seq)
        session.execute(delete(EVENTS).where(gone))
        audit.record(session, audit.Event("archive_audit", "audit_event", after=facts))
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return made


def _write(
    session: Session,
    path: Path,
    key: SigningKey,
    at: datetime,
    places: tuple[int, int],
    previous: str,
) -> Archive:
    first, last = places
    hashed = hashlib.sha256()
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise Refusal(_l("the file is there already"), then=_l("Name a new file.")) from None
    try:
        with os.fdopen(handle, "wb") as file:
            digest = previous
            for place, row in enumerate(raw_events(session, first, last), first):
                if (row["seq"], row["previous_digest"]) != (place, digest) or digest_of(row) != row[
                    "digest"
                ]:
                    raise Refusal(
                        _l("event %(seq)s is not as it was written", seq=place),
                        then=_l("Verify the audit first."),
                    )
                line = canonical_json(row).encode() + b"\n"
                hashed.update(line)
                file.write(line)
                digest = row["digest"]
            made = Archive(first, last, previous, digest, hashed.hexdigest())
            note = {"kind": KIND, **vars(made), "at": at.astimezone(UTC).isoformat()}
            file.write(canonical_json(key.signed(note)).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return made


def check(path: Path, public: str) -> Checked:
    """Check an archive by itself: its events, their chain, and the signature under them."""
    lines = _lines(path)
    if not lines or lines[-1].get("kind") != KIND:
        return Checked(None)
    *rows, note = lines
    try:
        archive_ = Archive(**{name: note[name] for name in Archive.__dataclass_fields__})
    except KeyError:
        return Checked(None)
    hashed = hashlib.sha256()
    for row in rows:
        hashed.update(canonical_json(row).encode() + b"\n")
    signed = holds(note, public) and hashed.hexdigest() == archive_.file_digest
    digests = {_seq(row): str(row.get("digest")) for row in rows}
    return Checked(archive_, tuple(_problems(archive_, rows)), signed, digests)


def _problems(archive_: Archive, rows: list[dict[str, Any]]) -> Iterator[Problem]:
    by_seq = {_seq(row): row for row in rows}
    previous = archive_.previous_digest
    for place in range(archive_.first_seq, archive_.last_seq + 1):
        row = by_seq.pop(place, None)
        if row is None:
            yield Problem(place, Tampering.DELETED)
            previous = ""
            continue
        if _digest(row) != row.get("digest") or previous not in ("", row["previous_digest"]):
            yield Problem(place, Tampering.EDITED)
        previous = row["digest"]
    if previous not in ("", archive_.digest):
        yield Problem(archive_.last_seq, Tampering.EDITED)
    for seq in by_seq:
        yield Problem(seq, Tampering.INSERTED)


def _seq(row: Mapping[str, Any]) -> int:
    found = row.get("seq")
    return found if isinstance(found, int) else 0


def _digest(row: Mapping[str, Any]) -> str:
    try:
        return digest_of(row)
    except KeyError:
        return ""


def _lines(path: Path) -> list[dict[str, Any]]:
    try:
        lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    except (OSError, ValueError):
        return []
    return lines if all(isinstance(line, dict) for line in lines) else []


def check_anchor(
    session: Session, kept: Mapping[str, Any], old: Checked | None = None
) -> tuple[Problem, ...]:
    """Compare the book, and the archive that goes with it, with an anchor taken earlier."""
    found = audit.check_anchor(session, kept)
    seq = int(kept["seq"])
    archived = (Problem(seq, Tampering.ARCHIVED),)
    if found != archived or old is None or seq not in old.digests:
        return found
    return () if old.digests[seq] == kept["digest"] else (Problem(seq, Tampering.REWRITTEN),)


def belongs(session: Session, archive_: Archive) -> bool:
    """Whether the book has a link that stands for just this archive."""
    link = session.execute(
        select(ARCHIVE).where(ARCHIVE.c.last_seq == archive_.last_seq)
    ).one_or_none()
    if link is None:
        return False
    return all(getattr(link, name) == value for name, value in vars(archive_).items())
