"""The command line, `flask --app wsgi …`: each command is a door of its own, and is the system."""

import json
import logging
import os
import secrets
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
from sqlalchemy import inspect, select, update
from sqlalchemy.orm import Session

from hallpanel import backup, demonstration, deploy_check, seeding
from hallpanel.engine import audit, check, records, rekeying, sealing, sweep
from hallpanel.engine.clock import HALL_ZONE, utc_now
from hallpanel.engine.entity import REGISTRY
from hallpanel.engine.errors import Refusal, SettingError
from hallpanel.engine.personal import personal_table
from hallpanel.engine.roles import Role
from hallpanel.engine.scope import SYSTEM
from hallpanel.guard.account import Account, create_account
from hallpanel.guard.granting import HELD_OVER_A_UNIT, grant
from hallpanel.guard.sessions import SignInSession
from hallpanel.panel import import_command
from hallpanel.panel.channels import channels
from hallpanel.panel.extensions import db
from hallpanel.panel.import_row import Effect
from hallpanel.panel.language import refusal_sentence
from hallpanel.rulebook import table as rulebook_table
from hallpanel.worker import EVERY, Worker

A_FILE = click.Path(path_type=Path, dir_okay=False)
AN_EXISTING_FILE = click.Path(path_type=Path, dir_okay=False, exists=True)
A_ROLE = click.Choice([role.value for role in Role])
ACCOUNTS_FILE = "demo-accounts.txt"
DEMO_BEGUN = "demo-begun"

commands = AppGroup()
keys_commands = AppGroup("keys", help="The keys of sealed facts, which no backup holds.")
audit_commands = AppGroup("audit", help="Is the audit book as it was written?")
account_commands = AppGroup("account", help="Accounts of this installation.")


def init_app(app: Flask) -> None:
    """Add the commands."""
    for group in (audit_commands, account_commands, keys_commands):
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
    accounts = demonstration.load(lambda: records.open_session(db.engine), utc_now(), password)
    begun.unlink()
    if not accounts:
        click.echo("The database is in use, so no demonstration hall was set up.")
        return
    lines = [f"{one.username:<12} {one.password:<16} {one.name} {one.post}" for one in accounts]
    path = instance() / ACCOUNTS_FILE
    path.unlink(missing_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write("Demonstration accounts (user name, password, name, post):\n")
        file.writelines(f"  {line}\n" for line in lines)
    click.echo(path.read_text(encoding="utf-8"), nl=False)


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
    """Open an account and print a password for its first sign-in, where another must be chosen."""
    password = secrets.token_urlsafe(12)
    with desk() as session, plainly():
        unit_id = _id_of(session, "unit", "code", unit) if unit else None
        account = create_account(
            session,
            username,
            name,
            password,
            utc_now(),
            staff_id=_id_of(session, "staff", "number", staff) if staff else None,
            mail=mail,
        )
        for role in roles:
            over = unit_id if role in HELD_OVER_A_UNIT else None
            grant(session, account.id, Role(role), utc_now(), unit_id=over)
        session.commit()
    click.echo(f"{username} signs in with {password} and then chooses another password.")


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
    worker = Worker(lambda: records.open_session(db.engine), channels(app))
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
def verify_audit(anchor: Path | None) -> None:
    """Check every event of the audit book; end with 1 if one is not as it was written."""
    with desk() as session:
        verdict = audit.verify(session)
        problems = [*verdict.problems]
        if anchor:
            problems += audit.check_anchor(session, _read_anchor(anchor))
    for problem in problems:
        click.echo(str(problem.sentence), err=True)
    if problems:
        fail(f"{verdict.checked} events checked: the audit book was tampered with.")
    click.echo(f"{verdict.checked} events checked: all as they were written.")


def _read_anchor(path: Path) -> dict[str, Any]:
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        return {"seq": int(kept["seq"]), "digest": str(kept["digest"])}
    except (ValueError, KeyError, TypeError):
        fail(f"{path} is no anchor.")


@audit_commands.command("anchor")
@click.argument("file", type=A_FILE)
def anchor_audit(file: Path) -> None:
    """Write the head of the audit book to a file, to be kept away from this machine."""
    with desk() as session:
        taken = audit.anchor(session) | {"at": utc_now().isoformat()}
    file.write_text(json.dumps(taken, indent=1) + "\n", encoding="utf-8")
    click.echo(f"Anchored at event {taken['seq']}.")


# copies


@commands.command("backup")
@click.argument("file", type=A_FILE)
def backup_command(file: Path) -> None:
    """Copy all records and attached files into one new file, while the panel goes on serving."""
    with plainly():
        with desk() as session:
            audit.record(session, audit.Event("backup", after={"file": file.name}))
            session.commit()
        notes = backup.write(file, db.engine.url, instance() / "attachments", utc_now())
    size = file.stat().st_size // 1024
    click.echo(f"{file}: the database and {notes['attachments']} attached files, {size} KB.")


@commands.command("restore")
@click.argument("file", type=AN_EXISTING_FILE)
@click.option("--force", is_flag=True, help="Also over a database that holds records.")
def restore(file: Path, *, force: bool) -> None:
    """Put a backup's records in the place of those in the database, and verify the audit book."""
    if not force and _is_in_use():
        fail("The database holds records. Name an empty one, or say --force to lose them.")
    db.engine.dispose()
    with plainly():
        notes = backup.read(file, db.engine.url, instance() / "attachments")
    with desk() as session:
        verdict = audit.verify(session)
        if verdict.problems:
            fail(f"The audit book of the backup was tampered with: {verdict.problems[0].sentence}")
        # Who was signed in when the backup was made may have been signed out, or barred, since.
        open_ones = update(SignInSession).where(SignInSession.ended_at.is_(None))
        session.execute(open_ones.values(ended_at=utc_now()))
        audit.record(session, audit.Event("restore", after={"file": file.name, "at": notes["at"]}))
        session.commit()
    click.echo(
        f"Restored as of {notes['at']}; {verdict.checked} events of the audit book are right."
    )
    if _is_behind():
        click.echo("Now migrate it: flask --app wsgi db upgrade --directory hallpanel/migrations")


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
