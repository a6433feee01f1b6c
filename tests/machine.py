"""What the tests ask of the machine beside Python: PostgreSQL and Chromium.

Where one is missing its tests are skipped, and the run says so at its end. Where the variable
HALLPANEL_TEST_DEMAND names it (`postgresql,chromium`), the run does not even begin without it.
"""

import os
import pwd
import shutil
from pathlib import Path

import pytest


def postgresql() -> Path | None:
    """The folder of initdb and pg_ctl, newest version first; Debian keeps them off the path."""
    if os.geteuid() == 0 and not _has_account("postgres"):
        return None  # PostgreSQL refuses to run as root
    on_path = shutil.which("initdb")
    if on_path:
        return Path(on_path).resolve().parent
    installed = Path("/usr/lib/postgresql").glob("*/bin/initdb")
    newest_first = sorted(installed, key=lambda p: float(p.parts[-3]), reverse=True)
    return newest_first[0].parent if newest_first else None


def chromium() -> str | None:
    """The system's own Chromium, or a browser built from it."""
    names = ("chromium", "chromium-browser", "google-chrome")
    return next(filter(None, map(shutil.which, names)), None)


PARTS = {"postgresql": postgresql, "chromium": chromium}


def missing() -> list[str]:
    """The parts this machine lacks."""
    return [name for name, find in PARTS.items() if find() is None]


def demanded(text: str) -> set[str]:
    """The parts without which the run must not begin."""
    names = {name.strip() for name in text.split(",") if name.strip()}
    unknown = names - PARTS.keys()
    if unknown:
        raise pytest.UsageError(
            f"HALLPANEL_TEST_DEMAND names {', '.join(sorted(unknown))}; "
            f"it can demand {', '.join(PARTS)}."
        )
    return names


def pytest_configure() -> None:
    lacking = demanded(os.environ.get("HALLPANEL_TEST_DEMAND", "")).intersection(missing())
    if lacking:
        raise pytest.UsageError(
            f"HALLPANEL_TEST_DEMAND asks for {', '.join(sorted(lacking))}, "
            "which this machine does not have. Install it (see .ci/run)."
        )


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for name in missing():
        terminalreporter.section(f"NOT TESTED: {name} is not installed", red=True, bold=True)
        terminalreporter.line(f"Install {name} to run its tests; .ci/run shows how.", red=True)


def _has_account(name: str) -> bool:
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True
