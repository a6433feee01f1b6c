"""What a password must be: two profiles, and words that are guessed first (AUTH-3).

GB/T 22239 8.1.4.1 a) wants kinds of characters and a change from time to time; NIST SP 800-63B and
ASVS 6.2 forbid both and want length instead. An installation follows one of them.
"""

import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from itertools import islice, product

from sqlalchemy import Integer, String, column, select, table
from sqlalchemy.orm import Session

from hallpanel.engine.errors import Refusal
from hallpanel.engine.words import Phrase, _l
from hallpanel.guard import password_history, passwords


@dataclass(frozen=True)
class Profile:
    """One of the two ways to ask for good passwords; all their figures are here."""

    name: str
    shortest: int
    shortest_with_factor: int
    classes: int = 0  # how many kinds of characters it takes
    history: int = 0  # how many passwords, the present one among them, do not come back
    max_age: timedelta | None = None

    def is_old(self, chosen_at: datetime | None, at: datetime) -> bool:
        """Tell whether a password has had its time."""
        return bool(self.max_age and chosen_at and chosen_at + self.max_age <= at)


DJBH3 = Profile(
    "djbh3",
    shortest=10,
    shortest_with_factor=10,
    classes=3,
    history=password_history.KEPT,
    max_age=timedelta(days=90),
)
NIST = Profile("nist", shortest=15, shortest_with_factor=8)
PROFILES = {profile.name: profile for profile in (DJBH3, NIST)}

CONTEXT = ("hallpanel", "大厅", "政务", "窗口服务", "zhengwu", "fuwudating", "zwdt", "zwfw")
"""Words of every hall; its own name comes from its records."""

LONG_ENOUGH = {"letters": 4, "chinese": 2}
"""A word as long as this may not stand in a password at all; a shorter one may not be its core."""

MOST_READINGS = 24  # of a name whose characters are read in several ways

LEET = str.maketrans("013457@$!", "oleastasi")
UNSHIFTED = str.maketrans("!@#$%^&*()", "1234567890")

HALL = table("hall", column("id", Integer), column("name", String))


@dataclass(frozen=True)
class Owner:
    """What may not be in a password because everybody knows it of the person or the hall."""

    username: str
    name: str = ""
    hall: str = ""
    has_factor: bool = False


def hall_name(session: Session) -> str:
    """The hall's name; a hall that has none yet is nothing to guess."""
    return session.scalar(select(HALL.c.name).order_by(HALL.c.id).limit(1)) or ""


def refuse_weak(password: str, owner: Owner, profile: Profile = DJBH3) -> None:
    """Refuse a password that is too easy to guess.

    Raises:
        Refusal: with the reason, at the field "password".
    """
    problem = problem_with(password, owner, profile)
    if problem is not None:
        raise Refusal(problem, field="password")


def refuse_former(session: Session, account_id: int, password: str, count: int) -> None:
    """Refuse a password that is one of the last that the account had before the present one.

    Raises:
        Refusal: at the field "password".
    """
    earlier = password_history.former_hashes(session, account_id, count)
    if any(passwords.verify(kept, password) for kept in earlier):
        raise Refusal(_l("this is one of your last passwords"), field="password")


def problem_with(password: str, owner: Owner, profile: Profile = DJBH3) -> Phrase | None:
    """Why a password is not accepted, or None."""
    return (
        _problem_with_length(password, owner, profile)
        or _problem_with_classes(password, profile)
        or _problem_with_words(password, owner)
        or _problem_with_guesses(password)
    )


def rules(profile: Profile, *, has_factor: bool) -> Phrase:
    """What to tell a person who is to choose a password."""
    shortest = profile.shortest_with_factor if has_factor else profile.shortest
    if not profile.classes:
        return _l(
            "At least %(shortest)s characters; a sentence with spaces is welcome.",
            shortest=shortest,
        )
    return _l(
        "At least %(shortest)s characters of %(classes)s kinds: capitals, small letters, digits, "
        "other signs, Chinese characters. No names, nothing that is tried first.",
        shortest=shortest,
        classes=profile.classes,
    )


# length and kinds of characters


def _problem_with_length(password: str, owner: Owner, profile: Profile) -> Phrase | None:
    shortest = profile.shortest_with_factor if owner.has_factor else profile.shortest
    if len(_plain(password)) < shortest:
        return _l("a password has at least %(shortest)s characters", shortest=shortest)
    if passwords.is_too_long(password):
        return _l("a password has at most %(longest)s bytes", longest=passwords.LONGEST)
    return None


