"""The command line: what an administrator types, what it says, and with which code it ends."""

import io
import json
import os
import re
import signal
import sqlite3
import stat
import subprocess
import sys
import tarfile
import time
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import openpyxl
import pytest
from sqlalchemy import event, select

from config import HOME
from hallpanel import backup, cli, demonstration, deploy_check
from hallpanel.demonstration import DemoAccount
from hallpanel.engine import audit, records, wall
from hallpanel.engine.audit import EVENTS
from hallpanel.engine.clock import utc_now
from hallpanel.engine.entity import REGISTRY
from hallpanel.engine.lease import Lease
from hallpanel.engine.scope import SYSTEM
from hallpanel.engine.store import Base
from hallpanel.panel.extensions import db
from hallpanel.rulebook import table
from tests.panel.door import account, agreed, at_work, browser

OVERPOWERED = wall.overpowered
AT = datetime(2026, 2, 9, 2, tzinfo=UTC)


@pytest.fixture
def typed(app):
    """Type a command; what it said and how it ended."""
    runner = app.test_cli_runner()
    return lambda *words: runner.invoke(args=[str(word) for word in words])


@pytest.fixture
def seeded(typed):
    """The same, after the seed."""
    assert typed("seed").exit_code == 0
    return typed


def add_unit(app, code="A", **more):
    """A unit of the hall."""
    values = {"code": code, "name": f"窗口 {code}", "department": "局", "business": "事"} | more

    def work(session):
        return records.create(session, REGISTRY["unit"], values, actor=SYSTEM, at=utc_now()).id

    return at_work(app, work)


def units(app):
    query = select(REGISTRY["unit"]).order_by(REGISTRY["unit"].code)
    return at_work(app, lambda session: {one.code: one.name for one in session.scalars(query)})


def actions(app):
    query = select(EVENTS.c.action).order_by(EVENTS.c.seq)
    return at_work(app, lambda session: list(session.scalars(query)))


def test_a_restore_over_records_takes_two_people_and_their_one_file_sod_3(app, typed, tmp_path):
    add_unit(app)
    file, other = tmp_path / "hall.backup", tmp_path / "other.backup"
    assert typed("backup", file).exit_code == 0
    assert typed("backup", other).exit_code == 0
    said = agreed(app, file)
    assert typed("restore", file, "--approved", 999).exit_code == 1
    assert typed("restore", other, *said).exit_code == 1
    done = typed("restore", file, *said)
    assert done.exit_code == 0, done.output


def unguard(app):
    """What somebody does who owns the database and wants to change the book."""
    with app.app_context(), db.engine.begin() as connection:
        for statement in audit.drop_triggers(connection.dialect.name):
            connection.exec_driver_sql(statement)


# what an installation starts with


def test_the_seed_is_sown_once(typed):
    first = typed("seed")
    assert (first.exit_code, "leave_type: " in first.output) == (0, True)
    again = typed("seed")
    assert (again.exit_code, again.output) == (0, "Everything of the seed is there already.\n")


def test_the_demonstration_prints_its_accounts_and_keeps_them_to_itself(app, typed, monkeypatch):
    made = [DemoAccount("lead.a", "morning tea", "林慧敏", "窗口负责人")]
    monkeypatch.setattr(demonstration, "load", lambda *_, **__: made)
    done = typed("demo")
    assert (done.exit_code, "lead.a       morning tea" in done.output) == (0, True)
    path = Path(app.config["HALLPANEL_INSTANCE"], "demo-accounts.txt")
    assert path.read_text(encoding="utf-8") == done.output
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_the_demonstration_leaves_a_hall_alone_that_is_in_use(app, typed):
    account(app)
    done = typed("demo")
    assert (done.exit_code, "in use" in done.output) == (0, True)
    assert not Path(app.config["HALLPANEL_INSTANCE"], "demo-accounts.txt").exists()


