"""What an installation signs, so that a paper kept elsewhere shows that it came from here (AUD-4).

The key lies in a file outside the database: whoever can rewrite the book cannot sign a head for it.
The auditor keeps the public half, and believes no other.
"""

import base64
import os
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from hallpanel.engine.errors import SettingError
from hallpanel.engine.store import canonical_json

KEY_FILE = "anchor-key"
SIGNATURE, PUBLIC_KEY = "signature", "key"


class SigningKey:
    """The key of an installation, an Ed25519 pair."""

    def __init__(self, private: Ed25519PrivateKey) -> None:
        self._private = private
        raw = private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        self.public = base64.b64encode(raw).decode()

    @classmethod
    def of(cls, folder: Path) -> "SigningKey":
        """The key that lies in a folder; it is made at its first use.

        Raises:
            SettingError: the file holds none.
        """
        path = folder / KEY_FILE
        if not path.exists():
            _make(path)
        try:
            found = load_pem_private_key(path.read_bytes(), None)
        except (OSError, ValueError):
            found = None
        if not isinstance(found, Ed25519PrivateKey):
            raise SettingError(
                KEY_FILE,
                f"the file {path} holds no usable key",
                "Bring it back from its copy; anchors are signed with no other.",
            )
        return cls(found)

    def signed(self, words: Mapping[str, Any]) -> dict[str, Any]:
        """The words with the public key and the signature over them."""
        said = {**words, PUBLIC_KEY: self.public}
        signature = self._private.sign(canonical_json(said).encode())
        return said | {SIGNATURE: base64.b64encode(signature).decode()}


def holds(words: Mapping[str, Any], public: str) -> bool:
    """Whether words were signed with the key whose public half is given, and not changed since."""
    said = {name: value for name, value in words.items() if name != SIGNATURE}
    with suppress(InvalidSignature, ValueError, TypeError, KeyError):
        key = Ed25519PublicKey.from_public_bytes(base64.b64decode(public, validate=True))
        signature = base64.b64decode(words[SIGNATURE], validate=True)
        key.verify(signature, canonical_json(said).encode())
        return words.get(PUBLIC_KEY) == public
    return False


def _make(path: Path) -> None:
    """Write a key that only its owner reads; of two processes that start at once, one makes it."""
    pem = Ed25519PrivateKey.generate().private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    )
    handle, draft = tempfile.mkstemp(dir=path.parent)
    with os.fdopen(handle, "wb") as file:
        file.write(pem)
    with suppress(FileExistsError):
        os.link(draft, path)
    os.unlink(draft)
