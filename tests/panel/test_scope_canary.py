"""A canary in another unit's records: whoever has no reach there never sees, counts or moves it.

X1, AZ-3 and AZ-8. The canary sits in everything that unit b's leave consists of. The lead and a
window clerk of unit a go through every list, form, page and file of the panel; each page must be
the same, letter for letter, as it was before there was a canary.
"""

import re
from io import BytesIO
from urllib.parse import quote

import openpyxl
import pytest
from sqlalchemy import update

from hallpanel.engine import records
from hallpanel.engine.clock import hall_day
from hallpanel.engine.entity import REGISTRY, Kind
from hallpanel.engine.listing import operators_of
from hallpanel.engine.scope import SYSTEM
from hallpanel.engine.store import Base
from hallpanel.panel.extensions import db
from tests.panel.hall import NOW
from tests.panel.pages import verbs_of

CANARY = "QZX-金丝雀-8841"
PART = "金丝雀"  # what somebody might guess of it; a page may repeat what it was asked for
PDF = b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"
FOREIGN = ("leave_request", "staff", "attendance_day", "unit_membership", "window_assignment")
WATCHERS = ("lead.a", "staff.a1")
# Chance and the reader's own sign-in differ from page to page.
CHANCE = re.compile(
    r'nonce="[^"]*"|name="(?:csrf_token|form_token)"[^>]*|csrf_token=[^&"]*|\?v=[0-9a-f]+'
)
# Counts of who looked and who asked; every other table must stay as it is.
NOTES = ("audit_event", "audit_head", "sign_in_session", "submission")


class Aviary:
    """The hall with a canary in unit b."""

    def __init__(self, hall):
        self.hall = hall
        self.staff = hall.id("staff", number="1102")
        self.unit = hall.id("unit", code="B")
        self.requests = hall.ids("leave_request", unit_id=self.unit)
        self.attachment = None

    def plant(self):
        """Put the canary into everything that leave consists of."""
        request = self.hall.request("b", "submitted")
        self._attach_and_comment(request)
        self._write("leave_request", self.unit_rows("leave_request"), reason=f"因为{CANARY}")
        self._write("leave_request", [request], number=f"{CANARY}-1")
        self._write("staff", [self.staff], name=CANARY, number=CANARY[:16])
        self._write("attendance_day", self.unit_rows("attendance_day"), note=CANARY)
        self._decide(request)

    def unit_rows(self, table):
        """The ids of unit b's rows."""
        return [row["id"] for row in self.hall.rows(table) if row["unit_id"] == self.unit]

    def _attach_and_comment(self, request):
        owner = self.hall.browser("staff.b1")
        answer = owner.post(
            f"/admin/leave_request/attach/?id={request}",
            {"file": (BytesIO(PDF), f"{CANARY}.pdf")},
        )
        assert answer.status_code == 303
        owner.post(f"/admin/leave_request/comment/?id={request}", {"text": f"备注{CANARY}"})
        (row,) = self.hall.rows("attachment")
        self.attachment = row["id"]

    def _decide(self, request):
        """Let unit b's lead write a remark, which also tells the owner."""
        lead = self.hall.browser("lead.b")
        data = {"id": request, "confirm": "1", "reason": CANARY}
        assert lead.post("/admin/leave_request/act/approve/", data).status_code == 303

    def _write(self, table, ids, **values):
        one = Base.metadata.tables[table]
        with self.hall.app.app_context(), db.engine.begin() as connection:
            connection.execute(update(one).where(one.c.id.in_(ids)).values(**values))


@pytest.fixture
def aviary(hall):
    return Aviary(hall)


def words(answer):
    """What an answer says, without what is chance in it."""
    if answer.mimetype == "text/html":
        return CHANCE.sub("", answer.text)
    if answer.mimetype == "application/json":
        return str(answer.json)
    if answer.mimetype.endswith("sheet"):
        book = openpyxl.load_workbook(BytesIO(answer.data), read_only=True)
        return "\n".join(str(row) for sheet in book for row in sheet.iter_rows(values_only=True))
    return answer.get_data(as_text=True)


