"""A delegation holds for its days, or until it is ended; then nobody decides for another (X10)."""

from datetime import date

import pytest
from sqlalchemy import select

from hallpanel.engine import workflow
from hallpanel.engine.errors import ClosedRecord, NotAllowed
from hallpanel.engine.outbox import Message
from hallpanel.engine.scope import SYSTEM
from hallpanel.guard.account import Account
from tests.cast import NOW, clock

MONDAY = date(2026, 3, 2)
FIRST, LAST = date(2026, 2, 9), date(2026, 2, 13)


def delegate(cast, who="lin", to="ye", first=FIRST, last=LAST):
    return cast.make(
        "delegation",
        who,
        delegator=cast.staff(who),
        delegate=cast.staff(to),
        first_day=first,
        last_day=last,
    )


@pytest.fixture
def ye_for_lin(cast):
    """Ye decides for Lin this week."""
    return delegate(cast)


def lenders(cast, who, at=NOW):
    return [person.name for person in cast.actor(who, at).delegators]


def told(cast, who):
    """What an account has been told of a delegation."""
    query = (
        select(Message)
        .join(Account, Account.id == Message.to_account_id)
        .where(Account.username == who, Message.table_name == "delegation")
        .order_by(Message.id)
    )
    with cast.looking() as session:
        return [str(message.sentence) for message in session.scalars(query)]


@pytest.mark.parametrize("who", ["lin", "he"])
def test_it_is_ended_at_once_by_the_delegator_or_the_hall_administrator_x10(cast, ye_for_lin, who):
    request = cast.ask("mei", MONDAY, last_half="morning")
    assert lenders(cast, "ye") == ["林慧敏"]
    assert cast.act(who, ye_for_lin, "end") is None
    assert ye_for_lin.state == "ended"
    assert lenders(cast, "ye") == []
    assert isinstance(cast.act("ye", request, "approve"), NotAllowed)
    kept = cast.refresh(ye_for_lin)
    assert (kept.first_day, kept.last_day) == (FIRST, LAST)


@pytest.mark.parametrize("who", ["ye", "sun", "zhao"])
def test_nobody_else_ends_it_x10(cast, ye_for_lin, who):
    assert isinstance(cast.act(who, ye_for_lin, "end"), NotAllowed)
    assert lenders(cast, "ye") == ["林慧敏"]


def test_what_will_happen_is_said_and_both_are_told_x12(cast, ye_for_lin):
    transition = ye_for_lin.workflow.find("end")
    he = cast.actor("he")
    with cast.desk("he") as session:
        act = workflow.Act(session, ye_for_lin, transition, he, NOW)
        said = [str(phrase) for phrase in workflow.foresee(act)]
    assert said == [
        "From now on 叶青 no longer decides for 林慧敏",
        "What 叶青 has decided for 林慧敏 stays as it is",
        "林慧敏 is told",
        "叶青 is told",
    ]
    cast.act("he", ye_for_lin, "end")
    for who in ("lin", "ye"):
        (sentence,) = told(cast, who)
        assert "林慧敏 → 叶青, 2026-02-09 – 2026-02-13" in sentence


def test_what_is_ended_is_read_only_and_leaves_room_for_another_x3(cast, ye_for_lin):
    cast.act("lin", ye_for_lin, "end")
    with pytest.raises(ClosedRecord):
        cast.change(ye_for_lin, "lin", last_day=date(2026, 2, 20))
    delegate(cast, to="chen")
    assert lenders(cast, "chen") == ["林慧敏"]


def test_one_person_decides_in_ones_stead_at_a_time(cast, ye_for_lin):
    with pytest.raises(Exception, match="covers some of these days"):
        delegate(cast, to="chen")


def test_it_is_over_after_its_last_day_x10(cast, ye_for_lin):
    cast.sweep(clock(2, 13, 23))
    assert cast.refresh(ye_for_lin).state == "granted"
    cast.sweep(clock(2, 14, 1))
    assert cast.refresh(ye_for_lin).state == "ended"
    assert len(told(cast, "ye")) == 1


def test_it_is_named_by_who_for_whom_and_when(cast, ye_for_lin):
    assert ye_for_lin.display() == "林慧敏 → 叶青, 2026-02-09 – 2026-02-13"
    one_day = delegate(cast, "sun", "lin", LAST, LAST)
    assert one_day.display() == "孙雅琴 → 林慧敏, 2026-02-13"


def test_a_delegation_under_which_was_decided_stays_on_record_x5(cast, ye_for_lin):
    assert not ye_for_lin.access.delete
    assert [t.verb for t in workflow.offered(ye_for_lin, cast.actor("lin"))] == ["end"]
    assert "lapse" in [t.verb for t in workflow.offered(ye_for_lin, SYSTEM)]
