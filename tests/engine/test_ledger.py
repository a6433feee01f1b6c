"""Each point has its event, its clause and its day; a settled month stays as it is."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError, StatementError

from hallpanel.engine import ledger
from hallpanel.engine.errors import Refusal
from hallpanel.engine.ledger import (
    CLOSED,
    ENTRY,
    POINT_RULE,
    NoPointRule,
    PointEntry,
    PointStatus,
    Subject,
    SubjectKind,
)
from hallpanel.engine.store import Base, make_session
from tests.engine.figures import keep
from tests.engine.racing import race

JUNE = datetime(2026, 6, 10, 2, tzinfo=UTC)
JULY = datetime(2026, 7, 10, 2, tzinfo=UTC)
DAY = date(2026, 6, 3)
MEI, LIN, UNIT = 11, 12, 3
PUNCH = ("attendance_day", 40, "morning")
MEIS, UNITS = Subject(SubjectKind.PERSON, MEI), Subject(SubjectKind.UNIT, UNIT)
YEAR = (date(2026, 1, 1), date(2026, 12, 31))
EVENTS = 40


def rule(key, points, since=date(2020, 1, 1), clause="2.1.1", kind="person"):
    return {
        "key": key,
        "clause_number": clause,
        "points": Decimal(points),
        "subject_kind": kind,
        "since": since,
    }


RULES = [
    rule("absence", "-4", date(2020, 1, 1)),
    rule("absence", "-5", date(2026, 6, 2)),
    rule("late", "-0.1"),
    rule("hygiene", "-1", clause="5.2.2"),
    rule("hygiene", "-2", clause="5.2.2", kind="unit"),
]


@pytest.fixture
def engine(empty_engine):
    keep(empty_engine, POINT_RULE, RULES)
    Base.metadata.create_all(empty_engine, tables=[ENTRY, CLOSED])
    return empty_engine


@pytest.fixture
def session(engine):
    with make_session(engine) as session:
        yield session


def charge(session, source=PUNCH, key="absence", day=DAY, staff_id=MEI, at=JUNE):
    return ledger.charge(session, source, key, day, staff_id=staff_id, unit_id=UNIT, at=at)


def entry(session, entry_id):
    return session.execute(select(ENTRY).where(ENTRY.c.id == entry_id)).one()


def test_an_event_is_charged_by_the_figure_in_force_on_its_day(session):
    made = charge(session)
    assert (made.points, made.clause, made.new) == (Decimal(-5), "2.1.1", True)
    earlier = charge(session, day=date(2026, 6, 1), source=("attendance_day", 39, "morning"))
    assert earlier.points == Decimal(-4)
    kept = entry(session, made.entry_id)
    assert (kept.day, kept.staff_id, kept.unit_id) == (DAY, MEI, UNIT)
    assert (kept.rule_key, kept.status) == ("absence", PointStatus.PROVISIONAL)
    assert (kept.source_table, kept.source_id, kept.source_event) == PUNCH


def test_an_event_is_charged_once(session):
    first = charge(session)
    again = charge(session, at=JULY)
    assert (again.entry_id, again.points, again.new) == (first.entry_id, first.points, False)
    assert ledger.total(session, MEIS, *YEAR) == Decimal(-5)


def test_another_event_or_person_is_charged_for_itself(session):
    charge(session)
    charge(session, source=("attendance_day", 40, "afternoon"))
    charge(session, staff_id=LIN)
    assert ledger.total(session, MEIS, *YEAR) == Decimal(-10)
    assert ledger.total(session, Subject(SubjectKind.PERSON, LIN), *YEAR) == Decimal(-5)


def test_persons_and_units_are_scored_apart(session):
    person = charge(session, key="hygiene")
    unit = charge(session, key="hygiene", staff_id=None)
    assert (person.points, unit.points) == (Decimal(-1), Decimal(-2))
    assert not charge(session, key="hygiene", staff_id=None).new
    assert ledger.total(session, MEIS, *YEAR) == Decimal(-1)
    assert ledger.total(session, UNITS, *YEAR) == Decimal(-2)
    assert entry(session, unit.entry_id).staff_id is None


def test_points_without_a_figure_are_not_charged(session):
    with pytest.raises(NoPointRule, match="'gift' for a person is in force"):
        charge(session, key="gift")
    with pytest.raises(NoPointRule, match="'late' for a unit"):
        charge(session, key="late", staff_id=None)
    with pytest.raises(NoPointRule, match="1999"):
        charge(session, day=date(1999, 1, 1))


def test_a_total_is_exact_and_of_its_days_only(session):
    for number in range(30):
        charge(session, key="late", source=("punch", number, "in"), day=date(2026, 6, number + 1))
    assert ledger.total(session, MEIS, *YEAR) == Decimal("-3.00")
    assert ledger.total(session, MEIS, date(2026, 6, 2), date(2026, 6, 4)) == Decimal("-0.30")
    assert ledger.total(session, UNITS, *YEAR) == Decimal(0)


def test_a_lifted_line_no_longer_counts_and_stays_on_record(session):
    made = charge(session)
    assert ledger.void(session, made.entry_id, at=JUNE, note="申诉成立")
    assert not ledger.void(session, made.entry_id, at=JUNE, note="再次")
    kept = entry(session, made.entry_id)
    assert (kept.status, kept.note, kept.points) == (PointStatus.VOIDED, "申诉成立", Decimal(-5))
    assert ledger.total(session, MEIS, *YEAR) == Decimal(0)


def test_nothing_is_entered_into_a_closed_month(session):
    charge(session)
    assert ledger.close_month(session, 2026, 6, at=JULY)
    assert not ledger.close_month(session, 2026, 6, at=JULY)
    with pytest.raises(Refusal, match="2026-06 are settled") as refused:
        charge(session, source=("attendance_day", 41, "morning"), at=JULY)
    assert refused.value.clause == "7.3.1"
    assert not charge(session, at=JULY).new
    assert charge(session, source=("attendance_day", 41, "morning"), day=date(2026, 7, 1)).new


def test_a_month_that_is_not_over_is_not_closed(session):
    with pytest.raises(Refusal, match="2026-07 is not over"):
        ledger.close_month(session, 2026, 7, at=JULY)
    with pytest.raises(Refusal, match="not over"):
        ledger.close_month(session, 2027, 1, at=JULY)
    assert not ledger.is_closed(session, date(2026, 7, 1))


def test_a_line_of_a_closed_month_is_taken_back_in_the_open_one(session):
    made = charge(session)
    ledger.close_month(session, 2026, 6, at=JULY)
    assert ledger.void(session, made.entry_id, at=JULY, note="申诉成立")
    assert not ledger.void(session, made.entry_id, at=JULY, note="再次")
    assert ledger.total(session, MEIS, date(2026, 6, 1), date(2026, 6, 30)) == Decimal(-5)
    assert ledger.total(session, MEIS, date(2026, 7, 1), date(2026, 7, 31)) == Decimal(5)
    assert entry(session, made.entry_id).status is PointStatus.PROVISIONAL
    back = session.execute(select(ENTRY).where(ENTRY.c.reverses_id == made.entry_id)).one()
    assert (back.day, back.status, back.note) == (date(2026, 7, 10), "confirmed", "申诉成立")
    with pytest.raises(Refusal, match="charge that anew"):
        ledger.void(session, back.id, at=JULY, note="又")


def test_nothing_is_taken_back_in_a_closed_month_either(session):
    made = charge(session)
    ledger.close_month(session, 2026, 6, at=JULY)
    with pytest.raises(Refusal, match="2026-06 are settled"):
        ledger.void(session, made.entry_id, at=JUNE, note="申诉成立")


@pytest.mark.parametrize("points", ["0.001", "12345", "-12345.5"])
def test_a_figure_that_does_not_fit_is_refused(session, points):
    with pytest.raises(StatementError, match="digits"):
        session.execute(POINT_RULE.insert().values(rule("odd", points)))


# SQLite has one writer, so there a month cannot be closed while somebody charges.
@pytest.mark.parametrize("database_kind", ["postgresql"], indirect=True)
def test_a_month_is_not_closed_while_somebody_charges_it_nor_charged_while_it_is_closed(engine):
    impatient = text("SET LOCAL lock_timeout = '50ms'")
    with make_session(engine) as first, make_session(engine) as second:
        charge(first)
        second.execute(impatient)
        with pytest.raises(DBAPIError, match="lock timeout"):
            ledger.close_month(second, 2026, 6, at=JULY)
        first.rollback()
        second.rollback()
        ledger.close_month(first, 2026, 6, at=JULY)
        second.execute(impatient)
        with pytest.raises(DBAPIError, match="lock timeout"):
            charge(second)


def charge_all(engine):
    with make_session(engine) as session:
        new = 0
        for number in range(EVENTS):
            new += charge(session, source=("attendance_day", number, "morning")).new
            session.commit()
        return new


def test_four_processes_charge_each_event_once(engine):
    assert sum(race(engine, charge_all)) == EVENTS
    with make_session(engine) as session:
        assert session.scalar(select(func.count(PointEntry.id))) == EVENTS
