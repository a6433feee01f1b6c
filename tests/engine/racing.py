"""Four processes that do the same thing at the same moment, as four workers of the panel would."""

import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor

from sqlalchemy import Engine, create_engine

from hallpanel.engine.store import prepare_engine

PROCESSES = 4
PATIENCE = 240
_started = {}


def race(engine: Engine, runner: Callable, *arguments) -> list:
    """Run `runner(engine, *arguments)` in each process, all at once; their results."""
    url = engine.url.render_as_string(hide_password=False)
    spawn = multiprocessing.get_context("spawn")
    gate = spawn.Barrier(PROCESSES)
    with ProcessPoolExecutor(PROCESSES, spawn, _wait_for_start, (gate, url)) as processes:
        runs = [processes.submit(_run, runner, arguments) for _ in range(PROCESSES)]
        return [run.result(PATIENCE) for run in runs]


def _wait_for_start(gate, url: str) -> None:
    _started["engine"] = prepare_engine(create_engine(url))
    _started["gate"] = gate


def _run(runner: Callable, arguments: tuple):
    _started["gate"].wait(PATIENCE)
    engine = _started["engine"]
    try:
        return runner(engine, *arguments)
    finally:
        engine.dispose()
