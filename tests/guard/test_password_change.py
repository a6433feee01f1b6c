from datetime import timedelta
from itertools import pairwise

import pytest
from sqlalchemy import func, select

from hallpanel import seeding
from hallpanel.engine import records
from hallpanel.engine.errors import Refusal
from hallpanel.engine.scope import SYSTEM
from hallpanel.guard import one_time, passwords, sessions
from hallpanel.guard.password_change import change_password
from hallpanel.guard.password_history import FormerPassword
from hallpanel.guard.password_policy import DJBH3, NIST
from hallpanel.guard.signing_in import sign_in
from tests import authenticator
from tests.guard.conftest import NOW, OTHER_PASSWORD, PASSWORD


def test_a_changed_password_ends_every_session_and_opens_one_sess_1(session, mei):
    before = [sessions.open_session(session, mei.id, NOW) for _ in range(3)]
    token = change_password(session, mei.id, PASSWORD, OTHER_PASSWORD, NOW)
    session.commit()
    assert all(sessions.find(session, old, NOW) is None for old in before)
    assert sessions.find(session, token, NOW)
    assert sign_in(session, "mei", OTHER_PASSWORD, NOW).token
    assert sign_in(session, "mei", PASSWORD, NOW).token is None


def test_a_changed_password_lifts_the_duty_to_change_it_auth_9(session, mei):
    mei.must_change_password = True
    session.commit()
    at = NOW + timedelta(hours=1)
    change_password(session, mei.id, PASSWORD, OTHER_PASSWORD, at)
    session.commit()
    session.refresh(mei)
    assert not mei.must_change_password
    assert mei.password_changed_at == at


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        ("wrong", OTHER_PASSWORD, "old"),
        ("", OTHER_PASSWORD, "old"),
        (PASSWORD, "short", "password"),
        (PASSWORD, PASSWORD, "password"),
    ],
)
def test_a_refused_change_says_where_and_changes_nothing(session, mei, old, new, field):
    token = sessions.open_session(session, mei.id, NOW)
    with pytest.raises(Refusal) as refused:
        change_password(session, mei.id, old, new, NOW)
    session.commit()
    assert refused.value.field == field
    assert sessions.find(session, token, NOW)
    assert sign_in(session, "mei", PASSWORD, NOW).token


def change_in_a_row(session, account, words, profile):
    """Change the password from each to the next."""
    for old, new in pairwise(words):
        change_password(session, account.id, old, new, NOW, profile=profile)
        session.commit()


FIRST = "Morning tea at one"
LATER = [f"Morning tea at {hour}" for hour in ("two", "three", "four", "five", "six", "seven")]


def begin_with(session, account, password):
    account.password_hash = passwords.hash_password(password)
    session.commit()


@pytest.mark.parametrize("between", [1, 2, 3, 4])
def test_in_djbh3_the_last_five_passwords_do_not_come_back_auth_3(session, mei, between):
    begin_with(session, mei, FIRST)
    change_in_a_row(session, mei, [FIRST, *LATER[:between]], DJBH3)
    with pytest.raises(Refusal) as refused:
        change_password(session, mei.id, LATER[between - 1], FIRST, NOW, profile=DJBH3)
    assert "one of your last passwords" in str(refused.value)


def test_in_djbh3_a_password_may_come_back_after_five_others_auth_3(session, mei):
    begin_with(session, mei, FIRST)
    change_in_a_row(session, mei, [FIRST, *LATER[:5], FIRST], DJBH3)
    assert passwords.verify(mei.password_hash, FIRST)
    kept = select(func.count()).select_from(FormerPassword)
    assert session.scalar(kept.where(FormerPassword.account_id == mei.id)) == DJBH3.history


def test_in_nist_a_former_password_may_come_back_auth_3(session, mei):
    begin_with(session, mei, FIRST)
    change_in_a_row(session, mei, [FIRST, LATER[0], FIRST], NIST)
    assert passwords.verify(mei.password_hash, FIRST)


def test_a_one_time_code_does_not_bring_a_former_password_back_auth_3(session, mei):
    begin_with(session, mei, FIRST)
    code = one_time.issue(session, mei.id, NOW)
    session.commit()
    assert sign_in(session, "mei", code, NOW).token
    session.commit()
    with pytest.raises(Refusal):
        change_password(session, mei.id, "", FIRST, NOW)


def test_only_hashes_of_former_passwords_are_kept_auth_5(session, mei):
    change_in_a_row(session, mei, [PASSWORD, *LATER[:2]], DJBH3)
    for kept in session.scalars(select(FormerPassword.password_hash)):
        assert kept.startswith("$argon2id$")


def test_a_second_factor_makes_eight_characters_enough_in_nist_auth_3(session, mei):
    begin_with(session, mei, PASSWORD)
    with pytest.raises(Refusal):
        change_password(session, mei.id, PASSWORD, "rain 8 k", NOW, profile=NIST)
    authenticator.hand_out(session, mei.id, NOW)
    change_password(session, mei.id, PASSWORD, "rain 8 k", NOW, profile=NIST)


def test_the_halls_own_name_is_no_password_auth_3(session, mei):
    hall = {"name": "云河市民中心", "address": "", "opening_hours": "", "telephone": ""}
    with records.at_desk(session, SYSTEM, NOW):
        seeding.Sower(session, NOW).sow({"hall": [hall]})
        session.commit()
    for word in ("云河市民中心Aa1 xyz", "Yunhe-Shimin-Zhongxin-1"):
        with pytest.raises(Refusal) as refused:
            change_password(session, mei.id, PASSWORD, word, NOW)
        assert "word of this hall" in str(refused.value), word


def test_a_borrowed_browser_cannot_guess_for_ever_auth_6(session, mei):
    for _ in range(5):
        with pytest.raises(Refusal):
            change_password(session, mei.id, "wrong", OTHER_PASSWORD, NOW)
        session.commit()
    with pytest.raises(Refusal):
        change_password(session, mei.id, PASSWORD, OTHER_PASSWORD, NOW)
    session.commit()
    assert sign_in(session, "mei", PASSWORD, NOW).token is None
