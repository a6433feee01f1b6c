"""A list is narrowed, ordered and paged by key: complete whatever the page size, never unstable."""

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from itertools import chain
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import event, insert

from hallpanel.engine import records
from hallpanel.engine.listing import (
    COUNT_CAP,
    Asked,
    Condition,
    Listing,
    operators_of,
    read_cursor,
    write_cursor,
)
from hallpanel.engine.records import open_session
from hallpanel.engine.scope import SYSTEM
from tests.cast import NOW
from tests.engine import specimen
from tests.engine.specimen import SORTABLE, Colour

POSTS = ["受理", "审核", "审核岗", "帮办"]
AT = datetime(2026, 2, 9, 2, 30, 0, 123456, UTC)
EDGE = settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    derandomize=True,
)


def maybe(*values):
    """One of a few values, so that there are ties, or none."""
    return st.none() | st.sampled_from(values)


ROW = st.fixed_dictionaries(
    {
        "word": maybe("李梅", "陈晓", "a", "B", "_", ""),
        "size": maybe(-1, 0, 7),
        "price": maybe(Decimal("-0.50"), Decimal("0.10"), Decimal("0.30"), Decimal("99999999.99")),
        "weight": maybe(-1.5, 0.1, 1e-9, 1e17),
        "done": maybe(True, False),
        "day": maybe(date(2026, 2, 12), date(2026, 2, 13)),
        "hour": maybe(time(8, 30), time(13, 30, 0, 5)),
        "seen_at": maybe(AT, AT + timedelta(microseconds=1), AT + timedelta(days=300)),
        "took": maybe(timedelta(hours=1), timedelta(days=2, seconds=1), timedelta(microseconds=7)),
        "key": maybe(UUID(int=1), UUID(int=2**120)),
        "colour": maybe(*Colour),
        "post_id": maybe(1, 2, 3, 4),
    }
)


@pytest.fixture
def things(empty_engine, entities):
    """The specimen's list on a database of its own."""
    with specimen.declared() as entity:
        specimen.build(empty_engine, entity)
        with open_session(empty_engine) as session, records.at_desk(session, SYSTEM, NOW):
            yield Things(session, entity)


class Things:
    """Puts specimens into a database and lists them."""

    def __init__(self, session, entity):
        self.session, self.entity = session, entity
        post = entity.post.property.mapper.local_table
        posts = [
            {"id": n, "name": name, "version": 1, "created_at": NOW, "state": "in_use"}
            for n, name in enumerate(POSTS, 1)
        ]
        session.commit()
        with session.get_bind().begin() as connection:  # past the rules, which want one by one
            connection.execute(insert(post), posts)

    def put(self, rows):
        """Replace all specimens."""
        table = self.entity.__table__
        self.session.commit()
        with self.session.get_bind().begin() as connection:
            connection.execute(table.delete())
            same = {"version": 1, "created_at": NOW}
            blank = dict.fromkeys(set(table.c.keys()) - {"id"})
            filled = [blank | same | row | {"id": n} for n, row in enumerate(rows, 1)]
            if filled:
                connection.execute(insert(table), filled)
            return filled

    def list(self, *conditions, columns=("word",), **asked):
        """The list as asked for."""
        found = tuple(Condition(*one) for one in conditions)
        return Listing(self.entity, Asked(conditions=found, **asked), columns)

    def ids(self, *conditions, **asked):
        """The ids of the first page."""
        page = self.list(*conditions, size=200, **asked).page(self.session)
        return [row.id for row in page.rows]


def in_order(rows, name, *, down):
    """The ids in the order that a list promises: by value, then by id; the empty ones last."""
    key = "post_id" if name == "post" else name

    def value(row):
        return POSTS[row[key] - 1] if name == "post" else row[key]

    full = [row for row in rows if row[key] is not None]
    empty = [row for row in rows if row[key] is None]
    full.sort(key=lambda row: (value(row), row["id"]), reverse=down)
    empty.sort(key=lambda row: row["id"], reverse=down)
    return [row["id"] for row in full + empty]


