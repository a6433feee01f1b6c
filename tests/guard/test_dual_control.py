"""Two people for what one alone could do to all: who asks, who agrees, until when, and once."""

from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from hallpanel.engine import audit, records
from hallpanel.engine.errors import NotAllowed, Refusal
from hallpanel.engine.outbox import Message
from hallpanel.engine.roles import Role
from hallpanel.engine.scope import SYSTEM
from hallpanel.guard import administration, dual_control
from hallpanel.guard.account import create_account
from hallpanel.guard.actors import actor_of
from hallpanel.guard.administration import find_account, is_administrator
from hallpanel.guard.dual_control import Outcome
from hallpanel.guard.granting import grant
from tests.guard.conftest import NOW

MINUTE = timedelta(minutes=1)
NOBODYS = ("restore", {"file": "monday.tar", "digest": "0" * 64})


@pytest.fixture
def people(session):
    """One account of each office that has to do with it, and of somebody new."""
    offices = {
        "sec": Role.SECADMIN,
        "sec2": Role.SECADMIN,
        "aud": Role.AUDITOR,
        "sys": Role.SYSADMIN,
        "sys2": Role.SYSADMIN,
        "keeper": Role.KEEPER,
        "head": Role.HALL_ADMIN,
        "new": None,
    }
    made = {}
    for name, role in offices.items():
        account = create_account(session, name, name.title(), None, NOW)
        if role is not None:
            grant(session, account.id, role, NOW)
        made[name] = account.id
    session.commit()
    return made


@pytest.fixture
def as_(session, people):
    """Sit down as somebody, in a sign-in session of their own."""

    def sit(name, at=NOW, sitting=None):
        actor = actor_of(session, find_account(session, people[name]), at)
        records.open_desk(session, actor, at, session_hash=sitting or f"browser of {name}")
        return actor

    return sit


def ask(session, actor, kind=NOBODYS[0], payload=None, at=NOW, reason="磁盘坏了"):
    payload = NOBODYS[1] if payload is None else payload
    request = dual_control.ask(session, kind, payload, reason, actor, at)
    session.commit()
    return request.id


def decide(session, actor, request_id, at=NOW, *, agrees=True):
    try:
        done = dual_control.decide(session, request_id, actor, at, agrees=agrees)
    except Refusal:
        session.rollback()
        raise
    session.commit()
    return done


def events(session):
    records.open_desk(session, SYSTEM, NOW)
    event = audit.AuditEvent
    rows = session.scalars(select(event.action).where(event.table_name == "dual_control"))
    return list(rows)


def test_two_people_make_an_administrator_sod_3(session, people, as_):
    asker = as_("sec")
    account = find_account(session, people["new"])
    request = administration.grant_role(session, account, Role.SYSADMIN, asker, NOW, reason="接任")
    session.commit()
    assert not is_administrator(session, people["new"], NOW)
    decide(session, as_("sec2"), request.id)
    assert is_administrator(session, people["new"], NOW)
    assert dual_control.find(session, request.id).outcome is Outcome.DONE
    assert events(session) == ["dual_ask", "dual_approve", "dual_done"]


def test_two_people_take_an_administrators_role_away_and_close_the_account_sod_3(
    session, people, as_
):
    (held,) = administration.grants_now(session, people["sys2"], NOW)
    request = administration.revoke_role(session, held, as_("sec"), NOW, reason="调离")
    session.commit()
    assert is_administrator(session, people["sys2"], NOW)
    decide(session, as_("sec2"), request.id)
    assert not is_administrator(session, people["sys2"], NOW)
    account = find_account(session, people["aud"])
    request = administration.disable(session, account, as_("sys"), NOW, reason="调离")
    session.commit()
    with pytest.raises(NotAllowed):
        decide(session, as_("aud"), request.id)
    decide(session, as_("sec"), request.id)
    assert find_account(session, people["aud"]).disabled_at == NOW


def test_an_ordinary_role_is_granted_by_one_person(session, people, as_):
    account = find_account(session, people["new"])
    held = administration.grant_role(session, account, Role.STAFF, as_("sec"), NOW, reason="")
    assert held.role is Role.STAFF


def test_the_auditor_countersigns_where_there_is_no_other_security_administrator_sod_3(
    session, people, as_
):
    account = find_account(session, people["new"])
    request = administration.grant_role(
        session, account, Role.SYSADMIN, as_("sec"), NOW, reason="接任"
    )
    session.commit()
    assert not dual_control.may_decide(session, request, as_("aud"), NOW)
    (held,) = administration.grants_now(session, people["sec2"], NOW)
    records.open_desk(session, SYSTEM, NOW)
    administration.granting.revoke(session, held, NOW)
    session.commit()
    assert dual_control.may_decide(session, request, as_("aud"), NOW)
    assert not dual_control.may_decide(session, request, as_("sys"), NOW)


def test_who_asks_does_not_agree_sod_3(session, people, as_):
    request_id = ask(session, as_("sys"))
    with pytest.raises(NotAllowed):
        decide(session, as_("sys", sitting="another browser"), request_id)
    with pytest.raises(NotAllowed):
        decide(session, as_("head"), request_id)
    with pytest.raises(NotAllowed):
        decide(session, as_("sec", sitting="browser of sys"), request_id)
    decide(session, as_("sec"), request_id)


