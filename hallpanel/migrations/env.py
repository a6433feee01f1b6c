"""How Alembic reaches the database: through the application, in one transaction on both databases."""

from typing import Any, Literal

from alembic import context
from flask import current_app
from sqlalchemy import Connection, Engine, Enum, String
from sqlalchemy.types import TypeDecorator

from hallpanel.engine.store import Base


def render_item(kind: str, item: Any, _autogenerate: object) -> str | Literal[False]:
    """Write a column's plain type, so that a migration does not change when our types do."""
    if kind != "type" or not isinstance(item, (TypeDecorator, Enum)):
        return False
    plain = String(item.length) if isinstance(item, Enum) else item.impl_instance
    return f"sa.{plain!r}"


def migrate(connection: Connection) -> None:
    """Run the migrations that were asked for, all or none."""
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        transactional_ddl=True,  # SQLite can, once `BEGIN` is ours and not the driver's
        render_item=render_item,
        **current_app.extensions["migrate"].configure_args,
    )
    with context.begin_transaction():
        context.run_migrations()
        check_foreign_keys(connection)


def check_foreign_keys(connection: Connection) -> None:
    """Undo a migration on SQLite that left a row pointing nowhere."""
    if connection.dialect.name == "sqlite":
        broken = connection.exec_driver_sql("PRAGMA foreign_key_check").first()
        if broken:
            raise RuntimeError(f"the migration leaves {broken[0]} row {broken[1]} pointing nowhere")


def set_foreign_keys(connection: Connection, on: bool) -> None:
    """Switch SQLite's foreign keys, which it allows outside of transactions only.

    A batch migration copies a table and drops the old one: with foreign keys on, the rows that
    point at it would go too.
    """
    driver = connection.connection.driver_connection
    if connection.dialect.name == "sqlite" and driver is not None:
        driver.execute(f"PRAGMA foreign_keys={'ON' if on else 'OFF'}")


def run(engine: Engine) -> None:
    """Migrate over one connection of the application's own engine."""
    with engine.connect() as connection:
        set_foreign_keys(connection, False)
        try:
            migrate(connection)
        finally:
            set_foreign_keys(connection, True)


run(current_app.extensions["migrate"].db.engine)
