"""The tables that the migrations build are the tables that the models declare."""

from datetime import UTC, datetime

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from flask_migrate import downgrade, upgrade
from sqlalchemy import select, text

from hallpanel.engine import audit, records
from hallpanel.engine.clock import utc_now
from hallpanel.engine.roles import Role
from hallpanel.engine.scope import SYSTEM
from hallpanel.engine.store import Base
from hallpanel.guard import one_time, sessions
from hallpanel.panel.extensions import db
from tests.databases import MIGRATIONS
from tests.panel.door import account, at_work

NOW = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)


def test_models_and_migrations_say_the_same(app, engine):
    with engine.connect() as connection:
        found = MigrationContext.configure(connection, opts={"compare_type": True})
        differences = compare_metadata(found, Base.metadata)
    assert not differences, (
        "Write a migration: flask --app wsgi db migrate -d hallpanel/migrations\n"
        + "\n".join(map(str, differences))
    )


def test_migrating_again_changes_nothing(app, engine):
    before = tables(engine)
    with app.app_context():
        upgrade(str(MIGRATIONS))
    assert tables(engine) == before


def test_accounts_survive_going_back_and_forth_auth_9(app, engine):
    """A code that waits to be used is no password without end in the edition before."""
    mei, lin = account(app, "mei"), account(app, "lin", Role.AUDITOR)
    at_work(app, lambda session: one_time.issue(session, mei, NOW))
    at_work(app, lambda session: sessions.await_code(session, lin, NOW))
    at_work(app, lambda session: sessions.open_session(session, lin, NOW))
    migrate(app, downgrade, "0001")
    with engine.connect() as connection:
        kept = dict(connection.execute(text("SELECT username, password_hash FROM account")).all())
        left = connection.execute(text("SELECT count(*) FROM sign_in_session")).scalar()
    assert (kept["mei"], kept["lin"][:9], left) == ("", "$argon2id", 1)
    migrate(app, upgrade, "head")
    test_models_and_migrations_say_the_same(app, engine)
    stages = at_work(app, lambda s: s.scalars(select(sessions.SignInSession.stage)).all())
    assert stages == [sessions.Stage.OPEN]


def migrate(app, way, revision):
    with app.app_context():
        db.session.remove()
        way(str(MIGRATIONS), revision)
        db.engine.dispose()


def tables(engine):
    with engine.connect() as connection:
        found = MigrationContext.configure(connection)
        names = connection.dialect.get_table_names(connection)
        return found.get_current_heads(), sorted(names)


def test_the_book_stays_guarded_whole_and_written_back_and_forth_aud_3(app, engine):
    before = ScriptDirectory(str(MIGRATIONS)).get_revision("0005").down_revision
    write_event(engine)
    with app.app_context():
        downgrade(str(MIGRATIONS), revision=before)
        write_event(engine)
        with engine.connect() as connection:
            assert {one for one in audit.unguarded(connection) if "archive" not in one} == set()
        upgrade(str(MIGRATIONS))
    write_event(engine)
    with engine.connect() as connection:
        assert audit.unguarded(connection) == []
    with records.open_session(engine) as session:
        verdict = audit.verify(session)
    assert (verdict.ok, verdict.checked) == (True, 3)


def write_event(engine):
    with records.open_session(engine) as session, records.at_desk(session, SYSTEM, utc_now()):
        audit.record(session, audit.Event("edit", "note", 1))
        session.commit()