def lists(table, aviary):
    """Ways to ask for a list: each order, filter, search, page size and choice of columns."""
    fields = REGISTRY[table].fields()
    yield f"{'&'.join(f'columns={name}' for name in fields)}&size=200&exact=1"
    yield "columns=staff.name&columns=unit.contact&sort=-staff.name"
    for guess in (PART, "QZX", "吴彤", "QJ2026", "1102"):
        yield f"search={quote(guess)}&exact=1"
    for name, field in fields.items():
        yield f"columns={name}&sort=-{name}&size=1"
        for operator in operators_of(field):
            for value in guesses(field, aviary):
                yield f"f.{name}.{operator}={quote(str(value))}"


def about_people(table):
    """Whether an entity speaks of members of staff, and so may speak of one too many."""
    entity = REGISTRY[table]
    return table == "staff" or any(one.target == "staff" for one in entity.fields().values())


def guesses(field, aviary):
    """Values that would find the canary."""
    if field.kind is Kind.RELATION:
        return {"staff": [aviary.staff], "unit": [aviary.unit]}.get(field.target, [1, 2])
    return {
        Kind.CHOICE: [member.value for member in field.choices or ()][:3],
        Kind.DAY: ["2026-03-09"],
        Kind.BOOLEAN: ["1"],
        Kind.INTEGER: ["1"],
        Kind.DECIMAL: ["1"],
    }.get(field.kind, [PART])


def record_pages(table, aviary):
    """The pages about unit b's records."""
    for record_id in foreign_ids(table, aviary):
        for page in ("details", "edit", "delete"):
            yield f"/admin/{table}/{page}/?id={record_id}"
        for verb in verbs_of(table):
            yield f"/admin/{table}/act/{verb}/?id={record_id}"


def foreign_ids(table, aviary):
    """Unit b's records of a table."""
    return aviary.unit_rows(table) if table in FOREIGN else []


def look_ups(table, aviary):
    """Everything that a relation field or a question of a transition offers."""
    entity = REGISTRY[table]
    for name, field in entity.fields().items():
        if field.kind is Kind.RELATION:
            for query in ("", PART, "QZX", "1102", "_"):
                yield f"/admin/{table}/ajax/lookup/?name={name}&query={quote(query)}"
            yield f"/admin/{table}/new/?{name}={aviary.staff}"
            yield f"/admin/{table}/new/?{name}={aviary.requests[0]}"
    for transition in entity.workflow.transitions if entity.workflow else ():
        for ask in transition.asks:
            if ask.target:
                address = f"/admin/{table}/ajax/lookup/?name={ask.name}&verb={transition.verb}"
                yield f"{address}&query={quote(PART)}"


def all_pages(aviary):
    """Every address under which the canary might show."""
    for table in filter(about_people, REGISTRY):
        for asked in lists(table, aviary):
            yield f"/admin/{table}/?{asked}"
        for asked in ("", f"search={quote(PART)}", f"f.unit.is={aviary.unit}"):
            yield f"/admin/{table}/export/csv/?{asked}"
        yield f"/admin/{table}/export/xlsx/"
        yield from record_pages(table, aviary)
        yield from look_ups(table, aviary)
        yield f"/admin/{table}/attachment/1"
    for table in REGISTRY:
        yield f"/admin/{table}/"
        yield f"/admin/{table}/new/"
        yield f"/admin/{table}/details/?id=1"
    for month in ("2026-03", f"2026-03&f.unit.is={aviary.unit}"):
        yield f"/admin/leave_request/calendar/?month={month}"
    for query in (PART, "QZX", "QJ", "因为", "吴彤", "1102"):
        yield f"/search/?q={quote(query)}"
    yield from ("/", "/inbox/", "/me/", "/rulebook/", "/rulebook/2.1.2", "/inbox/1", "/inbox/2")


