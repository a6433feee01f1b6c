"""Four processes that file leave requests as fast as they can, until they are killed.

`python -m tests.faults.writers URL FOLDER` starts them. Each writes a number into its own file of
the folder as soon as the database has confirmed it: what the client knows to be saved.
"""

import os
import signal
import sys
from datetime import UTC, date, datetime
from pathlib import Path

from sqlalchemy import select

from hallpanel import load_rulebook
from hallpanel.engine import records
from hallpanel.engine.entity import REGISTRY
from hallpanel.engine.scope import SYSTEM
from tests.databases import open_engine

WRITERS = 4
AT = datetime(2026, 2, 9, 2, tzinfo=UTC)
DAY = date(2026, 3, 2)


def file_requests(url: str, acknowledged: Path, writer: int) -> None:
    """File draft after draft for one person, each in a transaction of its own, for ever."""
    engine = open_engine(url)
    entity = REGISTRY["leave_request"]
    with acknowledged.open("w", encoding="ascii") as file:
        while True:
            with records.open_session(engine) as session, records.at_desk(session, SYSTEM, AT):
                person = session.scalars(
                    select(REGISTRY["staff"]).order_by(REGISTRY["staff"].id).offset(writer)
                ).first()
                kind = session.scalars(
                    select(REGISTRY["leave_type"]).where(REGISTRY["leave_type"].code == "personal")
                ).one()
                values = {"staff": person, "leave_type": kind, "reason": "家里有事"}
                values |= {"first_day": DAY, "last_day": DAY}
                record = records.create(session, entity, values, actor=SYSTEM, at=AT)
                session.commit()
                number = record.number
            file.write(f"{number}\n")
            file.flush()


def main(url: str, folder: Path) -> None:
    """Start the writers; they share this process's group, so that one signal kills them all."""
    load_rulebook()
    for writer in range(WRITERS):
        if os.fork() == 0:
            file_requests(url, folder / f"{writer}.txt", writer)
    signal.pause()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
