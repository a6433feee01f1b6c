"""Which tests show which row of `panel/security_table.yaml`: those with its id in their names.

`make security` (`python -m tests.security_rows`) writes what it finds into
`security_tests.yaml` beside it and into the README.
"""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import yaml

from hallpanel.panel.security_table import FOLDER, readme_table

HOME = Path(__file__).parent.parent
KEPT_IN = FOLDER / "security_tests.yaml"
README = HOME / "README.md"
HEAD = "# Made by `make security` from the names of the tests. Do not edit.\n"
ID = re.compile(r"_(auth|sess|az|sod|aud|pii|cmp|pub|inp|con|dur|cfg)_(\d+)(?=_|$)")
TABLE = re.compile(r"(<!-- security -->\n).*?(\n<!-- /security -->)", re.S)


def collected() -> dict[str, list[str]]:
    """The tests of each row, by its id."""
    rows = defaultdict(list)
    for path in sorted((HOME / "tests").rglob("test_*.py")):
        for name in _tests_of(path):
            for topic, number in ID.findall(name):
                rows[f"{topic.upper()}-{number}"].append(f"{path.relative_to(HOME)}::{name}")
    return {row: rows[row] for row in sorted(rows, key=_in_order)}


def _in_order(row: str) -> tuple[str, int]:
    topic, number = row.split("-")
    return topic, int(number)


def _tests_of(path: Path) -> Iterator[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            yield node.name


def as_kept(rows: dict[str, list[str]]) -> str:
    """The text of the file."""
    return HEAD + yaml.safe_dump(rows, sort_keys=False, width=1000)


def main() -> None:
    """Write both."""
    KEPT_IN.write_text(as_kept(collected()), encoding="utf-8")
    text = README.read_text(encoding="utf-8")
    table = readme_table().replace("\\", "\\\\")
    README.write_text(TABLE.sub(rf"\g<1>{table}\g<2>", text), encoding="utf-8")


if __name__ == "__main__":
    main()