def test_the_database_takes_no_decision_of_who_asked_sod_3(session, people, as_):
    request = dual_control.find(session, ask(session, as_("sys")))
    request.decided_by = people["sys"]
    with pytest.raises(IntegrityError):
        session.flush()


def test_who_stands_in_for_the_asker_does_not_agree_sod_2(session, people, as_):
    from dataclasses import replace

    asker = as_("sys")
    request = dual_control.find(session, ask(session, asker))
    stand_in = replace(as_("sec"), delegators=(asker,))
    assert dual_control.barred(session, request, stand_in, NOW) is not None
    assert dual_control.barred(session, request, as_("sec"), NOW) is None


def test_nobody_asks_or_agrees_about_themselves_sod_2(session, people, as_):
    own = {"account_id": people["sec"], "role": "auditor", "since": None, "until": None}
    with pytest.raises(NotAllowed):
        ask(session, as_("sec"), "grant_administrator", own)
    with pytest.raises(NotAllowed):
        administration.grant_role(
            session, find_account(session, people["sec"]), Role.STAFF, as_("sec"), NOW, reason="x"
        )
    request_id = ask(session, as_("sec2"), "grant_administrator", own)
    with pytest.raises(NotAllowed):
        decide(session, as_("sec"), request_id)


def test_none_but_those_named_ask_sod_3(session, people, as_):
    for name in ("sec", "aud", "head", "keeper", "new"):
        with pytest.raises(NotAllowed):
            ask(session, as_(name))
    with pytest.raises(Refusal):
        ask(session, as_("sys"), reason="  ")


def test_a_request_waits_for_half_an_hour_sod_3(session, people, as_):
    late = ask(session, as_("sys"))
    with pytest.raises(Refusal) as refused:
        decide(session, as_("sec"), late, NOW + 30 * MINUTE)
    assert "expired" in str(refused.value)
    assert dual_control.expire_old(session, NOW + 29 * MINUTE) == 0
    assert dual_control.expire_old(session, NOW + 30 * MINUTE) == 1
    session.commit()
    assert dual_control.find(session, late).outcome is Outcome.EXPIRED
    assert events(session) == ["dual_ask", "dual_expire"]
    again = ask(session, as_("sys"), at=NOW + 31 * MINUTE)
    decide(session, as_("sec"), again, NOW + 60 * MINUTE)


def test_an_agreement_permits_one_person_one_deed_once_for_half_an_hour_sod_3(session, people, as_):
    kind, payload = NOBODYS

    def demand(name, facts=payload, at=NOW):
        return dual_control.demand(session, kind, facts, as_(name), at)

    assert demand("sys") is not None
    request_id = ask(session, as_("sys"))
    assert demand("sys") is not None
    decide(session, as_("sec"), request_id, NOW + 20 * MINUTE)
    assert demand("sys2") is not None
    assert demand("sys", payload | {"file": "other.tar"}) is not None
    assert demand("sys", at=NOW + 50 * MINUTE) is not None
    assert demand("sys", at=NOW + 49 * MINUTE) is None
    assert demand("sys") is not None
    session.commit()
    assert events(session) == ["dual_ask", "dual_approve", "dual_done"]


def test_a_refusal_is_final_and_tells_the_asker_sod_3(session, people, as_):
    request_id = ask(session, as_("sys"))
    decide(session, as_("sec"), request_id, agrees=False)
    with pytest.raises(Refusal):
        decide(session, as_("sec2"), request_id)
    told = session.scalars(select(Message).where(Message.to_account_id == people["sys"])).all()
    assert [str(one.sentence) for one in told] == ["Sec refused: Restore a backup over the records"]
    assert events(session) == ["dual_ask", "dual_refuse"]


def test_a_deed_that_fails_leaves_its_request_waiting(session, people, as_):
    account = find_account(session, people["new"])
    request = administration.grant_role(
        session, account, Role.SYSADMIN, as_("sec"), NOW, reason="接任"
    )
    grant(session, people["new"], Role.STAFF, NOW)
    session.commit()
    with pytest.raises(Refusal):
        decide(session, as_("sec2"), request.id)
    assert dual_control.find(session, request.id).outcome is Outcome.WAITING
    assert events(session) == ["dual_ask"]


def test_each_kind_can_be_asked_for_and_agreed_to_by_two_different_people():
    for kind in dual_control.KINDS.values():
        assert kind.may_ask
        assert kind.may_approve
        assert kind.told


def test_an_administrators_new_start_takes_two_people_sod_3(session, people, as_):
    account = find_account(session, people["aud"])
    with pytest.raises(Refusal):
        administration.new_start(session, account, as_("sec"), NOW)
    request_id = ask(session, as_("sec"), "administrator_code", {"account_id": account.id})
    decide(session, as_("sys"), request_id)
    assert len(administration.new_start(session, account, as_("sec"), NOW)) == 19
