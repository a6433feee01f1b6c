"""Nothing young goes; what is old goes to a file with its chain, and a link stands for it."""

import json
from datetime import timedelta

import pytest
from sqlalchemy import delete, func, insert, select, text, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from hallpanel.engine import audit, audit_anchor, audit_archive
from hallpanel.engine.audit import AuditContext, Event, Problem, Tampering
from hallpanel.engine.audit_event import ARCHIVE, BOOK, EVENTS
from hallpanel.engine.clock import utc_now
from hallpanel.engine.errors import Refusal
from hallpanel.engine.signing import SigningKey
from hallpanel.engine.store import Base

KEPT = audit.KEPT_DAYS


class AuditedSession(Session):
    """A session with the book under it."""


audit.install(AuditedSession)


@pytest.fixture
def key(tmp_path):
    return SigningKey.of(tmp_path)


@pytest.fixture
def session(empty_engine):
    """A book with five events of 191 days ago, three of 189 days ago, and two of today."""
    Base.metadata.create_all(empty_engine, tables=BOOK)
    with AuditedSession(empty_engine) as session:
        for days, count in ((191, 5), (189, 3), (0, 2)):
            write(session, days, count)
        with audit.context(session, AuditContext(utc_now(), 9, "沈若兰", role="auditor")):
            yield session


def write(session, days, count):
    """Some events of so many days ago, by the clock of the machine, which is the database's."""
    at = utc_now() - timedelta(days=days)
    with audit.context(session, AuditContext(at, 3, "李梅")):
        for turn in range(count):
            audit.record(session, Event("edit", "note", turn, after={"days": days}))
            session.commit()


def archive(session, path, key, *, days=KEPT, later=0):
    at = utc_now() + timedelta(days=later)
    made = audit_archive.archive(session, path, key, at, days)
    session.commit()
    return made


def numbers(session):
    return list(session.scalars(select(EVENTS.c.seq).order_by(EVENTS.c.seq)))


def test_events_go_on_their_day_191_and_stay_on_their_day_189_aud_6(session, tmp_path, key):
    made = archive(session, tmp_path / "old", key)
    assert (made.first_seq, made.last_seq) == (1, 5)
    assert numbers(session) == [6, 7, 8, 9, 10, 11]
    told = session.execute(select(EVENTS).where(EVENTS.c.seq == 11)).one()
    assert (told.action, told.actor_name, told.after["last_seq"]) == ("archive_audit", "沈若兰", 5)


def test_the_rest_verifies_after_an_archive_and_the_archive_by_itself_aud_6(session, tmp_path, key):
    archive(session, tmp_path / "old", key)
    verdict = audit.verify(session)
    assert (verdict.ok, verdict.complete, verdict.checked, verdict.down_to) == (True, True, 6, 6)
    checked = audit_archive.check(tmp_path / "old", key.public)
    assert (checked.ok, checked.archive.count) == (True, 5)
    assert audit_archive.belongs(session, checked.archive)


def test_nothing_is_archived_while_nothing_is_old_enough_aud_6(session, tmp_path, key):
    archive(session, tmp_path / "old", key)
    with pytest.raises(Refusal, match="no event is older than 190 days"):
        archive(session, tmp_path / "more", key)
    with pytest.raises(Refusal, match="no event is older than 190 days"):
        archive(session, tmp_path / "more", key, days=30)
    assert not (tmp_path / "more").exists()


def test_a_longer_time_of_keeping_holds_aud_6(session, tmp_path, key):
    with pytest.raises(Refusal, match="older than 1095 days"):
        archive(session, tmp_path / "old", key, days=1095)


def test_a_clock_put_forward_lets_nothing_young_go_aud_6(session, tmp_path, key):
    """The panel may be told any day; the database has a clock of its own."""
    with pytest.raises(DBAPIError, match="link stands for old events"):
        archive(session, tmp_path / "old", key, later=30)
    session.rollback()
    assert numbers(session) == list(range(1, 11))
    assert not (tmp_path / "old").exists()


