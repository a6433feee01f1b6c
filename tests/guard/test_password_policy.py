"""The two password profiles, and the words that no password may be made of (AUTH-3)."""

from datetime import timedelta

import pytest

from hallpanel.engine.errors import Refusal
from hallpanel.guard import password_policy
from hallpanel.guard.password_policy import DJBH3, NIST, Owner, problem_with, refuse_weak
from tests.guard.conftest import NOW

HE = Owner("he.wj", "何文静", "云河市政务服务中心")
LONG = "Nine cups of tea, please: 3 now and 6 later, says the lady at window "  # 69 characters

DAY = timedelta(days=1)
TOO_SHORT, TOO_FEW, TOO_LONG = "at least", "kinds of characters", "at most"
USERNAME, NAME, HALL, GUESSED = "the user name", "your name", "word of this hall", "tried first"


@pytest.mark.parametrize(
    ("password", "reason"),
    [
        ("", TOO_SHORT),
        ("Tea at 9!", TOO_SHORT),
        ("Tea at 9!!", None),
        ("tea at nine", TOO_FEW),
        ("Tea at nine", None),
        ("teaatnine9", TOO_FEW),
        ("tea at nine 9", None),
        ("TEA AT NINE 9", None),
        ("清晨九点来一杯热茶吧", TOO_FEW),
        ("清晨九点来一杯热茶吧 9", None),
        ("清晨九点喝热茶Tea", None),
        ("清晨九点来一杯热茶吧9", TOO_FEW),
        ("Ｔｅａ　ａｔ　９！！", None),
        (LONG, None),
        (LONG * 4, TOO_LONG),
        ("喝茶" * 40 + " 9", None),
        ("喝茶" * 43 + " 9", TOO_LONG),
        (" spaces around 9 ", None),
    ],
)
def test_djbh3_asks_for_ten_characters_of_three_kinds_auth_3(password, reason):
    assert_judged(password, DJBH3, reason)


@pytest.mark.parametrize(
    ("password", "reason"),
    [
        ("", TOO_SHORT),
        ("Tea at 9 o'cl.", TOO_SHORT),
        ("tea at nine now", None),
        ("teaandwaterandmilk", None),
        ("清晨九点来一杯热茶吧就着两块糕", None),
        ("清晨九点来一杯热茶吧", TOO_SHORT),
        (LONG, None),
        (LONG * 4, TOO_LONG),
    ],
)
def test_nist_asks_for_fifteen_characters_of_any_kind_auth_3(password, reason):
    assert_judged(password, NIST, reason)


def test_nist_asks_for_eight_characters_beside_a_second_factor_auth_3():
    owner = Owner("he.wj", "何文静", has_factor=True)
    assert TOO_SHORT in str(problem_with("rain 8k", owner, NIST))
    assert problem_with("rain 8 k", owner, NIST) is None
    assert TOO_SHORT in str(problem_with("Rain 8 k", owner, DJBH3))


@pytest.mark.parametrize("profile", [DJBH3, NIST], ids=lambda profile: profile.name)
@pytest.mark.parametrize(
    ("password", "reason"),
    [
        ("He.WJ likes rain 99", USERNAME),
        ("xx-ｈｅ.ｗｊ-Rain-2026", USERNAME),
        ("何文静 likes Rain 99", NAME),
        ("HeWenJing@19900101", NAME),
        ("he-wen-jing 1990 Rain", NAME),
        ("WenJingHe.19900101", NAME),
        ("Wenjing_2026_Rain", NAME),
        ("hwj!19900101!HWJ"[:13] + "00", NAME),
        ("HWJ-1990-01-01-!", NAME),
        ("hewj@1990010112", USERNAME),
        ("Hallpanel2026! yes", HALL),
        ("h@llp4nel-2026-Yes", HALL),
        ("云河Rain政务2026!!!!", HALL),
        ("办事大厅Rain2026!!!", HALL),
        ("Zhengwu#2026#2026", HALL),
        ("云河市政务服务中心 Aa1 ok", HALL),
        ("YunHeShiZhengWuFuWuZhongXin1", HALL),
        ("Password-2026-!!", GUESSED),
        ("P@ssw0rd20262026!", GUESSED),
        ("!!!Dragon!!!2026!!", GUESSED),
        ("1qaz@WSX3edc", GUESSED),
        ("Rain falls on window 9", None),
        ("Jing-Shan Park, 7 am", None),
    ],
)
def test_what_everybody_knows_is_no_password_in_either_profile_auth_3(password, reason, profile):
    if len(password) < profile.shortest:
        password = password + "!" * (profile.shortest - len(password))
    assert_judged(password, profile, reason)


def assert_judged(password, profile, reason):
    problem = problem_with(password, HE, profile)
    if reason is None:
        assert problem is None, problem
        return
    assert problem is not None
    assert reason in str(problem)
    with pytest.raises(Refusal) as refused:
        refuse_weak(password, HE, profile)
    assert refused.value.field == "password"


def test_a_surname_that_is_read_in_several_ways_is_known_in_all_auth_3():
    for surname, syllables in {"单": ("Shan", "Dan"), "吕": ("Lu", "Lv", "Lyu")}.items():
        owner = Owner("x.y.z.0", f"{surname}思源")
        for syllable in syllables:
            for typed in (f"{syllable} Siyuan 1990!!", f"{syllable}sy-1990-!!"):
                assert NAME in str(problem_with(typed, owner, DJBH3)), typed


def test_a_short_name_inside_a_word_is_no_reason_auth_3():
    assert problem_with("Some 12 memories of rain", Owner("mei", "梅"), DJBH3) is None
    assert USERNAME in str(problem_with("Mei-2026-!!", Owner("mei", "梅"), DJBH3))


@pytest.mark.parametrize("profile", [DJBH3, NIST], ids=lambda profile: profile.name)
def test_each_password_of_the_list_is_refused_with_a_reason_auth_3(profile):
    blocked = password_policy.blocked_passwords()
    assert len(blocked) >= 3000
    for word in blocked:
        assert problem_with(word, HE, profile), word
        assert str(problem_with(word, HE, profile))


def test_each_password_of_the_list_is_known_in_a_suit_auth_3():
    """With a capital, digits and a sign, as people dress a word to please the rule."""
    lacking = NIST.shortest
    for word in password_policy.blocked_passwords():
        dressed = word.capitalize() + "2026!" * lacking
        if len(dressed.encode()) <= 256 and word.isalpha():
            assert problem_with(dressed, Owner("x.y.z.0"), DJBH3), word


@pytest.mark.parametrize(
    ("profile", "age", "old"),
    [
        (DJBH3, 90 * DAY - timedelta(seconds=1), False),
        (DJBH3, 90 * DAY, True),
        (NIST, 4000 * DAY, False),
    ],
)
def test_a_password_has_its_time_in_djbh3_alone_auth_3(profile, age, old):
    assert profile.is_old(NOW, NOW + age) is old
    assert profile.is_old(None, NOW) is False


def test_the_rules_are_told_before_they_are_broken_auth_3():
    assert "10 characters of 3 kinds" in str(password_policy.rules(DJBH3, has_factor=False))
    assert "15 characters" in str(password_policy.rules(NIST, has_factor=False))
    assert "8 characters" in str(password_policy.rules(NIST, has_factor=True))
