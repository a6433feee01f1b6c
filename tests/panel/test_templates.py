"""The pages keep the strict policy: no style or handler in them, no other host, a token a form."""

import re
from pathlib import Path

import pytest
from jinja2 import Environment

import hallpanel.panel
from hallpanel.panel import icons

PANEL = Path(hallpanel.panel.__file__).parent
TEMPLATES = sorted((PANEL / "templates/hallpanel").glob("*.html"))
STATIC = sorted((PANEL / "static").glob("hallpanel.*"))
FORM = re.compile(r'<form\b[^>]*method="post".*?</form>', re.DOTALL)


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_every_template_can_be_read(path):
    Environment(extensions=["jinja2.ext.i18n"], autoescape=True).parse(path.read_text("utf-8"))


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_no_template_carries_a_style_or_a_handler(path):
    found = re.findall(r"\s(?:style|on[a-z]+)\s*=\s*[\"']", path.read_text("utf-8"))
    assert not found, f"{path.name}: put it into hallpanel.css or hallpanel.js"


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_no_template_trusts_what_people_typed(path):
    assert not re.search(r"\|\s*safe\b|autoescape\s+false", path.read_text("utf-8"))


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_every_form_that_changes_something_carries_the_token(path):
    for form in FORM.findall(path.read_text("utf-8")):
        assert "token()" in form, f"{path.name}: a form without its csrf_token: {form[:80]}"


def test_the_look_for_a_missing_token_sees_one():
    bare = '<form class="x" method="post"><button>Go</button></form>'
    assert FORM.findall(bare) == [bare]
    assert "token()" not in bare


@pytest.mark.parametrize("path", [*TEMPLATES, *STATIC], ids=lambda path: path.name)
def test_nothing_is_asked_of_another_host(path):
    hosts = re.findall(r"https?://[^\s\"')]+", path.read_text("utf-8"))
    assert set(hosts) <= {"http://www.w3.org/2000/svg"}


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_every_icon_a_template_names_is_in_the_set(path):
    for name in re.findall(r'icon\("([a-z0-9-]+)"\)', path.read_text("utf-8")):
        icons.icon(name)


def test_an_icon_says_nothing_to_a_screen_reader():
    assert 'aria-hidden="true"' in icons.icon("check-lg")


def test_an_unknown_icon_is_an_error_and_not_a_gap():
    with pytest.raises(KeyError):
        icons.icon("no-such-icon")
