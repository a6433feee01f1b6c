"""What the README says is what the panel does."""

import re
from pathlib import Path

import config
from hallpanel import load_rulebook
from hallpanel.rulebook.table import rulebook_table

README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")


def between(mark):
    """The part of the README between two marks."""
    return re.search(rf"<!-- {mark} -->\n(.*?)<!-- /{mark} -->", README, re.S)[1].strip()


def test_the_table_of_the_readme_is_what_flask_rulebook_prints():
    load_rulebook()
    assert between("rulebook") == rulebook_table().strip(), (
        "Paste what `flask --app wsgi rulebook` prints between the marks of README.md"
    )


def test_every_setting_is_in_the_readme():
    shown = README.replace(
        "HALLPANEL_SMTP_HOST` and `_PORT`, `_USER`, `_PASSWORD`, `_FROM`, `_SECURITY",
        " ".join(name for name in config.NAMES if "SMTP" in name),
    )
    assert [name for name in config.NAMES if name not in shown] == []
