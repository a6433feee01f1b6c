"""Patrols: what holds for every page of the panel, those of tomorrow's entities among them."""

import re

import pytest
from sqlalchemy import select

from hallpanel.engine.entity import REGISTRY
from hallpanel.engine.roles import Reach, Role
from hallpanel.engine.scope import SYSTEM
from hallpanel.guard.account import Account
from hallpanel.guard.actors import actor_of
from hallpanel.panel.extensions import db
from tests.panel.hall import NOW
from tests.panel.pages import Page, address, is_file, rules, verbs_of

ONE_OF_EACH_ROLE = (
    *("staff.a1", "lead.a", "inspector", "deputy", "director", "halladmin"),
    *("reviewer", "keeper", "sysadmin", "secadmin", "auditor"),
)
OPEN_TO_ALL = {
    "health.healthz",
    "language.choose_language",
    "language.choose_theme",
    "sign_in.login",
    "sign_in.logout",
}
# An export is noted, as AUD-1 asks; nothing else comes of looking.
NOTES = ("audit_event", "audit_head")


# who may open what


def test_only_the_public_pages_answer_a_stranger_az_1(hall):
    stranger = hall.stranger()
    for rule in rules(hall.app, "GET"):
        if is_file(rule) or rule.endpoint in OPEN_TO_ALL:
            continue
        answer = stranger.get(address(hall.app, rule))
        assert answer.status_code == 303, f"{rule.rule}: mark it open_to_all, or close it"
        assert answer.location.startswith("/login?next="), rule.rule
    for rule in rules(hall.app, "POST"):
        if rule.endpoint not in OPEN_TO_ALL:
            assert stranger.post(address(hall.app, rule)).status_code == 401, rule.rule


@pytest.mark.parametrize("username", ONE_OF_EACH_ROLE)
def test_each_page_opens_for_those_who_may_and_for_nobody_else_az_2(hall, username):
    visitor, asker = hall.browser(username), person(hall, username)
    found, expected = {}, {}
    for table, entity in REGISTRY.items():
        for page, right in PAGE_NEEDS.items():
            may = entity.access.may(asker, "read") and entity.access.may(asker, right)
            expected[table, page] = 200 if may else 403
            found[table, page] = visitor.get(f"/admin/{table}/{page}").status_code
    assert differences(found, expected) == {}


PAGE_NEEDS = {
    "": "read",
    "new/": "create",
    "import/": "imports",
    "export/csv/": "export",
    "export/xlsx/": "export",
}


@pytest.mark.parametrize("username", ONE_OF_EACH_ROLE)
def test_each_record_opens_for_those_in_whose_reach_it_is_and_for_nobody_else_az_2(hall, username):
    visitor, asker = hall.browser(username), person(hall, username)
    found, expected = {}, {}
    for table, entity in REGISTRY.items():
        for row in chosen(hall.rows(table)):
            reached = 403 if not entity.access.may(asker, "read") else 404
            expected[table, row["id"]] = 200 if within_reach(entity, row, asker) else reached
            answer = visitor.get(f"/admin/{table}/details/?id={row['id']}")
            found[table, row["id"]] = answer.status_code
    assert differences(found, expected) == {}
    assert len(found) > 40


def chosen(rows):
    """Enough rows of a table: all of a short one, the first of a long one."""
    return rows if len(rows) <= 20 else rows[:2]


def person(hall, username):
    """Somebody of the cast with their roles."""

    def work(session):
        account = session.scalars(select(Account).where(Account.username == username)).one()
        return actor_of(session, account, NOW)

    return hall.work(work)


def within_reach(entity, row, asker):
    """Whether a stored row is in somebody's reach, worked out from the declaration by hand."""
    people = [entity.owner, *entity.parties] if entity.owner else [*entity.parties]
    columns = ["id" if name == "self" else f"{name}_id" for name in people]
    own = asker.staff_id is not None and any(row[name] == asker.staff_id for name in columns)
    for grant in asker.grants:
        reach = entity.access.read.get(grant.role)
        unit = asker.unit_id if grant.unit_id is None else grant.unit_id
        if reach is Reach.HALL or (reach in (Reach.OWN, Reach.UNIT) and own):
            return True
        if reach is Reach.UNIT and entity.unit_bound and row["unit_id"] == unit:
            return True
    return False


