"""Secrets that must be read again, kept so that the database alone does not give them away."""

import base64
import binascii
import os
from hashlib import sha256

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

ALGORITHM = "AES-GCM"
LABEL = b"hallpanel second factor 1"  # a key for another purpose has another label
NONCE = 12


class BrokenSeal(Exception):
    """What is kept was sealed with another key, for another place, or changed since."""


def seal(key: str, text: str, place: str) -> str:
    """Encrypt a text for the place where it is kept; algorithm and key are named beside it."""
    own = _own_key(key)
    nonce = os.urandom(NONCE)
    sealed = AESGCM(own).encrypt(nonce, text.encode(), place.encode())
    return f"{ALGORITHM}:{_name_of(own)}:{base64.b64encode(nonce + sealed).decode()}"


def unseal(key: str, kept: str, place: str) -> str:
    """The text that was sealed for a place.

    Raises:
        BrokenSeal: it cannot be opened with this key in this place.
    """
    own = _own_key(key)
    try:
        algorithm, name, body = kept.split(":")
        data = base64.b64decode(body, validate=True)
        if (algorithm, name) != (ALGORITHM, _name_of(own)):
            raise BrokenSeal(f"sealed with {algorithm} and key {name}")
        return AESGCM(own).decrypt(data[:NONCE], data[NONCE:], place.encode()).decode()
    except (ValueError, binascii.Error, InvalidTag) as error:
        raise BrokenSeal("changed, or kept in another place") from error


def derive(key: str, label: bytes, length: int = 32) -> bytes:
    """Bytes that only the installation's key gives, other ones for each label."""
    return HKDF(SHA256(), length, salt=None, info=label).derive(key.encode())


def _own_key(key: str) -> bytes:
    return derive(key, LABEL)


def _name_of(own: bytes) -> str:
    """Enough to tell which key it was, and nothing of the key."""
    return sha256(b"name of " + own).hexdigest()[:8]
