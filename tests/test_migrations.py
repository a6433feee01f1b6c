"""The tables that the migrations build are the tables that the models declare."""

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from flask_migrate import downgrade, upgrade

from hallpanel.engine import audit, records
from hallpanel.engine.clock import utc_now
from hallpanel.engine.scope import SYSTEM
from hallpanel.engine.store import Base
from tests.databases import MIGRATIONS


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


def tables(engine):
    with engine.connect() as connection:
        found = MigrationContext.configure(connection)
        return found.get_current_heads(), connection.dialect.get_table_names(connection)


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