@pytest.mark.parametrize(
    "forged",
    [
        {"last_seq": 8},  # three of them are too young
        {"last_seq": 4},  # its digest is not this one
        {"first_seq": 2},
        {"previous_digest": "f" * 64},
        {"digest": "f" * 64},
        {"first_seq": 0},
    ],
)
def test_no_link_is_put_that_does_not_fit_the_chain_aud_6(session, forged):
    digest = session.scalar(select(EVENTS.c.digest).where(EVENTS.c.seq == 5))
    fitting = {"first_seq": 1, "last_seq": 5, "previous_digest": audit.GENESIS, "digest": digest}
    link = fitting | {"file_digest": "", "archived_at": utc_now()} | forged
    with pytest.raises(DBAPIError, match="link stands for old events"):
        session.execute(insert(ARCHIVE).values(link))


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM audit_event WHERE seq > 5",
        "DELETE FROM audit_event",
        "DELETE FROM audit_archive",
        "UPDATE audit_archive SET last_seq = 8",
        "UPDATE audit_event SET at = '2001-01-01 00:00:00'",
    ],
)
def test_a_link_opens_the_book_for_nothing_else_aud_6(session, tmp_path, key, statement):
    archive(session, tmp_path / "old", key)
    with pytest.raises(DBAPIError, match=r"audit events are never|link stands for"):
        session.execute(text(statement))


def test_old_events_do_not_go_without_a_link_aud_6(session):
    with pytest.raises(DBAPIError, match="audit events are never"):
        session.execute(delete(EVENTS).where(EVENTS.c.seq == 1))


def test_a_second_archive_follows_on_the_first_aud_6(session, tmp_path, key):
    """Found by a book whose first events were archived before the next ones came of age."""
    archive(session, tmp_path / "one", key)
    unguard(session)
    old = utc_now() - timedelta(days=200)
    session.execute(update(EVENTS).where(EVENTS.c.seq <= 8).values(at=old))
    rechain(session, 6)
    guard(session)
    made = archive(session, tmp_path / "two", key)
    assert (made.first_seq, made.last_seq) == (6, 8)
    assert audit.verify(session).ok
    one = audit_archive.check(tmp_path / "one", key.public)
    two = audit_archive.check(tmp_path / "two", key.public)
    assert one.ok
    assert two.ok
    assert two.archive.previous_digest == one.archive.digest


def test_an_archive_is_not_made_of_events_that_were_changed_aud_6(session, tmp_path, key):
    unguard(session)
    session.execute(update(EVENTS).where(EVENTS.c.seq == 3).values(reason="forged"))
    guard(session)
    with pytest.raises(Refusal, match="event 3 is not as it was written"):
        archive(session, tmp_path / "old", key)
    assert not (tmp_path / "old").exists()


def test_an_archive_overwrites_no_file_aud_6(session, tmp_path, key):
    (tmp_path / "old").write_text("something else")
    with pytest.raises(Refusal, match="there already"):
        archive(session, tmp_path / "old", key)
    assert (tmp_path / "old").read_text() == "something else"


def test_what_is_changed_in_an_archive_is_named_aud_6(session, tmp_path, key):
    path = tmp_path / "old"
    archive(session, path, key)
    lines = path.read_text(encoding="utf-8").splitlines()

    def found(*changed):
        path.write_text("\n".join(changed) + "\n", encoding="utf-8")
        checked = audit_archive.check(path, key.public)
        assert not checked.signed
        return {(problem.seq, problem.what.value) for problem in checked.problems}

    edited = json.loads(lines[2]) | {"actor_name": "nobody"}
    assert found(*lines[:2], json.dumps(edited), *lines[3:]) == {(3, "edited")}
    assert found(*lines[:1], *lines[2:]) == {(2, "deleted")}
    assert found(*lines[:4], lines[-1]) == {(5, "deleted")}
    stranger = SigningKey.of(tmp_path.joinpath("other").mkdir() or tmp_path / "other")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    assert not audit_archive.check(path, stranger.public).signed


@pytest.mark.parametrize("content", ["", "[]", "{}", "no json", '{"kind": 1}\n[1]'])
def test_what_is_no_archive_is_said_so_aud_6(tmp_path, key, content):
    path = tmp_path / "old"
    path.write_text(content, encoding="utf-8")
    assert audit_archive.check(path, key.public).archive is None
    assert audit_archive.check(tmp_path / "nowhere", key.public).archive is None