@pytest.mark.parametrize("watcher", WATCHERS)
def test_no_page_of_unit_a_is_any_different_for_a_canary_in_unit_b_az_3(aviary, watcher):
    visitor = aviary.hall.browser(watcher)
    pages = list(dict.fromkeys(all_pages(aviary)))
    assert len(pages) > 300
    before = {page: words(look(visitor, page)) for page in pages}
    aviary.plant()
    after = {page: words(look(visitor, page)) for page in pages}
    assert [page for page, text in after.items() if CANARY in text] == []
    assert [page for page in pages if after[page] != before[page]] == []


def look(visitor, page):
    """Open a page; most of them without the frame, which is the same around each."""
    framed = page.endswith("/") or page.startswith("/search")
    if "/export/" in page:
        return visitor.take(page)
    return visitor.get(page, headers={} if framed else {"X-Sheet": "1"})


@pytest.mark.parametrize("who", ["lead.b", "staff.b1", "inspector"])
def test_the_canary_is_seen_by_those_who_may(aviary, who):
    aviary.plant()
    visitor = aviary.hall.browser(who)
    request = aviary.hall.id("leave_request", number=f"{CANARY}-1")
    seen = (
        f"/admin/leave_request/?search={quote(PART)}",
        "/admin/leave_request/?search=QZX",
        f"/admin/leave_request/details/?id={request}",
        f"/admin/leave_request/calendar/?month=2026-03&f.unit.is={aviary.unit}",
        f"/admin/staff/?search={quote(PART)}",
        f"/admin/staff/details/?id={aviary.staff}",
        "/admin/window_assignment/",
        f"/search/?q={quote(PART)}",
        "/admin/leave_request/export/csv/",
        "/admin/leave_request/export/xlsx/",
        f"/admin/staff/ajax/lookup/?name=partner&query={quote(PART)}",
    )
    assert [page for page in seen if CANARY not in words(look(visitor, page))] == []


@pytest.mark.parametrize("watcher", WATCHERS)
def test_foreign_records_are_not_found_az_3(aviary, watcher):
    aviary.plant()
    visitor = aviary.hall.browser(watcher)
    asked = [page for table in FOREIGN for page in record_pages(table, aviary)]
    assert len(asked) > 40
    for page in asked:
        # Neither of the two deletes anything at all, and is told so whatever the record.
        expected = 403 if "/delete/" in page else 404
        assert visitor.get(page).status_code == expected, page
    for table in REGISTRY:
        answer = visitor.get(f"/admin/{table}/attachment/{aviary.attachment}")
        assert answer.status_code in (403, 404), table


@pytest.mark.parametrize("watcher", [*WATCHERS, "keeper", "sysadmin"])
def test_nothing_of_unit_b_is_moved_by_whoever_has_no_reach_there_az_3(aviary, watcher):
    aviary.plant()
    visitor = aviary.hall.browser(watcher)
    before = aviary.hall.digests(but=NOTES)
    for address, data in attempts(aviary):
        answer = visitor.post(address, data)
        assert answer.status_code in (403, 404), (address, data, answer.status)
        assert CANARY not in words(answer), address
    assert aviary.hall.digests(but=NOTES) == before


def attempts(aviary):
    """Every way to change a record, tried on unit b's."""
    for table in FOREIGN:
        for record_id in foreign_ids(table, aviary):
            facts = dict.fromkeys(REGISTRY[table].fields(), "1")
            row = {"id": record_id, "version": "1", "confirm": "1", "row_version": "1"}
            yield f"/admin/{table}/edit/?id={record_id}", facts | row
            yield f"/admin/{table}/delete/?id={record_id}", row
            yield f"/admin/{table}/delete/", row
            yield f"/admin/{table}/ajax/update/", facts | row | {"list_form_pk": record_id}
            yield f"/admin/{table}/comment/?id={record_id}", {"text": "x"}
            yield f"/admin/{table}/attach/?id={record_id}", {"file": (BytesIO(PDF), "a.pdf")}
            for verb in verbs_of(table):
                yield f"/admin/{table}/act/{verb}/", {**row, "reason": "x"}
                yield f"/admin/{table}/action/", {**row, "reason": "x", "action": verb}
    every = [str(one) for one in aviary.requests]
    yield "/admin/leave_request/act/approve/", {"id": every, "confirm": "1"}
    yield "/admin/leave_request/import/", {"file": (BytesIO(b"a,b\n1,2\n"), "a.csv")}


