"""A second factor: sealed, asked after the password, and each code good for once (AUTH-8)."""

import threading
from datetime import timedelta

import pytest
from sqlalchemy import select, text, update

from hallpanel.engine import audit
from hallpanel.engine.records import open_session
from hallpanel.engine.roles import Role
from hallpanel.guard import one_time, sealing, second_factor, sessions, signing_in
from hallpanel.guard.account import Account
from hallpanel.guard.sealing import BrokenSeal, seal, unseal
from tests import authenticator
from tests.authenticator import KEY, SECRET, shown
from tests.guard.conftest import NOW, PASSWORD
from tests.guard.test_signing_in import attempt

STEP = timedelta(seconds=30)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def device(session, mei):
    """Mei's device is set up."""
    authenticator.hand_out(session, mei.id, NOW - timedelta(days=1))
    session.commit()


def type_code(engine, code, at=NOW, key=KEY, password_at=None):
    """Type the password and then a code, as a process of its own would see it."""
    waiting = attempt(engine, "mei", PASSWORD, password_at or at)
    if waiting.token is None:
        return waiting
    assert waiting.awaits_code
    return answer(engine, waiting.token, code, at, key)


def answer(engine, token, code, at=NOW, key=KEY):
    with open_session(engine) as own:
        row = sessions.find_awaiting(own, token, at)
        outcome = signing_in.sign_in_with_code(own, row, code, key, at)
        own.commit()
        return outcome


def test_the_password_alone_opens_nothing_auth_8(engine, session, mei, device):
    outcome = attempt(engine, "mei", PASSWORD)
    assert outcome.awaits_code
    assert sessions.find(session, outcome.token, NOW) is None
    assert sessions.list_open(session, mei.id, NOW) == []


def test_password_and_code_open_a_session_with_a_new_id_auth_8_sess_2(engine, session, mei, device):
    waiting = attempt(engine, "mei", PASSWORD)
    outcome = answer(engine, waiting.token, shown(NOW))
    assert outcome.token not in (None, waiting.token)
    assert sessions.find(session, outcome.token, NOW).account_id == mei.id
    assert sessions.find(session, waiting.token, NOW) is None
    assert sessions.find_awaiting(session, waiting.token, NOW) is None


@pytest.mark.parametrize(
    "write", [str, " {} ".format, lambda c: f"{c[:3]} {c[3:]}"], ids=["plain", "around", "within"]
)
def test_a_code_may_be_typed_with_gaps_and_by_an_input_method(engine, mei, device, write):
    wide = shown(NOW).translate(str.maketrans("0123456789", "０１２３４５６７８９"))
    assert type_code(engine, write(wide)).token


@pytest.mark.parametrize(
    ("off", "taken"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)]
)
def test_a_device_may_be_half_a_minute_off(engine, mei, device, off, taken):
    assert bool(type_code(engine, shown(NOW + off * STEP)).token) is taken


@pytest.mark.parametrize("code", ["", "0", "000000", "abcdef", "1" * 5000, "\x00", "٣" * 6])
def test_what_is_no_code_is_refused(engine, mei, device, code):
    if code == shown(NOW):
        code = "1"
    assert type_code(engine, code).message == signing_in.REFUSED_CODE


def test_a_code_works_once_auth_8(engine, mei, device):
    assert type_code(engine, shown(NOW)).token
    assert type_code(engine, shown(NOW)).token is None
    assert type_code(engine, shown(NOW + STEP), NOW + STEP).token


def test_a_code_stays_used_if_the_clock_goes_back_auth_8(engine, mei, device):
    assert type_code(engine, shown(NOW)).token
    for back in (MINUTE / 2, MINUTE, 2 * MINUTE):
        assert type_code(engine, shown(NOW), NOW - back).token is None
    earlier = shown(NOW - MINUTE)
    assert type_code(engine, earlier, NOW - MINUTE).token is None, "nor does one before it"


def test_of_many_who_type_one_code_at_once_one_comes_in_auth_8(engine, mei, device):
    waiting = [attempt(engine, "mei", PASSWORD).token for _ in range(4)]
    start, tokens = threading.Barrier(4), []

    def come(token):
        start.wait()
        tokens.append(answer(engine, token, shown(NOW)).token)

    crowd = [threading.Thread(target=come, args=(token,)) for token in waiting]
    for one in crowd:
        one.start()
    for one in crowd:
        one.join()
    assert len([token for token in tokens if token]) == 1


def test_wrong_codes_lock_the_account_though_the_password_is_right_auth_6_auth_8(
    engine, session, mei, device
):
    for _ in range(5):
        assert type_code(engine, "1").token is None
    session.refresh(mei)
    assert mei.locked_until == NOW + 15 * MINUTE
    session.commit()
    assert attempt(engine, "mei", PASSWORD).message == signing_in.REFUSED
    later = NOW + 15 * MINUTE
    assert type_code(engine, shown(later), later).token


def test_wrong_passwords_and_wrong_codes_count_together_auth_6(engine, mei, device):
    for _ in range(2):
        attempt(engine, "mei", "wrong")
        type_code(engine, "1")
    assert attempt(engine, "mei", "wrong").token is None
    assert type_code(engine, shown(NOW)).token is None


def test_a_lock_that_came_meanwhile_stops_the_right_code_auth_6(engine, mei, device):
    waiting = attempt(engine, "mei", PASSWORD)
    for _ in range(5):
        attempt(engine, "mei", "wrong")
    assert answer(engine, waiting.token, shown(NOW)).message == signing_in.REFUSED_CODE


