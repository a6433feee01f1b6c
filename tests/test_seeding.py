"""The seed: what every hall starts with, loaded as often as one likes."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from hallpanel import seeding
from hallpanel.demonstration.people import DEMO, all_people, read_cast
from hallpanel.engine import records
from hallpanel.engine.audit import AuditEvent
from hallpanel.engine.entity import REGISTRY
from hallpanel.engine.errors import DeclarationError
from hallpanel.engine.roles import Role
from hallpanel.engine.scope import SYSTEM

AT = datetime(2026, 2, 9, 2, tzinfo=UTC)
LATER = datetime(2026, 3, 2, 2, tzinfo=UTC)
TABLES = {
    "clause",
    "leave_type",
    "leave_entitlement",
    "leave_tier",
    "limit_rule",
    "point_rule",
}


@pytest.fixture
def seeded(session: Session) -> Session:
    """A database with the seed and nothing else."""
    seeding.seed(session, AT)
    session.commit()
    return session


def all_of(session: Session, table: str) -> list[Any]:
    with records.at_desk(session, SYSTEM, AT):
        return list(session.scalars(select(REGISTRY[table]).order_by(REGISTRY[table].id)))


def counted(session: Session) -> int:
    count = session.scalar(select(func.count()).select_from(AuditEvent))
    assert count is not None
    return count


def test_the_seed_fills_what_every_hall_starts_with(session):
    gained = seeding.seed(session, AT)
    assert set(gained) == TABLES
    assert all(gained.values())
    assert gained["clause"] == 53
    assert gained["leave_type"] == 12


def test_the_seed_loads_twice_and_changes_nothing_the_second_time(seeded):
    before = {table: [row.version for row in all_of(seeded, table)] for table in TABLES}
    events = counted(seeded)
    assert not any(seeding.seed(seeded, LATER).values())
    seeded.commit()
    assert {table: [row.version for row in all_of(seeded, table)] for table in TABLES} == before
    assert counted(seeded) == events


def test_what_the_hall_made_of_a_row_stays(seeded):
    (annual,) = [row for row in all_of(seeded, "leave_type") if row.code == "annual"]
    with records.at_desk(seeded, SYSTEM, LATER):
        records.change(seeded, annual, {"notice_days": 4}, actor=SYSTEM, at=LATER)
        seeded.commit()
    seeding.seed(seeded, LATER)
    seeded.commit()
    (annual,) = [row for row in all_of(seeded, "leave_type") if row.code == "annual"]
    assert annual.notice_days == 4


def test_each_row_of_the_seed_is_in_the_audit_once(seeded):
    rows = sum(len(all_of(seeded, table)) for table in TABLES)
    created = select(func.count()).where(AuditEvent.action == "create")
    assert seeded.scalar(created) == rows


def test_annual_leave_follows_the_years_worked_l1(seeded):
    figures = {row.years_from: row.days for row in all_of(seeded, "leave_entitlement")}
    assert figures == {1: Decimal(5), 10: Decimal(10), 20: Decimal(15)}


@pytest.mark.parametrize(
    ("code", "facts"),
    [
        ("annual", {"entitlement": "seniority", "counts": "working", "carry_until": "03-31"}),
        ("personal", {"entitlement": "none", "paid": False, "half_days": True}),
        ("sick", {"certificate_after_days": Decimal(2), "notice_days": 0}),
        ("marriage", {"largest_span": Decimal(13), "counts": "calendar"}),
        ("maternity", {"largest_span": Decimal(188), "decided": "filed"}),
        ("paternity", {"largest_span": Decimal(15)}),
        ("childcare", {"entitlement": "fixed", "days_a_year": Decimal(10)}),
        ("bereavement", {"largest_span": Decimal(3)}),
        ("family_visit", {"decided": "filed"}),
        ("compensatory", {"entitlement": "fixed", "days_a_year": Decimal(0)}),
        ("official_duty", {"present": True}),
        ("work_injury", {"decided": "filed", "counts": "calendar"}),
    ],
)
@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)  # figures, not databases
def test_the_leave_types_have_the_figures_of_the_rules_l1(seeded, code, facts):
    (leave_type,) = [row for row in all_of(seeded, "leave_type") if row.code == code]
    assert {name: getattr(leave_type, name) for name in facts} == facts


def test_each_leave_type_has_a_letter_of_its_own_in_the_calendar(seeded):
    letters = [row.letter for row in all_of(seeded, "leave_type")]
    assert len(set(letters)) == len(letters)


def test_longer_leave_goes_to_more_tiers_l5(seeded):
    tiers = {row.role: row.above_days for row in all_of(seeded, "leave_tier")}
    assert tiers == {
        Role.LEAD: Decimal(0),
        Role.SUPERVISION: Decimal("0.5"),
        Role.DEPUTY: Decimal(1),
        Role.DIRECTOR: Decimal(3),
    }


def test_the_point_schedule_weighs_each_fact_a2(seeded):
    points = {row.key: row.points for row in all_of(seeded, "point_rule")}
    assert points["late"] == points["left_early"] == points["dress_or_badge"] == -1
    assert points["hygiene"] == points["archive_fault"] == -1
    assert points["missing_punch"] == -2
    assert points["quarrel"] == -3
    assert points["absence"] == points["overdue_case"] == points["substantiated_complaint"] == -5


def test_each_figure_rests_on_a_clause_of_the_book(seeded):
    book = {row.number for row in all_of(seeded, "clause")}
    for table in ("limit_rule", "point_rule"):
        assert {row.clause_number for row in all_of(seeded, table)} <= book


# files that are wrong


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)  # it is the file that is wrong
@pytest.mark.parametrize(
    ("name", "text", "code", "said"),
    [
        ("post.yaml", "主任", "S01", "not a list of rows"),
        ("post.yaml", "- {title: 主任}", "S03", "unknown fields: title"),
        ("service_window.yaml", "- {number: A01, unit: Q, business: 税}", "S04", "unit 'Q'"),
        ("staff.yaml", None, "S04", "staff '9999'"),
        ("posts.yaml", "- {name: 主任}", "S05", "no table has this name"),
    ],
)
def test_a_wrong_file_says_how_to_mend_it(session, tmp_path, name, text, code, said):
    unit = "{code: A, name: 税务, department: 税务局, business: 税}"
    (tmp_path / "unit.yaml").write_text(f"- {unit}", encoding="utf-8")
    alone = "- {number: '1', name: 李梅, unit: A, joined_on: 2020-01-01, partner: '9999'}"
    (tmp_path / name).write_text(text or alone, encoding="utf-8")
    with pytest.raises(DeclarationError) as raised:
        seeding.seed(session, AT, tmp_path)
    assert raised.value.code == code
    assert said in str(raised.value)
    assert "Hint:" in str(raised.value)


def test_those_who_are_named_later_are_found_all_the_same(session, tmp_path):
    rows = {
        "unit.yaml": "- {code: A, name: 税务, department: 税务局, business: 税}",
        "staff.yaml": "\n".join(
            f"- {{number: '{one}', name: {name}, unit: A, joined_on: 2020-01-01, partner: '{two}'}}"
            for one, name, two in (("1", "李梅", "2"), ("2", "陈晓", "1"))
        ),
    }
    for name, text in rows.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    seeding.seed(session, AT, tmp_path)
    session.commit()
    mei, chen = all_of(session, "staff")
    assert (mei.partner_id, chen.partner_id) == (chen.id, mei.id)


# the demonstration's people


def test_the_demonstration_is_made_of_12_window_units_60_windows_and_180_people(entities):
    units, windows = (
        seeding.read_rows(DEMO / f"{name}.yaml") for name in ("unit", "service_window")
    )
    people = all_people(units, windows, date(2026, 2, 9))
    assert sum(unit["kind"] == "window" for unit in units) == 12
    assert len(windows) == 60
    assert len(people) == len({person.name for person in people}) == 180
    assert len({person.number for person in people}) == 180
    by_number = {person.number: person for person in people}
    pairs = [(person, by_number[person.partner]) for person in people if person.partner]
    assert all(other.partner == one.number and other.unit == one.unit for one, other in pairs)
    for window in windows:
        serving = [person for person in people if window["number"] in person.windows]
        assert len(serving) >= max(2, int(window["minimum_staff"]))


def test_the_demonstration_is_the_same_on_every_machine(entities):
    units, windows = (
        seeding.read_rows(DEMO / f"{name}.yaml") for name in ("unit", "service_window")
    )
    day = date(2026, 2, 9)
    assert all_people(units, windows, day) == all_people(units, windows, day)


def test_the_cast_has_the_accounts_of_the_design(entities):
    accounts = {person.account for person in read_cast() if person.account}
    assert accounts == {
        *("sysadmin", "secadmin", "auditor", "halladmin", "director", "deputy", "inspector"),
        *("reviewer", "keeper", "lead.a", "lead.b", "staff.a1", "staff.a2", "staff.b1"),
    }
