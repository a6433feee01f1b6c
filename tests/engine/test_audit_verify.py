"""Whoever changes the book behind the panel's back is found, and the event is named."""

import random
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import String, func, insert, select, text, type_coerce, update
from sqlalchemy.orm import Session

from hallpanel.engine import audit, audit_verify
from hallpanel.engine.audit import AuditContext, Event, Problem, Tampering
from hallpanel.engine.audit_event import ALGORITHMS, BOOK, EVENTS, HASHED, HEAD, digest_of
from hallpanel.engine.store import Base

NOON = datetime(2026, 5, 11, 4, tzinfo=UTC)
LAST = 30
MUTATIONS = 200


class AuditedSession(Session):
    """A session with the book under it."""


audit.install(AuditedSession)


@pytest.fixture
def session(empty_engine, monkeypatch):
    """A book of thirty events, in the hands of an owner who took its guards away."""
    monkeypatch.setattr(audit_verify, "BATCH", 7)
    Base.metadata.create_all(empty_engine, tables=BOOK)
    with AuditedSession(empty_engine) as session:
        for turn in range(LAST):
            at = NOON + timedelta(minutes=turn)
            with audit.context(session, AuditContext(at, turn % 3, f"员工{turn}", role="lead")):
                facts = {"state": "draft", "turn": turn}
                audit.record(session, Event("edit", "note", turn, before=facts, after=facts))
                session.commit()
        for ddl in audit.drop_triggers(empty_engine.dialect.name):
            session.execute(text(ddl))
        session.commit()
        yield session


def problems(session):
    return {(problem.seq, problem.what.value) for problem in audit.verify(session).problems}


def change(session, seq, /, **values):
    session.execute(update(EVENTS).where(EVENTS.c.seq == seq).values(values))


def renumber(session, seq, new):
    change(session, seq, seq=new)


def raw_row(session, seq):
    raw = [
        type_coerce(c, String()).label(c.name) if c.name in ("at", "before", "after") else c
        for c in EVENTS.columns
    ]
    return session.execute(select(*raw).where(EVENTS.c.seq == seq)).one()._asdict()


def rehash(session, seq):
    """What a forger does who knows how the digest is made."""
    change(session, seq, digest=digest_of(raw_row(session, seq)))


def forge(session, seq, *, knowing):
    row = session.execute(select(EVENTS).where(EVENTS.c.seq == 1)).one()._asdict()
    previous = session.scalar(select(EVENTS.c.digest).where(EVENTS.c.seq == seq - 1))
    forged = row | {"seq": seq, "actor_name": "伪造", "previous_digest": previous or audit.GENESIS}
    session.execute(insert(EVENTS).values(forged | {"digest": "f" * 64}))
    if knowing:
        rehash(session, seq)


def edit(session, chance):
    seq = chance.randint(1, LAST)
    column = chance.choice([c for c in HASHED if c not in ("seq", "algorithm")])
    match column:
        case "at":
            value = NOON - timedelta(days=chance.randint(1, 9))
        case "unit_id" | "actor_account_id":
            value = chance.randint(100, 200)
        case "before" | "after":
            value = chance.choice([None, {"state": "approved"}])
        case _:
            value = f"forged {chance.random()}"
    change(session, seq, **{column: value})
    return {(seq, "edited")}


def edit_and_rehash(session, chance):
    seq = chance.randint(1, LAST)
    change(session, seq, reason=f"forged {chance.random()}")
    rehash(session, seq)
    return {(seq, "edited")}


def edit_digest(session, chance):
    seq = chance.randint(1, LAST)
    change(session, seq, digest=f"{chance.getrandbits(256):064x}")
    return {(seq, "edited")}


def delete(session, chance):
    gone = chance.sample(range(1, LAST + 1), chance.randint(1, 4))
    session.execute(EVENTS.delete().where(EVENTS.c.seq.in_(gone)))
    return {(seq, "deleted") for seq in gone}


def delete_and_close_the_gap(session, chance):
    seq = chance.randint(1, LAST - 1)
    session.execute(EVENTS.delete().where(EVENTS.c.seq == seq))
    for later in range(seq + 1, LAST + 1):
        renumber(session, later, later - 1)
    return {(seq, "deleted")} | {(moved, "reordered") for moved in range(seq, LAST)}


