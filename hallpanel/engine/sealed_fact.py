"""A sealed fact as a record has it: typed and read as text, stored as ciphertext (PII-4)."""

import uuid
from collections.abc import Iterable
from typing import Any, Protocol

from sqlalchemy import event

from hallpanel.engine import sealing
from hallpanel.engine.masking import Discreet, Mask, discreet


class Declared(Protocol):
    """What of a field matters here."""

    @property
    def name(self) -> str:
        """The attribute."""
        ...

    @property
    def sealed(self) -> bool:
        """Whether it is stored as ciphertext."""
        ...

    @property
    def mask(self) -> Mask | None:
        """The mask under which it is read."""
        ...


def new_row_key() -> str:
    """A name for a row that no other row ever has."""
    return uuid.uuid4().hex


class SealedFact:
    """The property of an entity: seals what it is given, and opens what is stored."""

    def __init__(self, table: str, name: str, mask: Mask, *, indexed: bool) -> None:
        self.table, self.name, self.mask, self.indexed = table, name, mask, indexed

    def __get__(self, record: Any, owner: type[Any]) -> Any:
        """The value behind its mask; of the class itself, this property."""
        if record is None:
            return self
        return self.opened(getattr(record, f"{self.name}_sealed"), record.row_key)

    def __set__(self, record: Any, value: str | None) -> None:
        """Seal a value; what is there already stays as it is."""
        if record.row_key is None:
            record.row_key = new_row_key()
        stored = getattr(record, f"{self.name}_sealed")
        if value is not None and self._says(stored, record.row_key, value):
            return
        ring, place = sealing.ring(), self.place(record.row_key)
        setattr(record, f"{self.name}_sealed", value and ring.seal(place, value))
        if self.indexed:
            word = value and ring.index_of(self.table, self.name, value)
            setattr(record, f"{self.name}_index", word or None)

    def _says(self, stored: str | None, row_key: str, value: str) -> bool:
        try:
            return self.opened(stored, row_key) == value
        except sealing.Unreadable:  # it is replaced by what is known to be right
            return False

    def place(self, row_key: str) -> sealing.Place:
        """Where this fact of a row belongs."""
        return sealing.Place(self.table, self.name, row_key)

    def opened(self, stored: str | None, row_key: str) -> Discreet | None:
        """What is stored, behind its mask.

        Raises:
            Unreadable: it was altered, or moved here from another row.
        """
        if not stored:
            return None
        return Discreet(sealing.ring().open(self.place(row_key), stored), self.mask)


def keep_discreet(entity: type[Any], declared: Iterable[Declared]) -> None:
    """Let what is written to a masked fact print as its mask at once, not only once it is read."""
    for one in declared:
        if one.mask is not None and not one.sealed:
            attribute = getattr(entity, one.name)
            event.listen(attribute, "set", _behind(one.mask), retval=True)


def _behind(mask: Mask) -> Any:
    def wrap(_record: Any, value: Any, _old: Any, _initiator: Any) -> Any:
        return discreet(value, mask) if isinstance(value, str) else value

    return wrap
