"""The auditor's question: is every event as it was written? Asked of the chain, and of an anchor.

The chain is read backwards from its head: each event that is as it was vouches for the one before.
A chain alone does not show that its tail was cut together with its head, or that all of it was
written anew; an anchor kept outside the database does.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from sqlalchemy import Row, String, func, select, type_coerce
from sqlalchemy.orm import Session

from hallpanel.engine.audit_event import ALGORITHM, EVENTS, HEAD, digest_of
from hallpanel.engine.words import Phrase, _l

BATCH = 1000
MOST_TROUBLES = 10_000


class Tampering(StrEnum):
    """What was done to the book behind the panel's back."""

    EDITED = "edited"
    DELETED = "deleted"
    INSERTED = "inserted"
    REORDERED = "reordered"
    REWRITTEN = "rewritten"
    HEADLESS = "headless"


SENTENCES: Mapping[Tampering, Phrase] = {
    Tampering.EDITED: _l("Event %(seq)s was edited"),
    Tampering.DELETED: _l("Event %(seq)s was deleted"),
    Tampering.INSERTED: _l("Event %(seq)s was inserted afterwards"),
    Tampering.REORDERED: _l("Event %(seq)s stands in another event's place"),
    Tampering.REWRITTEN: _l("The events up to %(seq)s were written anew"),
    Tampering.HEADLESS: _l("The head of the audit is missing"),
}


@dataclass(frozen=True, order=True)
class Problem:
    """One place where the book is not as it was written."""

    seq: int
    what: Tampering

    @property
    def sentence(self) -> Phrase:
        """The problem in words."""
        return Phrase(SENTENCES[self.what].msgid, seq=self.seq)


@dataclass(frozen=True)
class Verdict:
    """What the check found; `complete` is False where it stopped at too many problems."""

    checked: int
    problems: tuple[Problem, ...]
    complete: bool = True

    @property
    def ok(self) -> bool:
        """Whether the whole book is as it was written."""
        return not self.problems


@dataclass(frozen=True)
class _Page:
    """What the resolution needs of an event that is not, or may not be, where it belongs."""

    seq: int
    digest: str
    previous: str


@dataclass
class _Walk:
    """Goes from the head to the first event and notes each place where the chain does not hold.

    `vouched` is the digest that the event at `position` must have; None after a break. A voucher
    from an edited event is `doubtful`: it may itself be what was edited.
    """

    head: int
    position: int
    vouched: str | None
    doubtful: bool = False
    checked: int = 0
    edited: set[int] = field(default_factory=set)
    missing: set[int] = field(default_factory=set)
    strays: dict[int, _Page] = field(default_factory=dict)
    unvouched: dict[int, _Page] = field(default_factory=dict)
    wanted: dict[int, str] = field(default_factory=dict)

    @property
    def full(self) -> bool:
        """Whether there is more trouble than is worth naming."""
        return len(self.edited) + len(self.missing) + len(self.strays) >= MOST_TROUBLES

    def read(self, row: Row[Any]) -> None:
        """Judge the next event, from the newest back."""
        self.checked += 1
        page = _Page(row.seq, row.digest, row.previous_digest)
        if page.seq > self.head:
            self.strays[page.seq] = page
            return
        self.skip_to(page.seq)
        self._judge(page, sound=digest_of(row._asdict()) == page.digest)
        self.position -= 1

    def skip_to(self, seq: int) -> None:
        """Note the places between here and an event as empty."""
        if self.position > seq:
            self._want(self.position)
            self.missing.update(range(self.position, max(seq, self.position - MOST_TROUBLES), -1))
            self.vouched, self.doubtful, self.position = None, False, seq

    def _judge(self, page: _Page, *, sound: bool) -> None:
        as_vouched = page.digest == self.vouched
        if sound and (as_vouched or self.vouched is None or self.doubtful):
            if not as_vouched:
                self.unvouched[page.seq] = page
            self.vouched, self.doubtful = page.previous, False
        elif as_vouched:
            self.edited.add(page.seq)
            self.vouched, self.doubtful = page.previous, True
        else:
            self._want(page.seq)
            self.strays[page.seq] = page
            self.vouched, self.doubtful = None, False

    def _want(self, position: int) -> None:
        if self.vouched is not None:
            self.wanted[position] = self.vouched


