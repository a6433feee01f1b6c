"""Lists: what they cost, how they page, count, order, filter, and say that there is nothing."""

import re
from contextlib import contextmanager
from datetime import date, timedelta
from html import unescape

import pytest
from sqlalchemy import event, insert

from hallpanel.engine.clock import hall_day
from hallpanel.engine.entity import REGISTRY, Kind
from hallpanel.engine.listing import operators_of
from hallpanel.engine.store import Base
from hallpanel.panel.extensions import db
from tests.panel.hall import NOW

REQUESTS = "/admin/leave_request/"
MOST_QUERIES = 4
TODAY = hall_day(NOW)


@contextmanager
def statements(hall):
    """The statements that reach the database meanwhile."""
    seen = []

    def note(_connection, _cursor, statement, parameters, *_rest):
        if not statement.startswith(("BEGIN", "COMMIT", "ROLLBACK", "PRAGMA", "SAVEPOINT")):
            seen.append(statement)
            if re.search(r"OFFSET \?$", statement):  # SQLite spells out that it leaves out none
                assert parameters[-1] == 0

    with hall.app.app_context():
        engine = db.engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(engine, "before_cursor_execute", note)


def fill(hall, table, rows):
    """Put rows into a table past the panel, as cheaply as can be."""
    one = Base.metadata.tables[table]
    with hall.owner() as connection, connection.begin():
        connection.execute(insert(one), [{"version": 1, "created_at": NOW, **row} for row in rows])


def book(hall, count):
    """Enter as many lines into the leave ledger of one member of staff."""
    staff, unit = hall.id("staff", number="1002"), hall.id("unit", code="A")
    kind = hall.id("leave_type", code="annual")
    entry = {"staff_id": staff, "unit_id": unit, "leave_type_id": kind, "year": 2026}
    choices = REGISTRY["leave_entry"].fields()["kind"].choices
    entry |= {"kind": choices("corrected"), "days": 1, "request_id": None, "note": None}
    entry |= {"key": None} if "key" in Base.metadata.tables["leave_entry"].c else {}
    fill(hall, "leave_entry", [{**entry, "day": TODAY} for _ in range(count)])


def shown(answer, table="leave_request"):
    """The ids of the records that a list shows, in order, each once."""
    body = answer.text.partition("<tbody")[2].partition("</tbody>")[0]
    rows = body.split("<tr ")[1:]
    return [int(re.search(rf"/admin/{table}/details/\?id=(\d+)", row)[1]) for row in rows]


def link(answer, pattern):
    """The address of the first link whose tag or text has a pattern; None without one."""
    for tag, text in re.findall(r"<a ([^>]*)>(.*?)</a>", answer.text, re.S):
        if re.search(pattern, tag + text):
            return unescape(re.search(r'href="([^"]*)"', tag)[1])
    return None


def english(hall, username):
    """A browser that reads English."""
    visitor = hall.browser(username)
    visitor.client.set_cookie("hallpanel_language", "en")
    return visitor


# what they cost


def test_every_list_costs_at_most_four_queries_whatever_it_shows_pitfall_19(hall):
    admin = hall.browser("halladmin")
    for table, entity in REGISTRY.items():
        columns = "&".join(f"columns={name}" for name in entity.fields())
        for asked in ("", "size=200", f"size=200&{columns}", "search=a&size=200"):
            with statements(hall) as seen:
                assert admin.get(f"/admin/{table}/?{asked}").status_code == 200
            assert len(seen) <= MOST_QUERIES, (table, asked, seen)


@pytest.mark.parametrize("username", ["staff.a1", "lead.a", "inspector", "director"])
def test_a_list_costs_as_many_queries_for_two_hundred_rows_as_for_one_pitfall_19(hall, username):
    book(hall, 300)
    visitor = hall.browser(username)
    costs = []
    for size in (1, 50, 200):
        with statements(hall) as seen:
            answer = visitor.get(f"/admin/leave_entry/?size={size}")
        costs.append(len(seen))
        assert len(shown(answer, "leave_entry")) == size
    assert len(set(costs)) == 1
    assert costs[0] <= MOST_QUERIES


def test_a_list_reads_the_listed_columns_and_no_other(hall):
    with statements(hall) as seen:
        hall.browser("lead.a").get(REQUESTS)
    (statement,) = [one for one in seen if "sort_key" in one]
    columns = statement.partition("FROM")[0]
    for hidden in ("reason", "left_at", "returned_at", "created_at", "cover_accepted_at"):
        assert f".{hidden}" not in columns
    with statements(hall) as seen:
        hall.browser("lead.a").get(f"{REQUESTS}?columns=number&columns=left_at")
    (statement,) = [one for one in seen if "sort_key" in one]
    assert ".left_at" in statement.partition("FROM")[0]


