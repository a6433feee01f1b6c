"""Sealed facts: stored as authenticated ciphertext, under keys outside the database (PII-4).

A stored value is the text `v1.<key id>.<algorithm>.<nonce>.<ciphertext>`. What it is bound to is
authenticated with it: its table, its column and the row's own key, a random name that the row gets
before it is inserted and that no other row ever has. The id would not do: it is unknown until the
row is there, and SQLite gives the id of a deleted row away again. So a ciphertext that is moved to
another row, or to another column, does not open.

Of each secret of the key ring every table and algorithm uses a key of its own (HKDF), so that a
key that is lost with one table opens no other.
"""

import base64
import hashlib
import hmac
import json
import os
import secrets
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers import Cipher as Machine
from cryptography.hazmat.primitives.ciphers import algorithms, modes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from hallpanel.engine.errors import SettingError
from hallpanel.engine.masking import normal

FORM = "v1"
SECRET_BYTES = 32
NONCE_BYTES = 12
TAG_BYTES = 16
READABLE_BY_OWNER = 0o600


class Cipher(StrEnum):
    """The algorithms, by the word that stands in a stored value."""

    AES = "aes"
    SM4 = "sm4"


MACHINES: Mapping[Cipher, tuple[Callable[[bytes], Any], int]] = {
    Cipher.AES: (algorithms.AES, 32),
    Cipher.SM4: (algorithms.SM4, 16),
}


class Unreadable(ValueError):
    """A stored value that does not open: altered, moved to another row, or its key is not here."""


@dataclass(frozen=True)
class Place:
    """Where a value belongs: it opens nowhere else."""

    table: str
    column: str
    row_key: str

    @property
    def bound(self) -> bytes:
        """What is authenticated beside the value."""
        return json.dumps([FORM, self.table, self.column, self.row_key]).encode()


@dataclass
class KeyRing:
    """The secrets of an installation, read from their file; the last one writes.

    Another process may add one at any time, so the file is read again when it changed.
    """

    path: Path
    cipher: Cipher = Cipher.AES
    _stamp: tuple[int, int, int] | None = None
    _secrets: dict[str, bytes] = field(default_factory=dict)
    _index: bytes = b""

    @property
    def newest(self) -> str:
        """The id of the key that writes."""
        self._refresh()
        return next(reversed(self._secrets))

    @property
    def ids(self) -> list[str]:
        """The ids of all keys, the oldest first."""
        self._refresh()
        return list(self._secrets)

    def seal(self, place: Place, value: str) -> str:
        """A value as it is stored."""
        key_id, nonce = self.newest, secrets.token_bytes(NONCE_BYTES)
        machine = self._machine(key_id, self.cipher, place.table)
        encryptor = Machine(machine, modes.GCM(nonce)).encryptor()
        encryptor.authenticate_additional_data(place.bound)
        content = encryptor.update(str.__str__(value).encode()) + encryptor.finalize()
        return ".".join((FORM, key_id, self.cipher, _text(nonce), _text(content + encryptor.tag)))

    def open(self, place: Place, stored: str) -> str:
        """The value of a stored text.

        Raises:
            Unreadable: it was altered, belongs elsewhere, or its key is not in the ring.
        """
        try:
            form, key_id, cipher, nonce, content = stored.split(".")
            machine = self._machine(key_id, Cipher(cipher), place.table)
            sealed = _bytes(content)
            tag, mode = sealed[-TAG_BYTES:], modes.GCM
            opener = Machine(machine, mode(_bytes(nonce), tag)).decryptor()
            opener.authenticate_additional_data(place.bound)
            opened = opener.update(sealed[:-TAG_BYTES]) + opener.finalize()
        except (ValueError, KeyError, InvalidTag) as error:
            raise Unreadable(f"a value of {place.table}.{place.column} does not open") from error
        if form != FORM:
            raise Unreadable(f"a value of {place.table}.{place.column} has another form")
        return opened.decode()

    def index_of(self, table: str, column: str, value: str) -> str:
        """The keyed word under which a value is looked for; equal values, equal words."""
        self._refresh()
        said = f"{table}.{column}\0{normal(value)}".encode()
        return hmac.new(self._index, said, hashlib.sha256).hexdigest()

    def prefix_of_newest(self) -> str:
        """How values begin that the newest key and the chosen algorithm have written."""
        return f"{FORM}.{self.newest}.{self.cipher}."

    def add(self) -> str:
        """Add a key, which writes from now on; its id."""
        with _alone(self.path):
            content = _read(self.path)
            key_id = f"k{len(content['keys']) + 1}"
            content["keys"].append({"id": key_id, "secret": _text(_fresh())})
            _replace(self.path, content)
        return key_id

    def _machine(self, key_id: str, cipher: Cipher, table: str) -> Any:
        self._refresh(key_id)
        maker, size = MACHINES[cipher]
        return maker(_derived(self._secrets[key_id], cipher, table, size))

    def _refresh(self, wanted: str | None = None) -> None:
        if wanted is not None and wanted in self._secrets:
            return
        found = self.path.stat()
        stamp = (found.st_mtime_ns, found.st_ino, found.st_size)
        if stamp != self._stamp:
            content = _read(self.path)
            self._secrets = {one["id"]: _bytes(one["secret"]) for one in content["keys"]}
            self._index = _bytes(content["index"])
            self._stamp = stamp


