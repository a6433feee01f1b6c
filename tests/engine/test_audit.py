"""What is done is written with the change itself, in one chain, and nothing removes it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from hallpanel.engine import audit
from hallpanel.engine.audit import AuditContext, AuditEvent, Event
from hallpanel.engine.audit_event import BOOK, EVENTS, HEAD
from hallpanel.engine.errors import AuditUnwritable, NoActor
from hallpanel.engine.store import Base
from hallpanel.engine.words import _l
from tests.engine.racing import PROCESSES, race

NOON = datetime(2026, 5, 11, 4, 0, 0, 120, UTC)
LIN = AuditContext(NOON, 7, "林健", role="lead", address="10.0.0.7", request_id="r1")
EACH = 50


class Paper(DeclarativeBase):
    """A place for a change that the hall's tables know nothing of."""


class Note(Paper):
    """Something that is changed, and must not be without its event."""

    __tablename__ = "note"

    id: Mapped[int] = mapped_column(primary_key=True)
    words: Mapped[str]


class AuditedSession(Session):
    """A session with the book under it."""


audit.install(AuditedSession)


@pytest.fixture
def engine(empty_engine):
    Base.metadata.create_all(empty_engine, tables=BOOK)
    Paper.metadata.create_all(empty_engine)
    return empty_engine


@pytest.fixture
def session(engine):
    with AuditedSession(engine, expire_on_commit=False) as session, audit.context(session, LIN):
        yield session


def done(session, action="edit", **facts):
    session.add(Note(words=action))
    session.flush()
    audit.record(session, Event(action, "note", **facts))


def actions(session):
    return list(session.scalars(select(AuditEvent.action).order_by(AuditEvent.seq)))


def notes(session):
    return session.scalar(select(func.count()).select_from(Note))


def append(engine, count):
    with AuditedSession(engine) as session, audit.context(session, LIN):
        for turn in range(count):
            audit.record(session, Event("edit", "note", turn))
            session.commit()


def test_an_event_says_who_did_what_to_which_record_when_and_from_where(session):
    done(
        session,
        "approve",
        record_id=12,
        unit_id=3,
        clause="2.1.2",
        reason="有人顶岗",
        before={"state": "submitted"},
        after={"state": "approved", "day": NOON.date()},
    )
    session.commit()
    kept = session.scalars(select(AuditEvent).where(AuditEvent.record_id == 12)).one()
    assert (kept.seq, kept.at, kept.action, kept.table_name) == (1, NOON, "approve", "note")
    assert (kept.actor_account_id, kept.actor_name, kept.role) == (7, "林健", "lead")
    assert (kept.unit_id, kept.clause, kept.reason) == (3, "2.1.2", "有人顶岗")
    assert kept.before == {"state": "submitted"}
    assert kept.after == {"state": "approved", "day": "2026-05-11"}
    assert (kept.address, kept.request_id, kept.result) == ("10.0.0.7", "r1", "done")
    assert kept.previous_digest == audit.GENESIS


def test_nothing_is_audited_while_nobody_is_known_to_act(engine):
    with AuditedSession(engine) as session, pytest.raises(NoActor, match="approve"):
        audit.record(session, Event("approve"))


def test_the_context_ends_with_its_block(session):
    sweep = AuditContext(NOON, None, "system")
    with audit.context(session, sweep):
        done(session)
    done(session)
    session.commit()
    assert list(session.scalars(select(AuditEvent.actor_name))) == ["system", "林健"]


def test_a_deed_may_have_its_own_instant(session):
    earlier = (NOON - timedelta(hours=1)).astimezone(timezone(timedelta(hours=8)))
    done(session, at=earlier)
    session.commit()
    assert session.scalars(select(AuditEvent.at)).one() == earlier
    assert audit.verify(session).ok


def test_facts_are_kept_as_they_were_when_they_were_recorded(session):
    facts = {"days": [1]}
    done(session, after=facts)
    facts["days"].append(2)
    session.commit()
    assert session.scalars(select(AuditEvent.after)).one() == {"days": [1]}


def test_what_a_stranger_types_does_not_keep_its_event_out(session):
    odd = "a\x00b\ud800"
    done(session, reason=odd, record_id=odd, after={"typed": odd, odd: 1e300})
    audit.record(session, Event("refuse", reason=_l("%(who)s may not", who="Mei")))
    session.commit()
    assert audit.verify(session).ok
    assert list(session.scalars(select(AuditEvent.reason))) == ["a\ufffdb?", "Mei may not"]


def test_a_rollback_leaves_no_event_aud_1(session):
    done(session, "withdrawn")
    session.rollback()
    done(session, "kept")
    session.commit()
    assert actions(session) == ["kept"]
    assert audit.verify(session).ok


def test_a_session_that_is_closed_without_commit_leaves_no_event(session):
    done(session, "abandoned")
    session.close()
    session.commit()
    assert actions(session) == []
    assert notes(session) == 0


