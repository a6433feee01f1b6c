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

from hallpanel.engine.audit_event import ARCHIVE, EVENTS, GENESIS, HEAD, digest_of, instant_text
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
    UNLINKED = "unlinked"
    ARCHIVED = "archived"


SENTENCES: Mapping[Tampering, Phrase] = {
    Tampering.EDITED: _l("Event %(seq)s was edited"),
    Tampering.DELETED: _l("Event %(seq)s was deleted"),
    Tampering.INSERTED: _l("Event %(seq)s was inserted afterwards"),
    Tampering.REORDERED: _l("Event %(seq)s stands in another event's place"),
    Tampering.REWRITTEN: _l("The events up to %(seq)s were written anew"),
    Tampering.HEADLESS: _l("The head of the audit is missing"),
    Tampering.UNLINKED: _l("Event %(seq)s does not follow on what was archived before it"),
    Tampering.ARCHIVED: _l(
        "The anchor covers event %(seq)s, which was archived: the archive has to be shown with it"
    ),
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
    """What the check found; `complete` is False where it stopped before the first event.

    It then says everything about the events from `down_to` on, and nothing about those before.
    """

    checked: int
    problems: tuple[Problem, ...]
    complete: bool = True
    down_to: int = 1

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
    surplus: set[int] = field(default_factory=set)
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


def verify(session: Session, *, below: int | None = None, most: int | None = None) -> Verdict:
    """Check every event against its digest and its place, and the whole chain against its head.

    `most` stops after so many events, and `below` goes on from there: under the event that was
    the last of the check before, whose vouching for the one before it still stands.
    """
    top = session.scalar(select(func.max(EVENTS.c.seq))) or 0
    # Read after the newest event: a head that is behind it then is behind because of tampering.
    head = session.execute(select(HEAD.c.seq, HEAD.c.digest)).one_or_none()
    if head is None:
        return Verdict(0, (Problem(0, Tampering.HEADLESS),), complete=False)
    walk = _Walk(head.seq, head.seq, head.digest)
    if below is not None and below <= head.seq:
        before = select(EVENTS.c.previous_digest).where(EVENTS.c.seq == below)
        walk.position, walk.vouched, top = below - 1, session.scalar(before), below - 1
    floor = floor_of(session)
    for row in _backwards(session, max(top, walk.position)):
        if row.seq <= floor.seq:
            walk.strays[row.seq] = _Page(row.seq, row.digest, row.previous_digest)
            walk.surplus.add(row.seq)
            continue
        walk.read(row)
        if walk.full or (most is not None and walk.checked >= most and row.seq > floor.seq + 1):
            problems = tuple(sorted(_named(walk)))
            return Verdict(walk.checked, problems, complete=False, down_to=row.seq)
    walk.skip_to(floor.seq)
    problems = (*_named(walk), *_unlinked(walk, floor))
    complete = not walk.full
    return Verdict(walk.checked, tuple(sorted(problems)), complete, down_to=floor.seq + 1)


@dataclass(frozen=True)
class Floor:
    """What the first event of the book follows on: nothing, or the last one that was archived."""

    seq: int
    digest: str


def floor_of(session: Session) -> Floor:
    """Where the book begins: what was archived before is no longer in it."""
    last = select(ARCHIVE.c.last_seq, ARCHIVE.c.digest).order_by(ARCHIVE.c.last_seq.desc()).limit(1)
    link = session.execute(last).one_or_none()
    return Floor(0, GENESIS) if link is None else Floor(link.last_seq, link.digest)


def _unlinked(walk: _Walk, floor: Floor) -> Iterator[Problem]:
    """The first event must name the digest of the one before it, be it in an archive."""
    first = floor.seq + 1
    if walk.vouched is not None and walk.vouched != floor.digest and first not in walk.edited:
        yield Problem(first, Tampering.UNLINKED)


def anchor(session: Session) -> dict[str, Any]:
    """The head of the chain, to be kept where nobody who can write the database can write."""
    head = session.execute(select(HEAD.c.seq, HEAD.c.digest)).one()
    return {"seq": head.seq, "digest": head.digest}


def check_anchor(session: Session, kept: Mapping[str, Any]) -> tuple[Problem, ...]:
    """Compare the chain with an anchor taken earlier: what it covered must still be there."""
    seq, digest = int(kept["seq"]), str(kept["digest"])
    if seq == 0:
        return ()
    floor = floor_of(session)
    if seq == floor.seq:
        return () if digest == floor.digest else (Problem(seq, Tampering.REWRITTEN),)
    if seq < floor.seq:
        return (Problem(seq, Tampering.ARCHIVED),)
    present = session.scalar(select(EVENTS.c.digest).where(EVENTS.c.seq == seq))
    if present is not None:
        return () if present == digest else (Problem(seq, Tampering.REWRITTEN),)
    last = session.scalar(select(func.max(EVENTS.c.seq)).where(EVENTS.c.seq < seq)) or 0
    cut = range(max(last, seq - MOST_TROUBLES) + 1, seq + 1)
    return tuple(Problem(missing, Tampering.DELETED) for missing in cut)


# Texts are taken as they are stored, since they may no longer be valid.
RAW = [
    type_coerce(column, String()).label(column.name)
    if column.name in ("at", "before", "after")
    else column
    for column in EVENTS.columns
]


def _backwards(session: Session, top: int) -> Iterator[Row[Any]]:
    """The events from `top` down, some at a time."""
    below = top + 1
    while True:
        query = select(*RAW).where(EVENTS.c.seq < below).order_by(EVENTS.c.seq.desc()).limit(BATCH)
        rows = session.execute(query).all()
        yield from rows
        if len(rows) < BATCH:
            return
        below = rows[-1].seq


def raw_events(session: Session, first: int, last: int) -> Iterator[dict[str, Any]]:
    """Some events as they are stored, oldest first; instants in one spelling."""
    while first <= last:
        within = EVENTS.c.seq.between(first, last)
        rows = session.execute(select(*RAW).where(within).order_by(EVENTS.c.seq).limit(BATCH)).all()
        if not rows:
            return
        for row in rows:
            yield row._asdict() | {"at": instant_text(row.at)}
        first = rows[-1].seq + 1


def _named(walk: _Walk) -> Iterator[Problem]:
    """Say what became of each event: what vouches for a moved one tells where it belongs."""
    found, disproved = _moved(walk)
    moved = set(found.values())
    vacated = {seq for seq in moved if seq <= walk.head}
    yield from _all(walk.edited | disproved, Tampering.EDITED)
    yield from _all(moved, Tampering.REORDERED)
    yield from _all((walk.missing | vacated) - found.keys(), Tampering.DELETED)
    for seq in walk.strays.keys() - moved:
        forged = seq > walk.head or seq in found or seq in walk.surplus
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
