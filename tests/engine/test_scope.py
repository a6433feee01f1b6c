"""Who sees what: every way of asking is narrowed to the asker's reach, or refused (X1)."""

from datetime import date

import pytest
from sqlalchemy import (
    case,
    create_engine,
    delete,
    exists,
    func,
    insert,
    join,
    literal,
    select,
    text,
    true,
    tuple_,
    union,
    update,
)
from sqlalchemy.orm import Bundle, aliased, joinedload

from hallpanel.engine import records, scope
from hallpanel.engine.entity import REGISTRY, criterion_of
from hallpanel.engine.errors import NoActor
from hallpanel.engine.records import open_session
from hallpanel.engine.roles import Reach, Role
from hallpanel.engine.scope import SYSTEM, Actor, Grant
from hallpanel.engine.scope_forms import Unnarrowed
from hallpanel.rulebook.discipline.leave_request import LeaveRequest
from hallpanel.rulebook.hall.staff import Staff
from hallpanel.rulebook.hall.unit import Unit
from tests.cast import NOW, NUMBERS

CANARY = "金丝雀"
A, B, MEI, CHEN, WU = 1, 2, 11, 12, 21
OF_A, OF_B = Grant(Role.LEAD, A), Grant(Role.LEAD, B)


# Truth tables: which rows a role reaches. A row is (owner, unit, substitute).

ROWS = [(MEI, A, None), (CHEN, A, None), (WU, B, None), (WU, B, MEI)]


def person(staff_id, unit_id, *grants, delegators=()):
    return Actor(staff_id, staff_id, unit_id, "某人", frozenset(grants), delegators)


LEAD_OF_A = person(10, A, OF_A, Grant(Role.STAFF))
REACHED = [
    ("staff sees their own and what they stand in for", person(MEI, A, Grant(Role.STAFF)), {0, 3}),
    ("staff of another unit", person(WU, B, Grant(Role.STAFF)), {2, 3}),
    ("a lead sees the own unit", LEAD_OF_A, {0, 1}),
    ("a lead who stands in elsewhere", person(MEI, A, OF_A), {0, 1, 3}),
    ("a lead over a unit they do not sit in", person(10, A, OF_B), {2, 3}),
    ("a lead over two units", person(10, A, OF_A, OF_B), {0, 1, 2, 3}),
    ("supervision sees the hall", person(10, 9, Grant(Role.SUPERVISION)), {0, 1, 2, 3}),
    ("the deputy sees the hall", person(10, 9, Grant(Role.DEPUTY)), {0, 1, 2, 3}),
    ("the director sees the hall", person(10, 9, Grant(Role.DIRECTOR)), {0, 1, 2, 3}),
    ("the hall administrator sees the hall", person(10, 9, Grant(Role.HALL_ADMIN)), {0, 1, 2, 3}),
    ("a reviewer sees no leave", person(10, B, Grant(Role.REVIEWER)), set()),
    ("the keeper sees no leave", person(10, B, Grant(Role.KEEPER)), set()),
    ("the system administrator sees none", person(10, 9, Grant(Role.SYSADMIN)), set()),
    ("the security administrator sees none", person(10, 9, Grant(Role.SECADMIN)), set()),
    ("the auditor sees none", person(10, 9, Grant(Role.AUDITOR)), set()),
    ("nobody without a role sees even their own", person(MEI, A), set()),
    ("an account without a person has nothing of its own", Actor(5, None, None, "x"), set()),
    (
        "a delegate of a lead sees the lead's unit",
        person(WU, B, Grant(Role.STAFF), delegators=(LEAD_OF_A,)),
        {0, 1, 2, 3},
    ),
    (
        "a delegate does not borrow what the delegator sees as staff",
        person(WU, B, Grant(Role.STAFF), delegators=(person(CHEN, A, Grant(Role.STAFF)),)),
        {2, 3},
    ),
    (
        "a delegate of the director sees the hall",
        person(WU, B, delegators=(person(10, 9, Grant(Role.DIRECTOR)),)),
        {0, 1, 2, 3},
    ),
]


@pytest.mark.parametrize(("actor", "rows"), [r[1:] for r in REACHED], ids=[r[0] for r in REACHED])
@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)  # a table of values suffices
def test_each_role_reaches_its_rows_x1(empty_engine, entities, actor, rows):
    criterion = criterion_of(LeaveRequest, actor)
    table = LeaveRequest.__table__
    with empty_engine.begin() as connection:
        connection.exec_driver_sql(
            "CREATE TABLE leave_request (id, staff_id, unit_id, substitute_id, state)"
        )
        for number, row in enumerate(ROWS):
            connection.exec_driver_sql(
                "INSERT INTO leave_request VALUES (?, ?, ?, ?, 'submitted')", (number, *row)
            )
        query = select(table.c.id)
        found = connection.scalars(query if criterion is None else query.where(criterion))
        assert set(found) == rows


