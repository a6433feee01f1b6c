from datetime import date, timedelta
from itertools import combinations

import pytest
from sqlalchemy import select

from hallpanel.engine.clock import hall_day
from hallpanel.engine.errors import Refusal
from hallpanel.engine.roles import Role
from hallpanel.guard import sessions
from hallpanel.guard.account import RoleGrant
from hallpanel.guard.actors import actor_of, held_roles
from hallpanel.guard.granting import ADMINISTRATORS, grant, grants_between, revoke, roles_conflict
from tests.guard.conftest import NOW

TODAY = hall_day(NOW)
DAY = timedelta(days=1)


def roles(session, account, at=NOW):
    return set(actor_of(session, account, at).roles)


@pytest.mark.parametrize(("one", "other"), list(combinations(Role, 2)))
def test_an_administrator_holds_no_other_role_sod_1(one, other):
    administrates = {one, other} & set(ADMINISTRATORS)
    supervises = Role.SUPERVISION in (one, other) and {one, other} & {
        Role.HALL_ADMIN,
        Role.LEAD,
        Role.STAFF,
    }
    conflict = roles_conflict([one, other])
    assert (conflict is not None) is bool(administrates or supervises)


def test_a_role_alone_conflicts_with_nothing():
    assert roles_conflict([]) is None
    assert all(roles_conflict([role, role]) is None for role in Role)


def test_a_conflict_names_both_roles():
    conflict = roles_conflict([Role.DIRECTOR, Role.AUDITOR])
    assert str(conflict) == "one person is not both Audit administrator and Director"


def test_clashing_roles_are_not_granted_sod_1(session, mei):
    grant(session, mei.id, Role.AUDITOR, NOW)
    with pytest.raises(Refusal) as refused:
        grant(session, mei.id, Role.STAFF, NOW)
    assert refused.value.field == "role"
    assert roles(session, mei) == {Role.AUDITOR}


def test_roles_clash_only_on_days_on_which_both_hold(session, mei):
    grant(session, mei.id, Role.AUDITOR, NOW, until=TODAY + DAY)
    grant(session, mei.id, Role.STAFF, NOW, since=TODAY + 2 * DAY)
    with pytest.raises(Refusal):
        grant(session, mei.id, Role.SYSADMIN, NOW, since=TODAY - 9 * DAY, until=TODAY)
    assert roles(session, mei) == {Role.AUDITOR}
    assert roles(session, mei, NOW + 2 * DAY) == {Role.STAFF}


def test_a_lead_leads_a_unit(session, mei):
    with pytest.raises(Refusal) as refused:
        grant(session, mei.id, Role.LEAD, NOW)
    assert refused.value.field == "unit"


def test_a_period_runs_forward(session, mei):
    with pytest.raises(Refusal) as refused:
        grant(session, mei.id, Role.STAFF, NOW, since=TODAY, until=TODAY - DAY)
    assert refused.value.field == "until"


def test_a_role_holds_from_its_first_to_its_last_day(session, mei):
    grant(session, mei.id, Role.DIRECTOR, NOW, since=TODAY, until=TODAY + 3 * DAY)
    holds = {days: roles(session, mei, NOW + days * DAY) != set() for days in (-1, 0, 3, 4)}
    assert holds == {-1: False, 0: True, 3: True, 4: False}


def test_days_are_those_of_the_hall_not_of_utc(session, mei):
    grant(session, mei.id, Role.DIRECTOR, NOW, since=date(2026, 3, 3))
    late_evening = NOW.replace(hour=15, minute=59)
    midnight_in_the_hall = NOW.replace(hour=16)
    assert roles(session, mei, late_evening) == set()
    assert roles(session, mei, midnight_in_the_hall) == {Role.DIRECTOR}


def test_a_revoked_role_is_gone_at_once_and_stays_on_record(session, mei):
    held = grant(session, mei.id, Role.DIRECTOR, NOW, since=TODAY - 9 * DAY)
    revoke(session, held, NOW)
    session.commit()
    assert roles(session, mei) == set()
    assert session.scalars(select(RoleGrant)).one().until == TODAY - DAY


def test_a_role_granted_and_revoked_in_a_day_leaves_no_day(session, mei):
    revoke(session, grant(session, mei.id, Role.DIRECTOR, NOW), NOW)
    session.commit()
    assert roles(session, mei) == set()
    assert grants_between(session, mei.id, TODAY, None) == []


def test_whose_roles_change_signs_in_anew_sess_1(session, mei):
    token = sessions.open_session(session, mei.id, NOW)
    held = grant(session, mei.id, Role.DIRECTOR, NOW)
    assert sessions.find(session, token, NOW) is None
    token = sessions.open_session(session, mei.id, NOW)
    revoke(session, held, NOW)
    assert sessions.find(session, token, NOW) is None


def test_a_person_reads_which_roles_they_hold(session, mei):
    grant(session, mei.id, Role.STAFF, NOW)
    grant(session, mei.id, Role.DIRECTOR, NOW, since=TODAY + DAY)
    (held,) = held_roles(session, mei.id, NOW)
    assert (held.role, held.unit_name, held.since, held.until) == (Role.STAFF, None, TODAY, None)
