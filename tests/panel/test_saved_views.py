"""Views of a list that a person keeps: under a name, for themselves, and nothing but the view."""

import re
from html import unescape
from urllib.parse import parse_qsl

import pytest

from hallpanel.guard.saved_views import LONGEST_LABEL, LONGEST_QUERY, MOST_VIEWS
from tests.panel.test_lists import MOST_QUERIES, english, link, statements

REQUESTS = "/admin/leave_request/"
ASKED = "search=QJ&f.state.is=draft&f.state.is=submitted&columns=number&columns=state&sort=-number"


def keep(visitor, label, query="", table="leave_request"):
    """Keep a view as the form of the list sends it."""
    return visitor.post(f"/admin/{table}/views/keep/", {"label": label, "query": query})


def drop(visitor, label, query="", table="leave_request"):
    """Remove a view as the menu of the list does."""
    return visitor.post(f"/admin/{table}/views/drop/", {"label": label, "query": query})


def keep_many(visitor):
    """Keep as many views of one list as there may be, looking at each."""
    for number in range(MOST_VIEWS):
        visitor.get(keep(visitor, f"view {number}", f"search={number}").location)


def menu(answer):
    """The views that a list offers, with their address and whether each is the present one."""
    body = re.search(r'<form class="views-kept".*?</form>', answer.text, re.S)
    links = re.findall(r"<a ([^>]*)>.*?<span>(.*?)</span></a>", body[0], re.S) if body else []
    return [
        (unescape(text), unescape(re.search(r'href="([^"]*)"', tag)[1]), "aria-current" in tag)
        for tag, text in links
    ]


def sent(answer):
    """The query that the form for keeping a view would send."""
    form = re.search(r'<form class="menu-form".*?</form>', answer.text, re.S)[0]
    return unescape(re.search(r'name="query" value="([^"]*)"', form)[1])


def stored(hall, username):
    """The views of an account as they are in its row."""
    (row,) = [row for row in hall.rows("account") if row["username"] == username]
    return row["views"]


def flashes(answer):
    """What a page tells its reader."""
    return [unescape(t) for t in re.findall(r'data-flash="\w+">.*?<span>(.*?)</span>', answer.text)]


# keeping


def test_a_kept_view_is_in_the_menu_and_marked_where_it_is_the_present_one(hall):
    lead = english(hall, "lead.a")
    page = lead.get(f"{REQUESTS}?{ASKED}")
    assert menu(page) == []
    answer = keep(lead, "  Mine   to do ", sent(page))
    assert answer.status_code == 303
    after = lead.get(answer.location)
    assert flashes(after) == ["View kept: Mine to do"]
    ((label, url, current),) = menu(after)
    assert (label, current) == ("Mine to do", True)
    assert url == answer.location
    assert url.startswith(f"{REQUESTS}?")
    assert sorted(parse_qsl(url.partition("?")[2])) == sorted(parse_qsl(ASKED))
    assert menu(lead.get(REQUESTS)) == [("Mine to do", url, False)]
    shuffled = "&".join(reversed(ASKED.split("&")))
    assert menu(lead.get(f"{REQUESTS}?{shuffled}&size=5&exact=1")) == [("Mine to do", url, True)]


def test_a_view_shows_what_it_showed(hall):
    lead = hall.browser("lead.a")
    before = lead.get(f"{REQUESTS}?{ASKED}")
    after = lead.get(keep(lead, "待办", sent(before)).location)
    for part in ("<tbody", "<thead"):
        pieces = [page.text.partition(part)[2].partition("</table>")[0] for page in (before, after)]
        assert links_apart(pieces[0]) == links_apart(pieces[1])


def links_apart(html):
    """A piece of a page without the order of the parameters in its links."""
    return re.sub(r'\?[^"]*"', '"', html)


def test_the_same_name_replaces_also_when_it_is_written_otherwise(hall):
    lead = hall.browser("lead.a")
    keep(lead, "Late", "f.state.is=draft")
    keep(lead, "other", "sort=days")
    answer = keep(lead, "ＬＡＴＥ", "f.state.is=submitted")
    kept = menu(lead.get(answer.location))
    assert [(label, current) for label, _, current in kept] == [
        ("ＬＡＴＥ", True),
        ("other", False),
    ]


def test_views_are_of_one_account_and_one_list(hall):
    lead = hall.browser("lead.a")
    keep(lead, "mine", "f.state.is=draft")
    assert menu(lead.get("/admin/staff/")) == []
    for other in ("staff.a1", "lead.b", "halladmin"):
        assert menu(hall.browser(other).get(REQUESTS)) == []
    assert len(menu(hall.browser("lead.a").get(REQUESTS))) == 1


@pytest.mark.parametrize("table", ["leave_request", "staff", "service_window", "leave_entry"])
def test_any_list_that_a_person_reads_keeps_views(hall, table):
    clerk = hall.browser("staff.a1")
    answer = keep(clerk, "常用", "search=A", table)
    assert menu(clerk.get(answer.location)) == [("常用", f"/admin/{table}/?search=A", True)]


def test_a_list_that_a_person_does_not_read_keeps_none(hall):
    assert keep(hall.browser("secadmin"), "x", "search=A").status_code == 403
    assert drop(hall.browser("secadmin"), "x").status_code == 403
    assert keep(hall.stranger(), "x").status_code == 401


def test_a_list_with_its_views_costs_as_many_queries_as_without_pitfall_19(hall):
    lead = hall.browser("lead.a")
    keep_many(lead)
    with statements(hall) as seen:
        assert len(menu(lead.get(REQUESTS))) == MOST_VIEWS
    assert len(seen) <= MOST_QUERIES


# what is kept

