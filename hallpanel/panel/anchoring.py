"""Anchors of the audit book as the panel leaves and reads them (AUD-4)."""

from pathlib import Path
from typing import Any

from flask import current_app

from hallpanel.engine import audit_anchor
from hallpanel.engine.roles import Role
from hallpanel.engine.scope import Actor
from hallpanel.engine.signing import SigningKey
from hallpanel.panel.extensions import db
from hallpanel.panel.person import request_instant


def leave_anchor(actor: Actor) -> None:
    """Leave the head of the book outside when the auditor goes; a lost folder keeps nobody in."""
    if Role.AUDITOR not in actor.roles:
        return
    try:
        audit_anchor.leave(db.session(), folder(), key(), request_instant())
    except OSError:
        current_app.logger.exception("the anchor of the audit could not be left in %s", folder())


def newest() -> dict[str, Any] | None:
    """The anchor that was left last, if it is one of ours."""
    found = audit_anchor.newest(folder()) if folder().is_dir() else None
    return found if found and audit_anchor.is_genuine(found, key().public) else None


def key() -> SigningKey:
    """The key with which this installation signs."""
    return SigningKey.of(Path(current_app.config["HALLPANEL_INSTANCE"]))


def folder() -> Path:
    """Where anchors are left."""
    return Path(current_app.config["HALLPANEL_ANCHOR_FOLDER"])
