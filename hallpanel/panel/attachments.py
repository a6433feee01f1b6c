"""Files on a record: kept under opaque names outside the web root, sent back to whoever reads it.

Two files called 报告一.pdf and 报告二.pdf are two files. A name is data; no path is made
of it (pitfall 11).
"""

import os
import secrets
import tempfile
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path, PurePath
from typing import BinaryIO

from flask import Response, abort, current_app, flash, redirect, request, send_file
from sqlalchemy import func, select
from sqlalchemy.exc import DBAPIError
from werkzeug.datastructures import FileStorage
from werkzeug.wrappers import Response as AnyResponse

from hallpanel.engine import comments, records, workflow
from hallpanel.engine.comments import Attachment
from hallpanel.engine.entity import Regulated
from hallpanel.engine.errors import NotAllowed, Refusal
from hallpanel.engine.scope import Actor
from hallpanel.engine.words import _l
from hallpanel.panel.downloads import as_attachment
from hallpanel.panel.extensions import db
from hallpanel.panel.file_types import media_type_of
from hallpanel.panel.language import _, refusal_sentence
from hallpanel.panel.person import request_instant
from hallpanel.panel.showing import record_url

MEGABYTE = 1024 * 1024
LARGEST = 10 * MEGABYTE
MOST_ON_A_RECORD = 50
LONGEST_NAME = 120
FIELD = "files"
"""The field of a record's form that takes files."""
CHUNK = 64 * 1024


@dataclass(frozen=True)
class Kept:
    """A received file in the store, under the name its owner gave it."""

    name: str
    path: Path
    size: int
    digest: str
    media_type: str


def folder() -> Path:
    """Where the files are kept; only the panel's own user enters."""
    path = Path(current_app.config["HALLPANEL_INSTANCE"]) / "attachments"
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


def may_attach(record: Regulated, actor: Actor) -> bool:
    """Whether a person may attach a file.

    Those may who have to do with the record: whom it is about, who may edit it, and whoever has a
    transition on it to make. To a record in a final state nothing is added any more, except where
    its declaration lets it be edited there.
    """
    if records.may_edit(record, actor):
        return True
    if record.workflow is None or record.workflow.final(record.state):
        return False
    return record.concerns(actor) or bool(workflow.offered(record, actor))


def add(record: Regulated, actor: Actor) -> AnyResponse:
    """Keep the posted file on a record, or say in one sentence why not."""
    try:
        _refuse_outsiders(record, actor)
        with received([_posted()]) as files:
            put(record, actor, files)
            db.session.commit()
        flash(_("Attached: %(name)s", name=files[0].name), "success")
    except Refusal as refusal:
        db.session.rollback()
        flash(refusal_sentence(refusal), "danger")
    return redirect(f"{record_url(record.__tablename__, record.id)}#attachments", 303)


@contextmanager
def received(posted: Sequence[FileStorage]) -> Iterator[list[Kept]]:
    """Posted files in the store for a block that notes them; if it fails, none of them stays.

    Raises:
        Refusal: one of them is of a kind that is not taken, or too large; it names the field.
    """
    files: list[Kept] = []
    try:
        for one in posted:
            files.append(_receive(one, several=len(posted) > 1))
        yield files
    except BaseException as error:
        # Of a commit that broke off nobody knows whether it holds: better a file too many.
        if not (isinstance(error, DBAPIError) and error.connection_invalidated):
            discard(files)
        raise


def discard(files: Iterable[Kept]) -> None:
    """Take received files out of the store again: nothing was noted of them."""
    for one in files:
        one.path.unlink(missing_ok=True)


def put(record: Regulated, actor: Actor, files: Sequence[Kept]) -> None:
    """Note received files with a record, in the caller's transaction."""
    if not files:
        return
    _refuse_outsiders(record, actor, len(files))
    for one in files:
        attached = Attachment(
            name=one.name,
            stored_name=one.path.name,
            media_type=one.media_type,
            size=one.size,
            digest=one.digest,
            author_account_id=actor.account_id,
            author=actor.name,
            at=request_instant(),
        )
        comments.attach(db.session(), record, attached)


