"""What every test may ask for. The fixtures themselves are in the modules named here."""

pytest_plugins = ["tests.machine", "tests.databases", "tests.cast"]