def insert_at_the_end(session, chance):
    forge(session, LAST + 1, knowing=chance.random() < 0.5)
    return {(LAST + 1, "inserted")}


def insert_between(session, chance):
    seq = chance.randint(1, LAST)
    for later in range(LAST, seq - 1, -1):
        renumber(session, later, later + 1)
    forge(session, seq, knowing=chance.random() < 0.5)
    return {(seq, "inserted")} | {(moved, "reordered") for moved in range(seq + 1, LAST + 2)}


def swap(session, chance):
    one, other = chance.sample(range(1, LAST + 1), 2)
    renumber(session, one, 1000)
    renumber(session, other, one)
    renumber(session, 1000, other)
    return {(one, "reordered"), (other, "reordered")}


MUTATE = (
    edit,
    edit_and_rehash,
    edit_digest,
    delete,
    delete_and_close_the_gap,
    insert_at_the_end,
    insert_between,
    swap,
)


def test_two_hundred_random_changes_are_all_found_and_named_aud_3(session):
    chance = random.Random(20260511)
    for turn in range(MUTATIONS):
        mutate = MUTATE[turn % len(MUTATE)]
        expected = mutate(session, chance)
        found = problems(session)
        assert found == expected, (turn, mutate.__name__)
        session.rollback()
    assert audit.verify(session).ok


def test_two_changes_at_once_are_both_named(session):
    change(session, 12, reason="forged")
    renumber(session, 10, 1000)
    renumber(session, 11, 10)
    renumber(session, 1000, 11)
    session.execute(EVENTS.delete().where(EVENTS.c.seq == 20))
    expected = {(12, "edited"), (10, "reordered"), (11, "reordered"), (20, "deleted")}
    assert problems(session) == expected


def test_a_book_that_is_as_it_was_written_passes(session):
    verdict = audit.verify(session)
    assert (verdict.ok, verdict.complete, verdict.checked) == (True, True, LAST)


def test_an_empty_book_passes(empty_engine):
    Base.metadata.create_all(empty_engine, tables=BOOK)
    with AuditedSession(empty_engine) as session:
        assert audit.verify(session).ok
        assert audit.check_anchor(session, audit.anchor(session)) == ()


def test_a_page_that_can_no_longer_be_read_is_named(session):
    session.execute(text("UPDATE audit_event SET before = 'not json' WHERE seq = 4"))
    session.execute(text("UPDATE audit_event SET algorithm = 'none' WHERE seq = 9"))
    if session.get_bind().dialect.name == "sqlite":
        session.execute(text("UPDATE audit_event SET at = 'yesterday' WHERE seq = 6"))
    else:
        change(session, 6, at=NOON)
    assert problems(session) == {(4, "edited"), (6, "edited"), (9, "edited")}


def test_a_head_that_was_changed_is_noticed(session):
    session.execute(update(HEAD).values(digest="0" * 64))
    assert problems(session) == {(LAST, "edited")}
    session.rollback()
    session.execute(update(HEAD).values(seq=LAST + 2))
    assert {seq for seq, _ in problems(session)} == {LAST + 1, LAST + 2}


def test_a_cut_tail_shows_against_the_head(session):
    session.execute(EVENTS.delete().where(EVENTS.c.seq > 27))
    assert problems(session) == {(28, "deleted"), (29, "deleted"), (30, "deleted")}


def test_a_tail_cut_together_with_the_head_shows_against_an_anchor_aud_4(session):
    kept = audit.anchor(session)
    session.execute(EVENTS.delete().where(EVENTS.c.seq > 28))
    last = session.scalar(select(EVENTS.c.digest).where(EVENTS.c.seq == 28))
    session.execute(update(HEAD).values(seq=28, digest=last))
    assert audit.verify(session).ok
    cut = tuple(Problem(seq, Tampering.DELETED) for seq in (29, 30))
    assert audit.check_anchor(session, kept) == cut


