"""Wrong declarations stop the start, each with its code, the entity, the problem and a hint."""

from datetime import date
from enum import StrEnum

import pytest
from sqlalchemy.orm import Mapped, mapped_column

from hallpanel.engine import check
from hallpanel.engine.deadline import DeadlineRule
from hallpanel.engine.entity import (
    REFERENCE,
    REGISTRY,
    Access,
    Kind,
    ListView,
    Regulated,
    Secrecy,
    column,
    related,
)
from hallpanel.engine.errors import DeclarationError
from hallpanel.engine.masking import Mask
from hallpanel.engine.personal import Personal, Years
from hallpanel.engine.roles import Reach, Role
from hallpanel.engine.sweep import Timed
from hallpanel.engine.who import ApproverMay, Either, Holds, OwnerMay, PartyMay, Who
from hallpanel.engine.words import _l
from hallpanel.engine.workflow import Ask, Transition, Workflow
from hallpanel.rulebook.hall.post import Post
from tests.declared import forgetting

CLAUSES = frozenset({"2.1.1", "2.1.2"})
WORD = _l("Word")


class State(StrEnum):
    DRAFT = "draft"
    CLOSED = "closed"


class Foreign(StrEnum):
    DRAFT = "draft"
    CLOSED = "closed"


class Wordless(StrEnum):
    DRAFT = "draft"
    BEWILDERED = "bewildered"


@pytest.fixture(autouse=True)
def _forget(entities):
    with forgetting():
        yield


def declare(name="Umbrella", /, *, facts=None, hints=None, **changed):
    """Declare an entity that is right but for what is changed; None leaves a variable out."""
    body = {
        "clause": "2.1.1",
        "label": _l("Umbrella"),
        "title": "colour",
        "unit_bound": False,
        "access": REFERENCE,
        "colour": column(WORD, secrecy=Secrecy.PUBLIC),
        "list_view": ListView("colour", search=("colour",)),
        **(facts or {}),
        **changed,
    }
    body = {key: value for key, value in body.items() if value is not None}
    annotations = {"colour": Mapped[str], **(hints or {})}
    return type(name, (Regulated,), body | {"__annotations__": annotations})


def step(verb="close", source=State.DRAFT, target=State.CLOSED, **changed):
    settings = {"by": Holds(Role.HALL_ADMIN), "clause": "2.1.1", **changed}
    return Transition(verb, source, target, **settings)


def flow(*transitions, initial=State.DRAFT):
    return {"State": type(initial), "workflow": Workflow(initial, *(transitions or (step(),)))}


def limit(**changed):
    settings = {"starts": ("close",), "stops": ("close",), **changed}
    return DeadlineRule("answer", label=WORD, clause="2.1.1", promise="answer", **settings)


def sealed(mask, *, unmask=(), **changed):
    about = Personal(WORD, Years(3), shown=mask, unmask=unmask)
    return column(WORD, secrecy=Secrecy.SECRET, sealed=True, personal=about, **changed)


def fact(declared):
    return {"facts": {"note": declared}, "hints": {"note": Mapped[str | None]}}


def faults(*declared):
    """What the check finds in some entities, beside all others."""
    known = [REGISTRY["staff"], REGISTRY["unit"], Post]
    found = check.errors([*known, *declared], CLAUSES | {"1.2.1"})
    return [(fault.code, fault.entity, fault.problem, fault.hint) for fault in found]


def test_a_right_declaration_passes():
    numbered = declare(series="YS", title="number", deadlines=(limit(),), **flow())
    assert faults(numbered) == []


BUILDING = {
    "E01 a misspelt class variable": (
        {"worklfow": Workflow(State.DRAFT, step())},
        "E01",
        "unknown class variable 'worklfow'",
    ),
    "E01 a misspelt setting": ({"serise": "YS"}, "E01", "unknown class variable 'serise'"),
    "E01 a misspelt access": ({"acces": REFERENCE}, "E01", "unknown class variable 'acces'"),
    "E02 a type without a form field": (
        {"facts": {"shape": column(WORD)}, "hints": {"shape": Mapped[bytes]}},
        "E02",
        "column 'shape' of type <class 'bytes'> has no form field",
    ),
    "E03 no clause": ({"clause": None}, "E03", "it does not say its clause"),
    "E03 no label": ({"label": None}, "E03", "it does not say its label"),
    "E03 no access": ({"access": None}, "E03", "it does not say its access"),
    "E03 no list": ({"list_view": None}, "E03", "it does not say its list_view"),
    "E18 a fact without a label": (
        {"hints": {"size": Mapped[int]}},
        "E18",
        "'size' has no type or no label",
    ),
    "E18 a bare column": (
        {"facts": {"size": mapped_column()}, "hints": {"size": Mapped[int]}},
        "E18",
        "'size' has no type or no label",
    ),
    "E18 a fact without a type": (
        {"facts": {"size": column(WORD)}},
        "E18",
        "'size' has no type or no label",
    ),
    "E18 a relation without a type": (
        {"facts": {"post": related(WORD)}},
        "E18",
        "'post' has no type or no label",
    ),
}


