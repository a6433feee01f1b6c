"""The views of lists that a person keeps: the address of a list under a short name.

They are a habit of the account, like its language, and are loaded with it: a page that offers them
asks the database for nothing more.
"""

import unicodedata
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from hallpanel.engine import audit
from hallpanel.engine.errors import Refusal
from hallpanel.engine.words import _l
from hallpanel.guard.account import Account

MOST_VIEWS = 20
LONGEST_LABEL = 40
LONGEST_QUERY = 2000

Views = dict[str, list[list[str]]]


def views_of(account: Account, table: str) -> list[tuple[str, str]]:
    """The kept views of one list, as name and query, in the order in which they were kept."""
    return [(label, query) for label, query in (account.views or {}).get(table, [])]


def keep_view(
    session: Session, account_id: int, table: str, label: str, query: str, at: datetime
) -> str:
    """Keep a view of a list under a name, which it gives back; one of the same name is replaced.

    Raises:
        Refusal: the name is none, there are too many views, or the query is too long.
    """
    name = " ".join(label.split())
    if not 0 < len(name) <= LONGEST_LABEL or not name.isprintable():
        raise Refusal(
            _l("the name of a view has 1 to %(longest)s characters", longest=LONGEST_LABEL)
        )
    if len(query) > LONGEST_QUERY:
        raise Refusal(_l("there are too many conditions in it to be kept"))
    views = _locked(session, account_id)
    kept = views.setdefault(table, [])
    at_place = next((i for i, one in enumerate(kept) if _alike(one[0], name)), len(kept))
    if at_place >= MOST_VIEWS:
        raise Refusal(
            _l("a list keeps at most %(most)s views", most=MOST_VIEWS),
            then=_l("Remove one first."),
        )
    kept[at_place : at_place + 1] = [[name, query]]
    _write(session, account_id, views, "keep_view", at)
    return name


def drop_view(session: Session, account_id: int, table: str, label: str, at: datetime) -> str:
    """Forget a view of a list; its name.

    Raises:
        Refusal: there is none of that name.
    """
    views = _locked(session, account_id)
    kept = views.get(table, [])
    found = next((one for one in kept if _alike(one[0], label)), None)
    if found is None:
        raise Refusal(_l("there is no such view any more"))
    kept.remove(found)
    if not kept:
        del views[table]
    _write(session, account_id, views, "drop_view", at)
    return found[0]


def _alike(one: str, other: str) -> bool:
    """Whether two names look the same to a reader."""
    return _folded(one) == _folded(other)


def _folded(label: str) -> str:
    return unicodedata.normalize("NFKC", " ".join(label.split())).casefold()


def _locked(session: Session, account_id: int) -> Views:
    """The account's views as they are now; two windows of one person do not lose each other's."""
    asked = select(Account.views).where(Account.id == account_id).with_for_update()
    return session.scalar(asked) or {}


def _write(session: Session, account_id: int, views: Views, action: str, at: datetime) -> None:
    session.execute(update(Account).where(Account.id == account_id).values(views=views))
    audit.record(
        session, audit.Event(action=action, table_name="account", record_id=account_id, at=at)
    )
