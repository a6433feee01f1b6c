"""What must hold for the hall's records, and which tests show it, for the security administrator.

The rows are `security_table.yaml`. The tests are `security_tests.yaml`, which `make security`
collects from their own names; a test of the suite holds it to them, so that it cannot drift.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from flask import Blueprint, render_template, url_for

from hallpanel.engine.roles import Role
from hallpanel.engine.words import Phrase, _l
from hallpanel.panel.language import _, language, translate
from hallpanel.panel.showing import Chip

FOLDER = Path(__file__).parent
READERS = frozenset({Role.SECADMIN, Role.AUDITOR})

TOPICS: Mapping[str, Phrase] = {
    "AUTH": _l("Accounts and passwords"),
    "SESS": _l("Sessions"),
    "AZ": _l("Rights"),
    "SOD": _l("Separation of duties"),
    "AUD": _l("Audit"),
    "PII": _l("Personal data"),
    "CMP": _l("Complaints"),
    "PUB": _l("Public pages"),
    "INP": _l("What comes in"),
    "CON": _l("Many at once"),
    "DUR": _l("Durability"),
    "CFG": _l("Installation"),
}

blueprint = Blueprint("security", __name__, url_prefix="/security")


@dataclass(frozen=True)
class Requirement:
    """A row: what must hold, in two languages; what of it is missing; the tests that show it."""

    id: str
    priority: str
    source: str
    words: Mapping[str, str]
    missing: Mapping[str, str] | None
    tests: Sequence[str]

    @property
    def holds(self) -> bool:
        """Whether all of it is there and shown."""
        return bool(self.tests) and self.missing is None


@cache
def requirements() -> tuple[Requirement, ...]:
    """All rows, in the order of the file."""
    shown = yaml.safe_load((FOLDER / "security_tests.yaml").read_text(encoding="utf-8"))
    return tuple(
        Requirement(
            row["id"],
            row["priority"],
            row["source"],
            {"zh": row["zh"], "en": row["en"]},
            row.get("missing"),
            shown.get(row["id"], ()),
        )
        for row in yaml.safe_load((FOLDER / "security_table.yaml").read_text(encoding="utf-8"))
    )


def readme_table() -> str:
    """The rows as the README shows them."""
    return "\n".join(_readme_lines())


def _readme_lines() -> Iterator[str]:
    yield "| id | | what must hold | state |"
    yield "| --- | --- | --- | --- |"
    for one in requirements():
        if one.holds:
            state = "holds"
        elif one.tests:
            state = f"in part: {(one.missing or {})['en']}"
        else:
            state = "not yet"
        yield f"| {one.id} | {one.priority} | {one.words['en']} | {state} |"


@blueprint.get("/")
def index() -> str:
    """The table, by topic."""
    rows = requirements()
    page = {
        "title": _("Security requirements"),
        "sentence": _(
            "%(held)s of %(all)s hold, each shown by tests that run before every release.",
            held=sum(one.holds for one in rows),
            all=len(rows),
        ),
        "sections": [
            (translate(topic), [_row(one) for one in rows if one.id.startswith(f"{key}-")])
            for key, topic in TOPICS.items()
        ],
    }
    crumbs = [(_("Home"), url_for("home.index")), (page["title"], None)]
    return render_template("hallpanel/security.html", page=page, crumbs=crumbs)


def _row(one: Requirement) -> dict[str, Any]:
    spoken = "en" if language() == "en" else "zh"
    return {
        "id": one.id,
        "text": one.words[spoken],
        "priority": one.priority,
        "source": one.source,
        "state": _state(one),
        "missing": one.missing[spoken] if one.missing else "",
        "tests": one.tests,
    }


def _state(one: Requirement) -> Chip:
    if one.holds:
        return Chip(_("holds"), "success", "check-circle-fill")
    if one.tests:
        return Chip(_("in part"), "warning", "circle-half")
    return Chip(_("not there yet"), "secondary", "circle")
