"""Versions of the panel's own files: their content, so that a changed file is a new address."""

import hashlib
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parent / "static"


@cache
def version_of(filename: str) -> str:
    """Ten characters of a file's digest."""
    return hashlib.sha256((FOLDER / filename).read_bytes()).hexdigest()[:10]