def test_the_first_accounts_come_from_the_command_line_auth_1(app, typed):
    unit = add_unit(app)
    done = typed(
        *("account", "add", "zhao", "--name", "赵明远", "--role", "lead", "--role", "staff"),
        *("--unit", "A", "--mail", "zhao@hall.example"),
    )
    assert done.exit_code == 0, done.output
    code = re.search(r"signs in with (\S+) once", done.output)[1]
    client = browser(app, "zhao", code)
    assert client.get("/admin/unit/").location == "/me/password/", "a password is chosen first"
    rows = at_work(app, lambda s: s.execute(select(Base.metadata.tables["role_grant"])).all())
    assert {(row.role, row.unit_id) for row in rows} == {("lead", unit), ("staff", None)}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("mei", "--name", "梅", "--role", "staff"), "This user name is taken."),
        (("x", "--name", "X", "--role", "lead"), "Section lead is held over a unit."),
        (("x", "--name", "X", "--role", "auditor", "--role", "staff"), "One person is not both"),
        (("x", "--name", "X", "--role", "staff", "--unit", "Q"), "no unit with the code Q"),
        (("x", "--name", "X", "--role", "staff", "--staff", "7"), "no staff with the number 7"),
        (("a b", "--name", "X", "--role", "staff"), "A user name has"),
    ],
)
def test_an_account_that_may_not_be_is_refused_in_a_sentence(app, typed, words, said):
    account(app, "mei")
    done = typed("account", "add", *words)
    assert done.exit_code == 1
    assert said in done.output
    assert "Traceback" not in done.output
    assert (
        at_work(app, lambda s: len(s.execute(select(Base.metadata.tables["account"])).all())) == 1
    )


# what is declared, and how it is served


def test_right_declarations_are_said_so(typed):
    done = typed("check")
    assert (done.exit_code, done.output) == (0, f"{len(REGISTRY)} declarations are right.\n")


def test_all_wrong_declarations_are_named_with_their_codes(typed, monkeypatch):
    monkeypatch.setattr(REGISTRY["unit"], "clause", "9.9.9")
    monkeypatch.setattr(REGISTRY["post"], "title", "nothing")
    done = typed("check")
    assert done.exit_code == 1
    assert "E04 Unit" in done.output
    assert "E12 Post" in done.output
    assert "Hint: " in done.output


SOUND = {
    "TESTING": False,
    "DEBUG": False,
    "HALLPANEL_TLS": True,
    "HALLPANEL_PROXIES": 1,
    "SESSION_COOKIE_SECURE": True,
    "TRUSTED_HOSTS": ["hall.example.gov.cn"],
}
WRONG = {
    "P02": {"SECRET_KEY": "secret"},
    "P03": {"TESTING": True},
    "P04": {"HALLPANEL_TLS": False},
    "P05": {"SESSION_COOKIE_HTTPONLY": False},
    "P06": {"TRUSTED_HOSTS": ["localhost", "127.0.0.1"]},
    "P07": {"HALLPANEL_PROXIES": 0},
    "P10": {"SECRET_KEY": "0123456789abcdef0123456789abcdef"},
}


@pytest.fixture(autouse=True)
def of_no_power(monkeypatch):
    """The tests' own account is a superuser of its PostgreSQL; that is looked at by itself."""
    monkeypatch.setattr(wall, "overpowered", lambda _connection: [])


def sound(app):
    """An installation that may serve."""
    app.config.update(SOUND)
    instance = Path(app.config["HALLPANEL_INSTANCE"])
    instance.chmod(0o700)
    app.config["HALLPANEL_ANCHOR_FOLDER"] = instance.parent / "elsewhere"
    for path in deploy_check._private(app.config):
        if path.exists() and not path.is_dir():
            path.chmod(0o600)


def test_a_sound_installation_may_serve_cfg_1(app, typed):
    sound(app)
    done = typed("check", "--deploy")
    assert (done.exit_code, "so is all else" in done.output) == (0, True), done.output


@pytest.mark.parametrize("fault", WRONG)
def test_a_wrong_setting_is_named_by_its_id_cfg_1(app, typed, fault):
    sound(app)
    app.config.update(WRONG[fault])
    done = typed("check", "--deploy")
    assert done.exit_code == 1
    assert re.findall(r"^(P\d+) ", done.output, re.M) == [fault]


def found_faults(done):
    return re.findall(r"^(P\d+) ", done.output, re.M)


def test_anchors_beside_the_records_are_named_cfg_1_aud_4(app, typed):
    sound(app)
    app.config["HALLPANEL_ANCHOR_FOLDER"] = Path(app.config["HALLPANEL_INSTANCE"], "anchors")
    assert found_faults(typed("check", "--deploy")) == ["P14"]


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
def test_a_database_on_a_file_system_of_the_network_is_named_cfg_1_dur_2(app, typed, monkeypatch):
    sound(app)
    monkeypatch.setattr(deploy_check, "file_system", lambda *_asked: "nfs4")
    assert found_faults(typed("check", "--deploy")) == ["P11"]