def test_a_filter_by_relation_asks_for_each_name_once(hall):
    lead, staff = hall.browser("lead.a"), hall.id("staff", number="1002")
    with statements(hall) as seen:
        answer = lead.get(f"{REQUESTS}?f.staff.is={staff}")
    assert len(seen) <= MOST_QUERIES + 1
    assert "李梅" in answer.text


# how they page


@pytest.mark.parametrize("sort", ["day", "-day", "staff", "-days", "kind", "-request", "note"])
def test_all_pages_together_show_each_record_once_pitfall_20(hall, sort):
    book(hall, 23)
    inspector = hall.browser("inspector")
    expected = sorted(hall.ids("leave_entry"))
    columns = f"columns={sort.lstrip('-')}&columns=year"
    forward, answers = [], []
    page = f"/admin/leave_entry/?sort={sort}&size=5&{columns}"
    while page:
        answers.append(inspector.get(page))
        forward += shown(answers[-1], "leave_entry")
        page = link(answers[-1], 'rel="next"')
    assert sorted(forward) == expected
    assert len(answers) == 1 + (len(expected) - 1) // 5
    back = []
    page = link(answers[-1], 'rel="prev"')
    while page:
        answer = inspector.get(page)
        back = shown(answer, "leave_entry") + back
        page = link(answer, 'rel="prev"')
    assert back == forward[: len(back)]
    assert len(back) >= len(forward) - 5


def test_a_record_added_meanwhile_moves_nothing_on_the_next_page_pitfall_20(hall):
    book(hall, 12)
    inspector = hall.browser("inspector")
    first = inspector.get("/admin/leave_entry/?sort=day&size=5")
    before = inspector.get(link(first, 'rel="next"'))
    staff = hall.see("leave_entry", hall.ids("leave_entry")[0])
    row = {name: value for name, value in staff.items() if name != "id"}
    fill(hall, "leave_entry", [{**row, "day": date(2020, 1, 1)}])
    after = inspector.get(link(first, 'rel="next"'))
    assert shown(before, "leave_entry") == shown(after, "leave_entry")


def test_paging_counts_off_no_rows_and_ends_with_the_key_pitfall_20(hall):
    lead = hall.browser("lead.a")
    for asked in ("", "?sort=state", "?sort=-staff&size=1"):
        with statements(hall) as seen:
            lead.get(f"{REQUESTS}{asked}")
        (statement,) = [one for one in seen if "sort_key" in one]
        order = statement.rpartition("ORDER BY")[2]
        assert re.search(r"leave_request\.id( ASC| DESC)?\s+LIMIT", order), order
        assert not re.search(r"OFFSET(?! \?$)", order)


# how they count


def test_a_long_list_is_counted_to_ten_thousand_and_exactly_when_asked_pitfall_20(hall):
    already = len(hall.rows("leave_entry"))
    book(hall, 10_001 - already)
    admin = hall.browser("halladmin")
    with statements(hall) as seen:
        answer = admin.get("/admin/leave_entry/")
    assert count(answer) == "10 000+"
    assert sum("LIMIT" in one and "count" in one for one in seen) == 1
    exact = admin.get(link(answer, "exact=1"))
    assert count(exact) == "10,001"
    assert link(exact, "exact=1") is None
    assert count(admin.get("/admin/leave_entry/?exact=1&f.kind.is=expired")) == "0"


def test_ten_thousand_are_counted_exactly(hall):
    book(hall, 10_000 - len(hall.rows("leave_entry")))
    answer = hall.browser("halladmin").get("/admin/leave_entry/")
    assert count(answer) == "10,000"
    assert link(answer, "exact=1") is None


def count(answer):
    """The number beside the heading."""
    inside = re.search(r'<span class="page-count">([^<]*)', answer.text)[1]
    return inside.strip().replace("\xa0", " ")


# how they are ordered


def test_the_ordered_column_says_so_and_turns_round_when_pressed(hall):
    lead = hall.browser("lead.a")
    answer = lead.get(f"{REQUESTS}?sort=number")
    assert orders(answer)["number"] == "ascending"
    assert set(orders(answer).values()) == {"ascending", "none"}
    turned = lead.get(link(answer, r"sort=-number"))
    assert orders(turned)["number"] == "descending"
    assert shown(turned) == shown(answer)[::-1]
    assert orders(lead.get(REQUESTS))["first_day"] == "descending"


