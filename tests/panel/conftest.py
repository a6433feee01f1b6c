"""The hall in which the panel is tested over HTTP."""

import pytest
import time_machine

from tests.databases import build, migrated, once, settings_for
from tests.panel.hall import NOW, Hall, furnish


@pytest.fixture
def at_ten():
    """Let it be ten in the morning in the hall; the test moves the clock on if it must."""
    with time_machine.travel(NOW, tick=False) as clock:
        yield clock


@pytest.fixture
def hall_url(server, fresh_name, run, at_ten):
    """The address of a database with a furnished hall, for this test alone."""
    template = furnished(run, server)
    server.copy(template, fresh_name)
    yield server.url(fresh_name)
    server.drop(fresh_name)


@pytest.fixture
def hall(hall_url, run, tmp_path):
    """The hall of this test."""
    from hallpanel.panel.extensions import db

    app = build(settings_for(hall_url, tmp_path / "instance"), run)
    yield Hall(app)
    with app.app_context():
        db.engine.dispose()


def furnished(run, server):
    """Name the run's database with the hall, from which each test gets a copy."""
    from hallpanel import create_app
    from hallpanel.panel.extensions import db

    template = f"furnished_{type(server).__name__.lower()}"
    empty = migrated(run, server)
    with once(run, template) as first:
        if first:
            server.drop(template)
            server.copy(empty, template)
            app = create_app(settings_for(server.url(template), run / "furnished"))
            furnish(app)
            close(app, db)
    return template


def close(app, db):
    """Leave the database in one file and without connections, so that it can be copied."""
    with app.app_context():
        db.session.remove()
        if db.engine.dialect.name == "sqlite":
            with db.engine.connect() as connection:
                connection.connection.driver_connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        db.engine.dispose()