def test_four_wrong_codes_are_forgotten_by_the_right_one(engine, mei, device):
    for turn in range(2):
        at = NOW + turn * MINUTE
        for _ in range(4):
            type_code(engine, "1", at)
        assert type_code(engine, shown(at), at).token


def test_the_question_for_the_code_waits_five_minutes(engine, session, mei, device):
    token = attempt(engine, "mei", PASSWORD).token
    assert sessions.find_awaiting(session, token, NOW + 5 * MINUTE - MINUTE / 60)
    assert sessions.find_awaiting(session, token, NOW + 5 * MINUTE) is None


def test_a_new_start_takes_the_second_factor_away_auth_9(engine, session, mei, device):
    waiting = attempt(engine, "mei", PASSWORD)
    code = one_time.issue(session, mei.id, NOW)
    session.commit()
    assert sessions.find_awaiting(session, waiting.token, NOW) is None
    session.commit()
    assert not attempt(engine, "mei", code).awaits_code


def test_setting_up_ends_every_session_sess_1(session, mei):
    tokens = [sessions.open_session(session, mei.id, NOW) for _ in range(3)]
    authenticator.hand_out(session, mei.id, NOW)
    assert all(sessions.find(session, token, NOW) is None for token in tokens)


def test_steps_are_events_and_hold_neither_code_nor_secret_aud_1_aud_8(
    engine, session, mei, device
):
    type_code(engine, "1")
    type_code(engine, shown(NOW))
    found = session.scalars(select(audit.AuditEvent).order_by(audit.AuditEvent.seq)).all()
    told = [(e.action, e.result, e.reason) for e in found if e.action != "create_account"]
    assert told == [
        ("enrol_second_factor", "done", None),
        ("sign_in_password", "done", None),
        ("sign_in", "refused", "wrong code"),
        ("sign_in_password", "done", None),
        ("sign_in", "done", None),
    ]
    for event in found:
        assert SECRET not in repr(vars(event))
        assert shown(NOW) not in repr(vars(event))


# how the secret is kept


def test_the_secret_is_not_in_the_database_pii_4(engine, session, mei, device):
    session.commit()
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT * FROM account")).all()
    assert SECRET not in repr(rows)
    session.refresh(mei)
    algorithm, key_name, _body = mei.totp_secret.split(":")
    assert (algorithm, len(key_name)) == ("AES-GCM", 8)
    assert unseal(KEY, mei.totp_secret, f"account {mei.id}") == SECRET


def test_the_same_secret_is_never_sealed_the_same_way_twice():
    assert seal(KEY, SECRET, "account 1") != seal(KEY, SECRET, "account 1")


def test_a_sealed_secret_is_bound_to_its_account_pii_4(engine, session, mei, lin, device):
    session.refresh(mei)
    session.execute(update(Account).where(Account.id == lin.id).values(totp_secret=mei.totp_secret))
    session.commit()
    waiting = attempt(engine, "lin", PASSWORD)
    assert answer(engine, waiting.token, shown(NOW)).token is None


@pytest.mark.parametrize(
    "spoil",
    [
        lambda kept: "",
        lambda kept: "no seal",
        lambda kept: kept.replace("AES-GCM", "AES-CBC"),
        lambda kept: kept[:-2],
        lambda kept: kept[:-6] + ("AAAAAA" if kept[-6:] != "AAAAAA" else "BBBBBB"),
        lambda kept: kept + "字",
    ],
    ids=["empty", "other", "algorithm", "shorter", "changed", "longer"],
)
def test_a_spoilt_seal_is_not_opened(spoil):
    with pytest.raises(BrokenSeal):
        unseal(KEY, spoil(seal(KEY, SECRET, "account 1")), "account 1")


def test_another_key_opens_nothing_and_is_named():
    kept = seal(KEY, SECRET, "account 1")
    other = seal(KEY[::-1], SECRET, "account 1")
    assert kept.split(":")[1] != other.split(":")[1]
    with pytest.raises(BrokenSeal):
        unseal(KEY[::-1], kept, "account 1")


def test_without_its_key_a_factor_fits_no_code_and_does_not_fail(engine, mei, device):
    assert type_code(engine, shown(NOW), key=KEY[::-1]).message == signing_in.REFUSED_CODE


def test_keys_of_different_purposes_differ():
    assert sealing.derive(KEY, b"one") != sealing.derive(KEY, b"other")


# who needs one


def test_administrators_and_whoever_opens_identities_need_one_auth_8():
    needed = {role for role in Role if second_factor.is_required({role})}
    assert needed >= {Role.SYSADMIN, Role.SECADMIN, Role.AUDITOR, Role.HALL_ADMIN, Role.KEEPER}
    assert Role.STAFF not in needed


def test_a_declaration_adds_its_roles_auth_8(monkeypatch):
    roles = set(second_factor.SECOND_FACTOR_ROLES)
    monkeypatch.setattr(second_factor, "SECOND_FACTOR_ROLES", roles)
    assert not second_factor.is_required({Role.STAFF, Role.REVIEWER})
    second_factor.require_of([Role.REVIEWER])
    assert second_factor.is_required({Role.STAFF, Role.REVIEWER})


def test_a_secret_by_chance_is_160_bits():
    secrets = {second_factor.new_secret() for _ in range(10)}
    assert {len(secret) for secret in secrets} == {32}
    assert len(secrets) == 10
