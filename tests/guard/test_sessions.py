from datetime import timedelta

import pytest
from sqlalchemy import select

from hallpanel.guard import sessions
from hallpanel.guard.sessions import Lifetime, Origin, SignInSession
from tests.guard.conftest import NOW

SECOND = timedelta(seconds=1)
IDLE = sessions.LIFETIME.idle
ABSOLUTE = sessions.LIFETIME.absolute


@pytest.fixture
def token(session, mei):
    opened = sessions.open_session(session, mei.id, NOW)
    session.commit()
    return opened


def use(session, token, at):
    sessions.touch(session, sessions.id_hash(token), at)
    session.commit()


def test_the_id_has_256_bits_and_is_never_given_twice_sess_2(session, mei):
    tokens = {sessions.open_session(session, mei.id, NOW) for _ in range(50)}
    assert len(tokens) == 50
    assert all(len(token) == 43 for token in tokens)  # 32 bytes in base64


def test_the_table_keeps_only_a_hash_of_the_id_sess_2(session, token):
    row = session.scalars(select(SignInSession)).one()
    values = [str(getattr(row, column.key)) for column in SignInSession.__table__.columns]
    assert row.id_hash == sessions.id_hash(token)
    assert not any(token in value for value in values)


def test_an_open_session_is_found_by_its_id_alone(session, mei, token):
    assert sessions.find(session, token, NOW).account_id == mei.id
    assert sessions.find(session, token[:-1], NOW) is None
    assert sessions.find(session, sessions.id_hash(token), NOW) is None
    assert sessions.find(session, "\udcff", NOW) is None


@pytest.mark.parametrize(("after", "is_open"), [(IDLE - SECOND, True), (IDLE + SECOND, False)])
def test_a_session_dies_after_half_an_hour_unused_sess_3(session, token, after, is_open):
    assert (sessions.find(session, token, NOW + after) is not None) is is_open


@pytest.mark.parametrize(("after", "is_open"), [(-SECOND, True), (SECOND, False)])
def test_a_session_dies_after_twelve_hours_of_use_sess_3(session, token, after, is_open):
    at = NOW
    while at < NOW + ABSOLUTE - IDLE:
        at += IDLE / 2
        use(session, token, at)
    use(session, token, NOW + ABSOLUTE - 2 * SECOND)
    found = sessions.find(session, token, NOW + ABSOLUTE + after)
    assert (found is not None) is is_open


def test_the_hall_may_set_shorter_lives(session, mei):
    short = Lifetime(idle=timedelta(minutes=2), absolute=timedelta(minutes=5))
    token = sessions.open_session(session, mei.id, NOW, lifetime=short)
    assert sessions.find(session, token, NOW + timedelta(seconds=119), short)
    assert sessions.find(session, token, NOW + timedelta(seconds=121), short) is None


def test_use_is_noted_at_most_once_a_minute(session, token):
    use(session, token, NOW + timedelta(seconds=59))
    assert sessions.find(session, token, NOW).seen_at == NOW
    use(session, token, NOW + timedelta(seconds=60))
    assert sessions.find(session, token, NOW).seen_at == NOW + timedelta(seconds=60)


def test_an_ended_session_is_found_no_more_and_not_revived_sess_1(session, token):
    hashed = sessions.id_hash(token)
    assert sessions.end(session, hashed, NOW)
    assert not sessions.end(session, hashed, NOW)
    use(session, token, NOW + timedelta(minutes=2))
    assert sessions.find(session, token, NOW) is None
    assert session.scalars(select(SignInSession)).one().seen_at == NOW


def test_all_sessions_end_but_the_one_in_use(session, mei, lin, token):
    other = sessions.open_session(session, mei.id, NOW)
    of_lin = sessions.open_session(session, lin.id, NOW)
    assert sessions.end_all(session, mei.id, NOW, but=sessions.id_hash(token)) == 1
    assert sessions.find(session, token, NOW)
    assert sessions.find(session, other, NOW) is None
    assert sessions.find(session, of_lin, NOW)
    assert sessions.end_all(session, mei.id, NOW) == 1
    assert sessions.find(session, token, NOW) is None


def test_a_person_sees_their_open_sessions_only_last_used_first(session, mei, lin, token):
    later = sessions.open_session(session, mei.id, NOW + timedelta(minutes=5))
    ended = sessions.open_session(session, mei.id, NOW)
    sessions.end(session, sessions.id_hash(ended), NOW)
    sessions.open_session(session, lin.id, NOW)
    at = NOW + timedelta(minutes=10)
    listed = [row.id_hash for row in sessions.list_open(session, mei.id, at)]
    assert listed == [sessions.id_hash(later), sessions.id_hash(token)]
    assert sessions.list_open(session, mei.id, NOW + timedelta(minutes=36)) == []


def test_what_a_browser_says_of_itself_cannot_forge_a_line_aud_8(session, mei):
    origin = Origin(address="10.0.0.1\n", user_agent="Mozilla\r\n\x1b[31m" + "x" * 500)
    sessions.open_session(session, mei.id, NOW, origin)
    session.commit()
    row = session.scalars(select(SignInSession)).one()
    assert row.user_agent.isprintable()
    assert len(row.user_agent) == 200
    assert row.address == "10.0.0.1 "
