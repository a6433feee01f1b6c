"""The rule book beside the panel: its clauses, and which declaration rests on which."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from hallpanel.engine.entity import REGISTRY, Regulated
from hallpanel.engine.roles import ROLE_LABELS, Role
from hallpanel.engine.words import Phrase

BOOK = Path(__file__).resolve().parent.parent.parent / "seed" / "rulebook.yaml"
FIRST_DAY = "2020-01-01"
"""The day from which the first version of every clause holds, before any record of the panel."""


@dataclass(frozen=True)
class Line:
    """One declaration that rests on a clause: an entity, or one of its transitions or limits."""

    clause: str
    table: str
    verb: str | None
    label: Phrase
    roles: tuple[Role, ...]
    limit: str | None


@cache
def outline() -> list[dict[str, Any]]:
    """The chapters, each with its sections and their clauses, as the seed has them."""
    chapters: list[dict[str, Any]] = yaml.safe_load(BOOK.read_text(encoding="utf-8"))["chapters"]
    return chapters


def clauses() -> Iterator[dict[str, Any]]:
    """All clauses in the book's order."""
    for chapter in outline():
        for section in chapter["sections"]:
            yield from section["clauses"]


def clause_ids() -> frozenset[str]:
    """The ids of all clauses, such as 2.1.2; dots and digits as YAML leaves them."""
    return frozenset(str(one["id"]) for one in clauses())


def clause_rows() -> list[dict[str, Any]]:
    """The clauses as rows of the table `clause`, first version."""
    return [
        {
            "number": str(one["id"]),
            "kind": one["kind"],
            "text_zh": one["zh"],
            "text_en": one["en"],
            "since": FIRST_DAY,
        }
        for one in clauses()
    ]


def lines() -> list[Line]:
    """What rests on which clause, in the order of the book."""
    found = [line for entity in REGISTRY.values() for line in _lines_of(entity)]
    order = {number: place for place, number in enumerate(str(c["id"]) for c in clauses())}
    # By table within a clause, whatever was imported first; transitions keep their own order.
    return sorted(found, key=lambda line: (order[line.clause], line.table))


def _lines_of(entity: type[Regulated]) -> Iterator[Line]:
    table = entity.__tablename__
    yield Line(entity.clause, table, None, entity.label, tuple(entity.access.create), None)
    for transition in entity.workflow.transitions if entity.workflow else ():
        limits = [r.promise for r in entity.deadlines if transition.verb in r.starts]
        yield Line(
            transition.clause,
            table,
            transition.verb,
            transition.label,
            tuple(sorted(transition.by.roles)),
            limits[0] if limits else None,
        )


HEADS = ("Clause", "Entity", "Transition", "Who", "Deadline")


def as_rows() -> list[dict[str, Any]]:
    """The lines as plain values, for programs."""
    return [
        {
            "clause": line.clause,
            "entity": line.table,
            "transition": line.verb,
            "who": [role.value for role in line.roles],
            "deadline": line.limit,
        }
        for line in lines()
    ]


def rulebook_table() -> str:
    """The lines as a table in Markdown: which entity and transition rests on which clause."""
    rows = [
        (line.clause, line.table, line.verb or "", _who(line), line.limit or "") for line in lines()
    ]
    ruled = [HEADS, tuple("---" for _ in HEADS), *rows]
    return "\n".join(f"| {' | '.join(row)} |" for row in ruled)


def _who(line: Line) -> str:
    if line.verb and not line.roles:
        return "the panel itself"
    return ", ".join(str(ROLE_LABELS[role]) for role in line.roles)