@pytest.mark.parametrize("wrong", BUILDING)
def test_what_could_not_be_built_is_refused_while_it_loads(wrong):
    changed, code, problem = BUILDING[wrong]
    with pytest.raises(DeclarationError) as refused:
        declare(**changed)
    error = refused.value
    assert (error.code, error.entity, error.problem) == (code, "Umbrella", problem)
    assert error.hint
    assert str(error) == f"{code} Umbrella: {problem}\n      Hint: {error.hint}"
    assert "umbrella" not in REGISTRY


def test_a_second_entity_of_a_name_is_refused_with_the_place_of_the_first():
    declare()
    with pytest.raises(DeclarationError, match=r"E19 Umbrella: .*test_check declares an entity"):
        declare()


@pytest.mark.parametrize("name", ["LIMIT", "State", "_private"])
def test_a_declaration_may_have_constants_and_classes_of_its_own(name):
    value = type("State", (), {}) if name == "State" else (1, 2)
    assert faults(declare(facts={name: value})) == []


CHECKED = {
    "E04 an unknown clause": ({"clause": "9.9.9"}, "E04", "the entity cites clause '9.9.9'"),
    "E04 an unknown clause of a transition": (
        flow(step(clause="9.9.9")),
        "E04",
        "transition 'close' cites clause '9.9.9'",
    ),
    "E04 an unknown clause of a limit": (
        {
            **flow(),
            "deadlines": (
                DeadlineRule(
                    "x", label=WORD, clause="9.9.9", starts=("close",), stops=(), promise="x"
                ),
            ),
        },
        "E04",
        "deadline 'x' cites clause '9.9.9'",
    ),
    "E05 an unreachable state": (
        flow(step(target=State.DRAFT)),
        "E05",
        "no transition leads to state 'closed'",
    ),
    "E06 a transition without a role": (
        flow(step(by=None)),
        "E06",
        "nobody may make transition 'close'",
    ),
    "E06 a transition of no role": (
        flow(step(by=Holds())),
        "E06",
        "nobody may make transition 'close'",
    ),
    "E06 a transition of anybody": (
        flow(step(by=Who())),
        "E06",
        "nobody may make transition 'close'",
    ),
    "E07 a state of another entity": (
        flow(step(), step("reopen", Foreign.CLOSED, Foreign.DRAFT)),
        "E07",
        "transition 'reopen' names a state of another entity",
    ),
    "E08 a verb twice": (
        flow(step(), step(source=State.CLOSED, target=State.DRAFT)),
        "E08",
        "two transitions are called 'close'",
    ),
    "E09 a list column that is no field": (
        {"list_view": ListView("colour", "colr", search=())},
        "E09",
        "list column 'colr' is no field",
    ),
    "E09 a search column that is no field": (
        {"list_view": ListView("colour", search=("post.name",))},
        "E09",
        "list search 'post.name' is no field",
    ),
    "E09 a related column that is no field": (
        {
            "facts": {"post": related(WORD)},
            "hints": {"post": Mapped[Post]},
            "list_view": ListView("post.nmae", search=()),
        },
        "E09",
        "list column 'post.nmae' is no field",
    ),
    "E09 an order that is no field": (
        {"list_view": ListView("colour", search=(), order=("-size",))},
        "E09",
        "list order 'size' is no field",
    ),
    "E10 free text without a class of secrecy": (
        {
            "facts": {"note": column(WORD, kind=Kind.LONG_TEXT)},
            "hints": {"note": Mapped[str | None]},
        },
        "E10",
        "column 'note' is free text and does not say how secret it is",
    ),
    "E22 a text that may be personal": (
        fact(column(WORD, secrecy=Secrecy.INTERNAL)),
        "E22",
        "column 'note' may hold personal data and says neither its purpose nor how long it is kept",
    ),
    "E23 a sealed fact without a mask": (
        fact(sealed(None)),
        "E23",
        "sealed column 'note' has no mask",
    ),
    "E23 a sealed fact that is filtered": (
        fact(sealed(Mask.NAME, filter=True)),
        "E23",
        "sealed column 'note' cannot be filtered by its parts",
    ),
    "E23 a sealed fact that is searched": (
        fact(sealed(Mask.NAME)) | {"list_view": ListView("colour", search=("note",))},
        "E23",
        "sealed column 'note' cannot be searched",
    ),
    "E23 a keyed word of what is not sealed": (
        fact(column(WORD, secrecy=Secrecy.PUBLIC, searchable=True)),
        "E23",
        "column 'note' is searchable by its keyed word and not sealed",
    ),
    "E24 a rule for a role that reads nothing": (
        fact(column(WORD, secrecy=Secrecy.PUBLIC, read=(Role.AUDITOR,))),
        "E24",
        "who may read 'note': role 'auditor' does not read the record",
    ),
    "E24 a rule for a state of another entity": (
        fact(column(WORD, secrecy=Secrecy.PUBLIC, write={Role.LEAD: (Foreign.DRAFT,)})) | flow(),
        "E24",
        "who may write 'note': <Foreign.DRAFT: 'draft'> of role 'lead' is no state of it",
    ),
    "E24 a role that unmasks what it does not read": (
        fact(sealed(Mask.NAME, unmask=(Role.AUDITOR,))),
        "E24",
        "role 'auditor' may unmask 'note', which it does not read masked",
    ),
    "E24 a hidden name": (
        {"facts": {"colour": column(WORD, secrecy=Secrecy.PUBLIC, read=(Role.LEAD,))}},
        "E24",
        "'colour' names the record or says whose it is, and is hidden from some",
    ),
    "E25 a party that is no person": (
        {"secluded": True, "conflicted": ("colour",)},
        "E25",
        "'colour' is named in conflicted and leads to no member of staff",
    ),
    "E25 a fact that only one has": (
        {"secluded": True, "unique_together": ("colour",)},
        "E25",
        "its refusal of a second record would tell of the first",
    ),
    "E11 a verb without a word": (
        flow(step("bewilder")),
        "E11",
        "transition 'bewilder' has no word for its button",
    ),
    "E11 a state without a word": (
        flow(step(source=Wordless.DRAFT, target=Wordless.BEWILDERED), initial=Wordless.DRAFT),
        "E11",
        "state 'bewildered' has no word",
    ),
    "E12 a title that is no field": ({"title": "name"}, "E12", "its title 'name' is no field"),
    "E13 an owner who is no person": (
        {"owner": "colour"},
        "E13",
        "'colour' is named as a person of the record but is no relation to staff",
    ),
    "E13 a party that is no field": (
        {"parties": ("witness",)},
        "E13",
        "'witness' is named as a person of the record but is no relation to staff",
    ),
    "E07 parties without a state to read it in": (
        {"parties": ("owner",), "parties_while": (Wordless.DRAFT,)},
        "E07",
        "it has no states for its parties to read it in",
    ),
    "E07 parties in a state of another entity": (
        {**flow(), "parties_while": (Wordless.DRAFT,)},
        "E07",
        "parties_while names a state of another entity",
    ),
    "E14 a limit that starts with nothing": (
        {**flow(), "deadlines": (limit(starts=("submit",)),)},
        "E14",
        "deadline 'answer' names transition 'submit', which it does not have",
    ),
    "E14 a limit that is paused by nothing": (
        {**flow(), "deadlines": (limit(pauses=("wait",)),)},
        "E14",
        "deadline 'answer' names transition 'wait', which it does not have",
    ),
    "E14 a limit that escalates to nothing": (
        {**flow(), "deadlines": (limit(escalates="escalate"),)},
        "E14",
        "deadline 'answer' names transition 'escalate', which it does not have",
    ),
    "E14 a limit without a workflow": (
        {"deadlines": (limit(stops=()),)},
        "E14",
        "deadline 'answer' names transition 'close', which it does not have",
    ),
    "E14 a timed transition that is none": (
        {**flow(), "timed": (Timed("lapse", lambda entity, _at: entity.id > 0),)},
        "E14",
        "a timed transition names transition 'lapse', which it does not have",
    ),
    "E15 a right without sight": (
        {"access": Access(read={Role.HALL_ADMIN: Reach.HALL}, edit=(Role.KEEPER,))},
        "E15",
        "role 'keeper' may edit what it may not read",
    ),
    "E15 an export without sight": (
        {"access": Access(read={Role.HALL_ADMIN: Reach.HALL}, export=(Role.AUDITOR,))},
        "E15",
        "role 'auditor' may export what it may not read",
    ),
    "E16 a relation to nothing": (
        {"facts": {"pet": related(WORD)}, "hints": {"pet": Mapped["Dog"]}},
        "E16",
        "relation 'pet' leads to 'dog', which is no entity",
    ),
    "E16 a question about nothing": (
        flow(step(asks=(Ask("pet", WORD, Kind.RELATION, target="dog"),))),
        "E16",
        "question 'pet' of transition 'close' leads to 'dog', which is no entity",
    ),
    "E20 an owner that is not there": (
        flow(step(by=Either(Holds(Role.HALL_ADMIN), OwnerMay()))),
        "E20",
        "transition 'close' is made by its owner, and it has none",
    ),
    "E20 a party that is not there": (
        flow(step(by=PartyMay("witness"))),
        "E20",
        "transition 'close' is made by the person in 'witness', which is no field",
    ),
    "E20 a turn that is nobody's": (
        flow(step(by=ApproverMay())),
        "E20",
        "transition 'close' is made by whose turn it is, and nobody's is",
    ),
    "E20 a step of no approval": (
        flow(step(step=True)),
        "E20",
        "transition 'close' is a step of an approval, which it does not have",
    ),
    "E21 the unit of what has none": (
        {"access": Access(read={Role.LEAD: Reach.UNIT})},
        "E21",
        "role 'lead' reaches the records of a unit, and they belong to none",
    ),
    "E21 the own records of nobody": (
        {"access": Access(read={Role.STAFF: Reach.OWN})},
        "E21",
        "role 'staff' reaches its own records, and they belong to nobody",
    ),
}