def verify(session: Session) -> Verdict:
    """Check every event against its digest and its place, and the whole chain against its head."""
    top = session.scalar(select(func.max(EVENTS.c.seq))) or 0
    # Read after the newest event: a head that is behind it then is behind because of tampering.
    head = session.execute(select(HEAD.c.seq, HEAD.c.digest)).one_or_none()
    if head is None:
        return Verdict(0, (Problem(0, Tampering.HEADLESS),), complete=False)
    walk = _Walk(head.seq, head.seq, head.digest)
    for row in _backwards(session, max(top, head.seq)):
        walk.read(row)
        if walk.full:
            return Verdict(walk.checked, tuple(sorted(_named(walk))), complete=False)
    walk.skip_to(0)
    return Verdict(walk.checked, tuple(sorted(_named(walk))), complete=not walk.full)


def anchor(session: Session) -> dict[str, Any]:
    """The head of the chain, to be kept where nobody who can write the database can write."""
    head = session.execute(select(HEAD.c.seq, HEAD.c.digest)).one()
    return {"seq": head.seq, "digest": head.digest, "algorithm": ALGORITHM}


def check_anchor(session: Session, kept: Mapping[str, Any]) -> tuple[Problem, ...]:
    """Compare the chain with an anchor taken earlier: what it covered must still be there."""
    seq, digest = int(kept["seq"]), str(kept["digest"])
    if seq == 0:
        return ()
    present = session.scalar(select(EVENTS.c.digest).where(EVENTS.c.seq == seq))
    if present is not None:
        return () if present == digest else (Problem(seq, Tampering.REWRITTEN),)
    last = session.scalar(select(func.max(EVENTS.c.seq)).where(EVENTS.c.seq < seq)) or 0
    cut = range(max(last, seq - MOST_TROUBLES) + 1, seq + 1)
    return tuple(Problem(missing, Tampering.DELETED) for missing in cut)


def _backwards(session: Session, top: int) -> Iterator[Row[Any]]:
    """The events from `top` down, some at a time; texts raw, since they may no longer be valid."""
    raw = [
        type_coerce(column, String()).label(column.name)
        if column.name in ("at", "before", "after")
        else column
        for column in EVENTS.columns
    ]
    below = top + 1
    while True:
        query = select(*raw).where(EVENTS.c.seq < below).order_by(EVENTS.c.seq.desc()).limit(BATCH)
        rows = session.execute(query).all()
        yield from rows
        if len(rows) < BATCH:
            return
        below = rows[-1].seq


def _named(walk: _Walk) -> Iterator[Problem]:
    """Say what became of each event: what vouches for a moved one tells where it belongs."""
    found, disproved = _moved(walk)
    moved = set(found.values())
    vacated = {seq for seq in moved if seq <= walk.head}
    yield from _all(walk.edited | disproved, Tampering.EDITED)
    yield from _all(moved, Tampering.REORDERED)
    yield from _all((walk.missing | vacated) - found.keys(), Tampering.DELETED)
    for seq in walk.strays.keys() - moved:
        forged = seq > walk.head or seq in found
        yield Problem(seq, Tampering.INSERTED if forged else Tampering.EDITED)
    yield from _all(walk.unvouched.keys() & found.keys(), Tampering.INSERTED)


def _all(places: Iterable[int], what: Tampering) -> Iterator[Problem]:
    return (Problem(seq, what) for seq in places)


def _moved(walk: _Walk) -> tuple[dict[int, int], set[int]]:
    """Where each moved event belongs and stands; and the places that hold another event instead."""
    by_digest = {page.digest: page for page in walk.strays.values()}
    found: dict[int, int] = {}
    disproved: set[int] = set()
    for position, digest in walk.wanted.items():
        while (page := by_digest.pop(digest, None)) is not None:
            found[position] = page.seq
            position, digest = position - 1, page.previous
        present = walk.unvouched.get(position)
        if present is not None and present.digest != digest:
            disproved.add(position)
    return found, disproved
