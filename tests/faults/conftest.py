"""Faults are put to the hall of the panel's tests; each tells its figures."""

import re
from datetime import UTC, datetime

import pytest

from tests.faults.figures import PROPERTY
from tests.panel.conftest import at_ten, hall, hall_url

__all__ = ["at_ten", "figures", "hall", "hall_url"]

STARTED = datetime.now(UTC).isoformat(timespec="seconds")


@pytest.fixture
def figures(request, record_property, database_kind):
    """A dict that a test fills with what it counted, under the number of its fault."""
    number = re.search(r"test_(f\d+)_", request.path.name)[1].upper()
    line = {"id": number, "test": request.node.originalname, "engine": database_kind}
    line |= {"seed": None, "started": STARTED}
    record_property(PROPERTY, line)
    return line