def test_a_chain_written_anew_shows_against_an_anchor_aud_4(session):
    kept = audit.anchor(session)
    change(session, 3, reason="forged")
    previous = session.scalar(select(EVENTS.c.digest).where(EVENTS.c.seq == 2))
    for seq in range(3, LAST + 1):
        change(session, seq, previous_digest=previous)
        rehash(session, seq)
        previous = session.scalar(select(EVENTS.c.digest).where(EVENTS.c.seq == seq))
    session.execute(update(HEAD).values(digest=previous))
    assert audit.verify(session).ok
    assert audit.check_anchor(session, kept) == (Problem(LAST, Tampering.REWRITTEN),)


def test_an_anchor_holds_while_the_book_grows(session):
    kept = audit.anchor(session)
    with audit.context(session, AuditContext(NOON, 1, "Mei")):
        audit.record(session, Event("edit"))
        session.commit()
    assert audit.check_anchor(session, kept) == ()
    assert audit.anchor(session)["seq"] == LAST + 1


def test_a_ruined_book_is_not_named_to_the_last_event(session, monkeypatch):
    monkeypatch.setattr(audit_verify, "MOST_TROUBLES", 5)
    session.execute(update(EVENTS).values(digest="x"))
    verdict = audit.verify(session)
    assert (verdict.ok, verdict.complete, len(verdict.problems)) == (False, False, 5)
    session.execute(EVENTS.delete())
    verdict = audit.verify(session)
    assert (verdict.ok, verdict.complete, len(verdict.problems)) == (False, False, 5)


def test_a_problem_is_a_sentence(session):
    change(session, 3, reason="forged")
    (problem,) = audit.verify(session).problems
    assert str(problem.sentence) == "Event 3 was edited"
    assert session.scalar(select(func.count()).select_from(EVENTS)) == LAST


def test_a_book_may_have_digests_of_both_kinds_aud_3(session):
    session.connection().execution_options(**{audit.DIGEST: "sm3"})
    with audit.context(session, AuditContext(NOON, 1, "Mei")):
        for turn in range(3):
            audit.record(session, Event("edit", "note", turn))
        session.commit()
    session.connection().execution_options(**{audit.DIGEST: "sha256"})
    with audit.context(session, AuditContext(NOON, 1, "Mei")):
        audit.record(session, Event("edit", "note"))
        session.commit()
    kinds = session.scalars(select(EVENTS.c.algorithm).where(EVENTS.c.seq > LAST - 1))
    assert list(kinds) == ["sha256", "sm3", "sm3", "sm3", "sha256"]
    assert audit.verify(session).ok
    change(session, LAST + 2, actor_name="伪造")
    assert problems(session) == {(LAST + 2, "edited")}
    session.rollback()
    change(session, LAST + 2, algorithm="sha256")
    assert problems(session) == {(LAST + 2, "edited")}


def test_sm3_is_the_digest_of_its_standard_aud_3():
    """The example of GB/T 32905-2016, A.1."""
    wanted = "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"
    assert ALGORITHMS["sm3"](b"abc") == wanted


def test_a_check_may_be_taken_in_parts_aud_3(session):
    first = audit.verify(session, most=12)
    assert (first.ok, first.complete, first.checked, first.down_to) == (True, False, 12, 19)
    change(session, 7, reason="forged")
    second = audit.verify(session, below=first.down_to, most=12)
    third = audit.verify(session, below=second.down_to, most=12)
    assert (second.checked, second.down_to, second.complete) == (12, 7, False)
    assert [problem.seq for problem in second.problems] == [7]
    assert (third.checked, third.complete, third.down_to) == (6, True, 1)


def test_one_changed_event_of_twenty_thousand_is_named_aud_3(session):
    with audit.context(session, AuditContext(NOON, 1, "Mei")):
        for _ in range(20):
            for turn in range(1000):
                audit.record(session, Event("edit", "note", turn, after={"state": "approved"}))
            session.commit()
    assert audit.verify(session).checked == LAST + 20_000
    change(session, 12_345, after={"state": "refused"})
    rehash(session, 12_345)
    assert problems(session) == {(12_345, "edited")}