def test_the_file_system_is_the_one_mounted_nearest_dur_2(tmp_path):
    mounts = tmp_path / "mounts"
    mounts.write_text(
        "disk / ext4 rw 0 0\n"
        f"host:/x {tmp_path}/net nfs4 rw 0 0\n"
        f"disk {tmp_path}/net/own xfs rw 0 0\n"
    )
    assert deploy_check.file_system(tmp_path / "a.db", mounts) == "ext4"
    assert deploy_check.file_system(tmp_path / "net" / "a.db", mounts) == "nfs4"
    assert deploy_check.file_system(tmp_path / "net" / "own" / "a.db", mounts) == "xfs"
    assert deploy_check.file_system(tmp_path / "a.db", tmp_path / "none") is None


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
def test_sqlite_that_is_open_less_durably_is_named_cfg_1_dur_2(app, typed):
    sound(app)
    with app.app_context():

        def weaken(connection, _record):
            connection.execute("PRAGMA synchronous=NORMAL")

        event.listen(db.engine, "connect", weaken)
        db.engine.dispose()
    assert found_faults(typed("check", "--deploy")) == ["P12"]


@pytest.mark.parametrize("database_kind", ["postgresql"], indirect=True)
def test_an_account_that_passes_by_the_walls_is_named_cfg_1_az_4(app, typed, monkeypatch):
    sound(app)
    monkeypatch.setattr(wall, "overpowered", OVERPOWERED)
    done = typed("check", "--deploy")
    assert "P13" in found_faults(done)
    assert "it is a superuser" in done.output


@pytest.mark.parametrize("database_kind", ["postgresql"], indirect=True)
def test_a_table_without_its_wall_is_named_cfg_1_az_4(app, typed):
    sound(app)
    with app.app_context(), db.engine.begin() as connection:
        connection.exec_driver_sql("DROP POLICY hall_reach ON unit")
    done = typed("check", "--deploy")
    assert found_faults(done) == ["P15"]
    assert "unit" in done.output


def test_a_demonstration_does_not_serve_a_real_hall_cfg_1(app, typed):
    sound(app)
    account(app, "lead.a", "director", demonstration=True)
    done = typed("check", "--deploy")
    assert done.exit_code == 1
    assert "P01 accounts of the demonstration can sign in: lead.a" in done.output


def test_files_that_others_can_read_are_named_cfg_1(app, typed):
    sound(app)
    key = Path(app.config["HALLPANEL_INSTANCE"], "secret-key")
    key.chmod(0o644)
    done = typed("check", "--deploy")
    assert f"P08 {key} is open to other users of this machine" in done.output
    assert f"chmod 600 {key}" in done.output


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)  # PostgreSQL keeps its own
def test_a_database_file_that_others_can_read_is_named_cfg_1(app, typed, database_url):
    sound(app)
    Path(database_url.removeprefix("sqlite:///")).chmod(0o644)
    done = typed("check", "--deploy")
    assert (done.exit_code, "P08" in done.output) == (1, True)


def test_an_audit_book_without_guard_is_named_cfg_1_aud_3(app, typed):
    sound(app)
    unguard(app)
    done = typed("check", "--deploy")
    assert "P09 the audit book is not guarded" in done.output


def test_the_rule_book_is_printed_as_a_table(typed):
    done = typed("rulebook")
    lines = done.output.splitlines()
    assert lines[0] == "| Clause | Entity | Transition | Who | Deadline |"
    assert done.output == f"{table.rulebook_table()}\n"
    approve = next(line for line in lines if "| leave_request | approve |" in line)
    assert approve.startswith("| 2.1.2 |")
    assert "Section lead" in approve
    assert all(line.count("|") == 6 for line in lines)


def test_the_rule_book_is_printed_for_programs(typed):
    rows = json.loads(typed("rulebook", "--json").output)
    approve = next(row for row in rows if row["transition"] == "approve")
    assert (approve["entity"], approve["clause"]) == ("leave_request", "2.1.2")
    assert "lead" in approve["who"]


# what time does


def test_a_sweep_says_what_it_did(seeded):
    done = seeded("sweep")
    assert done.exit_code == 0
    assert re.fullmatch(
        r"\d+ transitions, \d+ warnings, \d+ reminders, \d+ chores\n", done.output
    ), done.output


