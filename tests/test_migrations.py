"""The tables that the migrations build are the tables that the models declare."""

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from flask_migrate import upgrade

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