def test_the_widest_of_several_roles_counts(entities):
    both = person(MEI, A, Grant(Role.STAFF), Grant(Role.DIRECTOR))
    assert criterion_of(LeaveRequest, both) is None


def test_no_role_reaches_what_an_entity_does_not_give_it(entities):
    readers = {name: set(entity.access.read) for name, entity in REGISTRY.items()}
    for name, entity in REGISTRY.items():
        for role in set(Role) - readers[name]:
            actor = person(MEI, A, Grant(role, A))
            assert str(criterion_of(entity, actor)) == "false", (name, role)
            assert not entity.access.may(actor, "read")


def test_the_three_administrators_read_the_rule_book_and_no_record_of_the_hall(entities):
    administrators = {Role.SYSADMIN, Role.SECADMIN, Role.AUDITOR}
    readable = {name for name, one in REGISTRY.items() if set(one.access.read) & administrators}
    assert readable == {"clause"}


def test_whole_units_are_reached_only_where_records_have_one(entities):
    for name, entity in REGISTRY.items():
        if Reach.UNIT in entity.access.read.values():
            assert entity.unit_bound, name


# Forms of asking, each with a canary in another unit


@pytest.fixture
def hall(cast):
    """Wu of the other unit is called Canary now, has a request beside Mei's, and is her partner."""
    cast.change(cast.staff("wu"), name=CANARY)
    cast.change(cast.staff("mei"), partner=cast.staff("wu"))
    cast.draft("mei", date(2026, 3, 2))
    cast.draft("wu", date(2026, 3, 2))
    return cast


OTHER = aliased(Staff, name="other")


def _recursive():
    base = select(Staff.id, Staff.name).cte("everyone", recursive=True)
    more = select(Staff.id, Staff.name).where(Staff.partner_id == base.c.id)
    return select(base.union(more).c.name)


NARROWED = {
    "an entity": lambda: select(Staff),
    "a column": lambda: select(Staff.name),
    "a bundle": lambda: select(Bundle("who", Staff.name)),
    "an expression": lambda: select(Staff.name + "!"),
    "a case": lambda: select(case((Staff.name == CANARY, CANARY), else_="-")),
    "distinct": lambda: select(Staff.name).distinct(),
    "grouped": lambda: select(Staff.name, func.count()).group_by(Staff.name),
    "an aggregate": lambda: select(func.max(case((Staff.name == CANARY, CANARY), else_="-"))),
    "an alias": lambda: select(OTHER),
    "an alias of a subquery": lambda: select(aliased(Staff, select(Staff).subquery())),
    "a subquery": lambda: select(select(Staff.name).subquery()),
    "a CTE": lambda: select(select(Staff.name).cte()),
    "a recursive CTE": _recursive,
    "a scalar subquery": lambda: select(
        select(Staff.name).where(Staff.name == CANARY).scalar_subquery()
    ),
    "a union": lambda: union(select(Staff.name), select(Staff.name)),
    "a union in a subquery": lambda: select(
        union(select(Staff.name), select(OTHER.name)).subquery()
    ),
    "a join from a visible thing": lambda: select(Unit.code, Staff.name).join(
        Staff, Staff.unit_id == Unit.id
    ),
    "an outer join": lambda: select(Unit.code, Staff.name).outerjoin(
        Staff, Staff.unit_id == Unit.id
    ),
    "an implicit join": lambda: select(Unit.code, Staff.name).where(Staff.unit_id == Unit.id),
    "a join to an alias along a relation": lambda: select(Staff.number, OTHER.name).join(
        OTHER, Staff.partner
    ),
    "an outer join to an alias": lambda: select(Staff.number, OTHER.name).outerjoin(
        Staff.partner.of_type(OTHER)
    ),
    "an alias in a condition": lambda: select(Staff.number, OTHER.name).where(
        Staff.partner_id == OTHER.id
    ),
    "a lateral": lambda: select(Staff.name).where(
        tuple_(Staff.id, Staff.name).in_(select(OTHER.id, OTHER.name))
    ),
    "a statement given": lambda: select(Staff).from_statement(select(Staff)),
    "words among columns": lambda: select(Staff.id, text("staff.name")).select_from(Staff),
}


@pytest.fixture
def bare(entities):
    """A session on a database without any table: what is refused is refused before it is asked."""
    with open_session(create_engine("sqlite://")) as session:
        yield session