@pytest.fixture
def flask(database_url, tmp_path):
    """Start a command as a process of its own."""
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("HALLPANEL_")},
        "HALLPANEL_DATABASE_URL": database_url,
        "HALLPANEL_INSTANCE": str(tmp_path / "instance"),
    }

    def start(*words):
        return subprocess.Popen(
            [sys.executable, "-m", "flask", "--app", "wsgi", *words],
            cwd=HOME,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    return start


def holder(app):
    """Who holds a lease."""
    return at_work(app, lambda session: session.scalars(select(Lease.holder)).one_or_none())


def test_of_two_workers_one_works_and_the_other_takes_over(app, typed, flask):
    first = flask("worker")
    try:
        ends = time.monotonic() + 30
        while holder(app) is None:
            assert first.poll() is None, first.stdout.read()
            assert time.monotonic() < ends, "the worker never began"
            time.sleep(0.1)
        assert f":{first.pid}:" in holder(app)
        second = typed("worker", "--once")
        assert (second.exit_code, second.output) == (0, "another worker is at work\n")
        first.send_signal(signal.SIGTERM)
        said, _ = first.communicate(timeout=30)
    finally:
        first.kill()
        first.wait()
        first.stdout.close()
    assert first.returncode == 0, said
    assert "Traceback" not in said
    assert holder(app) is None
    assert typed("worker", "--once").output.endswith("done\n")


# the audit book


def test_an_audit_book_as_it_was_written_is_said_so(app, seeded):
    done = seeded("audit", "verify")
    assert done.exit_code == 0
    assert re.fullmatch(r"\d+ events checked: all as they were written\.\n", done.output)


def test_an_event_that_was_edited_is_named_aud_3(app, seeded):
    unguard(app)
    with app.app_context(), db.engine.begin() as connection:
        changed = EVENTS.update().where(EVENTS.c.seq == 7).values(actor_name="nobody")
        connection.execute(changed)
    done = seeded("audit", "verify")
    assert done.exit_code == 1
    assert "Event 7 was edited" in done.output


def test_a_cut_tail_shows_against_the_anchor_aud_4(app, typed, tmp_path):
    add_unit(app, "A")
    add_unit(app, "B")
    file = tmp_path / "anchor.json"
    assert typed("audit", "anchor", file).exit_code == 0
    assert typed("audit", "verify", "--anchor", file).exit_code == 0
    last = json.loads(file.read_text(encoding="utf-8"))["seq"]
    unguard(app)
    with app.app_context(), db.engine.begin() as connection:
        connection.execute(EVENTS.delete().where(EVENTS.c.seq == last))
        before = select(EVENTS.c.digest).where(EVENTS.c.seq == last - 1).scalar_subquery()
        head = Base.metadata.tables["audit_head"]
        connection.execute(head.update().values(seq=last - 1, digest=before))
    assert typed("audit", "verify").exit_code == 0, "the chain alone does not show it"
    done = typed("audit", "verify", "--anchor", file)
    assert done.exit_code == 1
    assert f"Event {last} was deleted" in done.output


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"seq": "x", "digest": 1}'])
def test_what_is_no_anchor_is_said_so(typed, tmp_path, content):
    file = tmp_path / "anchor.json"
    file.write_text(content, encoding="utf-8")
    done = typed("audit", "verify", "--anchor", file)
    assert (done.exit_code, "is no anchor" in done.output) == (1, True)


# copies


def attach(app, content=b"%PDF-1.7 x"):
    """A file as an attachment leaves it."""
    folder = Path(app.config["HALLPANEL_INSTANCE"], "attachments")
    folder.mkdir(mode=0o700, exist_ok=True)
    path = folder / ("0123456789abcdef" * 2)
    path.write_bytes(content)
    return path


def tables(app):
    """All rows of all tables but the audit, whose book goes on."""
    with app.app_context(), db.engine.connect() as connection:
        return {
            one.name: connection.execute(select(one).order_by(*one.primary_key)).all()
            for one in Base.metadata.sorted_tables
            if one.name not in ("audit_event", "audit_head")
        }


