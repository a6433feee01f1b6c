import re
import threading
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from hallpanel.engine import audit
from hallpanel.engine.errors import Refusal
from hallpanel.engine.records import open_session
from hallpanel.guard import one_time, passwords, sessions
from hallpanel.guard.account import Account, disable
from hallpanel.guard.password_change import change_password
from hallpanel.guard.signing_in import REFUSED, sign_in
from tests.guard.conftest import NOW, OTHER_PASSWORD, PASSWORD
from tests.guard.test_signing_in import attempt

DAY = timedelta(hours=24)


@pytest.fixture
def code(session, mei):
    issued = one_time.issue(session, mei.id, NOW)
    session.commit()
    return issued


def test_a_code_is_long_readable_and_another_one_each_time_auth_9(session, mei):
    codes = {one_time.issue(session, mei.id, NOW) for _ in range(20)}
    assert len(codes) == 20
    for one in codes:
        assert re.fullmatch(r"([2-9A-HJ-NP-Z]{4}-){3}[2-9A-HJ-NP-Z]{4}", one)
    assert len(one_time.SIGNS) ** one_time.LENGTH >= 2**60


def test_a_code_is_kept_as_argon2id_and_told_to_nobody_auth_9(session, mei, code):
    session.refresh(mei)
    assert mei.password_hash.startswith("$argon2id$")
    assert not passwords.needs_rehash(mei.password_hash)
    bare = one_time.as_compared(code)
    for event in session.scalars(select(audit.AuditEvent)):
        assert code not in repr(vars(event))
        assert bare not in repr(vars(event))


def test_issuing_is_one_event_and_lifts_a_lock_auth_9(engine, session, mei):
    for _ in range(5):
        attempt(engine, "mei", "wrong")
    code = one_time.issue(session, mei.id, NOW)
    session.commit()
    issued = select(audit.AuditEvent).where(audit.AuditEvent.action == "issue_one_time_code")
    (event,) = session.scalars(issued)
    session.commit()
    assert (event.table_name, event.record_id) == ("account", str(mei.id))
    assert attempt(engine, "mei", code).token


def test_a_code_takes_the_place_of_the_password_and_ends_all_sessions_auth_9(engine, session, mei):
    before = attempt(engine, "mei", PASSWORD).token
    code = one_time.issue(session, mei.id, NOW)
    session.commit()
    assert sessions.find(session, before, NOW) is None
    session.commit()
    assert attempt(engine, "mei", PASSWORD).token is None
    assert attempt(engine, "mei", code).account.must_change_password


def test_a_code_may_be_typed_in_any_way(engine, session, mei):
    for write in (str.lower, lambda c: c.replace("-", ""), lambda c: f" {c.replace('-', ' ')} "):
        code = one_time.issue(session, mei.id, NOW)
        session.commit()
        assert attempt(engine, "mei", write(code)).token


def test_a_code_opens_once_auth_9(engine, mei, code):
    assert attempt(engine, "mei", code).token
    assert attempt(engine, "mei", code).message == REFUSED


def test_a_used_code_stays_used_if_the_clock_goes_back_auth_9(engine, mei, code):
    assert attempt(engine, "mei", code, NOW + timedelta(hours=1)).token
    for earlier in (timedelta(hours=1), timedelta(0), timedelta(days=-400)):
        assert attempt(engine, "mei", code, NOW + earlier).token is None


@pytest.mark.parametrize(
    ("after", "opens"), [(DAY - timedelta(seconds=1), True), (DAY, False), (30 * DAY, False)]
)
def test_a_code_is_valid_for_a_day_auth_9(engine, mei, code, after, opens):
    assert bool(attempt(engine, "mei", code, NOW + after).token) is opens


def test_of_many_who_use_a_code_at_once_one_comes_in_auth_9(engine, mei, code):
    start, tokens = threading.Barrier(8), []

    def use():
        start.wait()
        tokens.append(attempt(engine, "mei", code).token)

    crowd = [threading.Thread(target=use) for _ in range(8)]
    for one in crowd:
        one.start()
    for one in crowd:
        one.join()
    assert len([token for token in tokens if token]) == 1


def test_after_a_code_a_password_is_chosen_without_an_old_one_auth_9(engine, session, mei, code):
    attempt(engine, "mei", code)
    token = change_password(session, mei.id, "", OTHER_PASSWORD, NOW)
    session.commit()
    session.refresh(mei)
    assert sessions.find(session, token, NOW)
    assert (mei.must_change_password, mei.one_time_until) == (False, None)
    session.commit()
    assert attempt(engine, "mei", OTHER_PASSWORD).token
    with pytest.raises(Refusal):
        change_password(session, mei.id, "", PASSWORD, NOW)


@pytest.mark.parametrize("write", [str, str.lower, one_time.as_compared])
def test_the_code_itself_is_no_password_auth_9(engine, session, mei, code, write):
    attempt(engine, "mei", code)
    with pytest.raises(Refusal) as refused:
        change_password(session, mei.id, "", write(code), NOW)
    assert refused.value.field == "password"


def test_a_newer_code_takes_the_place_of_an_older_one_auth_9(engine, session, mei, code):
    newer = one_time.issue(session, mei.id, NOW)
    session.commit()
    assert attempt(engine, "mei", code).token is None
    assert attempt(engine, "mei", newer).token


def test_a_disabled_account_gets_no_code(session, mei):
    disable(session, mei.id, NOW)
    with pytest.raises(Refusal):
        one_time.issue(session, mei.id, NOW)


def test_a_code_looked_up_before_a_newer_one_was_given_is_too_late_auth_9(session, mei, code):
    session.execute(update(Account).values(password_hash=passwords.hash_password("ANOTHER")))
    session.commit()
    with open_session(session.get_bind()) as own:
        assert sign_in(own, "mei", code, NOW).token is None