def shown(session, statement):
    """All words that an answer holds."""
    words = []
    for row in session.execute(statement):
        for cell in row:
            words.append(cell.name if isinstance(cell, Staff) else str(cell))
    return " ".join(words)


def test_no_form_of_asking_shows_another_units_person_x1(hall):
    statements = {form: make() for form, make in NARROWED.items()}
    with hall.desk("system") as session:
        found = {form for form, made in statements.items() if CANARY in shown(session, made)}
        assert found == set(NARROWED)
    hall.session.expunge_all()
    with hall.desk("lin") as session:
        assert not [form for form, made in statements.items() if CANARY in shown(session, made)]


COUNTED = {
    "of ids": lambda: select(func.count(Staff.id)),
    "from the entity": lambda: select(func.count()).select_from(Staff),
    "by a condition alone": lambda: select(func.count()).where(Staff.id > 0),
    "of an alias": lambda: select(func.count(OTHER.id)),
    "of a subquery": lambda: select(func.count()).select_from(select(Staff.id).subquery()),
    "of a limited subquery": lambda: select(func.count()).select_from(
        select(Staff).limit(1000).subquery()
    ),
    "of a join": lambda: (
        select(func.count())
        .select_from(Unit)
        .join(Staff, Staff.unit_id == Unit.id)
        .where(Unit.id > 0)
    ),
    "with a scalar subquery": lambda: select(
        select(func.count()).select_from(Staff).scalar_subquery()
    ),
}


def test_no_count_counts_another_units_people_x1(hall):
    statements = {form: make() for form, make in COUNTED.items()}
    people_of_a = sum(number.startswith("10") for number in NUMBERS.values())
    for who, count in (("lin", people_of_a), ("system", len(NUMBERS))):
        with hall.desk(who) as session:
            counts = {form: session.scalar(made) for form, made in statements.items()}
        assert counts == dict.fromkeys(COUNTED, count)


ASKED_WHETHER = {
    "exists": lambda: select(exists().where(Staff.name == CANARY)),
    "exists over a column": lambda: select(select(Staff.id).where(Staff.name == CANARY).exists()),
    "exists over a literal": lambda: select(
        select(literal(1)).where(Staff.name == CANARY).exists()
    ),
    "a unit with such a person": lambda: select(
        exists().where(Unit.id.in_(select(Staff.unit_id).where(Staff.name == CANARY)))
    ),
    "a request of such a person": lambda: select(
        exists().where(LeaveRequest.staff.has(Staff.name == CANARY), LeaveRequest.id > 0)
    ),
    "a unit, correlated": lambda: select(
        exists().where(
            select(Staff.id).where(Staff.unit_id == Unit.id, Staff.name == CANARY).exists(),
            Unit.id > 0,
        )
    ),
}


def test_nobody_learns_whether_a_foreign_record_exists_x1(hall):
    statements = {form: make() for form, make in ASKED_WHETHER.items()}
    for who, truth in (("lin", False), ("system", True), ("zhou", True)):
        with hall.desk(who) as session:
            answers = {form: session.scalar(made) for form, made in statements.items()}
        assert answers == dict.fromkeys(ASKED_WHETHER, truth)


OVERLOOKED = {
    "a bare table": lambda: select(Staff.__table__),
    "a bare column": lambda: select(Staff.__table__.c.name),
    "a bare alias": lambda: select(Staff.__table__.alias()),
    "a count of a bare table": lambda: select(func.count()).select_from(Staff.__table__),
    "a bare table beside an entity": lambda: select(Unit.name, Staff.__table__.c.name).join(
        Staff.__table__, Staff.__table__.c.unit_id == Unit.id
    ),
    "a bare table in a condition": lambda: select(Unit.name).where(
        Unit.id.in_(select(Staff.__table__.c.unit_id))
    ),
    "an alias joined by a condition": lambda: select(Staff.number, OTHER.name).join(
        OTHER, Staff.partner_id == OTHER.id
    ),
    "an alias joined to something else": lambda: select(Unit.code, OTHER.name).join(
        OTHER, OTHER.unit_id == Unit.id
    ),
    "a bare alias beside its own entity": lambda: select(
        Staff.name, Staff.__table__.alias("again").c.name
    ),
    "a join within select_from": lambda: select(Unit.name).select_from(
        join(Unit, Staff, Staff.unit_id == Unit.id)
    ),
    "an entity behind another one": lambda: select(Unit.name + Staff.name),
    "a window function": lambda: select(func.row_number().over(order_by=Staff.id)),
    "a filtered aggregate": lambda: select(func.count(Staff.id).filter(Staff.id > 0)),
    "a statement over a bare table": lambda: select(Staff).from_statement(select(Staff.__table__)),
    "a statement of words": lambda: select(Staff).from_statement(text("SELECT * FROM staff")),
    "a change within a read": lambda: select(Unit.name).add_cte(
        update(Staff).values(name="x").returning(Staff.id).cte()
    ),
}


