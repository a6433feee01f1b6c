"""The command line, `flask --app wsgi …`: each command is a door of its own, and is the system."""

import hashlib
import json
import logging
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, NoReturn

import click
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from apscheduler.schedulers.blocking import BlockingScheduler
from flask import Flask, current_app
from flask.cli import AppGroup
from flask_babel import force_locale
from sqlalchemy import URL, create_engine, inspect, make_url, select, update
from sqlalchemy.orm import Session

from hallpanel import backup, demonstration, deploy_check, seeding
from hallpanel.engine import (
    audit,
    audit_anchor,
    audit_archive,
    check,
    records,
    rekeying,
    sealing,
    sweep,
    wall,
)
from hallpanel.engine.clock import HALL_ZONE, utc_now
from hallpanel.engine.entity import REGISTRY
from hallpanel.engine.errors import Refusal, SettingError
from hallpanel.engine.personal import personal_table
from hallpanel.engine.roles import ROLE_LABELS, Role
from hallpanel.engine.scope import SYSTEM
from hallpanel.engine.signing import SigningKey
from hallpanel.engine.store import prepare_engine
from hallpanel.guard import dual_control, one_time
from hallpanel.guard.account import Account, create_account, find_account
from hallpanel.guard.granting import ADMINISTRATORS, HELD_OVER_A_UNIT, grant, refuse_alone
from hallpanel.guard.sessions import SignInSession
from hallpanel.panel import import_command
from hallpanel.panel.channels import channels
from hallpanel.panel.extensions import db
from hallpanel.panel.import_row import Effect
from hallpanel.panel.language import refusal_sentence, translate
from hallpanel.rulebook import table as rulebook_table
from hallpanel.worker import EVERY, Anchors, Worker

A_FILE = click.Path(path_type=Path, dir_okay=False)
AN_EXISTING_FILE = click.Path(path_type=Path, dir_okay=False, exists=True)
A_ROLE = click.Choice([role.value for role in Role])
ACCOUNTS_FILE = "demo-accounts.txt"
DEMO_BEGUN = "demo-begun"
SIGNS_IN_WITH = "{} signs in with {} once, within 24 hours, and then chooses a password."

commands = AppGroup()
keys_commands = AppGroup("keys", help="The keys of sealed facts, which no backup holds.")
audit_commands = AppGroup("audit", help="Is the audit book as it was written?")
hall_commands = AppGroup("hall", help="What a hall begins with.")
account_commands = AppGroup("account", help="Accounts of this installation.")


def init_app(app: Flask) -> None:
    """Add the commands."""
    for group in (audit_commands, hall_commands, account_commands, keys_commands):
        app.cli.add_command(group)
    for command in commands.commands.values():
        app.cli.add_command(command)


@contextmanager
def desk() -> Iterator[Session]:
    """A session in which the system works."""
    with (
        records.open_session(db.engine) as session,
        records.at_desk(session, SYSTEM, utc_now()),
    ):
        yield session


@contextmanager
def owner_desk() -> Iterator[Session]:
    """The same as the owner of the tables, who alone may do what no page ever does."""
    url = current_app.config.get("HALLPANEL_OWNER_URL")
    if url is None:
        with desk() as session:
            yield session
        return
    engine = prepare_engine(create_engine(url, execution_options=db.engine.get_execution_options()))
    try:
        with (
            records.open_session(engine) as session,
            records.at_desk(session, SYSTEM, utc_now()),
        ):
            yield session
    finally:
        engine.dispose()


def fail(problem: object) -> NoReturn:
    """Say what went wrong, and end with 1."""
    click.echo(str(problem), err=True)
    sys.exit(1)


@contextmanager
def plainly() -> Iterator[None]:
    """Say what a rule objects to as one sentence, and not as a trace."""
    try:
        with force_locale("en"):
            yield
    except Refusal as refusal:
        with force_locale("en"):
            fail(refusal_sentence(refusal))
    except backup.BackupError as error:
        fail(error)


def instance() -> Path:
    """The folder of this installation."""
    return Path(current_app.config["HALLPANEL_INSTANCE"])


# what an installation starts with


@commands.command("seed")
def seed() -> None:
    """Load the rule book, leave types, limits and points that are not there yet."""
    with records.open_session(db.engine) as session:
        gained = seeding.seed(session, utc_now())
        session.commit()
    added = {table: count for table, count in gained.items() if count}
    for table, count in added.items():
        click.echo(f"{table}: {count} added")
    if not added:
        click.echo("Everything of the seed is there already.")