def test_a_beginning_that_was_cut_off_is_no_archive_aud_6(session, tmp_path, key):
    """Whoever owns the tables can remove events; what follows names the one that is missing."""
    archive(session, tmp_path / "old", key)
    unguard(session)
    session.execute(delete(EVENTS).where(EVENTS.c.seq == 6))
    assert problems(session) == {(6, "deleted")}
    session.rollback()
    unguard(session)
    session.execute(update(ARCHIVE).values(digest="f" * 64))
    assert problems(session) == {(6, "unlinked")}
    session.rollback()
    unguard(session)
    session.execute(delete(ARCHIVE))
    assert {seq for seq, _what in problems(session)} == {1, 2, 3, 4, 5}


def test_an_anchor_over_archived_events_wants_the_archive_aud_4_aud_6(session, tmp_path, key):
    at_five = session.scalar(select(EVENTS.c.digest).where(EVENTS.c.seq == 5))
    at_four = session.scalar(select(EVENTS.c.digest).where(EVENTS.c.seq == 4))
    archive(session, tmp_path / "old", key)
    checked = audit_archive.check(tmp_path / "old", key.public)

    def compared(seq, digest, old=None):
        return audit_archive.check_anchor(session, {"seq": seq, "digest": digest}, old)

    assert compared(5, at_five) == ()
    assert compared(5, "f" * 64) == (Problem(5, Tampering.REWRITTEN),)
    assert compared(4, at_four) == (Problem(4, Tampering.ARCHIVED),)
    assert compared(4, at_four, checked) == ()
    assert compared(4, "f" * 64, checked) == (Problem(4, Tampering.REWRITTEN),)


def test_anchors_are_left_each_hour_and_know_their_key_aud_4(session, tmp_path, key):
    folder, at = tmp_path / "anchors", utc_now()
    first = audit_anchor.leave_hourly(session, folder, key, at)
    assert audit_anchor.leave_hourly(session, folder, key, at + timedelta(minutes=59)) is None
    second = audit_anchor.leave_hourly(session, folder, key, at + timedelta(minutes=60))
    assert sorted(folder.glob("*.json")) == sorted([first, second])
    anchor = audit_anchor.newest(folder)
    assert anchor["seq"] == session.scalar(select(func.max(EVENTS.c.seq)))
    assert audit_anchor.is_genuine(anchor, key.public)
    for changed in ({"seq": 1}, {"at": "2026-01-01T00:00:00+00:00"}, {"signature": "x"}):
        assert not audit_anchor.is_genuine(anchor | changed, key.public)
    (tmp_path / "other").mkdir()
    stranger = SigningKey.of(tmp_path / "other")
    forged = stranger.signed({k: anchor[k] for k in ("kind", "seq", "digest", "at")})
    assert not audit_anchor.is_genuine(forged, key.public)


def test_an_anchor_that_cannot_be_read_is_passed_over_aud_4(session, tmp_path, key):
    left = audit_anchor.leave(session, tmp_path, key, utc_now())
    (tmp_path / "anchor-99990101T000000Z-1.json").write_text("torn")
    assert audit_anchor.newest(tmp_path) == audit_anchor.read(left)


def problems(session):
    return {(problem.seq, problem.what.value) for problem in audit.verify(session).problems}


def unguard(session):
    for ddl in audit.drop_triggers(session.get_bind().dialect.name):
        session.execute(text(ddl))


def guard(session):
    for ddl in audit.guards(session.get_bind().dialect.name):
        session.connection().exec_driver_sql(ddl)
    session.commit()


def rechain(session, first):
    """Chain the events from one on anew, as their owner could."""
    from hallpanel.engine.audit_event import HEAD, digest_of
    from hallpanel.engine.audit_verify import raw_events

    previous = session.scalar(select(ARCHIVE.c.digest))
    rows = list(raw_events(session, first, 10**6))
    for row in rows:
        row["previous_digest"] = previous
        previous = digest_of(row)
        changed = update(EVENTS).where(EVENTS.c.seq == row["seq"])
        session.execute(changed.values(previous_digest=row["previous_digest"], digest=previous))
    session.execute(update(HEAD).values(digest=previous))
