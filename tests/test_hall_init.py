"""A fresh installation: nobody can come in until three administrators are made (AUTH-1)."""

import re
from datetime import UTC, datetime
from itertools import product

import pytest
from sqlalchemy import select

from hallpanel.engine import audit
from hallpanel.engine.roles import Role
from hallpanel.guard import one_time, passwords
from hallpanel.guard.account import Account, RoleGrant
from tests.panel.conftest import at_ten, hall, hall_url
from tests.panel.door import account, at_work, browser, sign_in

__all__ = ["at_ten", "hall", "hall_url"]

LINE = re.compile(r"^  (\S+) +((?:[2-9A-Z]{4}-){3}[2-9A-Z]{4})  (.+)$", re.M)
USERS = (
    *("admin", "root", "administrator", "sysadmin", "secadmin", "auditor", "halladmin", "test"),
    *("director", "guest"),
)
WORDS = (
    *("", "admin", "123456", "password", "Admin@123", "hallpanel", "111111", "root", "test", "1"),
    *("mima", "888888", "admin123", "P@ssw0rd", "qwerty", "000000", "12345678", "abc123"),
    *("Hallpanel2026", "changeme"),
)


@pytest.fixture
def typed(app):
    """Type a command of this installation."""
    runner = app.test_cli_runner()
    return lambda *words: runner.invoke(args=list(words))


def test_a_fresh_installation_lets_nobody_in_auth_1(app):
    assert at_work(app, lambda session: session.scalars(select(Account)).all()) == []
    client, pairs = app.test_client(), list(product(USERS, WORDS))
    assert len(pairs) == 200
    for username, password in pairs:
        assert sign_in(client, username, password).status_code == 200, username


def test_the_first_three_administrators_get_one_time_codes_auth_1(app, typed):
    done = typed("hall", "init", "--secadmin", "han", "--secadmin-name", "韩晓东")
    assert done.exit_code == 0, done.output
    opened = LINE.findall(done.output)
    assert [(username, name) for username, _code, name in opened] == [
        ("sysadmin", "系统管理员"),
        ("han", "韩晓东"),
        ("auditor", "审计管理员"),
    ]
    rows = at_work(app, lambda s: s.execute(select(RoleGrant.role).order_by(RoleGrant.id)).all())
    assert [role for (role,) in rows] == [Role.SYSADMIN, Role.SECADMIN, Role.AUDITOR]
    for username, code, _name in opened:
        assert browser(app, username, code).get("/").location == "/me/password/"
        assert sign_in(app.test_client(), username, code).status_code == 200, "it opens once"


def test_the_codes_are_shown_once_and_kept_as_hashes_auth_1(app, typed):
    codes = [code for _name, code, _ in LINE.findall(typed("hall", "init").output)]
    kept = at_work(app, lambda s: s.scalars(select(Account)).all())
    told = at_work(app, lambda s: [repr(vars(e)) for e in s.scalars(select(audit.AuditEvent))])
    for one, code in zip(kept, codes, strict=True):
        assert passwords.verify(one.password_hash, one_time.as_compared(code))
        assert not any(code in event or one_time.as_compared(code) in event for event in told)


def test_where_there_is_an_account_no_other_begins_auth_1(app, typed):
    account(app, "mei")
    done = typed("hall", "init")
    assert done.exit_code == 1
    assert "There are accounts already" in done.output
    assert len(at_work(app, lambda s: s.scalars(select(Account)).all())) == 1


def test_two_of_one_name_open_nothing_auth_1(app, typed):
    done = typed("hall", "init", "--auditor", "SysAdmin")
    assert (done.exit_code, "This user name is taken." in done.output) == (1, True)
    assert at_work(app, lambda s: s.scalars(select(Account)).all()) == []


def test_a_new_start_from_the_command_line_auth_9(app, typed):
    account(app, "mei", Role.AUDITOR)
    done = typed("account", "code", "Mei")
    code = re.search(r"signs in with (\S+) once", done.output)[1]
    assert browser(app, "mei", code).get("/").location == "/me/password/"
    assert typed("account", "code", "nobody").exit_code == 1


def test_no_command_takes_a_password_auth_9(app):
    for group in app.cli.commands.values():
        for command in getattr(group, "commands", {"": group}).values():
            names = {parameter.name for parameter in command.params}
            assert not {name for name in names if "password" in str(name)}, command.name


def test_no_form_takes_a_password_for_somebody_else_auth_9(hall):
    """The one page with password fields is one's own, and it names nobody."""
    for username in ("sysadmin", "secadmin", "halladmin", "director"):
        visitor = hall.browser(username)
        for rule in hall.app.url_map.iter_rules():
            if "GET" not in rule.methods or rule.arguments or rule.endpoint.endswith("static"):
                continue
            page = visitor.get(rule.rule)
            if page.mimetype == "text/html" and 'type="password"' in page.text:
                assert rule.rule in ("/me/", "/me/password/"), rule.rule
    form = set(hall.browser("secadmin").form("/me/password/"))
    assert form - {"q"} == {"csrf_token", "old", "new", "again"}  # q is the search above it


def test_a_code_of_yesterday_opens_nothing_auth_9(app):
    number = account(app, "mei")
    long_ago = datetime(2020, 1, 1, tzinfo=UTC)
    code = at_work(app, lambda session: one_time.issue(session, number, long_ago))
    assert sign_in(app.test_client(), "mei", code).status_code == 200
