"""Masks: what is left of a personal fact wherever it is printed (PII-2)."""

import copy
import json
import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hallpanel.engine.masking import Discreet, Mask, looks_masked, masked, normal, plain
from hallpanel.engine.words import Phrase

SHOWN = [
    (Mask.NAME, "王小明", "王**"),
    (Mask.NAME, "欧阳娜娜", "欧阳**"),
    (Mask.NAME, "王", "**"),
    (Mask.NAME, "Anna", "A**"),
    (Mask.IDENTITY, "330106199001011234", "330***********1234"),
    (Mask.IDENTITY, "33010619900101123X", "330***********123X"),
    (Mask.IDENTITY, "330106900101123", "330********1123"),
    (Mask.IDENTITY, "12345", "******"),
    (Mask.TELEPHONE, "13812345678", "138****5678"),
    (Mask.TELEPHONE, "+86 138-1234-5678", "138****5678"),
    (Mask.TELEPHONE, "0571-88881234", "057*****1234"),
    (Mask.TELEPHONE, "88881234", "******"),
    (Mask.ADDRESS, "浙江省杭州市西湖区文三路90号", "浙江省杭州市西湖区****"),
    (Mask.ADDRESS, "杭州市翠苑小区5幢", "杭州市****"),
    (Mask.ADDRESS, "淳安县千岛湖镇1号", "淳安县****"),
    (Mask.ADDRESS, "文三路90号", "****"),
    (Mask.BANK, "6222 0212 3456 7890 123", "***************0123"),
    (Mask.NOTHING, "她说……", "******"),
    (Mask.NAME, "  ", ""),
]


@pytest.mark.parametrize(("mask", "value", "left"), SHOWN)
def test_each_kind_of_fact_has_its_mask_pii_2(mask, value, left):
    assert masked(mask, value) == left


@given(st.sampled_from(Mask), st.text(min_size=1, max_size=40))
def test_no_mask_leaves_a_value_whole_pii_2(mask, value):
    left = masked(mask, value)
    assert left == "" if not value.strip() else value.strip() not in left or set(value) <= {"*"}


def test_a_masked_value_prints_as_its_mask_and_is_itself_pii_2(caplog):
    name = Discreet("王小明", Mask.NAME)
    assert [str(name), f"{name}", f"{name:>4}", "%s" % name, repr(name)] == [  # noqa: UP031
        *["王**", "王**", " 王**", "王**", "<王**>"]
    ]
    logging.getLogger("hall").warning("saved %s", name)
    assert "小明" not in caplog.text
    assert name == "王小明"
    assert (name.plain, plain(name)) == ("王小明", "王小明")
    assert type(plain(name)) is str
    assert copy.deepcopy(name).plain == "王小明"


def test_a_message_is_stored_with_the_mask_pii_2():
    told = Phrase("%(who)s came.", who=Discreet("王小明", Mask.NAME))
    assert json.loads(json.dumps(told.packed()))["params"] == {"who": "王**"}
    assert str(told) == "王** came."


def test_what_a_mask_left_is_known_as_such():
    assert all(looks_masked(left) for _mask, _value, left in SHOWN if left)
    assert not looks_masked("2 * 3")


def test_a_value_has_one_spelling_to_be_found_by_pii_4():
    assert normal(" 33010619900101123x ") == normal("３３０１０６ 19900101-123X")
