"""What every test may ask for. The fixtures themselves are in the modules named here."""

import pytest
from hypothesis import settings

pytest_plugins = ["tests.machine", "tests.databases", "tests.cast", "tests.faults.figures"]

LONGEST = ("test_every_page.py", "test_f11_malformed.py")

# How long an example takes says something about the machine, and nothing about the hall.
settings.register_profile(
    "hall", settings.get_profile(settings.get_current_profile_name()), deadline=None
)
settings.load_profile("hall")


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest, and let one process alone wait for the demonstration hall."""
    items.sort(key=lambda item: item.path.name not in LONGEST)
    for item in items:
        if "demonstration" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.xdist_group("demonstration"))
