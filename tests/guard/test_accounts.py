import threading

import pytest
from sqlalchemy import func, select

from hallpanel.engine import audit, records
from hallpanel.engine.errors import Refusal
from hallpanel.engine.scope import SYSTEM
from hallpanel.guard import sessions
from hallpanel.guard.account import (
    Account,
    create_account,
    disable,
    find_account,
    keep_habit,
    username_key,
)
from hallpanel.guard.signing_in import sign_in
from tests.guard.conftest import NOW, PASSWORD


def accounts(session):
    return session.scalar(select(func.count(Account.id)))


def test_a_new_installation_has_no_account_auth_1(session):
    assert accounts(session) == 0


def test_an_account_keeps_its_name_as_typed_and_no_password(session):
    account = create_account(session, " Zhang ", "张", PASSWORD, NOW)
    session.commit()
    assert (account.username, account.username_key) == ("Zhang", "zhang")
    assert PASSWORD not in account.password_hash
    assert account.must_change_password
    assert not account.demonstration


def test_spellings_of_one_name_are_one_name_auth_2(session):
    create_account(session, "zhang", "张", PASSWORD, NOW)
    session.commit()
    for spelling in ["Zhang", "ZHANG", "ｚhang", "  zhang", "Ｚｈａｎｇ"]:
        with pytest.raises(Refusal) as refused:
            create_account(session, spelling, "章", None, NOW)
        session.rollback()
        assert refused.value.field == "username"
        assert find_account(session, spelling).display_name == "张"
    assert accounts(session) == 1


def test_the_name_of_a_disabled_account_stays_taken_auth_2(session, mei):
    disable(session, mei.id, NOW)
    session.commit()
    with pytest.raises(Refusal):
        create_account(session, "mei", "另一位", PASSWORD, NOW)


def test_a_refused_name_leaves_the_rest_of_the_work_alone(session, mei):
    with pytest.raises(Refusal):
        create_account(session, "MEI", "另一位", PASSWORD, NOW)
    create_account(session, "wu", "吴", PASSWORD, NOW)
    session.commit()
    assert accounts(session) == 2


def test_two_who_want_one_name_at_once_get_one_account_auth_2(engine):
    start, outcomes = threading.Barrier(4), []

    def want(spelling):
        with records.open_session(engine) as own:
            records.open_desk(own, SYSTEM, NOW)
            start.wait()
            try:
                create_account(own, spelling, "张", None, NOW)
                own.commit()
                outcomes.append("made")
            except Refusal:
                outcomes.append("refused")

    crowd = [
        threading.Thread(target=want, args=(name,))
        for name in ("zhang", "Zhang", "ＺHANG", "zhanG")
    ]
    for one in crowd:
        one.start()
    for one in crowd:
        one.join()
    assert sorted(outcomes) == ["made", "refused", "refused", "refused"]


ODD = ["", "   ", "x" * 65, "two words", "zero\u200bwidth", "nul\x00", "a\tb"]


def test_an_odd_user_name_is_refused(session):
    for odd in ODD:
        with pytest.raises(Refusal) as refused:
            create_account(session, odd, "张", None, NOW)
        assert refused.value.field == "username"
    assert accounts(session) == 0


def test_a_weak_password_makes_no_account(session):
    with pytest.raises(Refusal):
        create_account(session, "zhang", "张", "short", NOW)
    assert accounts(session) == 0


def test_a_demonstration_takes_the_password_of_its_settings(session):
    create_account(session, "staff.a1", "演示", "12345678", NOW, demonstration=True)
    session.commit()
    assert sign_in(session, "staff.a1", "12345678", NOW).token


def test_nobody_signs_in_to_an_account_without_a_password(session):
    create_account(session, "zhang", "张", None, NOW)
    session.commit()
    for guess in ("", "zhang", PASSWORD):
        assert sign_in(session, "zhang", guess, NOW).token is None


def test_disabling_ends_every_session_at_once_sess_1(session, mei):
    token = sessions.open_session(session, mei.id, NOW)
    disable(session, mei.id, NOW)
    session.commit()
    assert sessions.find(session, token, NOW) is None


def test_how_a_person_reads_is_kept_with_the_account(session, mei):
    keep_habit(session, mei.id, "language", "en", NOW)
    session.commit()
    session.refresh(mei)
    assert mei.language == "en"


def test_each_change_of_an_account_is_one_audit_event_aud_1(session, mei):
    disable(session, mei.id, NOW)
    session.commit()
    actions = session.scalars(
        select(audit.AuditEvent.action)
        .where(audit.AuditEvent.table_name == "account", audit.AuditEvent.record_id == mei.id)
        .order_by(audit.AuditEvent.seq)
    )
    assert list(actions) == ["create_account", "disable_account"]


def test_the_key_of_a_name_is_stable_under_folding():
    for name in ("Zhang", "ｚhang", "ＺHANG", "straße", "İstanbul", "ﬁne"):
        assert username_key(username_key(name)) == username_key(name)
