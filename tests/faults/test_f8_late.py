"""A form older than its record is refused wherever something can be edited (CON-4)."""

from sqlalchemy import update

from hallpanel.engine.entity import REGISTRY
from hallpanel.engine.store import Base
from hallpanel.panel.extensions import db
from tests.panel.pages import edited_by_the_hall


def touch(hall, table, record_id):
    """Let somebody else have saved a record meanwhile."""
    one = Base.metadata.tables[table]
    with hall.app.app_context(), db.engine.begin() as connection:
        connection.execute(
            update(one).where(one.c.id == record_id).values(version=one.c.version + 1)
        )


def test_every_form_that_edits_finds_that_it_is_late_con_4(hall, figures):
    admin, seen, empty = hall.browser("halladmin"), [], []
    for table in edited_by_the_hall():
        found = hall.ids(table)[:1]
        if not found:
            empty.append(table)
        for record_id in found:
            page = f"/admin/{table}/edit/?id={record_id}"
            form = admin.form(page)
            touch(hall, table, record_id)
            before = hall.see(table, record_id)
            late = admin.post(page, form)
            assert late.status_code == 200, (table, late.location)
            assert 'class="conflict"' in late.text, table
            assert hall.see(table, record_id) == before
            seen.append(table)
    figures |= {"views covered": len(seen), "without a record": empty, "missed": 0}
    assert len(seen) > 10


def test_every_fact_edited_in_a_list_finds_that_it_is_late_con_4(hall, figures):
    admin, tried = hall.browser("halladmin"), 0
    for table in edited_by_the_hall():
        facts = [one.name for one in REGISTRY[table].fields().values() if one.inline]
        for record_id in hall.ids(table)[:1] if facts else []:
            before = hall.see(table, record_id)
            older, newer = before["version"] - 1, before["version"] + 1
            for version in (older, newer, "", "abc", None):
                late = {"list_form_pk": record_id, "version": version, facts[0]: "3"}
                answer = admin.post(f"/admin/{table}/ajax/update/", late)
                assert answer.status_code == 409, (table, version)
                tried += 1
            assert hall.see(table, record_id) == before
    figures |= {"late edits": tried}
    assert tried


def test_every_bulk_decision_finds_that_it_is_late_con_4(hall, figures):
    lead, waiting = hall.browser("lead.a"), hall.request("a", "submitted")
    before = hall.see("leave_request", waiting)
    touch(hall, "leave_request", waiting)
    for verb in ("approve", "refuse"):
        data = {"id": waiting, "version": before["version"], "confirm": "1", "reason": "人手不足"}
        answer = lead.post(f"/admin/leave_request/act/{verb}/", data)
        assert answer.status_code == 200
        assert "2.1.2" in answer.text
    after = hall.see("leave_request", waiting)
    figures |= {"decisions refused": 2}
    assert after | {"version": before["version"]} == before