def test_a_backup_comes_back_with_all_records_files_and_a_whole_audit_dur_5(app, typed, tmp_path):
    account(app)
    add_unit(app)
    path = attach(app)
    before = tables(app)
    file = tmp_path / "hall.backup"
    done = typed("backup", file)
    assert (done.exit_code, "1 attached files" in done.output) == (0, True), done.output
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    add_unit(app, "B")
    path.unlink()
    refused = typed("restore", file)
    assert (refused.exit_code, "--approved" in refused.output) == (1, True)
    assert list(units(app)) == ["A", "B"]
    done = typed("restore", file, *agreed(app, file))
    assert done.exit_code == 0, done.output
    assert "events of the audit book are right" in done.output
    assert tables(app) == before
    assert path.read_bytes() == b"%PDF-1.7 x"
    assert actions(app)[-2:] == ["backup", "restore"]
    assert typed("audit", "verify").exit_code == 0
    add_unit(app, "C")
    with app.app_context(), db.engine.connect() as connection:
        assert audit.unguarded(connection) == []


def test_a_backup_is_restored_into_a_new_installation_dur_5(
    app, typed, make_app, server, fresh_name, tmp_path
):
    add_unit(app)
    attach(app)
    file = tmp_path / "hall.backup"
    assert typed("backup", file).exit_code == 0
    name = f"{fresh_name}_new"
    server.create(name)
    new = make_app(SQLALCHEMY_DATABASE_URI=server.url(name), HALLPANEL_INSTANCE=tmp_path / "new")
    done = new.test_cli_runner().invoke(args=["restore", str(file)])
    assert done.exit_code == 0, done.output
    assert units(new) == {"A": "窗口 A"}
    assert Path(tmp_path, "new", "attachments", "0123456789abcdef" * 2).exists()
    with new.app_context():
        db.engine.dispose()
    server.drop(name)


def test_a_restore_signs_everybody_out_sess_1(app, typed, tmp_path):
    account(app)
    client = browser(app)
    assert client.get("/me/").status_code == 200
    file = tmp_path / "hall.backup"
    assert typed("backup", file).exit_code == 0
    assert typed("restore", file, *agreed(app, file)).exit_code == 0
    assert client.get("/me/").status_code == 303
    assert browser(app).get("/me/").status_code == 200


def test_a_backup_is_newer_than_its_beginning_while_others_write_dur_5(app, typed, tmp_path):
    """What was confirmed before the backup began is in it, whatever is written meanwhile."""
    for number in range(20):
        add_unit(app, f"U{number:02}")
    with app.app_context(), records.open_session(db.engine) as writing:
        records.open_desk(writing, SYSTEM, utc_now())
        file = tmp_path / "hall.backup"
        url, attachments = db.engine.url, tmp_path / "none"
        backup.write(file, url, attachments, utc_now())
    assert typed("restore", file, *agreed(app, file)).exit_code == 0
    assert len(units(app)) == 20


def test_a_backup_overwrites_nothing(typed, tmp_path):
    file = tmp_path / "hall.backup"
    file.write_text("precious", encoding="utf-8")
    done = typed("backup", file)
    assert (done.exit_code, "is there already" in done.output) == (1, True)
    assert file.read_text(encoding="utf-8") == "precious"
    done = typed("backup", tmp_path / "nowhere" / "hall.backup")
    assert (done.exit_code, "It cannot be done" in done.output) == (1, True)
    assert os.listdir(tmp_path) == ["hall.backup"] or "nowhere" not in os.listdir(tmp_path)


def packed(tmp_path, *parts):
    """A tar archive of some parts."""
    file = tmp_path / "made.backup"
    with tarfile.open(file, "w") as archive:
        for name, content in parts:
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return file


NOTES = json.dumps({"edition": 1, "kind": "sqlite", "at": AT.isoformat()}).encode()
NO_BACKUPS = {
    "another archive": [("readme.txt", b"x")],
    "a future edition": [(backup.NOTES, b'{"edition": 9, "kind": "sqlite"}'), ("database", b"x")],
    "another database": [(backup.NOTES, b'{"edition": 1, "kind": "oracle"}'), ("database", b"x")],
}