def leaf_through(things, sort, size):
    """All ids page by page, forward and then back again, with how many pages there were."""
    forward, backward, page = [], [], None
    listing = things.list(sort=sort, size=size, columns=SORTABLE)
    page = listing.page(things.session)
    assert page.previous is None
    while True:
        forward.append([row.id for row in page.rows])
        if page.next is None:
            break
        page = things.list(sort=sort, size=size, after=page.next, columns=SORTABLE).page(
            things.session
        )
    while True:
        backward.insert(0, [row.id for row in page.rows])
        if page.previous is None:
            break
        page = things.list(sort=sort, size=size, before=page.previous, columns=SORTABLE).page(
            things.session
        )
    return forward, backward


@pytest.mark.parametrize("down", [False, True], ids=["up", "down"])
def test_paging_forward_and_back_gives_the_whole_list_in_order_pitfall_20(things, down):
    @EDGE
    @given(st.lists(ROW, max_size=12), st.sampled_from(SORTABLE), st.integers(1, 5))
    def leaf(rows, name, size):
        filled = things.put(rows)
        forward, backward = leaf_through(things, f"-{name}" if down else name, size)
        expected = in_order(filled, name, down=down)
        assert [*chain(*forward)] == [*chain(*backward)] == expected
        assert all(len(page) == size for page in forward[:-1])

    leaf()


def test_a_list_without_a_sensible_order_goes_by_id(things):
    things.put([{}] * 5)
    for sort in ("id", "-id", None, "nonsense", "-nonsense", "story", "__class__"):
        forward, backward = leaf_through(things, sort, 2)
        expected = sorted(range(1, 6), reverse=sort != "id")
        assert [*chain(*forward)] == [*chain(*backward)] == expected


def test_a_list_is_not_ordered_by_long_texts_which_fit_in_no_address(things):
    assert not things.list(columns=("story",)).sortable("story")
    assert things.list(columns=("word", "story"), sort="story").sort == "id"


STRANGE_CURSORS = [
    "",
    "x",
    "!!!",
    "A" * 3000,
    "bnVsbA",
    "W10",
    "WzEsIDJd" * 2,
    write_cursor("a", -1),
    write_cursor("a", 2**70),
    write_cursor("a\0", 1),
    write_cursor(True, 1),
]
STRANGE_VALUES = ["x", "2026-99-99", "0001-01-01T00:00+09:00", 10**30, -(10**30), 1e400, 0.5, "NaN"]
STRANGE_VALUES += ["Infinity", True, "9" * 400, "1e99"]


def test_a_cursor_that_nobody_wrote_breaks_nothing_pitfall_7(things):
    things.put([{"word": "a"}, {"word": "b"}])
    cursors = [*STRANGE_CURSORS, *(write_cursor(value, 1) for value in STRANGE_VALUES)]
    for sort in (*SORTABLE, "id"):
        for cursor in cursors:
            for side in ("after", "before"):
                listing = things.list(sort=sort, columns=SORTABLE, **{side: cursor})
                assert len(listing.page(things.session).rows) <= 2


@given(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.text(), st.integers(0, 2**31 - 1)
)
def test_a_cursor_is_read_as_it_was_written(key, number):
    if "\0" not in str(key) and len(str(key)) < 300:
        assert read_cursor(write_cursor(key, number)) == (key, number)


# Counting


def test_a_count_stops_one_above_the_cap_and_is_exact_on_request(things):
    things.put([{}] * 30)
    listing = things.list()
    assert listing.count(things.session, cap=10) == 11
    assert listing.count(things.session, cap=30) == 30
    assert listing.count(things.session, cap=None) == 30
    assert COUNT_CAP == 10_000


def test_a_count_asks_the_same_as_the_list(things):
    things.put([{"word": "a", "post_id": 1}, {"word": "b", "post_id": 2}, {"word": "a"}])
    listing = things.list(("word", "is", "a"), search="受理")
    assert listing.count(things.session) == len(listing.page(things.session).rows) == 1


def test_a_page_is_never_larger_than_the_largest(things):
    things.put([{}] * 201)
    for asked, shown in ((0, 1), (-5, 1), (10**9, 200), (3, 3)):
        assert len(things.list(size=asked).page(things.session).rows) == shown


# Filters


