"""Passwords: how they are kept, compared and judged (AUTH-3, AUTH-5)."""

import unicodedata
from collections.abc import Callable

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from hallpanel.engine.errors import Refusal
from hallpanel.engine.words import Phrase, _l

SHORTEST = 10  # characters
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


def problem_with(
    password: str, username: str, blocked: Callable[[str], bool] | None = None
) -> Phrase | None:
    """Why a password is not accepted, or None.

    `blocked` is asked last: a list of passwords that everyone tries first.
    """
    if len(password) < SHORTEST:
        return _l("a password has at least %(shortest)s characters", shortest=SHORTEST)
    if len(_material(password)) > LONGEST:
        return _l("a password has at most %(longest)s bytes", longest=LONGEST)
    if username and _folded(username) == _folded(password):
        return _l("the password is the user name")
    if blocked is not None and blocked(_folded(password)):
        return _l("this password is one of those that are tried first")
    return None


def refuse_weak(password: str, username: str, blocked: Callable[[str], bool] | None = None) -> None:
    """Refuse a password that is too easy to guess.

    Raises:
        Refusal: with the reason, at the field "password".
    """
    problem = problem_with(password, username, blocked)
    if problem is not None:
        raise Refusal(problem, field="password")


def _material(password: str) -> bytes:
    """The bytes to hash: one spelling for what input methods type in several (NIST 800-63B)."""
    return unicodedata.normalize("NFKC", password).encode("utf-8", "surrogatepass")


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text.strip()).casefold()