@pytest.mark.parametrize("parts", NO_BACKUPS.values(), ids=NO_BACKUPS.keys())
def test_what_is_no_backup_changes_nothing(app, typed, tmp_path, parts):
    add_unit(app)
    for file in (packed(tmp_path, *parts), HOME / "Makefile"):
        done = typed("restore", file, *agreed(app, file))
        assert done.exit_code == 1
        assert "Traceback" not in done.output
    assert list(units(app)) == ["A"]


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
def test_a_damaged_backup_changes_nothing(app, typed, tmp_path):
    add_unit(app)
    file = tmp_path / "hall.backup"
    assert typed("backup", file).exit_code == 0
    with tarfile.open(file) as archive:
        content = bytearray(archive.extractfile("database").read())
    content[8192:40960] = bytes(32768)
    parts = [(backup.NOTES, NOTES), ("database", bytes(content))]
    file = packed(tmp_path, *parts)
    done = typed("restore", file, *agreed(app, file))
    assert done.exit_code == 1, done.output
    assert list(units(app)) == ["A"]


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
def test_a_backup_writes_no_file_outside_its_places(app, typed, tmp_path):
    with closing(sqlite3.connect(tmp_path / "empty.db")) as made:
        made.execute("CREATE TABLE x (y)")
    content = (tmp_path / "empty.db").read_bytes()
    evil = [("../evil", b"x"), ("attachments/../../evil", b"x"), ("/tmp/evil-hallpanel", b"x")]
    file = packed(tmp_path, (backup.NOTES, NOTES), ("database", content), *evil)
    typed("restore", file, *agreed(app, file))
    assert not list(tmp_path.rglob("evil*"))
    assert not Path("/tmp/evil-hallpanel").exists()


@pytest.mark.parametrize("database_kind", ["postgresql"], indirect=True)
def test_where_the_programs_of_postgresql_are_missing_it_is_said_so(typed, tmp_path, monkeypatch):
    monkeypatch.setattr(backup, "DEBIAN", tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    done = typed("backup", tmp_path / "hall.backup")
    assert done.exit_code == 1
    assert "pg_dump is not installed" in done.output
    assert "apt install postgresql-client" in done.output


# tables


def workbook(path, *rows):
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    book.save(path)
    return path


def test_a_table_is_imported_as_in_the_panel_x9(app, typed, tmp_path):
    rows = [("代码", "名称", "Home department", "Kinds of business"), ("A", "甲", "局", "事")]
    file = workbook(tmp_path / "units.xlsx", *rows)
    done = typed("import", "unit", file, "--dry-run")
    assert (done.exit_code, done.output) == (
        0,
        "1 new, 0 changed, 0 same, 0 wrong (dry run: nothing is saved)\n",
    )
    assert units(app) == {}
    done = typed("import", "unit", file)
    assert (done.exit_code, done.output) == (0, "1 new, 0 changed, 0 same, 0 wrong\n")
    assert units(app) == {"A": "甲"}
    assert {"import", "create"} <= set(actions(app)[-2:])
    before = tables(app)
    assert typed("import", "unit", file).output == "0 new, 0 changed, 1 same, 0 wrong\n"
    assert tables(app) == before


def test_a_table_with_a_wrong_row_is_not_imported_at_all(app, typed, tmp_path):
    add_unit(app)
    rows = [
        ("number", "name", "unit", "joined_on"),
        ("1", "甲", "A", "2026-02-01"),
        ("2", "乙", "Q", "2026-02-30"),
    ]
    done = typed("import", "staff", workbook(tmp_path / "staff.xlsx", *rows))
    assert done.exit_code == 1
    assert "row 3, Window unit “Q”: There is no such record within your reach." in done.output
    assert "row 3, Joined on “2026-02-30”: It is no day such as 2026-02-12." in done.output
    assert "Nothing was saved." in done.output
    assert at_work(app, lambda s: s.scalar(select(REGISTRY["staff"].id))) is None


def test_what_cannot_be_imported_is_said_in_a_sentence(typed, tmp_path):
    file = workbook(tmp_path / "units.xlsx", ("代码", "颜色"), ("A", "红"))
    done = typed("import", "unit", file)
    assert (done.exit_code, "No field is called 颜色." in done.output) == (1, True)
    done = typed("import", "palace", file)
    assert (done.exit_code, "There is no table palace." in done.output) == (1, True)
    text = tmp_path / "x.csv"
    text.write_text("", encoding="utf-8")
    done = typed("import", "unit", text)
    assert (done.exit_code, "The file is empty." in done.output) == (1, True)


def test_every_command_of_the_contract_is_there(app):
    assert {
        *("seed", "demo", "check", "rulebook", "sweep", "worker"),
        *("audit", "backup", "restore", "import", "account", "db"),
    } <= set(app.cli.commands)
    assert set(cli.audit_commands.commands) == {"verify", "anchor", "key", "archive"}
    for command in cli.commands.commands.values():
        assert command.help, command.name
