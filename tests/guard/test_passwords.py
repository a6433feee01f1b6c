import pytest
from argon2 import PasswordHasher, extract_parameters

from hallpanel.guard import passwords


def test_a_password_is_kept_as_argon2id_with_the_agreed_cost_auth_5():
    parameters = extract_parameters(passwords.hash_password("morning tea at nine"))
    assert (parameters.type.name, parameters.memory_cost) == ("ID", 19456)
    assert (parameters.time_cost, parameters.parallelism) == (2, 1)


def test_the_same_password_is_never_kept_the_same_way_twice():
    assert passwords.hash_password("morning tea") != passwords.hash_password("morning tea")


def test_only_the_password_itself_is_accepted():
    kept = passwords.hash_password("morning tea at nine")
    assert passwords.verify(kept, "morning tea at nine")
    assert not passwords.verify(kept, "morning tea at ten")
    assert not passwords.verify(kept, "")


@pytest.mark.parametrize("kept", [None, passwords.NOBODY, "no hash at all", passwords.DECOY])
def test_nothing_opens_an_account_without_a_password(kept):
    assert not passwords.verify(kept, "")
    assert not passwords.verify(kept, "morning tea at nine")


def test_the_decoy_costs_what_a_real_hash_costs_auth_6():
    assert not passwords.needs_rehash(passwords.DECOY)


def test_a_hash_of_weaker_days_is_recognised_auth_5():
    weak = PasswordHasher(time_cost=1, memory_cost=8192, parallelism=1).hash("morning tea at nine")
    assert passwords.needs_rehash(weak)
    assert not passwords.needs_rehash(passwords.hash_password("morning tea at nine"))


def test_a_password_counts_to_its_last_character_auth_3():
    long = "窗口" * 32
    kept = passwords.hash_password(long + "甲")
    assert passwords.verify(kept, long + "甲")
    assert not passwords.verify(kept, long + "乙")
    assert not passwords.verify(kept, long)


def test_what_input_methods_type_differently_is_one_password():
    kept = passwords.hash_password("Ｐａｓｓ　ｗｏｒｄ ok")
    assert passwords.verify(kept, "Pass word ok")


def test_a_password_beyond_any_length_is_wrong_and_cheap():
    kept = passwords.hash_password("morning tea at nine")
    assert not passwords.verify(kept, "x" * 1_000_000)