@commands.command("demo")
def demo() -> None:
    """Set up the demonstration hall, if the database is empty, and print its accounts."""
    password = current_app.config["HALLPANEL_DEMO_PASSWORD"]
    begun = instance() / DEMO_BEGUN
    if begun.exists():
        raise click.ClickException(
            f"The demonstration hall was cut off while it was set up. "
            f"Empty the database (with SQLite: remove {instance()}) and run this again."
        )
    begun.touch(mode=0o600)
    accounts = demonstration.load(
        lambda: records.open_session(db.engine), utc_now(), password, factors=_demo_factors()
    )
    begun.unlink()
    if not accounts:
        click.echo("The database is in use, so no demonstration hall was set up.")
        return
    lines = [_demo_line(one) for one in accounts]
    path = instance() / ACCOUNTS_FILE
    path.unlink(missing_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write("Demonstration accounts (user name, password, name, post, second factor):\n")
        file.writelines(f"  {line}\n" for line in lines)
    click.echo(path.read_text(encoding="utf-8"), nl=False)


def _demo_factors() -> demonstration.Factors:
    settings = current_app.config
    return demonstration.Factors(settings["SECRET_KEY"], settings["HALLPANEL_DEMO_TOTP"])


def _demo_line(one: demonstration.DemoAccount) -> str:
    line = f"{one.username:<12} {one.password:<16} {one.name} {one.post}"
    return f"{line} {one.secret}" if one.secret else line


@hall_commands.command("init")
@click.option("--sysadmin", default="sysadmin", show_default=True, metavar="USERNAME")
@click.option("--sysadmin-name", metavar="NAME", help="The system administrator's real name.")
@click.option("--secadmin", default="secadmin", show_default=True, metavar="USERNAME")
@click.option("--secadmin-name", metavar="NAME", help="The security administrator's real name.")
@click.option("--auditor", default="auditor", show_default=True, metavar="USERNAME")
@click.option("--auditor-name", metavar="NAME", help="The audit administrator's real name.")
def init_hall(**asked: str | None) -> None:
    """Open the accounts of the first three administrators, three people, and print their codes."""
    with desk() as session, plainly():
        if session.scalar(select(Account.id).limit(1)) is not None:
            fail("There are accounts already: the administrators open the others.")
        lines = [
            _first_account(session, role, str(asked[role]), asked[f"{role}_name"])
            for role in ADMINISTRATORS
        ]
        session.commit()
    click.echo("Each code opens its account once, within 24 hours. It is not shown again.")
    for line in lines:
        click.echo(line)


def _first_account(session: Session, role: Role, username: str, name: str | None) -> str:
    with force_locale(current_app.config["BABEL_DEFAULT_LOCALE"]):
        office = translate(ROLE_LABELS[role])
    account = create_account(session, username, name or office, None, utc_now())
    grant(session, account.id, role, utc_now())
    return f"  {username:<12} {one_time.issue(session, account.id, utc_now())}  {name or office}"


@account_commands.command("code")
@click.argument("username")
def give_code(username: str) -> None:
    """Give somebody a new start: a one-time code for a lost password or second factor."""
    with desk() as session, plainly():
        account = find_account(session, username)
        if account is None:
            fail(f"There is no account {username}.")
        code = one_time.issue(session, account.id, utc_now())
        session.commit()
    click.echo(SIGNS_IN_WITH.format(username, code))


@account_commands.command("add")
@click.argument("username")
@click.option("--name", required=True, help="The person's name as others read it.")
@click.option(
    "--role",
    "roles",
    multiple=True,
    required=True,
    type=click.Choice([role.value for role in Role]),
)
@click.option("--unit", metavar="CODE", help="The unit over which a role is held.")
@click.option("--staff", metavar="NUMBER", help="The member of staff whose account it is.")
@click.option("--mail", metavar="ADDRESS", help="Where messages are sent besides.")
def add_account(
    username: str,
    name: str,
    roles: tuple[str, ...],
    unit: str | None,
    staff: str | None,
    mail: str | None,
) -> None:
    """Open an account and print a one-time code for its first sign-in."""
    with desk() as session, plainly():
        unit_id = _id_of(session, "unit", "code", unit) if unit else None
        account = create_account(
            session,
            username,
            name,
            None,
            utc_now(),
            staff_id=_id_of(session, "staff", "number", staff) if staff else None,
            mail=mail,
        )
        for role in roles:
            over = unit_id if role in HELD_OVER_A_UNIT else None
            refuse_alone(session, Role(role), utc_now())
            grant(session, account.id, Role(role), utc_now(), unit_id=over)
        code = one_time.issue(session, account.id, utc_now())
        session.commit()
    click.echo(SIGNS_IN_WITH.format(username, code))


def _id_of(session: Session, table: str, key: str, value: str) -> int:
    entity = REGISTRY[table]
    query = select(entity.id).where(getattr(entity, key) == value)
    found: int | None = session.scalar(query)
    if found is None:
        fail(f"There is no {table} with the {key} {value}.")
    return found


# what is declared, and how it is served


@commands.command("check")
@click.option("--deploy", is_flag=True, help="Also whether this installation may serve a hall.")
@click.option("--personal", is_flag=True, help="Only list the personal data, why and how long.")
def check_command(*, deploy: bool, personal: bool) -> None:
    """Check the declarations and, with --deploy, the installation; end with 1 if one is wrong."""
    if personal:
        click.echo(personal_table(REGISTRY.values()))
        return
    wrong: list[Any] = list(check.errors(list(REGISTRY.values()), rulebook_table.clause_ids()))
    if deploy:
        with desk() as session:
            wrong += deploy_check.faults(current_app.config, session, utc_now())
    for one in wrong:
        click.echo(one, err=True)
    if wrong:
        fail(f"{len(wrong)} to mend.")
    click.echo(f"{len(REGISTRY)} declarations are right{', and so is all else' * deploy}.")


@commands.command("rulebook")
@click.option("--json", "as_json", is_flag=True, help="As JSON instead of a table.")
def rulebook(*, as_json: bool) -> None:
    """Print which entity and transition rests on which clause."""
    if as_json:
        click.echo(json.dumps(rulebook_table.as_rows(), ensure_ascii=False, indent=1))
    else:
        click.echo(rulebook_table.rulebook_table())


# what time does


@commands.command("sweep")
def sweep_command() -> None:
    """Do once what is due: timed transitions, deadlines, reminders and chores."""
    with records.open_session(db.engine) as session:
        swept = sweep.run(session, utc_now())
    click.echo(
        f"{swept.transitions} transitions, {swept.marks} warnings, "
        f"{swept.reminders} reminders, {swept.chores} chores"
    )


@commands.command("worker")
@click.option("--once", is_flag=True, help="Do one round and end.")
def worker_command(*, once: bool) -> None:
    """Sweep and deliver each minute; any number of workers may run, and one of them works."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s: %(message)s")
    logging.getLogger("apscheduler").setLevel(logging.WARNING)
    app = current_app._get_current_object()  # type: ignore[attr-defined]
    anchors = Anchors(current_app.config["HALLPANEL_ANCHOR_FOLDER"], _signing_key())
    worker = Worker(lambda: records.open_session(db.engine), channels(app), anchors)
    if once:
        click.echo("done" if worker.round() else "another worker is at work")
    else:
        _run_each(EVERY, app, worker)
    worker.leave()


def _run_each(interval: timedelta, app: Flask, worker: Worker) -> None:
    """Let the worker do its rounds until the process is told to end."""
    scheduler = BlockingScheduler(timezone=HALL_ZONE)

    def in_context() -> None:
        with app.app_context():
            worker.round()

    scheduler.add_job(
        in_context,
        "interval",
        seconds=interval.total_seconds(),
        next_run_time=utc_now(),
        max_instances=1,
        coalesce=True,
        misfire_grace_time=None,
    )
    for told in (signal.SIGTERM, signal.SIGINT):
        signal.signal(told, lambda *_: scheduler.shutdown(wait=False))
    scheduler.start()


# the keys of sealed facts


@keys_commands.command("new")
def new_key() -> None:
    """Add a key, which writes from now on; the older ones go on reading."""
    try:
        added = sealing.ring().add()
    except SettingError as error:
        fail(error)
    with desk() as session:
        audit.record(session, audit.Event("new_key", after={"key": added}))
        session.commit()
    click.echo(f"Key {added} writes from now on. Keep a copy of {sealing.ring().path} in a safe.")


@keys_commands.command("rotate")
def rotate_keys() -> None:
    """Write what is under older keys anew, while the panel goes on serving; may be cut off."""
    try:
        written = rekeying.rotate(desk, list(REGISTRY.values()))
    except sealing.Unreadable as error:
        fail(error)
    click.echo(f"{written} values are under key {sealing.ring().newest} now.")


# the audit book


@audit_commands.command("verify")
@click.option("--anchor", type=AN_EXISTING_FILE, help="Compare with an anchor taken earlier.")
@click.option("--archive", type=AN_EXISTING_FILE, help="Check a file of old events as well.")
@click.option("--key", metavar="PUBLIC", help="The auditor's own copy of the public key.")
def verify_audit(anchor: Path | None, archive: Path | None, key: str | None) -> None:
    """Check every event of the audit book; end with 1 if one is not as it was written."""
    public = key or _signing_key().public
    kept = _read_anchor(anchor, public) if anchor else None
    old = _read_archive(archive, public) if archive else None
    with desk() as session:
        verdict = audit.verify(session)
        problems = [*verdict.problems, *(old.problems if old else ())]
        if kept:
            problems += audit_archive.check_anchor(session, kept, old)
        if old and old.archive and not audit_archive.belongs(session, old.archive):
            fail(f"{archive} is not what the book archived.")
    for problem in problems:
        click.echo(str(problem.sentence), err=True)
    if problems:
        fail(f"{verdict.checked} events checked: the audit book was tampered with.")
    archived = f", and {old.archive.count} in the archive" if old and old.archive else ""
    click.echo(f"{verdict.checked} events checked{archived}: all as they were written.")


def _signing_key() -> SigningKey:
    return SigningKey.of(instance())


def _read_anchor(path: Path, public: str) -> dict[str, Any]:
    kept = audit_anchor.read(path)
    if kept is None:
        fail(f"{path} is no anchor.")
    if not audit_anchor.is_genuine(kept, public):
        fail(f"{path} was not signed by this installation, or was changed since.")
    return kept


def _read_archive(path: Path, public: str) -> audit_archive.Checked:
    found = audit_archive.check(path, public)
    if found.archive is None:
        fail(f"{path} is no archive of the audit book.")
    if not found.signed:
        for problem in found.problems:
            click.echo(str(problem.sentence), err=True)
        fail(f"{path} was not signed by this installation, or was changed since.")
    return found


@audit_commands.command("anchor")
@click.argument("file", type=A_FILE)
def anchor_audit(file: Path) -> None:
    """Write the head of the audit book, signed, to a file to be kept away from this machine."""
    with desk() as session:
        taken = audit_anchor.take(session, _signing_key(), utc_now())
    audit_anchor.write(file, taken)
    click.echo(f"Anchored at event {taken['seq']}.")


@audit_commands.command("key")
def key_of_audit() -> None:
    """Print the public key by which anchors and archives are known, for the auditor to keep."""
    click.echo(_signing_key().public)


@audit_commands.command("archive")
@click.argument("file", type=A_FILE)
def archive_audit(file: Path) -> None:
    """Move the events that need be kept here no longer to a new file, with their chain."""
    days = current_app.config["HALLPANEL_AUDIT_DAYS"]
    with owner_desk() as session, plainly():
        made = audit_archive.archive(session, file, _signing_key(), utc_now(), days)
        session.commit()
    click.echo(f"Events {made.first_seq} to {made.last_seq} are in {file}. Keep it safe.")


# copies


@commands.command("backup")
@click.argument("file", type=A_FILE)
def backup_command(file: Path) -> None:
    """Copy all records and attached files into one new file, while the panel goes on serving."""
    with plainly():
        with desk() as session:
            audit.record(session, audit.Event("backup", after={"file": file.name}))
            session.commit()
        notes = backup.write(file, _owner_url(), instance() / "attachments", utc_now())
    size = file.stat().st_size // 1024
    click.echo(f"{file}: the database and {notes['attachments']} attached files, {size} KB.")


@commands.command("restore")
@click.argument("file", type=AN_EXISTING_FILE)
@click.option("--approved", type=int, metavar="NUMBER", help="The request two people agreed to.")
def restore(file: Path, *, approved: int | None) -> None:
    """Put a backup's records in the place of those in the database, and verify the audit book."""
    agreed = _agreed(file, approved) if _is_in_use() else {}
    db.engine.dispose()
    with plainly():
        notes = backup.read(file, _owner_url(), instance() / "attachments")
        settle_roles()
    with desk() as session:
        verdict = audit.verify(session)
        if verdict.problems:
            fail(f"The audit book of the backup was tampered with: {verdict.problems[0].sentence}")
        # Who was signed in when the backup was made may have been signed out, or barred, since.
        open_ones = update(SignInSession).where(SignInSession.ended_at.is_(None))
        session.execute(open_ones.values(ended_at=utc_now()))
        audit.record(
            session, audit.Event("restore", after={"file": file.name, "at": notes["at"], **agreed})
        )
        session.commit()
    click.echo(
        f"Restored as of {notes['at']}; {verdict.checked} events of the audit book are right."
    )
    if _is_behind():
        click.echo("Now migrate it: flask --app wsgi db upgrade --directory hallpanel/migrations")


def _owner_url() -> URL:
    """The address of who owns the tables; the same as of who serves, unless one is set."""
    url = current_app.config.get("HALLPANEL_OWNER_URL")
    return make_url(url) if url else db.engine.url


def settle_roles() -> list[str]:
    """Raise the walls of PostgreSQL and give the serving account its rights; what was done."""
    url = current_app.config.get("HALLPANEL_OWNER_URL")
    engine = create_engine(url) if url else db.engine
    with engine.begin() as connection:
        wall.raise_walls(connection)
        done = wall.settle_role(connection, db.engine.url) if url else []
    if url:
        engine.dispose()
    return done


@commands.command("db-roles")
def db_roles() -> None:
    """On PostgreSQL: make the account that serves, with its rights, and raise the walls."""
    if current_app.config.get("HALLPANEL_OWNER_URL") is None:
        fail(
            "Set HALLPANEL_OWNER_URL to who owns the tables, HALLPANEL_DATABASE_URL to who serves."
        )
    for line in settle_roles():
        click.echo(line)
    with db.engine.connect() as connection:
        for why in wall.overpowered(connection):
            fail(f"The account that serves passes by the walls: {why}.")
    click.echo("The tables show the serving account what each person may see, and no more.")


def _agreed(file: Path, number: int | None) -> dict[str, Any]:
    """Who asked for a restore over records that are in use, and who agreed to it (SOD-3)."""
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    if number is None:
        fail(
            f"The database holds records: a second person must agree. The system administrator "
            f"asks for it in the panel, under /dual/restore/, for the file {file.name} with the "
            f"SHA-256 {digest}; then say --approved NUMBER within 30 minutes."
        )
    payload = {"file": file.name, "digest": digest}
    with desk() as session, plainly():
        against = dual_control.use(session, number, "restore", payload, utc_now())
        if against is not None:
            raise against
        request = dual_control.find(session, number)
        session.commit()
    assert request is not None
    return {"requested_by": request.requested_by, "approved_by": request.decided_by}


def _is_in_use() -> bool:
    """Whether anything was ever done here; freshly migrated tables are empty."""
    if not inspect(db.engine).has_table("account"):
        return False
    with desk() as session:
        someone = session.scalar(select(Account.id).limit(1))
        return someone is not None or bool(audit.anchor(session)["seq"])


def _is_behind() -> bool:
    """Whether the restored tables are of an older edition of the panel."""
    folder = Path(current_app.root_path) / "migrations"
    with db.engine.connect() as connection:
        present = MigrationContext.configure(connection).get_current_heads()
    return set(present) != set(ScriptDirectory(str(folder)).get_heads())


# tables


@commands.command("import")
@click.argument("table")
@click.argument("file", type=AN_EXISTING_FILE)
@click.option("--dry-run", is_flag=True, help="Only say what would change.")
def import_table(table: str, file: Path, *, dry_run: bool) -> None:
    """Take an xlsx or csv file in: all of its rows, or none if one is wrong."""
    entity = REGISTRY.get(table)
    if entity is None:
        fail(f"There is no table {table}. The tables are {', '.join(sorted(REGISTRY))}.")
    with desk() as session, plainly():
        outcome = import_command.run(session, entity, file, utc_now())
        if outcome.errors or dry_run:
            session.rollback()
        else:
            session.commit()
    for wrong in outcome.errors:
        click.echo(import_command.line_of(entity, wrong), err=True)
    counts = ", ".join(f"{outcome.counts[effect]} {effect}" for effect in Effect)
    click.echo(f"{counts}{' (dry run: nothing is saved)' if dry_run else ''}")
    if outcome.errors:
        fail("Nothing was saved.")
