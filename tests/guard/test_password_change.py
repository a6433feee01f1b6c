from datetime import timedelta

import pytest

from hallpanel.engine.errors import Refusal
from hallpanel.guard import sessions
from hallpanel.guard.password_change import change_password
from hallpanel.guard.signing_in import sign_in
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


def test_a_borrowed_browser_cannot_guess_for_ever_auth_6(session, mei):
    for _ in range(5):
        with pytest.raises(Refusal):
            change_password(session, mei.id, "wrong", OTHER_PASSWORD, NOW)
        session.commit()
    with pytest.raises(Refusal):
        change_password(session, mei.id, PASSWORD, OTHER_PASSWORD, NOW)
    session.commit()
    assert sign_in(session, "mei", PASSWORD, NOW).token is None
