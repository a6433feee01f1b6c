"""What is confirmed survives a kill of every process, and nothing is half there (DUR-1)."""

import os
import random
import signal
import subprocess
import sys
import time

from sqlalchemy import func, select

from hallpanel.engine import audit, records
from hallpanel.engine.entity import REGISTRY
from hallpanel.engine.scope import SYSTEM
from tests.databases import open_engine
from tests.faults.figures import often
from tests.faults.writers import AT, WRITERS

SEED = 20260209
SHORTEST, LONGEST = 0.4, 1.2  # seconds of writing before a kill


def burst(url, folder, seconds):
    """Let the writers write for a while and kill them all at once; the numbers they know of."""
    program = [sys.executable, "-m", "tests.faults.writers", url, str(folder)]
    with subprocess.Popen(program, start_new_session=True) as writers:
        try:
            _wait_until_all_write(folder)
            time.sleep(seconds)  # the burst itself
        finally:
            os.killpg(writers.pid, signal.SIGKILL)
    lines = [path.read_text(encoding="ascii") for path in folder.iterdir()]
    return {number for text in lines for number in text.split("\n")[:-1]}


def _wait_until_all_write(folder):
    patience = time.monotonic() + 60
    while sum(1 for path in folder.iterdir() if path.stat().st_size) < WRITERS:
        assert time.monotonic() < patience, "the writers do not begin"
        time.sleep(0.01)


def look(url):
    """What the database holds after a kill: numbers, records without audit, and the verdict."""
    engine = open_engine(url)
    entity, events = REGISTRY["leave_request"], audit.AuditEvent
    with records.open_session(engine) as session, records.at_desk(session, SYSTEM, AT):
        numbers = list(session.scalars(select(entity.number).order_by(entity.number)))
        born = select(func.count()).where(
            events.table_name == "leave_request", events.action == "create"
        )
        found = {"events": session.scalar(born), "verdict": audit.verify(session)}
        if engine.dialect.name == "sqlite":
            connection = session.connection()
            found["integrity"] = connection.exec_driver_sql("PRAGMA integrity_check").scalar()
    engine.dispose()
    return numbers, found


def test_nothing_confirmed_is_lost_when_all_writers_are_killed_dur_1(
    hall_url, entities, tmp_path, figures
):
    chance, known, kills = random.Random(SEED), set(), often(2, 100)
    began, recovered = len(look(hall_url)[0]), []
    for number in range(kills):
        folder = tmp_path / str(number)
        folder.mkdir()
        known |= burst(hall_url, folder, chance.uniform(SHORTEST, LONGEST))
        since = time.perf_counter()
        numbers, found = look(hall_url)
        recovered.append(round(time.perf_counter() - since, 2))
        figures |= {
            "seed": SEED,
            "kills": (number + 1) * WRITERS,
            "acknowledged": len(known),
            "lost": len(known - set(numbers)),
            "there but not acknowledged": len(numbers) - began - len(known),
            "without audit": len(numbers) - found["events"],
            "longest recovery in s": max(recovered),
        }
        assert known <= set(numbers)
        assert found["events"] == len(numbers)
        assert found["verdict"].ok
        assert found.get("integrity", "ok") == "ok"
        assert [int(one[-5:]) for one in numbers] == list(range(1, len(numbers) + 1))
    assert len(known) > 10 * kills * WRITERS
