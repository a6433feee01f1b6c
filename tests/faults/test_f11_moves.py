"""Whatever anybody tries in whatever order, records move along declared transitions only (AZ-9)."""

from datetime import date, timedelta
from random import Random

from hallpanel.engine.entity import REGISTRY
from tests.cast import NOW, NUMBERS
from tests.faults.figures import often

SEED = 20260302
STEPS = often(250, 10_000)
FIRST = date(2026, 3, 18)  # a Wednesday; none of the next twelve is a holiday
# Whose word counts besides the owner's and the substitute's, by the tiers and clauses of leave.
DECIDERS = {"lin", "sun", "qian", "zhao", "he"}
OWN = {"submit", "withdraw", "hand_over", "leave_post", "extend"}
DECIDE = {"approve", "refuse", "escalate"}


def answers(chance, cast, verb):
    """What somebody might type, right or not."""
    day = FIRST + timedelta(days=chance.randrange(0, 12))
    given = {"reason": chance.choice([None, "另有安排"])}
    if verb in ("name_substitute", "submit"):
        given["substitute"] = cast.staff(chance.choice(sorted(NUMBERS)))
    if verb == "extend":
        given["last_day"] = day
    return {name: value for name, value in given.items() if value is not None}


def asks_of(transition):
    return {ask.name for ask in transition.asks} | {"reason"}


def try_once(chance, cast, record, owner, verbs):
    """One attempt: who, what, when, and what came of it."""
    who, verb = chance.choice(sorted(NUMBERS)), chance.choice(verbs)
    if chance.random() < 0.7:  # what could be right now; by chance alone little ever is
        who = chance.choice([owner, "lin", "sun", "qian", "he"])
        open_now = [t.verb for t in type(record).workflow.transitions if record.state in t.source]
        verb = chance.choice(open_now or verbs)
    at = NOW + timedelta(minutes=chance.randrange(0, 60 * 24 * 4))
    transition = type(record).workflow.find(verb)
    given = answers(chance, cast, verb)
    given = {name: value for name, value in given.items() if name in asks_of(transition)}
    before = (record.state, record.version)
    refusal = cast.act(who, record, verb, at, **given)
    return who, transition, before, refusal


def test_records_move_along_declared_transitions_only_az_9(cast, figures):
    chance, done, refused = Random(SEED), 0, 0
    entity = REGISTRY["leave_request"]
    verbs = [t.verb for t in entity.workflow.transitions]
    names = {cast.staff(name).id: name for name in NUMBERS}
    ids, moved = [], set()
    for number in range(STEPS):
        if number % 20 == 0:
            owner = chance.choice(["mei", "wang", "ye", "lin", "wu", "liu"])
            ids.append(cast.draft(owner, FIRST + timedelta(weeks=number // 20 % 12)).id)
        record = cast.one("leave_request", id=chance.choice(ids[-4:]))
        owner = names[record.staff_id]
        who, transition, before, refusal = try_once(chance, cast, record, owner, verbs)
        after = (record.state, record.version)
        if refusal is not None:
            refused += 1
            assert after == before, transition.verb
            continue
        done += 1
        moved.add(transition.verb)
        assert before[0] in transition.source, transition.verb
        assert record.state in {transition.target, before[0]}, transition.verb
        assert record.version > before[1]
        if transition.verb in DECIDE:
            assert who in DECIDERS | {"zhou"}
            assert who != owner
        if transition.verb in OWN:
            assert who == owner
    figures |= {"seed": SEED, "steps": STEPS, "done": done, "refused": refused}
    figures |= {"verbs": sorted(moved)}
    assert done + refused == STEPS
    assert {"submit", "approve"} <= moved