def _problem_with_classes(password: str, profile: Profile) -> Phrase | None:
    if len({_class_of(sign) for sign in _plain(password)}) >= profile.classes:
        return None
    return _l(
        "a password has at least %(classes)s kinds of characters: capitals, small letters, digits, "
        "other signs, Chinese characters",
        classes=profile.classes,
    )


def _class_of(sign: str) -> str:
    match unicodedata.category(sign):
        case "Lu" | "Lt":
            return "capital"
        case "Lo":
            return "chinese"  # and whatever else is written without small letters and capitals
        case category if category.startswith("L"):
            return "small"
        case category if category.startswith("N"):
            return "digit"
    return "other"


# words


def _problem_with_words(password: str, owner: Owner) -> Phrase | None:
    forms = {_squeezed(password), _squeezed(_plain(password).translate(LEET))}
    core = "".join(sign for sign in _squeezed(password) if not sign.isdigit())
    for words, problem in (
        ([owner.username], _l("the user name is in the password")),
        (_names(owner.name), _l("your name is in the password, or its pinyin")),
        ([*CONTEXT, *_names(owner.hall)], _l("a word of this hall is in the password")),
    ):
        for word in filter(None, map(_squeezed, words)):
            if word == core or (_is_long(word) and any(word in form for form in forms)):
                return problem
    return None


def _is_long(word: str) -> bool:
    """Whether a word in a password is no accident."""
    return len(word) >= LONG_ENOUGH["letters" if word.isascii() else "chinese"]


def _names(name: str) -> Iterator[str]:
    """A name, and the ways in which it is typed: hewenjing, wenjinghe, wenjing, hwj, hewj."""
    yield name
    for syllables in _readings(name):
        surname, given = syllables[0], syllables[1:]
        yield "".join(syllables)
        yield "".join((*given, surname))
        initials = "".join(syllable[:1] for syllable in given)
        yield surname[:1] + initials
        yield surname + initials
        yield initials + surname
        if len(given) > 1:
            yield "".join(given)


def _readings(name: str) -> Iterator[tuple[str, ...]]:
    """The syllables of a Chinese name, for each way to read its characters."""
    chinese = "".join(sign for sign in name if _class_of(sign) == "chinese")
    if len(chinese) < 2:
        return
    from pypinyin import Style, pinyin  # its dictionary is large, and few requests want it

    syllables = pinyin(chinese, style=Style.NORMAL, heteronym=True)
    for reading in islice(product(*syllables), MOST_READINGS):
        yield reading
        if any("v" in syllable for syllable in reading):
            yield tuple(syllable.replace("v", "u") for syllable in reading)
            yield tuple(syllable.replace("v", "yu") for syllable in reading)


# what is tried first


def _problem_with_guesses(password: str) -> Phrase | None:
    if any(guess in _tried_first() for guess in _bare_forms(password)):
        return _l("this is a password that is tried first, also with digits and signs around it")
    return None


@cache
def _tried_first() -> frozenset[str]:
    """The passwords that people choose most often, from what was found in leaks."""
    from zxcvbn.frequency_lists import FREQUENCY_LISTS  # a large file, and few requests want it

    return frozenset(FREQUENCY_LISTS["passwords"])


def blocked_passwords() -> frozenset[str]:
    """All that is refused because it is tried first."""
    return _tried_first()


def _bare_forms(password: str) -> Iterable[str]:
    """A password without what people put on to please a rule: capitals, P@ssw0rd, 2026!, shift."""
    folded = _plain(password).casefold()
    signs = "".join(sign for sign in folded if not sign.isalnum())
    others = "".join(sign for sign in folded if not sign.isalpha())
    for outer in (folded, folded.strip(signs), folded.rstrip(others), folded.strip(others)):
        read = outer.translate(LEET)
        yield from (outer, outer.translate(UNSHIFTED), read, read.strip(others))
    yield from (_squeezed(password), folded.translate(LEET).strip(others))


def _plain(text: str) -> str:
    """One spelling for what input methods type in several."""
    return unicodedata.normalize("NFKC", text)


def _squeezed(text: str) -> str:
    """A text without capitals and without what stands between its letters and digits."""
    return "".join(sign for sign in _plain(text).casefold() if sign.isalnum())
