"""Tables of the rule book that the engine only reads, built for tests that know no chapter."""

from sqlalchemy import Column, Engine, MetaData, Table, TableClause


def keep(engine: Engine, read: TableClause, rows: list[dict]) -> Table:
    """Create what the engine reads, with rows in it."""
    kept = Table(read.name, MetaData(), *(Column(c.name, c.type) for c in read.columns))
    kept.create(engine)
    with engine.begin() as connection:
        if rows:
            connection.execute(kept.insert(), rows)
    return kept