@pytest.mark.parametrize("wrong", CHECKED)
def test_a_wrong_declaration_is_refused_at_the_start_with_a_hint(wrong):
    changed, code, problem = CHECKED[wrong]
    found = faults(declare(**changed))
    (mine,) = [fault for fault in found if fault[0] == code]
    assert mine[1] == "Umbrella"
    assert mine[2].startswith(problem)
    assert mine[3]


def test_no_record_refers_to_a_secluded_one_that_others_do_not_read_cmp_1():
    declare("Umbrella", secluded=True)
    facts = {"umbrella": related(WORD)}
    found = faults(declare("Stand", facts=facts, hints={"umbrella": Mapped["Umbrella"]}))
    (mine,) = [fault for fault in found if fault[0] == "E25"]
    assert mine[2].startswith("relation 'umbrella' would show a secluded record")


def test_two_entities_do_not_share_their_numbers():
    one = declare("Umbrella", series="YS")
    other = declare("Parasol", series="YS")
    (found,) = faults(one, other)
    assert found[:3] == ("E17", "Parasol", "its numbers share the series 'YS' with Umbrella")


def test_the_start_stops_at_the_first_wrong_declaration():
    wrong = declare(title="name", clause="9.9.9")
    with pytest.raises(DeclarationError, match="E12 Umbrella: its title 'name' is no field"):
        check.raise_first([wrong], CLAUSES)


def test_the_rule_book_of_the_hall_is_declared_right():
    from hallpanel.rulebook.table import clause_ids

    assert list(check.errors(list(REGISTRY.values()), clause_ids())) == []


def test_every_code_has_a_test():
    codes = {code for _, code, _ in (*BUILDING.values(), *CHECKED.values())} | {"E17", "E19"}
    assert codes == {f"E{number:02d}" for number in range(1, 26)}


def test_a_fact_keeps_what_its_declaration_says():
    entity = declare(
        facts={"bought": column(WORD, filter=True, hint=_l("Hint"), group=_l("Group"))},
        hints={"bought": Mapped[date | None]},
    )
    bought = entity.fields()["bought"]
    assert (bought.kind, bought.optional, bought.filter) == (Kind.DAY, True, True)
    assert (bought.hint, bought.group, bought.secrecy) == ("Hint", "Group", Secrecy.INTERNAL)
    assert entity.plural == entity.label
    assert entity.__tablename__ == "umbrella"