def test_a_savepoint_that_is_rolled_back_takes_only_its_own_events_with_it(session):
    done(session, "before")
    with session.begin_nested():
        done(session, "inside")
        inner = session.begin_nested()
        done(session, "undone")
        inner.rollback()
    outer = session.begin_nested()
    with session.begin_nested():
        done(session, "undone with what is around it")
    outer.rollback()
    done(session, "after")
    session.commit()
    assert actions(session) == ["before", "inside", "after"]
    assert audit.verify(session).ok


def test_a_savepoint_opened_before_the_first_event_takes_it_back_too(session):
    outer = session.begin_nested()
    inner = session.begin_nested()
    done(session, "undone")
    inner.commit()
    outer.rollback()
    session.commit()
    assert actions(session) == []


def test_a_flush_that_fails_in_a_savepoint_takes_its_events_back(session):
    done(session, "kept")
    inner = session.begin_nested()
    audit.record(session, Event("undone"))
    session.add(Note(id=1, words="doubled"))
    with pytest.raises(DBAPIError):
        session.flush()
    inner.rollback()
    session.commit()
    assert actions(session) == ["kept"]


def test_the_events_of_one_commit_are_numbered_in_the_order_of_the_deeds(session):
    for action in ("create", "submit", "approve"):
        done(session, action)
    session.commit()
    done(session, "close")
    session.commit()
    assert actions(session) == ["create", "submit", "approve", "close"]
    rows = session.execute(select(EVENTS.c.previous_digest, EVENTS.c.digest)).all()
    assert [r.previous_digest for r in rows] == [audit.GENESIS, *(r.digest for r in rows[:-1])]


def test_without_its_event_a_change_does_not_happen_aud_1(session):
    done(session, "kept")
    session.commit()
    forged = EVENTS.insert().values(_row(session, 1) | {"seq": 2})
    session.execute(forged)
    session.commit()
    done(session, "lost")
    with pytest.raises(AuditUnwritable):
        session.commit()
    with pytest.raises((RuntimeError, DBAPIError)):
        session.commit()
    session.rollback()
    assert notes(session) == 1


def test_no_commit_leaves_events_behind(engine):
    with AuditedSession(engine) as session, audit.context(session, LIN):
        whole = session.begin()
        session.begin_nested()
        done(session, "forgotten")
        with pytest.raises(RuntimeError, match="without its audit"):
            whole.commit()
        session.rollback()
        assert notes(session) == 0


def test_a_book_that_was_never_opened_lets_nothing_happen(session):
    for ddl in audit.drop_triggers(session.get_bind().dialect.name):
        session.execute(text(ddl))
    session.execute(HEAD.delete())
    done(session)
    with pytest.raises(RuntimeError, match="never opened"):
        session.commit()
    assert [p.what for p in audit.verify(session).problems] == [audit.Tampering.HEADLESS]


def test_opening_the_book_twice_is_opening_it_once(session):
    done(session)
    session.commit()
    audit.found(session.connection())
    assert session.execute(select(HEAD.c.id, HEAD.c.seq)).all() == [(1, 1)]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_event SET reason = 'forged'",
        "DELETE FROM audit_event",
        "DELETE FROM audit_head",
        "UPDATE audit_head SET seq = 0",
    ],
)
def test_the_panels_own_connection_cannot_change_the_book_aud_3(session, statement):
    done(session)
    session.commit()
    with pytest.raises(DBAPIError, match="audit"):
        session.execute(text(statement))
    session.rollback()
    assert audit.verify(session).ok


def test_an_event_cannot_be_replaced_or_cut_wholesale_aud_3(session):
    done(session)
    session.commit()
    wholesale = {
        "sqlite": "INSERT OR REPLACE INTO audit_event SELECT * FROM audit_event",
        "postgresql": "TRUNCATE audit_event",
    }
    with pytest.raises(DBAPIError, match="audit events are never"):
        session.execute(text(wholesale[session.get_bind().dialect.name]))


def test_a_book_without_its_guards_is_noticed_and_a_migration_puts_them_back(session):
    dialect = session.get_bind().dialect.name
    connection = session.connection()
    assert audit.unguarded(connection) == []
    for ddl in audit.drop_triggers(dialect):
        session.execute(text(ddl))
    assert len(audit.unguarded(connection)) == len(audit.TRIGGERS[dialect])
    for ddl in audit.guards(dialect):
        session.execute(text(ddl))
    assert audit.unguarded(connection) == []


def test_four_processes_write_one_unbroken_chain(engine):
    race(engine, append, EACH)
    with AuditedSession(engine) as session:
        verdict = audit.verify(session)
    assert verdict.ok
    assert verdict.checked == PROCESSES * EACH


def test_the_installed_listeners_are_installed_once(engine):
    audit.install(AuditedSession)
    with AuditedSession(engine) as session, audit.context(session, replace(LIN, role=None)):
        done(session)
        session.commit()
        assert actions(session) == ["edit"]


def _row(session, seq):
    return session.execute(select(EVENTS).where(EVENTS.c.seq == seq)).one()._asdict()