def test_a_bulk_decision_takes_the_own_records_and_leaves_the_others_az_3(aviary):
    aviary.plant()
    hall, lead = aviary.hall, aviary.hall.browser("lead.a")
    own = hall.request("a", "submitted")
    before = [hall.see("leave_request", one) for one in aviary.requests]
    for step in ({}, {"confirm": "1"}):
        data = {"id": [own, *aviary.requests], "reason": "x", **step}
        answer = lead.post("/admin/leave_request/act/refuse/", data)
        assert answer.status_code in (200, 303)
        assert CANARY not in words(answer)
    assert hall.see("leave_request", own)["state"] == "refused"
    assert [hall.see("leave_request", one) for one in aviary.requests] == before


FORGED = ("staff", "missing", "text", "two")


@pytest.mark.parametrize("forged", FORGED)
def test_a_relation_out_of_reach_is_an_error_beside_its_field_az_8(aviary, forged):
    aviary.plant()
    value = dict(zip(FORGED, (aviary.staff, "999999", "abc", "1,2"), strict=True))[forged]
    hall, clerk = aviary.hall, aviary.hall.browser("staff.a1")
    before = hall.digests(but=NOTES)
    draft = hall.request("a", "draft")
    for address in ("/admin/leave_request/new/", f"/admin/leave_request/edit/?id={draft}"):
        form = clerk.form(f"/admin/leave_request/edit/?id={draft}")
        answer = clerk.post(address, {**form, "substitute": value})
        assert answer.status_code == 200, address
        assert 'id="substitute-error"' in answer.text, address
        assert CANARY not in answer.text
    waiting = hall.request("a", "submitted")
    data = {"id": waiting, "confirm": "1", "substitute": value}
    answer = clerk.post("/admin/leave_request/act/name_substitute/", data)
    assert answer.status_code == 200
    assert 'id="substitute-error"' in answer.text
    assert hall.digests(but=NOTES) == before


def test_a_clerk_sees_the_own_requests_and_not_those_of_the_next_desk(aviary):
    clerk = aviary.hall.browser("staff.a2")
    others = aviary.hall.request("a", "submitted")
    assert clerk.get(f"/admin/leave_request/details/?id={others}").status_code == 404
    own = aviary.hall.request("a", "approved")
    assert clerk.get(f"/admin/leave_request/details/?id={own}").status_code == 200


def test_whoever_stands_in_for_a_lead_reaches_that_unit_and_no_other_x10(aviary):
    hall = aviary.hall
    hall.work(lambda session: stand_in(session, hall, "1001", "0004"))
    aviary.plant()
    keeper = hall.browser("keeper")
    reached = f"/admin/leave_request/details/?id={hall.request('a', 'submitted')}"
    assert keeper.get(reached).status_code == 200
    for one in aviary.requests:
        assert keeper.get(f"/admin/leave_request/details/?id={one}").status_code == 404
    assert CANARY not in words(keeper.get("/admin/leave_request/?size=200"))


def stand_in(session, hall, delegator, delegate):
    """Let one person decide for another today."""
    values = {
        "delegator_id": hall.id("staff", number=delegator),
        "delegate_id": hall.id("staff", number=delegate),
        "first_day": hall_day(NOW),
        "last_day": hall_day(NOW),
    }
    records.create(session, REGISTRY["delegation"], values, actor=SYSTEM, at=NOW)
