"""How Alembic reaches the database: through the application, in one transaction."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

from alembic import context
from flask import current_app
from sqlalchemy import Connection, Engine, Enum, NullPool, String, create_engine, make_url
from sqlalchemy.types import TypeDecorator

from hallpanel.engine import wall
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
        guard(connection)


def guard(connection: Connection) -> None:
    """On PostgreSQL: the policies of today's declarations, and the rights of who serves."""
    wall.raise_walls(connection)
    if current_app.config.get("HALLPANEL_OWNER_URL"):
        wall.settle_role(connection, make_url(current_app.config["SQLALCHEMY_DATABASE_URI"]))


def check_foreign_keys(connection: Connection) -> None:
    """Undo a migration on SQLite that left a row pointing nowhere."""
    if connection.dialect.name == "sqlite":
        broken = connection.exec_driver_sql("PRAGMA foreign_key_check").first()
        if broken:
            raise RuntimeError(f"the migration leaves {broken[0]} row {broken[1]} pointing nowhere")


@contextmanager
def foreign_keys_off(connection: Connection) -> Iterator[None]:
    """Let SQLite rebuild tables, which it does by copying one and dropping the old one.

    With foreign keys on, the rows that point at the old one would go too. SQLite takes the switch
    outside of transactions only, hence the driver's own connection.
    """
    driver: Any = connection.connection.driver_connection
    if connection.dialect.name != "sqlite":
        yield
        return
    driver.execute("PRAGMA foreign_keys=OFF")
    try:
        yield
    finally:
        driver.execute("PRAGMA foreign_keys=ON")


def run(engine: Engine) -> None:
    """Migrate over one connection of the application's own engine."""
    with engine.connect() as connection, foreign_keys_off(connection):
        migrate(connection)


def owner() -> Engine:
    """The engine of who owns the tables: another account than serves, where there is one."""
    url = current_app.config.get("HALLPANEL_OWNER_URL")
    serving: Engine = current_app.extensions["migrate"].db.engine
    return create_engine(url, poolclass=NullPool) if url else serving


run(owner())