KEPT = {
    "after=abc&before=abc&exact=1&size=50&hidden=1&url=//evil.example": "",
    "search=+QJ+&after=abc": "search=QJ",
    "search=&f.state.is=&sort=": "",
    "f.nonsense.is=1&f.reason.has=x&f.state.like=draft&f.state=draft&f..=": "",
    "f.turn.is=lead&f.state.is=draft&f.state.is=draft": "f.state.is=draft&f.turn.is=lead",
    "columns=state&columns=nonsense&columns=number": "columns=number&columns=state",
    "columns=reason": "",
    "sort=-first_day": "",
    "sort=nonsense": "",
    "sort=--number": "",
    "sort=days": "sort=days",
    "sort=days&columns=number": "columns=number",
    "sort=-id": "sort=-id",
    "search=%00&f.state.is=%ff": "",
    "search=a\nb": "",
    "https://evil.example/?search=QJ": "",
    "search=%E8%AF%B7%E5%81%87": "search=%E8%AF%B7%E5%81%87",
    "search=<script>": "search=%3Cscript%3E",
}


@pytest.mark.parametrize(("asked", "kept"), KEPT.items())
def test_only_what_the_list_understands_is_kept(hall, asked, kept):
    lead = hall.browser("lead.a")
    answer = keep(lead, "x", asked)
    expected = f"{REQUESTS}?{kept}" if kept else REQUESTS
    assert answer.location == expected
    assert menu(lead.get(expected)) == [("x", expected, True)]


def test_a_name_is_text_on_the_page(hall):
    lead = hall.browser("lead.a")
    name = "\"><script>alert(1)</script>&'"
    page = lead.get(keep(lead, name).location)
    assert menu(page) == [(name, REQUESTS, True)]
    assert "<script>alert" not in page.text


# what is refused


@pytest.mark.parametrize("label", ["", "   ", "x" * (LONGEST_LABEL + 1), "\u200b", "a\u202eb"])
def test_a_name_that_is_none_changes_nothing_and_is_told(hall, label):
    lead = english(hall, "lead.a")
    keep(lead, "good")
    before = stored(hall, "lead.a")
    answer = keep(lead, label, "f.state.is=draft")
    assert answer.location == f"{REQUESTS}?f.state.is=draft"
    told = flashes(lead.get(answer.location))
    assert told[-1] == "The name of a view has 1 to 40 characters."
    assert stored(hall, "lead.a") == before


def test_a_name_of_forty_characters_is_kept(hall):
    lead = hall.browser("lead.a")
    name = "长" * LONGEST_LABEL
    assert menu(lead.get(keep(lead, name).location)) == [(name, REQUESTS, True)]


def test_a_list_keeps_so_many_views_and_no_more(hall):
    lead = english(hall, "lead.a")
    keep_many(lead)
    answer = keep(lead, "one more", "search=x")
    told = flashes(lead.get(answer.location))
    assert told == ["A list keeps at most 20 views. Remove one first."]
    assert len(menu(lead.get(REQUESTS))) == MOST_VIEWS
    keep(lead, "View 7", "search=replaced")
    assert [url for _, url, _ in menu(lead.get(REQUESTS))][7] == f"{REQUESTS}?search=replaced"
    keep(lead, "of another list", "", "staff")
    assert len(menu(lead.get("/admin/staff/"))) == 1


def test_a_view_with_too_many_conditions_is_not_kept(hall):
    lead = english(hall, "lead.a")
    long = "&".join(f"f.state.is={'x' * 150}{n}" for n in range(20))
    assert len(long) > LONGEST_QUERY
    answer = keep(lead, "x", long)
    assert "many conditions" in " ".join(flashes(lead.get(answer.location)))
    assert stored(hall, "lead.a") is None


# removing


def test_a_view_is_removed_and_the_list_stays_as_it_is(hall):
    lead = english(hall, "lead.a")
    keep(lead, "one", "f.state.is=draft")
    keep(lead, "two", "sort=days")
    answer = drop(lead, "one", "f.state.is=draft&after=x")
    assert answer.location == f"{REQUESTS}?f.state.is=draft"
    page = lead.get(answer.location)
    assert flashes(page)[-1] == "View removed: one"
    assert [label for label, _, _ in menu(page)] == ["two"]
    drop(lead, "two")
    assert stored(hall, "lead.a") == {}


def test_a_view_that_is_gone_is_told_and_nothing_changes(hall):
    lead = english(hall, "lead.a")
    keep(lead, "one")
    before = stored(hall, "lead.a")
    answer = drop(lead, "other")
    assert flashes(lead.get(answer.location))[-1] == "There is no such view any more."
    assert stored(hall, "lead.a") == before
    assert drop(hall.browser("lead.b"), "one").status_code == 303
    assert stored(hall, "lead.a") == before


# doors


@pytest.mark.parametrize("door", ["keep", "drop"])
def test_views_are_kept_and_removed_by_post_with_the_token_alone_inp_3(hall, door):
    lead = hall.browser("lead.a")
    address = f"{REQUESTS}views/{door}/"
    assert lead.get(address).status_code == 405
    assert lead.client.post(address, data={"label": "x"}).status_code == 400
    assert stored(hall, "lead.a") is None


def test_keeping_and_removing_are_in_the_audit(hall):
    lead = hall.browser("lead.a")
    keep(lead, "x")
    drop(lead, "x")
    actions = [row["action"] for row in hall.rows("audit_event")]
    assert actions[-2:] == ["keep_view", "drop_view"]


def test_the_menu_offers_to_keep_the_list_as_it_is(hall):
    lead = english(hall, "lead.a")
    page = lead.get(f"{REQUESTS}?{ASKED}&after=x&exact=1&nonsense=1")
    assert sorted(parse_qsl(sent(page))) == sorted(parse_qsl(ASKED))
    assert link(page, "Remove the view") is None
