"""The heads of table files: written in the reader's language, understood in all of them (X9).

An exported file can be imported again (pitfall 36): a head is the label of a field in any of the
panel's languages, or the field's own name.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cached_property

from flask_babel import force_locale

from hallpanel.engine.entity import REGISTRY, Regulated
from hallpanel.engine.facts import Reading, may_write
from hallpanel.engine.scope import SYSTEM, Actor
from hallpanel.panel.cell_values import folded
from hallpanel.panel.language import LANGUAGES, translate

MARKS = " *＊:：()（）"


def label_of(entity: type[Regulated], name: str) -> str:
    """The label of a listed name; a dotted one leads through a relation."""
    relation, _dot, inner = name.partition(".")
    declared = entity.fields()[relation]
    if not inner:
        return translate(declared.label)
    target = REGISTRY[str(declared.target)].fields()[inner]
    return f"{translate(declared.label)} · {translate(target.label)}"


def known_names(entity: type[Regulated], actor: Actor = SYSTEM) -> list[str]:
    """Every name that a column of a file may stand for, as far as somebody reads or sets it."""
    reading = Reading(entity, actor)
    names = dict.fromkeys((*entity.list_view.columns, *entity.fields()))
    able = entity.access.may(actor, "create") or actor is SYSTEM
    return [n for n in names if reading.shows(n) or (able and _is_set(entity, n, actor))]


def _is_set(entity: type[Regulated], name: str, actor: Actor) -> bool:
    declared, initial = entity.fields().get(name), entity.workflow and entity.workflow.initial
    return declared is not None and declared.form and may_write(declared, actor, initial)


def heads(entity: type[Regulated], names: Iterable[str]) -> list[str]:
    """The heads of columns in the reader's language; where two are alike, the names follow."""
    labels = Counter(label_of(entity, name) for name in known_names(entity))
    return [
        label if labels[label] == 1 else f"{label} ({name})"
        for name in names
        for label in (label_of(entity, name),)
    ]


class HeadReader:
    """Finds the fields that the heads of a file stand for."""

    def __init__(self, entity: type[Regulated], actor: Actor) -> None:
        self.entity = entity
        self.names = known_names(entity, actor)

    def read(self, found: Sequence[str]) -> list[str | None]:
        """The name behind each head; None where it is unknown, or taken by an earlier column."""
        wanted = [_bare(head) for head in found]
        # A file is written in one language: the one that knows most of its heads is asked first.
        best_first = sorted(
            [*self._by_language, self._by_name],
            key=lambda known: -sum(head in known for head in wanted),
        )
        named: list[str | None] = []
        for head in wanted:
            hits = (known[head] for known in best_first if head in known)
            name = next(hits, None)
            named.append(None if name in named else name)
        return named

    @cached_property
    def _by_name(self) -> dict[str, str]:
        return {_bare(name): name for name in self.names}

    @cached_property
    def _by_language(self) -> list[dict[str, str]]:
        """For each language the heads that mean one field in it."""
        known = []
        for tag in LANGUAGES:
            with force_locale(tag):
                pairs = zip(heads(self.entity, self.names), self.names, strict=True)
                known.append({_bare(head): name for head, name in pairs})
        return known


def _bare(head: str) -> str:
    """A head without the marks that people add to it."""
    return folded(head).strip(MARKS)
