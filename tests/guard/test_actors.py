from contextlib import contextmanager
from datetime import date, timedelta

import pytest
from sqlalchemy import event

from hallpanel.engine import records
from hallpanel.engine.roles import Role
from hallpanel.engine.scope import SYSTEM, Grant
from hallpanel.engine.store import Base
from hallpanel.guard import actors, sessions
from hallpanel.guard.account import create_account, disable
from hallpanel.guard.actors import actor_of, held_roles, load_signed_in
from hallpanel.guard.granting import grant
from hallpanel.rulebook.hall.delegation import Delegation
from hallpanel.rulebook.hall.staff import Staff
from hallpanel.rulebook.hall.unit import Unit
from tests.guard.conftest import NOW, PASSWORD

DAY = timedelta(days=1)


def make(session, entity, **values):
    return records.create(session, entity, values, actor=SYSTEM, at=NOW)


@pytest.fixture
def tax(session):
    return make(session, Unit, code="A", name="税务窗口", department="税务局", business="税务登记")


@pytest.fixture
def employ(session, tax):
    """Take on a person of the tax unit, with an account and roles."""

    def _employ(username, name, *roles):
        staff = make(
            session,
            Staff,
            number=username,
            name=name,
            unit=tax,
            joined_on=date(2020, 1, 1),
            years_before=0,
        )
        account = create_account(session, username, "账户", PASSWORD, NOW, staff_id=staff.id)
        for role in roles:
            unit_id = tax.id if role is Role.LEAD else None
            grant(session, account.id, role, NOW, unit_id=unit_id)
        session.commit()
        return account

    return _employ


