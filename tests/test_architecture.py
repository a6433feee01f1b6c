"""The house keeps its shape: imports point down, chapters keep apart, no way round the scope."""

import ast
import re
from collections.abc import Iterator

import pytest

from config import HOME

RULEBOOK = HOME / "hallpanel" / "rulebook"
SHOWING = {"panel", "__init__", "cli", "migrations"}  # where the libraries of the panel are known
# Which rooms a room may look into.
ROOMS = {
    "engine": {"engine"},
    "guard": {"guard", "engine"},
    "rulebook": {"rulebook", "engine"},
    "panel": {"panel", "guard", "rulebook", "engine"},
}
DOORS = {"config", "wsgi"}
SHOWN = re.compile(r"flask|wtforms|werkzeug|jinja2|markupsafe")  # libraries of the panel alone
GROUND = "hall"  # every chapter speaks of its units, windows and staff; it speaks of no chapter
# Chapters that lean on another one, each with its reason.
EDGES: dict[tuple[str, str], str] = {}
MARKUP = "hallpanel/panel/icons.py"  # the one module that may call text safe: it writes only icons
WAYS_ROUND_SCOPE = {
    "get": "load the record with hallpanel.engine.records, which asks the scope",
    "text": "write a select() of the entity, which the scope sees; raw SQL belongs to the engine",
    "Markup": f"let the template escape it; what must be markup is made in {MARKUP}",
}