def orders(answer):
    """The order that each column's head announces, by the column its link sorts."""
    heads = re.findall(r'<th [^>]*aria-sort="(\w+)"[^>]*>\s*<a[^>]*sort=-?(\w+)', answer.text)
    return {name: order for order, name in heads}


def test_an_order_that_makes_no_sense_is_the_usual_one(hall):
    lead = hall.browser("lead.a")
    usual = shown(lead.get(REQUESTS))
    for sort in ("nonsense", "reason", "--number", "staff.name.x", "id; DROP TABLE staff", "-"):
        assert shown(lead.get(REQUESTS, query_string={"sort": sort})) == usual, sort


# how they are filtered


def test_each_fact_has_a_filter_of_its_own_by_name_and_operator_pitfall_13(hall):
    admin = hall.browser("halladmin")
    for table, entity in REGISTRY.items():
        page = admin.get(f"/admin/{table}/").text
        box = page.partition('class="menu-box filter-box"')[2].partition("</form>")[0]
        offered = set(re.findall(r'name="(f\.[^"]+)"', box))
        declared = {
            f"f.{name}.{operator}"
            for name, fact in entity.fields().items()
            if fact.filter
            for operator in operators_of(fact)
        }
        assert offered == declared, table


FILTERS = {
    "f.state.is=submitted": 1,
    "f.state.is=submitted&f.state.is=draft": 2,
    "f.state.is=nonsense": 0,
    "f.state.is=nonsense&f.state.is=draft": 1,
    "f.first_day.from=2026-03-09": 2,
    "f.first_day.to=2026-03-09": 2,
    "f.first_day.is=2026-03-09": 1,
    "f.first_day.from=2026-03-03&f.last_day.to=2026-03-09": 1,
    "f.first_day.from=someday": 0,
    "f.turn.empty=1": 2,
    "f.turn.is=lead": 1,
    "f.state.like=draft": 3,
    "f.reason.has=x": 3,
    "f.nonsense.is=1": 3,
    "f.state=draft": 3,
}


@pytest.mark.parametrize(("asked", "found"), FILTERS.items())
def test_a_list_shows_what_was_asked_for_and_says_what_made_no_sense_pitfall_05(hall, asked, found):
    lead = english(hall, "lead.a")
    answer = lead.get(f"{REQUESTS}?{asked}")
    assert answer.status_code == 200
    assert len(shown(answer)) == found
    assert count(answer) == str(found)
    wrong = "nonsense&" in f"{asked}&" and ".is=" in asked and "f.nonsense" not in asked
    assert ("is no value of" in answer.text) is (wrong or "someday" in asked)


def test_a_filter_by_relation_takes_the_record_s_id(hall):
    lead, staff = hall.browser("lead.a"), hall.id("staff", number="1003")
    assert shown(lead.get(f"{REQUESTS}?f.staff.is={staff}")) == [hall.request("a", "approved")]
    for odd in ("0", "abc", "1,2", "999999", "9" * 40):
        assert shown(lead.get(f"{REQUESTS}?f.staff.is={odd}")) == []


def test_each_active_filter_is_a_pill_that_drops_it_alone(hall):
    lead = hall.browser("lead.a")
    asked = "search=QJ&f.state.is=draft&f.state.is=submitted&f.first_day.from=2026-03-01&size=2"
    answer = lead.get(f"{REQUESTS}?{asked}")
    pills = re.findall(r'<a class="filter-pill" href="([^"]*)"', answer.text)
    assert len(pills) == 4
    full = set(asked.split("&"))
    dropped = [full - set(unescape(pill).partition("?")[2].split("&")) for pill in pills]
    assert sorted(map(sorted, dropped)) == sorted([part] for part in full - {"size=2"})
    cleared = link(answer, "filter-clear")
    assert unescape(cleared).partition("?")[2] == "size=2"