@contextmanager
def counted(session):
    statements = []

    def note(_connection, _cursor, statement, *_):
        statements.append(statement)

    engine = session.get_bind()
    event.listen(engine, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        event.remove(engine, "before_cursor_execute", note)


def asked(statements):
    return [s for s in statements if s.lstrip().upper().startswith("SELECT")]


@pytest.mark.parametrize("light", [actors.STAFF, actors.UNIT, actors.DELEGATION])
def test_what_the_guard_reads_is_what_the_rule_book_declares(entities, light):
    declared = Base.metadata.tables[light.name]
    for column in light.columns:
        assert isinstance(declared.c[column.name].type, type(column.type))


def test_a_person_is_known_with_unit_name_and_roles(session, tax, employ):
    lin = employ("lin", "林", Role.LEAD, Role.STAFF)
    actor = actor_of(session, lin, NOW)
    assert (actor.account_id, actor.staff_id, actor.unit_id) == (lin.id, lin.staff_id, tax.id)
    assert actor.name == "林"
    assert actor.grants == {Grant(Role.LEAD, tax.id), Grant(Role.STAFF)}
    assert actor.units(Role.LEAD) == {tax.id}


def test_an_account_without_staff_has_its_own_name(session, mei):
    actor = actor_of(session, mei, NOW)
    assert (actor.name, actor.staff_id, actor.unit_id, actor.grants) == ("梅", None, None, set())


def test_a_disabled_account_has_no_roles(session, employ):
    lin = employ("lin", "林", Role.LEAD)
    disable(session, lin.id, NOW)
    session.commit()
    session.refresh(lin)
    assert actor_of(session, lin, NOW).roles == set()


def test_a_held_role_is_read_with_the_name_of_its_unit(session, employ):
    lin = employ("lin", "林", Role.LEAD)
    (held,) = held_roles(session, lin.id, NOW)
    assert (held.role, held.unit_name) == (Role.LEAD, "税务窗口")


def test_a_request_loads_its_person_in_one_query(session, tax, employ):
    lin = employ("lin", "林", Role.LEAD, Role.STAFF)
    token = sessions.open_session(session, lin.id, NOW)
    session.commit()
    with counted(session) as statements:
        who = load_signed_in(session, token, NOW)
    assert len(asked(statements)) == 1
    assert who.account.username == "lin"
    assert who.session_row.id_hash == sessions.id_hash(token)
    assert who.actor == actor_of(session, lin, NOW)


def test_a_dead_session_loads_nobody_sess_1(session, employ):
    lin = employ("lin", "林", Role.LEAD)
    token = sessions.open_session(session, lin.id, NOW)
    assert load_signed_in(session, token, NOW)
    assert load_signed_in(session, token, NOW + timedelta(minutes=31)) is None
    assert load_signed_in(session, "another", NOW) is None
    sessions.end(session, sessions.id_hash(token), NOW)
    assert load_signed_in(session, token, NOW) is None


def test_a_disabled_account_is_out_even_with_a_session_left_open_sess_1(session, employ):
    lin = employ("lin", "林", Role.LEAD)
    token = sessions.open_session(session, lin.id, NOW)
    lin.disabled_at = NOW
    session.flush()
    assert load_signed_in(session, token, NOW) is None


@pytest.fixture
def delegated(session, employ):
    """Lin leads; Wu stands in for her today and tomorrow."""
    lin = employ("lin", "林", Role.LEAD, Role.STAFF)
    wu = employ("wu", "吴", Role.STAFF)
    make(
        session,
        Delegation,
        delegator_id=lin.staff_id,
        delegate_id=wu.staff_id,
        first_day=date(2026, 3, 2),
        last_day=date(2026, 3, 3),
    )
    session.commit()
    return lin, wu


def test_a_substitute_acts_with_the_roles_of_another_x10(session, delegated, tax):
    lin, wu = delegated
    actor = actor_of(session, wu, NOW)
    (behind,) = actor.delegators
    assert (behind.account_id, behind.name) == (lin.id, "林")
    assert Grant(Role.LEAD, tax.id) in behind.grants
    assert Role.LEAD not in actor.roles
    assert actor_of(session, lin, NOW).delegators == ()


def test_a_substitute_acts_on_the_days_of_the_delegation_x10(session, delegated):
    _, wu = delegated
    acts = {days: bool(actor_of(session, wu, NOW + days * DAY).delegators) for days in range(-1, 3)}
    assert acts == {-1: False, 0: True, 1: True, 2: False}


def test_a_request_of_a_substitute_loads_all_in_one_query_x10(session, delegated):
    _, wu = delegated
    token = sessions.open_session(session, wu.id, NOW)
    session.commit()
    with counted(session) as statements:
        who = load_signed_in(session, token, NOW)
    assert len(asked(statements)) == 1
    assert [person.name for person in who.actor.people] == ["吴", "林"]
    assert who.account.username == "wu"
    assert who.actor == actor_of(session, wu, NOW)


@pytest.mark.parametrize("first_day", [date(2026, 3, 1), date(2026, 3, 2), date(2026, 3, 3)])
@pytest.mark.parametrize("disabled", [False, True])
def test_a_request_finds_the_same_people_as_whoever_asks_for_them_x10(
    session, employ, first_day, disabled
):
    lin, wu, zhou = (employ(n, n, Role.STAFF, Role.DEPUTY) for n in ("lin", "wu", "zhou"))
    for delegator, delegate in ((lin, wu), (zhou, wu), (wu, lin)):
        make(
            session,
            Delegation,
            delegator_id=delegator.staff_id,
            delegate_id=delegate.staff_id,
            first_day=first_day,
            last_day=first_day + DAY,
        )
    if disabled:
        disable(session, lin.id, NOW)
    token = sessions.open_session(session, wu.id, NOW)
    session.commit()
    found = load_signed_in(session, token, NOW).actor
    assert found == actor_of(session, wu, NOW)
    today = first_day <= NOW.date()
    assert len(found.delegators) == today * (1 if disabled else 2)


def test_a_disabled_delegator_lends_nothing_x10(session, delegated):
    lin, wu = delegated
    disable(session, lin.id, NOW)
    session.commit()
    assert actor_of(session, wu, NOW).delegators == ()


def test_what_is_lent_is_not_lent_on_x10(session, delegated, employ):
    _, wu = delegated
    zhou = employ("zhou", "周", Role.STAFF)
    make(
        session,
        Delegation,
        delegator_id=wu.staff_id,
        delegate_id=zhou.staff_id,
        first_day=date(2026, 3, 2),
        last_day=date(2026, 3, 2),
    )
    session.commit()
    (behind,) = actor_of(session, zhou, NOW).delegators
    assert behind.name == "吴"
    assert behind.delegators == ()
