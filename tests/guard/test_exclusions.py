"""What no one person holds together: by the function, and by the database for who comes past it."""

from datetime import timedelta
from itertools import permutations

import pytest
from sqlalchemy import insert, update
from sqlalchemy.exc import IntegrityError

from hallpanel.engine import records
from hallpanel.engine.clock import hall_day
from hallpanel.engine.entity import REGISTRY
from hallpanel.engine.errors import Refusal
from hallpanel.engine.roles import Role
from hallpanel.engine.scope import SYSTEM
from hallpanel.guard import exclusions
from hallpanel.guard.account import Account, RoleGrant, create_account, disable
from hallpanel.guard.exclusions import EXCLUSIONS
from hallpanel.guard.granting import grant, refuse_alone
from tests.guard.conftest import NOW

TODAY = hall_day(NOW)
DAY = timedelta(days=1)
PAIRS = list(permutations(Role, 2))
APART = {frozenset({role, other}) for role, excluded in EXCLUSIONS for other in excluded}


def put(session, account_id, role, since=TODAY, until=None):
    """A grant past the function that grants, as who has the database's password would make it."""
    row = {"account_id": account_id, "role": role, "since": since, "until": until}
    return session.execute(insert(RoleGrant).values(row).returning(RoleGrant.id)).scalar_one()


def refused(session, work):
    """Whether the database refuses it; what was there before stays."""
    try:
        with session.begin_nested():
            work()
    except IntegrityError:
        return True
    return False


@pytest.fixture
def of_mei(session, mei):
    """Another account of the same member of staff."""
    unit = {"code": "A", "name": "税务窗口", "department": "税务局", "business": "税"}
    unit = records.create(session, REGISTRY["unit"], unit, actor=SYSTEM, at=NOW)
    post = {"name": "窗口工作人员", "duties": "接待"}
    post = records.create(session, REGISTRY["post"], post, actor=SYSTEM, at=NOW)
    person = {"number": "1002", "name": "梅", "unit": unit, "post": post, "joined_on": TODAY}
    staff_id = records.create(session, REGISTRY["staff"], person, actor=SYSTEM, at=NOW).id
    mei.staff_id = staff_id
    other = create_account(session, "mei.admin", "梅", None, NOW, staff_id=staff_id)
    session.commit()
    return other


def test_the_database_takes_each_pair_of_roles_or_refuses_it_as_declared_sod_1(session, mei):
    for one, other in PAIRS:
        with session.begin_nested() as trial:
            put(session, mei.id, one)
            clash = refused(session, lambda other=other: put(session, mei.id, other))
            trial.rollback()
        assert clash is (frozenset({one, other}) in APART), (one, other)


def test_the_function_takes_each_pair_of_roles_or_refuses_it_as_declared_sod_1(session, mei):
    unit = None
    for one, other in PAIRS:
        if Role.LEAD in (one, other):
            continue
        with session.begin_nested() as trial:
            grant(session, mei.id, one, NOW, unit_id=unit)
            try:
                grant(session, mei.id, other, NOW, unit_id=unit)
                clash = False
            except Refusal:
                clash = True
            trial.rollback()
        assert clash is (frozenset({one, other}) in APART), (one, other)


def test_a_grant_is_not_changed_into_one_that_clashes_sod_1(session, mei, lin):
    put(session, mei.id, Role.AUDITOR, until=TODAY)
    later = put(session, mei.id, Role.STAFF, since=TODAY + DAY)
    of_lin = put(session, lin.id, Role.DIRECTOR)
    session.commit()

    def change(which, **values):
        return lambda: session.execute(
            update(RoleGrant).where(RoleGrant.id == which).values(values)
        )

    assert refused(session, change(later, since=TODAY))
    assert refused(session, change(of_lin, account_id=mei.id))
    assert not refused(session, change(later, until=TODAY + 9 * DAY))
    assert not refused(session, change(of_lin, role=Role.STAFF))
    assert refused(session, change(of_lin, role=Role.SYSADMIN, account_id=mei.id))


@pytest.mark.parametrize(
    ("since", "until", "clash"),
    [
        (TODAY - 9 * DAY, TODAY - DAY, False),
        (TODAY - 9 * DAY, TODAY, True),
        (TODAY + 2 * DAY, None, True),
        (TODAY + 3 * DAY, TODAY + 3 * DAY, True),
        (TODAY + 4 * DAY, None, False),
    ],
)
def test_excluded_roles_may_follow_one_another_and_not_overlap_sod_1(
    session, mei, since, until, clash
):
    put(session, mei.id, Role.SECADMIN, until=TODAY + 3 * DAY)
    assert refused(session, lambda: put(session, mei.id, Role.HALL_ADMIN, since, until)) is clash


def test_one_person_holds_them_under_no_two_accounts_sod_1(session, mei, of_mei):
    put(session, mei.id, Role.STAFF)
    assert refused(session, lambda: put(session, of_mei.id, Role.SYSADMIN))
    with pytest.raises(Refusal):
        grant(session, of_mei.id, Role.SYSADMIN, NOW)
    assert not refused(session, lambda: put(session, of_mei.id, Role.DIRECTOR))


def test_an_account_does_not_come_to_a_person_whose_roles_clash_with_its_own_sod_1(
    session, mei, of_mei, lin
):
    put(session, of_mei.id, Role.STAFF)
    put(session, lin.id, Role.AUDITOR)
    session.commit()

    def become():
        own = update(Account).where(Account.id == lin.id)
        session.execute(own.values(staff_id=of_mei.staff_id))

    assert refused(session, become)
    disable(session, of_mei.id, NOW)
    session.commit()
    assert not refused(session, become), "a closed account is no way in"


def test_a_missing_trigger_is_noticed_sod_1(session, engine):
    assert exclusions.unguarded(session.connection()) == []
    session.rollback()
    with engine.begin() as connection:
        for statement in exclusions.drop_triggers(connection.dialect.name):
            connection.exec_driver_sql(statement)
    missing = exclusions.unguarded(session.connection())
    assert set(missing) == {trigger.name for trigger in exclusions.TRIGGERS["sqlite"]}


def test_only_the_first_of_each_administrator_is_made_by_one_hand_sod_3(session, mei):
    refuse_alone(session, Role.SECADMIN, NOW)
    grant(session, mei.id, Role.SECADMIN, NOW)
    refuse_alone(session, Role.AUDITOR, NOW)
    refuse_alone(session, Role.STAFF, NOW)
    with pytest.raises(Refusal):
        refuse_alone(session, Role.SECADMIN, NOW)
