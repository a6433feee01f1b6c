"""Finds the record that a cell of a table file names: by number or code, or by its name (X9)."""

import re
from typing import Any

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import Session

from hallpanel.engine import records
from hallpanel.engine.entity import REGISTRY, Field, Kind, Regulated
from hallpanel.engine.natural_key import short_key
from hallpanel.engine.words import _l
from hallpanel.panel.cell_values import BadCell
from hallpanel.panel.record_names import telling_name

WITH_KEY = re.compile(r"(?P<title>.*\S)\s*[(（](?P<key>[^()（）]+)[)）]")


class RelatedRecords:
    """Looks related records up within reach of whoever asks, each name once."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self._found: dict[tuple[str, str], list[Regulated]] = {}

    def find(self, declared: Field, text: str, present: Regulated | None = None) -> Regulated:
        """The record that a text names; `present` is the one that stood there before.

        Raises:
            BadCell: no record has this name within reach, or several have it.
        """
        if present is not None and text in names_of(present):
            return present
        found = self._candidates(str(declared.target), text)
        if len(found) == 1:
            return found[0]
        if found:
            names = [names_of(one)[-1] for one in found[:3]]
            raise BadCell(_l("several have this name; write one of %(names)s", names=names))
        raise BadCell(_l("there is no such record within your reach"))

    def forget(self, table: str, record: Regulated) -> None:
        """Look again for a name that a new record has."""
        for name in names_of(record):
            self._found.pop((table, name), None)

    def _candidates(self, table: str, text: str) -> list[Regulated]:
        known = self._found.get((table, text))
        if known is None:
            known = self._found[table, text] = self._look_up(REGISTRY[table], text)
        return known

    def _look_up(self, target: type[Regulated], text: str) -> list[Regulated]:
        key = short_key(target)
        if key is not None:
            by_key = self._where(target, getattr(target, key) == text)
            if by_key:
                return by_key
        if text.startswith("#"):
            return self._where(target, target.id == (records.as_id(text[1:]) or 0))
        parts = WITH_KEY.fullmatch(text)
        return self._where(target, or_(*_spelt(target, key, text, parts)))

    def _where(self, target: type[Regulated], condition: ColumnElement[bool]) -> list[Regulated]:
        return list(self.session.scalars(select(target).where(condition).order_by(target.id)))


def _spelt(
    target: type[Regulated], key: str | None, text: str, parts: re.Match[str] | None
) -> list[Any]:
    """Conditions for the name alone, and for the name with the key behind it."""
    declared = target.fields().get(target.title)
    if declared is None or declared.kind not in (Kind.TEXT, Kind.LONG_TEXT):
        return [target.id == 0]
    title: Any = getattr(target, target.title)
    if parts is None:
        return [title == text]
    own: Any = getattr(target, key) if key else target.id
    wanted = parts["key"] if key else records.as_id(parts["key"].lstrip("#")) or 0
    return [title == text, (title == parts["title"]) & (own == wanted)]


def names_of(record: Regulated) -> list[str]:
    """The texts that name a record in a file: its name, its key, and the two together."""
    key = short_key(type(record))
    title = str(getattr(record, record.title))
    own = str(getattr(record, key)) if key else f"#{record.id}"
    return [title, own] if title == own else [title, own, telling_name(title, own)]