def test_the_address_keeps_all_that_was_chosen(hall):
    book(hall, 30)
    admin = hall.browser("halladmin")
    asked = "f.kind.is=corrected&sort=day&columns=day&columns=staff&size=5&search=李"
    answer = admin.get(f"/admin/leave_entry/?{asked}")
    chosen = {"f.kind.is=corrected", "columns=day", "columns=staff", "size=5"}
    words = "search=%E6%9D%8E"
    following = link(answer, 'rel="next"')
    assert {*chosen, "sort=day", words} <= set(following.partition("?")[2].split("&"))
    turned = link(answer, "sort=-day")
    assert {*chosen, words} <= set(turned.partition("?")[2].split("&"))
    table = link(answer, "export/csv")
    kept = (chosen - {"size=5"}) | {"sort=day", words}
    assert kept <= set(table.partition("?")[2].split("&"))
    for form in ("tools-search", "filter-box", "menu-columns"):
        assert kept_in(answer, form) >= KEPT[form], form


KEPT = {
    "tools-search": {("f.kind.is", "corrected"), ("sort", "day"), ("size", "5")},
    "filter-box": {("search", "李"), ("columns", "day"), ("size", "5")},
    "menu-columns": {("f.kind.is", "corrected"), ("search", "李"), ("sort", "day")},
}


def kept_in(answer, form):
    """The hidden fields of a form of the list."""
    body = re.search(rf'<form class="[^"]*{form}.*?</form>', answer.text, re.S)[0]
    return set(re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)"', body))


# how they are searched


def test_search_takes_signs_by_the_letter_pitfall_21(hall):
    lead = hall.browser("lead.a")
    assert len(shown(lead.get(f"{REQUESTS}?search=QJ2026"))) == 3
    for sign in ("%25", "_", "QJ_026", "QJ%25", "\\", "%5C%25"):
        assert shown(lead.get(f"{REQUESTS}?search={sign}")) == [], sign


def test_search_finds_numbers_from_their_beginning_and_names_by_any_part_pitfall_21(hall):
    lead = hall.browser("lead.a")
    assert len(shown(lead.get(f"{REQUESTS}?search=qj2026"))) == 3
    assert shown(lead.get(f"{REQUESTS}?search=2026")) == []
    assert len(shown(lead.get(f"{REQUESTS}?search=梅"))) == 2
    assert shown(lead.get(f"{REQUESTS}?search=梅 陈")) == []


def test_search_box_names_what_it_looks_in(hall):
    page = english(hall, "lead.a").get(REQUESTS).text
    assert 'placeholder="Search Number, Member of staff · Full name"' in page


# nothing


def test_an_empty_list_says_what_will_be_here(hall):
    page = english(hall, "halladmin").get("/admin/delegation/").text
    assert "Nothing here yet." in page
    assert "<table" not in page.partition("<main")[2]


def test_a_list_in_which_nothing_matches_offers_a_way_out(hall):
    answer = english(hall, "lead.a").get(f"{REQUESTS}?f.state.is=returned&size=3")
    assert "No record matches." in answer.text
    assert unescape(link(answer, "Clear all")).partition("?")[2] == "size=3"


# what a row offers


def test_a_row_offers_the_next_step_to_whoever_may_make_it(hall):
    waiting = hall.request("a", "submitted")
    step = f"/admin/leave_request/act/approve/?id={waiting}"
    assert step in hall.browser("lead.a").get(REQUESTS).text
    assert step not in hall.browser("staff.a1").get(REQUESTS).text
    assert step not in hall.browser("director").get(REQUESTS).text


def test_a_row_is_ticked_only_where_something_can_be_done_to_many(hall):
    lead = hall.browser("lead.a").get(REQUESTS).text
    ticked = re.findall(r'type="checkbox" name="id" value="(\d+)" form="bulk"', lead)
    assert [int(one) for one in ticked] == [hall.request("a", "submitted")]
    assert 'name="id"' not in hall.browser("inspector").get("/admin/staff/").text


def test_every_column_that_can_be_chosen_is_shown_in_words(hall):
    inspector = english(hall, "inspector")
    for table, entity in REGISTRY.items():
        facts = {n: f for n, f in entity.fields().items() if f.kind is not Kind.LONG_TEXT}
        asked = "&".join(f"columns={name}" for name in facts)
        answer = inspector.get(f"/admin/{table}/?{asked}")
        heads = answer.text.partition("<thead")[2].partition("</thead>")[0]
        if not shown(answer, table):
            continue
        for name, fact in facts.items():
            assert str(fact.label) in unescape(heads), (table, name)


def test_a_day_long_past_and_one_far_ahead_are_days_too(hall):
    lead = hall.browser("lead.a")
    for day in (date.min, date.max, TODAY - timedelta(days=40_000)):
        assert lead.get(f"{REQUESTS}?f.first_day.from={day.isoformat()}").status_code == 200