@pytest.mark.parametrize("username", ONE_OF_EACH_ROLE)
def test_each_record_is_edited_and_deleted_by_those_who_may_az_2(hall, username):
    visitor, asker = hall.browser(username), person(hall, username)
    found, expected = {}, {}
    for table, entity in REGISTRY.items():
        row = next((row for row in hall.rows(table) if within_reach(entity, row, asker)), None)
        if row is None:
            continue
        may_edit = hall.work(lambda s, e=entity, i=row["id"]: editable(s, e, i, asker))
        expected[table, "edit"] = 200 if may_edit else 303
        expected[table, "delete"] = 200 if entity.access.may(asker, "delete") else 403
        for page in ("edit", "delete"):
            answer = visitor.get(f"/admin/{table}/{page}/?id={row['id']}")
            found[table, page] = answer.status_code
    assert differences(found, expected) == {}


def editable(session, entity, record_id, asker):
    """Whether a role of somebody edits such records, and the state of this one lets them."""
    record = session.scalars(select(entity).where(entity.id == record_id)).one()
    states = entity.editable_in or ((entity.workflow.initial,) if entity.workflow else ())
    right_state = entity.workflow is None or record.state in states
    roles = asker.roles & set(entity.access.edit)
    return right_state and any(reaches(entity, record, asker, role) for role in roles)


def reaches(entity, record, asker, role):
    """Whether one role alone reaches a record."""
    reach = entity.access.read[role]
    own = record.owner_id() is not None and record.owner_id() == asker.staff_id
    in_unit = not entity.unit_bound or record.unit_id == asker.unit_id
    return {Reach.HALL: True, Reach.UNIT: in_unit, Reach.OWN: own}[reach]


def differences(found, expected):
    """Where two tables differ: what was found, and what was expected."""
    return {
        key: (found.get(key), expected.get(key))
        for key in found.keys() | expected.keys()
        if found.get(key) != expected.get(key)
    }


def test_the_matrix_can_tell_roles_apart():
    unit, staff = REGISTRY["unit"], REGISTRY["staff"]
    assert unit.access.create == (Role.HALL_ADMIN,)
    assert not staff.access.may(SYSTEM, "read")
    assert differences({1: 200}, {1: 403}) == {1: (200, 403)}


# tokens and state


def test_every_post_wants_a_token_inp_3(hall):
    before = hall.digests()
    for username, data in (("halladmin", {}), ("lead.a", {"csrf_token": "forged"})):
        client = hall.browser(username).client
        for rule in rules(hall.app, "POST"):
            answer = client.post(address(hall.app, rule), data=data, buffered=True)
            assert answer.status_code == 400, rule.rule
    after = hall.digests()
    assert differences(before, after).keys() <= {"sign_in_session"}


def every_address(hall, username):
    """Each address that answers GET, with records within the asker's reach and one that is not."""
    asker = person(hall, username)
    for rule in rules(hall.app, "GET"):
        table, _, view = rule.endpoint.partition(".")
        if table not in REGISTRY:
            if not is_file(rule):
                yield address(hall.app, rule)
            continue
        rows = hall.rows(table)
        near = [row["id"] for row in rows if within_reach(REGISTRY[table], row, asker)]
        for record_id in [*near[:1], *near[1:][-1:], 10**6]:
            if view != "act_view":
                yield address(hall.app, rule, record_id)
            for verb in verbs_of(table) if view == "act_view" else ():
                yield address(hall.app, rule, record_id, verb=verb)


def test_the_patrol_sees_a_changed_table(hall):
    before = hall.digests()
    with hall.app.app_context(), db.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE post SET duties = 'x'")
    assert differences(before, hall.digests()).keys() == {"post"}


# addresses

PATH = re.compile(r"/(?:(?:[a-z]+(?:[-_][a-z]+)*|<(?:int:|path:)?[a-z_]+>)/?)*")