def complaints(path: str, source: str) -> Iterator[str]:
    """Say what is wrong with a module of the panel, and how to repair it."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        for problem in [*wrong_imports(path, node), *ways_round(path, node)]:
            yield f"{path}:{node.lineno}: {problem}"


def wrong_imports(path: str, node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.ImportFrom) and node.level:
        yield "relative import. Write the whole name, from hallpanel on."
        return
    here = room(path.removesuffix(".py").split("/"))
    for name in imported(node):
        yield from wrong_import(path.split("/"), here, name.split("."))


def wrong_import(path: list[str], here: str, name: list[str]) -> Iterator[str]:
    there, below = room(name), ROOMS.get(here)
    if below and (name[0] in DOORS or (name[0] == "hallpanel" and there not in below)):
        yield f"{here} imports {'.'.join(name)}. Imports point down: move it to {here}, or below."
    if here not in SHOWING and SHOWN.match(name[0]):
        yield f"{here} imports {name[0]}. Only the panel knows it: pass in what is needed."
    edge = (chapter(path), chapter(name))
    if here == there == "rulebook" and all(edge) and edge[0] != edge[1] and not allowed(edge):
        yield (
            f"chapter {edge[0]} imports {edge[1]}. Let the engine carry it (a listener, a ledger "
            "line), or write the edge and its reason into EDGES of tests/test_architecture.py."
        )


def ways_round(path: str, node: ast.AST) -> Iterator[str]:
    if not isinstance(node, ast.Call) or path.startswith(("hallpanel/engine", "hallpanel/migr")):
        return
    called = ast.unparse(node.func)
    last = called.rpartition(".")[2]
    if last == "get" and not re.search(r"(\bdb\.session|^session|_session|\.query)\.get$", called):
        return
    if last in WAYS_ROUND_SCOPE and not (last == "Markup" and path == MARKUP):
        yield f"{called}(). Instead {WAYS_ROUND_SCOPE[last]}."


def imported(node: ast.AST) -> list[str]:
    match node:
        case ast.Import(names=names):
            return [alias.name for alias in names]
        case ast.ImportFrom(module=str(module), names=names):
            return [f"{module}.{alias.name}" for alias in names]
    return []


def room(parts: list[str]) -> str:
    return parts[1] if len(parts) > 1 and parts[0] == "hallpanel" else ""


def chapter(parts: list[str]) -> str:
    inside = len(parts) > 3 and parts[:2] == ["hallpanel", "rulebook"]
    return parts[2] if inside and not (RULEBOOK / f"{parts[2]}.py").exists() else ""


def allowed(edge: tuple[str, str]) -> bool:
    return edge in EDGES or (edge[1] == GROUND and edge[0] != GROUND)


def test_the_house_keeps_its_shape():
    modules = sorted((HOME / "hallpanel").rglob("*.py"))
    assert len(modules) > 20
    found = [
        complaint
        for module in modules
        for complaint in complaints(
            module.relative_to(HOME).as_posix(), module.read_text(encoding="utf-8")
        )
    ]
    assert not found, "\n".join(found)


def test_templates_escape_everything():
    found = [
        f"{path.relative_to(HOME)}: the filter safe. Let the template escape it."
        for path in sorted((HOME / "hallpanel").rglob("*.html"))
        if re.search(r"\|\s*safe\b|autoescape\s+false", path.read_text(encoding="utf-8"))
    ]
    assert not found, "\n".join(found)


def test_each_edge_between_chapters_has_a_reason_and_is_used():
    for (chapter_of, other), reason in EDGES.items():
        assert reason
        files = (RULEBOOK / chapter_of).glob("*.py")
        assert any(f"hallpanel.rulebook.{other}" in f.read_text(encoding="utf-8") for f in files)


KNOWN_BAD = {
    "engine looks up": ("engine/audit.py", "from hallpanel.panel.lists import page"),
    "engine looks up by name": ("engine/audit.py", "import hallpanel.guard.account"),
    "engine takes a room whole": ("engine/audit.py", "from hallpanel import panel"),
    "engine builds the application": ("engine/audit.py", "from hallpanel import create_app"),
    "engine reads settings": ("engine/audit.py", "from config import settings"),
    "engine imports inside a function": ("engine/a.py", "def f():\n    import hallpanel.panel"),
    "guard looks aside": ("guard/account.py", "from hallpanel.rulebook.hall.staff import Staff"),
    "rulebook looks aside": ("rulebook/hall/staff.py", "import hallpanel.guard.account"),
    "rulebook knows a library of the panel": ("rulebook/hall/staff.py", "import wtforms"),
    "guard knows a library of the panel": ("guard/account.py", "from flask_login import UserMixin"),
    "another module knows one": ("demonstration/people.py", "from flask import current_app"),
    "relative": ("panel/lists.py", "from .forms import Form"),
    "chapter to chapter, whole": (
        "rulebook/hygiene/a.py",
        "from hallpanel.rulebook.notices import n",
    ),
    "chapter to chapter": ("rulebook/hygiene/a.py", "import hallpanel.rulebook.notices.notice"),
    "the ground leans": ("rulebook/hall/a.py", "import hallpanel.rulebook.notices.notice"),
    "a record by its id": ("panel/lists.py", "db.session.get(Staff, 1)"),
    "a record by its id, plainly": ("rulebook/hall/a.py", "session.get(Staff, 1)"),
    "a record by an old query": ("panel/lists.py", "Staff.query.get(1)"),
    "raw SQL": ("panel/lists.py", "sqlalchemy.text('select 1')"),
    "raw SQL, plainly": ("guard/account.py", "text('select 1')"),
    "markup": ("panel/lists.py", "Markup('<b>')"),
}


@pytest.mark.parametrize(("path", "source"), KNOWN_BAD.values(), ids=KNOWN_BAD.keys())
def test_the_patrol_sees(path, source):
    assert list(complaints(f"hallpanel/{path}", source))


KNOWN_GOOD = {
    "a door": ("cli.py", "from flask import current_app"),
    "down": ("panel/lists.py", "from hallpanel.engine.words import _l"),
    "the ground": ("rulebook/hygiene/a.py", "from hallpanel.rulebook.hall.staff import Staff"),
    "the same chapter": ("rulebook/hall/a.py", "from hallpanel.rulebook.hall.staff import Staff"),
    "a library": ("engine/workdays.py", "import holidays"),
    "a mapping": ("panel/lists.py", "request.args.get('page')"),
    "markup where it is made": ("panel/icons.py", "Markup('<svg>')"),
}


@pytest.mark.parametrize(("path", "source"), KNOWN_GOOD.values(), ids=KNOWN_GOOD.keys())
def test_the_patrol_lets_pass(path, source):
    assert not list(complaints(f"hallpanel/{path}", source))
