"""What a run of a fault showed: one JSON line, at the end of the run and in build/faults.jsonl.

The short run is part of `make test`; `make faults` sets HALLPANEL_TEST_LONG and repeats each fault
many times over.
"""

import json
import os
from pathlib import Path
from typing import Any

import pytest

LONG = bool(os.environ.get("HALLPANEL_TEST_LONG"))
PROPERTY = "fault"
KEPT_IN = Path("build") / "faults.jsonl"


def often(short: int, long: int) -> int:
    """How many times to do a thing: some in the suite, many in `make faults`."""
    return long if LONG else short


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: Any) -> None:
    """Print the lines of this run and keep them."""
    lines = [
        json.dumps({**figures, "pass": report.passed}, ensure_ascii=False)
        for reports in terminalreporter.stats.values()
        for report in reports
        if getattr(report, "when", None) == "call"
        for name, figures in report.user_properties
        if name == PROPERTY
    ]
    if not lines:
        return
    terminalreporter.section("faults")
    for line in lines:
        terminalreporter.line(line)
    kept = config.rootpath / KEPT_IN
    kept.parent.mkdir(exist_ok=True)
    with kept.open("a", encoding="utf-8") as file:
        file.writelines(f"{line}\n" for line in lines)
