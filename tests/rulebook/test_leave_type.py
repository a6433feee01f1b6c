"""Leave types: the colours of the calendar are a few, each with its word."""

import re

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from hallpanel.panel.assets import FOLDER
from hallpanel.rulebook.discipline.leave_type import LeaveType, Tone


def test_the_seed_uses_colours_of_the_palette(cast):
    assert {kind.tone for kind in cast.all("leave_type")} <= set(Tone)


def test_each_colour_has_a_word_and_a_look_of_its_own():
    labels = LeaveType.fields()["tone"].choice_labels
    assert set(labels) == {tone.value for tone in Tone}
    css = (FOLDER / "hallpanel.css").read_text()
    looks = {
        tone: re.search(rf"\.leave-{tone.value}\b[^{{]*\{{ ([^}}]*) \}}", css)
        for tone in Tone
        if tone is not Tone.GREY  # the calendar's plain mark
    }
    assert len({look[1] for look in looks.values()}) == len(Tone) - 1


def test_the_database_knows_the_palette_too(peopled_engine):
    with peopled_engine.connect() as connection, pytest.raises(IntegrityError):
        connection.execute(text("UPDATE leave_type SET tone = 'mauve'"))
