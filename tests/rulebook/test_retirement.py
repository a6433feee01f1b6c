"""What is retired is told to the lead of the unit that it belongs to, or is (X5)."""

import pytest
from sqlalchemy import select

from hallpanel.engine import workflow
from hallpanel.engine.outbox import Message
from hallpanel.guard.account import Account
from tests.cast import NOW


def told(cast, table):
    """Who was told of a record of a table, and what."""
    query = (
        select(Account.username, Message)
        .join(Account, Account.id == Message.to_account_id)
        .where(Message.table_name == table)
        .order_by(Message.id)
    )
    with cast.looking() as session:
        return [(name, str(one.sentence)) for name, one in session.execute(query)]


def thing(cast, table):
    match table:
        case "service_window":
            return cast.one("service_window", number="A04")
        case "staff":
            return cast.staff("wang")
    return cast.one("unit", id=cast.staff("lin").unit_id)


@pytest.mark.parametrize("table", ["service_window", "staff", "unit"])
def test_the_lead_of_the_unit_is_told_of_both_ways_x5(cast, table):
    record = thing(cast, table)
    assert cast.act("he", record, "retire") is None
    ((_who, sentence),) = [one for one in told(cast, table) if one[0] == "lin"]
    assert sentence == f"{record.label} {record.display()} was retired by 何文静."
    assert cast.act("he", record, "restore") is None
    assert len([one for one in told(cast, table) if one[0] == "lin"]) == 2
    assert "zhou" not in [name for name, _ in told(cast, table)]


def test_of_what_belongs_to_no_unit_no_lead_is_told(cast):
    kind = cast.one("leave_type", code="family_visit")
    with cast.desk("he") as session:
        retire = kind.workflow.find("retire")
        act = workflow.Act(session, kind, retire, cast.actor("he"), NOW)
        assert not [p for p in map(str, workflow.foresee(act)) if p.endswith("is told")]
    assert cast.act("he", kind, "retire") is None
    assert told(cast, "leave_type") == []


def test_before_it_is_done_it_says_that_the_lead_is_told_x12(cast):
    window = thing(cast, "service_window")
    with cast.desk("he") as session:
        act = workflow.Act(session, window, window.workflow.find("retire"), cast.actor("he"), NOW)
        assert "Section lead is told" in map(str, workflow.foresee(act))
