"""An import from the command line: the same run as in the panel, by the system (X9)."""

from datetime import datetime
from pathlib import Path

from flask_babel import force_locale
from sqlalchemy.orm import Session

from hallpanel.engine import audit
from hallpanel.engine.entity import Regulated
from hallpanel.engine.errors import Refusal
from hallpanel.engine.scope import SYSTEM
from hallpanel.engine.words import _l
from hallpanel.panel.column_heads import HeadReader, label_of
from hallpanel.panel.import_plan import Intake
from hallpanel.panel.import_row import Effect, Outcome, Wrong
from hallpanel.panel.language import refusal_sentence
from hallpanel.panel.table_files import open_table

MOST_ROWS = 100_000


def run(session: Session, entity: type[Regulated], path: Path, at: datetime) -> Outcome:
    """Take a file in, in the open transaction; the caller commits or rolls back.

    Raises:
        Refusal: it is no table, or a column is unknown.
    """
    table = open_table(path)
    names = HeadReader(entity, SYSTEM).read(table.heads)
    unknown = [head or "?" for head, name in zip(table.heads, names, strict=True) if name is None]
    if unknown:
        raise Refusal(_l("no field is called %(heads)s", heads=unknown))
    intake = Intake(session, entity, names, actor=SYSTEM, at=at)
    missing = intake.match.missing_key()
    if missing:
        raise Refusal(
            _l("without the columns %(columns)s its rows cannot be told apart", columns=missing)
        )
    outcome = intake.take(table.rows, MOST_ROWS)
    counts = {effect.value: outcome.counts[effect] for effect in Effect if outcome.counts[effect]}
    event = audit.Event(
        "import", entity.__tablename__, clause=entity.clause, after={"file": path.name, **counts}
    )
    audit.record(session, event)
    return outcome


def line_of(entity: type[Regulated], wrong: Wrong) -> str:
    """An error as the command line writes it."""
    with force_locale("en"):
        column = f", {label_of(entity, wrong.column)}" if wrong.column else ""
        value = f" “{wrong.value[:40]}”" if wrong.value else ""
        return f"row {wrong.row}{column}{value}: {refusal_sentence(wrong.refusal)}"
