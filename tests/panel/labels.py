"""The words of the declarations as readers of each language have them, from the catalogues."""

from functools import cache

from babel.messages.pofile import read_po

from config import HOME
from hallpanel.engine.entity import REGISTRY


@cache
def catalogue(tag):
    """The words of a language."""
    path = HOME / "hallpanel/translations" / tag / "LC_MESSAGES/messages.po"
    with path.open("rb") as file:
        return read_po(file)


def said(tag, phrase):
    """A phrase in a language."""
    found = catalogue(tag).get(phrase.msgid)
    return found.string if found is not None and found.string else phrase.msgid


def labels(tag, table, *names):
    """The labels of some facts of an entity in a language."""
    facts = REGISTRY[table].fields()
    return tuple(said(tag, facts[name].label) for name in names)