@pytest.mark.parametrize("form", OVERLOOKED)
def test_a_form_that_the_orm_would_overlook_is_refused_before_it_is_asked(bare, form):
    with (
        records.at_desk(bare, LEAD_OF_A, NOW),
        pytest.raises(Unnarrowed, match="Hint: name each entity"),
    ):
        bare.execute(OVERLOOKED[form]())


def test_a_window_function_passes_once_its_entity_is_named(hall):
    statement = select(Staff.name, func.row_number().over(order_by=Staff.id))
    with hall.desk("lin") as session:
        assert CANARY not in shown(session, statement)


@pytest.mark.parametrize("form", [*NARROWED, *COUNTED, *ASKED_WHETHER, *OVERLOOKED])
def test_nobody_asking_is_an_error_and_never_all_rows(bare, form):
    made = (NARROWED | COUNTED | ASKED_WHETHER | OVERLOOKED)[form]()
    with pytest.raises(NoActor):
        bare.execute(made)


def test_what_is_no_record_is_read_without_an_actor(session):
    assert session.scalar(select(func.count()).select_from(select(true()).subquery())) == 1


def test_nobody_asking_does_not_load_by_id_or_by_reference_either(hall):
    request = hall.all("leave_request")[0]
    with pytest.raises(NoActor):
        hall.session.get(LeaveRequest, request.id + 1000)
    hall.session.expire(request, ["leave_type"])
    with pytest.raises(NoActor):
        request.leave_type.name  # noqa: B018 - the access itself is the question
    hall.session.expire(request)
    with pytest.raises(NoActor):
        request.reason  # noqa: B018


# Loading and finding


def test_a_foreign_id_is_found_by_nobody_of_another_unit_x1(hall):
    foreign = hall.one("leave_request", staff_id=hall.staff("wu").id)
    with hall.desk("lin") as session:
        assert records.find(session, LeaveRequest, foreign.id) is None
    with hall.desk("zhou") as session:
        assert records.find(session, LeaveRequest, foreign.id) is foreign


def test_a_malformed_id_finds_nothing_pitfall_7(session):
    with records.at_desk(session, SYSTEM, NOW):
        for malformed in ("", "abc", "1,2", "-1", "１", "1.0", None, "1\0", "1" * 30):
            assert records.find(session, LeaveRequest, malformed) is None
        for large in (2**31 - 1, 2**31, 10**17):
            assert records.find(session, LeaveRequest, large) is None


LOADED = {
    "lazily": (),
    "by a join": (joinedload(Staff.partner),),
}


@pytest.mark.parametrize("how", LOADED)
def test_a_visible_record_names_a_colleague_who_is_out_of_reach(hall, how):
    hall.session.expunge_all()
    with hall.desk("lin") as session:
        mei = session.scalars(
            select(Staff).where(Staff.number == "1002").options(*LOADED[how])
        ).one()
        assert mei.partner.name == CANARY
        assert records.find(session, Staff, mei.partner_id) is None


@pytest.mark.parametrize("who", [LEAD_OF_A, SYSTEM], ids=["a lead", "the system"])
def test_a_wholesale_change_is_refused_for_everybody_pitfall_32(bare, who):
    table = Staff.__table__
    changes = [
        update(Staff).values(name="x"),
        delete(Staff).where(Staff.id == 1),
        insert(Staff).values(number="9", name="x"),
        update(table).values(name="x"),
        delete(table),
        insert(table).values(number="9", name="x"),
    ]
    with records.at_desk(bare, who, NOW):
        for change in changes:
            with pytest.raises(RuntimeError, match="one by one"):
                bare.execute(change)
        with pytest.raises(RuntimeError, match="one by one"):
            bare.query(Staff).update({"name": "x"})


def test_acting_as_somebody_ends_with_the_one_before(hall):
    lin, zhou = hall.actor("lin"), hall.actor("zhou")
    with records.at_desk(hall.session, lin, NOW) as session:
        with scope.acting(session, zhou):
            assert scope.actor_of(session) is zhou
            assert shown(session, select(Staff.name)).count(CANARY) == 1
        assert scope.actor_of(session) is lin
        assert CANARY not in shown(session, select(Staff.name))
    with pytest.raises(NoActor):
        scope.actor_of(hall.session)
