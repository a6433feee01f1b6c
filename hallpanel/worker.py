"""What time does to the hall, done while nobody presses anything: sweep and deliver each minute.

Several workers may run; the one that holds the lease works, the others stand by and take over.
"""

import logging
import os
import secrets
import socket
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from hallpanel.engine import audit_anchor, lease, outbox, records, store, sweep
from hallpanel.engine.clock import utc_now
from hallpanel.engine.outbox import Channel
from hallpanel.engine.scope import SYSTEM
from hallpanel.engine.signing import SigningKey
from hallpanel.guard import dual_control

LEASE = "worker"
EVERY = timedelta(minutes=1)
HELD_FOR = timedelta(minutes=3)
"""Longer than a round takes, and short enough that nobody waits long for a worker that died."""

log = logging.getLogger(__name__)

OpenSession = Callable[[], AbstractContextManager[Session]]


@dataclass(frozen=True)
class Anchors:
    """Where the head of the audit book is left each hour, and the key that signs it (AUD-4)."""

    folder: Path
    key: SigningKey


class Worker:
    """One process that does a round each minute, if it is its turn."""

    def __init__(
        self,
        open_session: OpenSession,
        channels: Mapping[str, Channel],
        anchors: Anchors | None = None,
    ) -> None:
        self.open_session, self.channels, self.anchors = open_session, channels, anchors
        self.holder = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
        self.at_work = False

    def round(self) -> bool:
        """Sweep and deliver, unless another worker does; whether it was this one's turn."""
        if not self._takes_turn():
            return False
        with self.open_session() as session:
            swept = sweep.run(session, utc_now())
            with records.at_desk(session, SYSTEM, utc_now()):
                dual_control.expire_old(session, utc_now())
                session.commit()
        with self.open_session() as session:
            delivered = outbox.deliver(session, utc_now(), self.channels)
            session.rollback()
            bind = session.get_bind()
        if isinstance(bind, Engine):
            store.fold_log(bind)
        self._anchor()
        log.info(
            "swept: %s transitions, %s warnings, %s reminders, %s chores; sent: %s, failed: %s",
            swept.transitions,
            swept.marks,
            swept.reminders,
            swept.chores,
            delivered.sent,
            delivered.failed,
        )
        return True

    def _anchor(self) -> None:
        """Leave the head of the audit book outside; a folder that is away stops nothing else."""
        if self.anchors is None:
            return
        try:
            with self.open_session() as session:
                audit_anchor.leave_hourly(session, self.anchors.folder, self.anchors.key, utc_now())
        except OSError:
            log.exception("the anchor of the audit could not be left in %s", self.anchors.folder)

    def _takes_turn(self) -> bool:
        with self.open_session() as session:
            holds = lease.claim(session, LEASE, self.holder, utc_now(), HELD_FOR)
            session.commit()
        if holds != self.at_work:
            log.info("this worker %s", "is at work" if holds else "stands by")
        self.at_work = holds
        return holds

    def leave(self) -> None:
        """Let the next worker begin at once."""
        with self.open_session() as session:
            lease.release(session, LEASE, self.holder)
            session.commit()
