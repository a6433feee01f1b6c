"""Passwords: how they are kept and compared (AUTH-5)."""

import unicodedata

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

LONGEST = 256  # bytes; far above any sentence, and a bound on the work of a stranger's request

HASHER = PasswordHasher(time_cost=2, memory_cost=19456, parallelism=1)

NOBODY = ""  # the password hash of an account to which nobody can sign in

# The hash of a random value nobody kept: an unknown user name costs the same time as a known one.
DECOY = (
    "$argon2id$v=19$m=19456,t=2,p=1$N+tllxi71t9Xos+DcF0Rig"
    "$xFM2aDBQiBwkHK9NFP5xSMFF5tBAjuz+iNPjTyC3/Ms"
)


def hash_password(password: str) -> str:
    """The password as it is stored: argon2id with its own salt."""
    return HASHER.hash(_material(password))


def verify(stored: str | None, password: str) -> bool:
    """Tell whether a password is the stored one, in the same time whether or not there is one."""
    material = _material(password)
    fits = len(material) <= LONGEST
    try:
        matches = HASHER.verify(stored or DECOY, material if fits else b"")
    except (VerificationError, InvalidHashError):
        return False
    return matches and fits and bool(stored)


def needs_rehash(stored: str) -> bool:
    """Tell whether a stored hash was made with weaker parameters than today's."""
    return HASHER.check_needs_rehash(stored)


def is_too_long(password: str) -> bool:
    """Tell whether a password is longer than anything that is compared."""
    return len(_material(password)) > LONGEST


def _material(password: str) -> bytes:
    """The bytes to hash: one spelling for what input methods type in several (NIST 800-63B)."""
    return unicodedata.normalize("NFKC", password).encode("utf-8", "surrogatepass")