@lru_cache(maxsize=256)
def _derived(secret: bytes, cipher: Cipher, table: str, size: int) -> bytes:
    info = f"hallpanel {FORM} {cipher} {table}".encode()
    return HKDF(algorithm=hashes.SHA256(), length=size, salt=None, info=info).derive(secret)


class _Here:
    """The key ring of this process, which `create_app` and the command line open."""

    ring: KeyRing | None = None


def use(path: Path, cipher: Cipher = Cipher.AES) -> KeyRing:
    """Open the installation's key ring for this process; the first start makes its file.

    Raises:
        SettingError: the file cannot be read or holds no keys.
    """
    if not path.exists():
        _make(path)
    ring = KeyRing(path, cipher)
    try:
        assert ring.newest
    except (OSError, ValueError, KeyError, TypeError, StopIteration) as error:
        raise SettingError(
            "HALLPANEL_DATA_KEY_FILE",
            f"the file {path} holds no usable data keys",
            "Put the installation's key file back; without it sealed facts cannot be read.",
        ) from error
    _Here.ring = ring
    return ring


def ring() -> KeyRing:
    """The key ring of this process."""
    if _Here.ring is None:
        raise RuntimeError("no key ring is open: call sealing.use(path) first")
    return _Here.ring


def _fresh() -> bytes:
    return secrets.token_bytes(SECRET_BYTES)


def _make(path: Path) -> None:
    """Several processes may start at once: the file appears whole, and one of them wins."""
    content = {"keys": [{"id": "k1", "secret": _text(_fresh())}], "index": _text(_fresh())}
    try:
        with _written(path, content) as draft:
            os.link(draft, path)
    except FileExistsError:
        pass  # another process of this first start was faster; its keys hold
    except OSError as error:
        raise SettingError(
            "HALLPANEL_DATA_KEY_FILE",
            f"the file {path} cannot be made ({error.strerror})",
            "Name a file in a folder that the panel may write to.",
        ) from error


def _read(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_text(encoding="ascii"))
    return content


def _replace(path: Path, content: dict[str, Any]) -> None:
    with _written(path, content) as draft:
        os.replace(draft, path)


@contextmanager
def _written(path: Path, content: dict[str, Any]) -> Iterator[str]:
    """The content in a file of another name, readable by its owner only and safely on the disk."""
    handle, draft = tempfile.mkstemp(dir=path.parent)  # which gives it mode 600
    try:
        with os.fdopen(handle, "w", encoding="ascii") as file:
            json.dump(content, file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        yield draft
    finally:
        Path(draft).unlink(missing_ok=True)


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Let no two processes add a key at once.

    Raises:
        SettingError: another one does, or was cut off while it did.
    """
    lock = path.with_name(f"{path.name}.lock")
    try:
        os.close(os.open(lock, os.O_CREAT | os.O_EXCL, READABLE_BY_OWNER))
    except FileExistsError as error:
        raise SettingError(
            "HALLPANEL_DATA_KEY_FILE",
            f"the file {lock} says that another process adds a key",
            "If none does, remove the file and try again.",
        ) from error
    try:
        yield
    finally:
        lock.unlink()


def _text(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