ROWS = [
    {
        "word": "abc",
        "size": 1,
        "price": Decimal("0.10"),
        "weight": 0.5,
        "done": True,
        "day": date(2026, 2, 12),
        "hour": time(8),
        "seen_at": datetime(2026, 2, 11, 16, 0, tzinfo=UTC),
        "took": timedelta(hours=1),
        "key": UUID(int=1),
        "colour": Colour.RED,
        "post_id": 1,
        "story": "很长",
    },
    {
        "word": "ABCD",
        "size": 2,
        "price": Decimal("0.20"),
        "weight": 1.5,
        "done": False,
        "day": date(2026, 2, 13),
        "hour": time(9),
        "seen_at": datetime(2026, 2, 12, 16, 0, tzinfo=UTC),
        "took": timedelta(hours=2),
        "key": UUID(int=2),
        "colour": Colour.GREEN,
        "post_id": 2,
        "story": "更长",
    },
    {},
]
FOUND = [
    (("word", "has", "bc"), {1, 2}),
    (("word", "is", "abc"), {1}),
    (("word", "starts", "aB"), {1, 2}),
    (("word", "empty", "1"), {3}),
    (("story", "has", "很"), {1}),
    (("size", "is", "2"), {2}),
    (("size", "from", "1"), {1, 2}),
    (("size", "to", "1"), {1}),
    (("price", "is", "0.1"), {1}),
    (("price", "from", "0.15"), {2}),
    (("weight", "to", "1"), {1}),
    (("done", "is", "1"), {1}),
    (("done", "is", "0"), {2}),
    (("day", "is", "2026-02-12"), {1}),
    (("day", "from", "2026-02-13"), {2}),
    (("day", "to", "2026-02-12"), {1}),
    (("hour", "from", "08:30"), {2}),
    (("seen_at", "is", "2026-02-12"), {1}),
    (("seen_at", "from", "2026-02-13"), {2}),
    (("seen_at", "to", "2026-02-12"), {1}),
    (("took", "is", "1"), {1}),
    (("took", "from", "1.5"), {2}),
    (("key", "is", str(UUID(int=2))), {2}),
    (("colour", "is", "green"), {2}),
    (("colour", "empty", "1"), {3}),
    (("post", "is", "1"), {1}),
    (("post", "empty", "1"), {3}),
]


def test_each_kind_of_fact_is_filtered_by_its_own_operators(things):
    things.put(ROWS)
    for condition, expected in FOUND:
        assert set(things.ids(condition)) == expected, condition
    filtered = {(name, operator) for (name, operator, _), _ in FOUND}
    kinds = {things.entity.fields()[name].kind for name, _ in filtered}
    assert kinds == {field.kind for field in things.entity.fields().values()}


def test_every_operator_of_every_field_can_be_asked(things):
    things.put(ROWS)
    for name, field in things.entity.fields().items():
        for operator in operators_of(field):
            for value in ("1", "", "x", "2026-02-12", "08:00", "red", "0.5", "\u200b", "é", "'"):
                things.ids((name, operator, value))


NO_VALUES = [
    ("colour", "blue"),
    ("size", "x"),
    ("size", "9" * 40),
    ("size", str(2**31)),
    ("size", "1.5"),
    ("price", "nan"),
    ("price", "1e99"),
    ("price", "9" * 9),
    ("price", "0.001"),
    ("weight", "inf"),
    ("weight", "1e999"),
    ("done", "perhaps"),
    ("day", "2026-02-30"),
    ("day", "yesterday"),
    ("hour", "25:00"),
    ("seen_at", "0000-01-01"),
    ("seen_at", "0001-01-01"),
    ("seen_at", "9999-12-31"),
    ("took", "long"),
    ("took", "9" * 30),
    ("key", "1"),
    ("post", "abc"),
    ("post", str(2**40)),
]


def test_a_value_that_is_none_matches_nothing_and_is_said_pitfall_5(things):
    things.put(ROWS)
    for name, value in NO_VALUES:
        listing = things.list((name, "is", value))
        assert listing.page(things.session).rows == []
        assert listing.count(things.session) == 0
        (note,) = listing.notes
        assert value[:40] in str(note)