def send(entity: type[Regulated], attachment_id: int) -> Response:
    """Send a file to whoever reads its record; to anybody else there is no such file."""
    query = select(Attachment).where(
        Attachment.id == records.as_id(attachment_id),
        Attachment.table_name == entity.__tablename__,
    )
    attached = db.session.scalars(query).one_or_none()
    if attached is None or records.find(db.session(), entity, attached.record_id) is None:
        abort(404)
    path = folder() / attached.stored_name
    if not _is_whole(path, attached.digest):
        current_app.logger.error("attachment %s is missing or was altered", attached.id)
        abort(404)
    response = send_file(path, mimetype=attached.media_type, etag=attached.digest, max_age=0)
    response.headers["Content-Disposition"] = as_attachment(
        attached.name, f"{entity.__tablename__}-{attached.id}{PurePath(attached.name).suffix}"
    )
    return response


def clean_name(name: str | None) -> str:
    """A file's own name: no path, nothing invisible, not too long; never used to find it again."""
    last = (name or "").replace("\\", "/").rpartition("/")[2]
    visible = "".join(c for c in last if unicodedata.category(c)[0] != "C").strip(" .")
    ending = PurePath(visible).suffix[:10]
    stem = visible.removesuffix(ending)[: LONGEST_NAME - len(ending)]
    return f"{stem}{ending}" if stem else f"file{ending}"


def _posted() -> FileStorage:
    posted = request.files.get("file")
    if posted is None or not posted.filename:
        raise Refusal(_l("no file was chosen"))
    return posted


def _refuse_outsiders(record: Regulated, actor: Actor, more: int = 1) -> None:
    if not may_attach(record, actor):
        raise NotAllowed(
            _l("files are attached while a record is under way, by those who have to do with it"),
            record.clause,
        )
    query = select(func.count(Attachment.id)).where(
        Attachment.table_name == record.__tablename__, Attachment.record_id == record.id
    )
    if (db.session.scalar(query) or 0) + more > MOST_ON_A_RECORD:
        why = _l("a record takes at most %(most)s files", most=MOST_ON_A_RECORD)
        raise Refusal(why, field=FIELD)


def _receive(posted: FileStorage, *, several: bool) -> Kept:
    """Keep one file; a refusal says which of several it is about."""
    name = clean_name(posted.filename)
    try:
        return _stored(posted, name)
    except Refusal as refusal:
        refusal.field = FIELD
        if several:
            refusal.why = _l("%(name)s: %(why)s", name=name, why=refusal.why)
        raise


def _stored(posted: FileStorage, name: str) -> Kept:
    """Write the file beside its place, look into it, and move it there whole."""
    handle, draft = tempfile.mkstemp(dir=folder(), prefix="draft-")
    try:
        with os.fdopen(handle, "w+b") as file:
            size, digest = _copy(posted, file)
            media_type = media_type_of(name, file)
            file.flush()
            os.fsync(file.fileno())
        path = folder() / secrets.token_hex(16)
        os.replace(draft, path)
    except OSError as error:
        current_app.logger.exception("an attachment could not be stored")
        raise Refusal(_l("the file could not be stored; nothing was saved")) from error
    finally:
        Path(draft).unlink(missing_ok=True)
    return Kept(name, path, size, digest, media_type)


def _copy(posted: FileStorage, file: BinaryIO) -> tuple[int, str]:
    size, digest = 0, sha256()
    while chunk := posted.stream.read(CHUNK):
        size += len(chunk)
        if size > LARGEST:
            raise Refusal(_l("the file is larger than %(most)s MB", most=LARGEST // MEGABYTE))
        digest.update(chunk)
        file.write(chunk)
    return size, digest.hexdigest()


def _is_whole(path: Path, digest: str) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as file:
        found = sha256()
        while chunk := file.read(CHUNK):
            found.update(chunk)
    return found.hexdigest() == digest