def test_every_address_is_in_small_letters(hall):
    for rule in hall.app.url_map.iter_rules():
        assert PATH.fullmatch(rule.rule), f"{rule.rule}: spell it in small letters, - or _ between"


@pytest.mark.parametrize("wrong", ["/Admin/", "/admin/leaveRequest/", "/a b", "/a%20b", "a/"])
def test_the_patrol_sees_a_wrong_address(wrong):
    assert not PATH.fullmatch(wrong)


# what pages are made of


@pytest.mark.parametrize("username", ["staff.a1", "lead.a", "inspector", "halladmin"])
def test_every_page_is_well_made_and_looking_at_it_changes_nothing_inp_3(hall, username):
    visitor, before = hall.browser(username), hall.digests(but=NOTES)
    addresses = list(dict.fromkeys([*every_address(hall, username), *ODD_PAGES]))
    answers = {one: visitor.get(one) for one in addresses}
    assert hall.digests(but=NOTES) == before
    assert {answer.status_code for answer in answers.values()} <= {200, 303, 403, 404}
    found = [f"{one}: {what}" for one, answer in answers.items() for what in complaints(answer)]
    assert not found, "\n".join(dict.fromkeys(found))
    assert len({nonce(answer) for answer in answers.values()}) == len(answers) > 100


def complaints(answer):
    """What is wrong with an answer, if it is a page."""
    if answer.mimetype != "text/html" or answer.status_code == 303:
        return []
    scripts = re.findall(r"<(?:script|style)\b[^>]*>", answer.text)
    stopped = [tag for tag in scripts if f'nonce="{nonce(answer)}"' not in tag]
    return [*Page(answer.text).complaints(), *stopped]


def nonce(answer):
    """The word without which no script of a page runs."""
    policy = answer.headers["Content-Security-Policy"]
    return re.search(r"script-src 'nonce-([^']+)'", policy)[1]


ODD_PAGES = (
    "/no/such/page",
    "/admin/leave_request/?search=nothing-has-this-name",
    "/admin/leave_request/?f.state.is=submitted&sort=-days&columns=number&columns=state",
    "/admin/leave_request/?f.first_day.from=nonsense",
    "/search/?q=QJ",
    "/search/?q=nothing-has-this-name",
    "/admin/leave_request/details/?id=1&show=edit",
)


def test_a_page_for_a_stranger_is_well_made(hall):
    for one in ("/login", "/login?next=/me/", "/no/such/page"):
        assert list(Page(hall.stranger().get(one).text).complaints()) == []


@pytest.mark.parametrize("username", ["lead.a"])
def test_a_sheet_is_well_made(hall, username):
    visitor = hall.browser(username)
    request = hall.request("a", "submitted")
    for verb in verbs_of("leave_request"):
        one = f"/admin/leave_request/act/{verb}/?id={request}"
        answer = visitor.get(one, headers={"X-Sheet": "1"})
        page = Page(answer.text)
        assert page.handlers == [], one
        assert page.counts["h1"] == 1, one
        assert "X-Sheet" in answer.headers["Vary"], one


GOOD = (
    '<html lang="en"><head><title>T</title></head><body><main><h1>T</h1>'
    '<form><label for="a">A</label><input id="a" name="a"></form></main></body></html>'
)
BAD = {
    "no title": GOOD.replace("<title>T</title>", ""),
    "two headings": GOOD.replace("<h1>", "<h1></h1><h1>"),
    "no main": GOOD.replace("main", "div"),
    "no language": GOOD.replace(' lang="en"', ""),
    "no label": GOOD.replace('for="a"', ""),
    "a handler": GOOD.replace("<form>", '<form onsubmit="go()">'),
    "a style": GOOD.replace("<form>", '<form style="color:red">'),
    "a scripted link": GOOD.replace("<form>", '<form action="javascript:go()">'),
    "an id twice": GOOD.replace("<h1>", '<h1 id="a">'),
}


def test_the_patrol_lets_a_good_page_pass():
    assert list(Page(GOOD).complaints()) == []


@pytest.mark.parametrize("html", BAD.values(), ids=BAD.keys())
def test_the_patrol_sees_a_bad_page(html):
    assert len(list(Page(html).complaints())) == 1
