"""Role x address x method, by real requests, equal to the reviewed file beside this one (AZ-2).

`HALLPANEL_WRITE_MATRIX=1 pytest tests/panel/test_matrix.py -k sqlite` writes the file anew, for
whoever reviews its changes.
"""

import difflib
import os
from pathlib import Path

from hallpanel.engine.entity import REGISTRY
from hallpanel.panel.extensions import PanelSession, db
from tests.panel.pages import address, is_file, rules

FILE = Path(__file__).with_name("matrix.txt")
VISITORS = (
    *(None, "staff.a1", "lead.a", "inspector", "deputy", "director", "halladmin"),
    *("reviewer", "keeper", "sysadmin", "secadmin", "auditor"),
)
HEADS = (
    *("nobody", "staff", "lead", "supervision", "deputy", "director", "hall_admin"),
    *("reviewer", "keeper", "sysadmin", "secadmin", "auditor"),
)
LAST = "sign_in.logout"


def word(answer):
    """What an answer says of who may open: whatever is neither shut nor hidden is open."""
    to_sign_in = answer.status_code == 303 and answer.location.startswith("/login")
    if to_sign_in or answer.status_code == 401:
        return "login"
    return str(answer.status_code) if answer.status_code in (403, 404, 405) else "open"


def lines(hall, visitors):
    """A line for each method of each address, a word for each visitor."""
    asked = [(rule, method) for method in ("GET", "POST") for rule in rules(hall.app, method)]
    asked.sort(key=lambda one: (one[0].endpoint == LAST, one[0].rule, one[1]))
    yield f"{'':4} {'':52} {' '.join(f'{head:11}' for head in HEADS)}".rstrip()
    for rule, method in asked:
        if is_file(rule):
            continue
        path = address(hall.app, rule)
        words = [word(opened(visitor, method, path)) for visitor in visitors]
        yield f"{method:4} {rule.rule:52} {' '.join(f'{one:11}' for one in words)}".rstrip()


def opened(visitor, method, path):
    """One request, of which nothing is kept: each answer is that of the same hall."""
    ask = visitor.get if method == "GET" else visitor.post
    return ask(path, headers={"X-Sheet": "1"})


def test_each_role_opens_what_the_reviewed_file_says_az_2(hall, monkeypatch):
    visitors = [hall.browser(name) if name else hall.stranger() for name in VISITORS]
    for visitor in visitors:
        assert visitor.token
    with monkeypatch.context() as patched:
        patched.setattr(PanelSession, "commit", lambda session: session.flush())
        found = [*lines(hall, visitors)]
    with hall.app.app_context():
        db.session.rollback()
    if os.environ.get("HALLPANEL_WRITE_MATRIX"):
        FILE.write_text("\n".join(found) + "\n", encoding="utf-8")
    reviewed = FILE.read_text(encoding="utf-8").splitlines()
    changes = list(difflib.unified_diff(reviewed, found, "reviewed", "found", lineterm="", n=0))
    assert not changes, "\n".join(changes)
    assert len(found) > 10 * len(REGISTRY)