def test_the_ends_of_the_calendar_are_days_too_pitfall_7(things):
    things.put(ROWS)
    assert set(things.ids(("day", "from", "0001-01-01"))) == {1, 2}
    assert set(things.ids(("day", "to", "9999-12-31"))) == {1, 2}


def test_several_values_of_one_filter_widen_and_several_filters_narrow(things):
    things.put(ROWS)
    both = (("colour", "is", "red"), ("colour", "is", "green"))
    assert set(things.ids(*both)) == {1, 2}
    assert set(things.ids(*both, ("size", "is", "2"))) == {2}
    assert set(things.ids(("colour", "is", "red"), ("colour", "is", "blue"))) == {1}


NOT_OFFERED = [
    ("nothing", "is", "1"),
    ("code", "is", "1"),
    ("size", "has", "1"),
    ("size", "drop", "1"),
    ("", "", ""),
    ("__class__", "is", "x"),
    ("version", "is", "1"),
]


def test_a_filter_that_is_not_offered_is_as_if_not_asked(things):
    things.put(ROWS)
    for condition in NOT_OFFERED:
        assert len(things.ids(condition)) == 3


# Searching


def test_search_takes_wildcards_by_the_letter_pitfall_21(things):
    words = ["100%", "a_b", "a\\b", "axb", "1000"]
    things.put([{"word": word} for word in words])
    for number, word in enumerate(words, 1):
        assert things.ids(search=word) == [number]
    assert things.ids(search="_") == [2]
    assert things.ids(search="%") == [1]
    assert things.ids(("word", "has", "%")) == [1]
    assert things.ids(("word", "starts", "a_")) == [2]


def test_search_looks_within_words_but_at_the_beginning_of_codes(things):
    things.put([{"word": "税务窗口", "code": "QJ2026-00001"}, {"word": "x", "code": "ZQJ"}])
    assert things.ids(search="窗口") == [1]
    assert things.ids(search="qj") == [1]
    assert things.ids(search="2026") == []


def test_search_reaches_related_names_and_wants_every_word(things):
    things.put([{"word": "a", "post_id": 1}, {"word": "b", "post_id": 1}, {"word": "a"}])
    assert set(things.ids(search="受理")) == {1, 2}
    assert things.ids(search=" a   受理 ") == [1]
    assert things.ids(search="a 帮办") == []


def test_search_takes_anything_that_can_be_typed(things):
    things.put(ROWS)
    for typed in ("'; DROP TABLE specimen", "x" * 5000, "q " * 500, "\u202e", "😀"):
        assert things.ids(search=typed) == []


# What it costs


def test_only_what_is_listed_is_read_in_one_query_however_many_rows(things):
    for count in (3, 150):
        things.put(
            [{"word": str(n), "post_id": 1 + n % 4, "story": "长" * 50} for n in range(count)]
        )
        said = []
        engine = things.session.get_bind()

        def note(_connection, _cursor, statement, *_rest, said=said):
            said.append(statement)

        event.listen(engine, "before_cursor_execute", note)
        try:
            things.list(columns=("word", "post"), size=200).page(things.session)
        finally:
            event.remove(engine, "before_cursor_execute", note)
        (query,) = [s for s in said if "SELECT" in s]
        assert "story" not in query
        assert "price" not in query
        assert query.count("JOIN") == 1


def test_a_row_has_its_values_the_ids_behind_names_and_its_version(things):
    things.put([{"word": "a", "post_id": 2, "colour": Colour.RED}])
    (row,) = (
        things.list(columns=("word", "post", "post.duties", "colour")).page(things.session).rows
    )
    assert row.values == {"word": "a", "post": "审核", "post.duties": None, "colour": Colour.RED}
    assert (row.id, row.version, row.keys) == (1, 1, {"post": 2})


def test_a_stream_gives_all_rows_in_order_up_to_a_limit(things):
    rows = things.put([{"word": str(n % 7)} for n in range(120)])
    listing = things.list(sort="word")
    streamed = [row.id for row in listing.stream(things.session, 1000, batch=10)]
    assert streamed == in_order(rows, "word", down=False)
    assert [row.id for row in listing.stream(things.session, 50, batch=7)] == streamed[:50]
