"""Each deed is one event, without it nothing happens, and none holds what must not be written."""

import logging
import re
from contextlib import contextmanager

import pytest
from sqlalchemy import delete, insert, select, update

from hallpanel.engine import audit, records
from hallpanel.engine.entity import REGISTRY
from hallpanel.engine.scope import SYSTEM
from hallpanel.panel.extensions import db
from tests.panel.door import PASSWORD, account, post, sign_in
from tests.panel.hall import NOW

REQUIRED = ("seq", "at", "action", "result", "algorithm", "previous_digest", "digest")


def events(hall):
    return hall.rows("audit_event")


@contextmanager
def told(hall, *actions, **facts):
    """Within, there is one event for each of some deeds, and no other."""
    before = len(events(hall))
    yield
    new = events(hall)[before:]
    assert [one["action"] for one in new] == list(actions)
    for one in new:
        assert all(one[name] is not None for name in REQUIRED), one
        assert one["address"] == "127.0.0.1"
        assert re.fullmatch("[0-9a-f]{16}", one["request_id"])
        assert all(one[name] == value for name, value in facts.items()), one


# one event for each deed


def test_coming_and_going_are_one_event_each_aud_1(hall):
    account(hall.app, "mei")
    client = hall.app.test_client()
    with told(hall, "sign_in", result="refused", actor_account_id=None):
        sign_in(client, "mei", "a wrong password")
    with told(hall, "sign_in", result="refused", actor_account_id=None):
        sign_in(client, "nobody at all", "a wrong password")
    with told(hall, "sign_in", result="done", actor_name="Mei"):
        assert sign_in(client, "mei").status_code == 303
    with told(hall, "sign_out", result="done", actor_name="Mei"):
        assert post(client, "/logout").status_code == 303


def test_a_look_at_a_list_or_a_record_leaves_no_event_aud_1(hall):
    lead = hall.browser("lead.a")
    with told(hall):
        for address in ("/", "/admin/leave_request/", "/admin/staff/", "/rulebook/", "/me/"):
            assert lead.get(address).status_code == 200
        lead.get(f"/admin/leave_request/details/?id={hall.request('a', 'submitted')}")


def test_a_denial_is_one_event_with_what_was_wanted_aud_1(hall):
    staff = hall.browser("staff.a1")
    with told(hall, "deny", result="refused", table_name="point_rule"):
        assert staff.get("/admin/point_rule/new/").status_code == 403
    with told(hall, "deny", result="refused"):
        assert staff.get("/audit/").status_code == 403
    kept = events(hall)[-1]
    assert kept["after"] == {"method": "GET", "path": "/audit/"}
    assert kept["role"] == "staff"


def test_a_change_an_export_and_a_decision_are_one_event_each_aud_1(hall):
    admin, lead = hall.browser("halladmin"), hall.browser("lead.a")
    unit = hall.id("unit", code="A")
    form = admin.form(f"/admin/unit/edit/?id={unit}") | {"contact": "李四"}
    with told(hall, "edit", table_name="unit", record_id=str(unit), actor_name="何文静"):
        assert admin.post(f"/admin/unit/edit/?id={unit}", form).status_code == 303
    with told(hall, "export", table_name="unit"):
        admin.take("/admin/unit/export/csv/").get_data()
    request_id = hall.request("a", "submitted")
    version = hall.see("leave_request", request_id)["version"]
    answer = {"id": request_id, "version": version, "confirm": "1"}
    before = len(events(hall))
    assert lead.post("/admin/leave_request/act/approve/", answer).status_code in (200, 303)
    of_request = [one for one in events(hall)[before:] if one["table_name"] == "leave_request"]
    assert len(of_request) == 1
    assert of_request[0]["action"] == "approve" or of_request[0]["result"] == "refused"


def test_a_setting_that_is_changed_is_one_event_with_before_and_after_aud_1(hall):
    admin = hall.browser("halladmin")
    table = "limit_rule"
    rule = hall.rows(table)[0]
    address = f"/admin/{table}/edit/?id={rule['id']}"
    form = admin.form(address) | {"amount": str(rule["amount"] + 1)}
    with told(hall, "edit", table_name=table, record_id=str(rule["id"])):
        answer = admin.post(address, form)
        assert answer.status_code == 303, answer.text
    kept = events(hall)[-1]
    assert kept["before"]["amount"] == rule["amount"]
    assert kept["after"]["amount"] == rule["amount"] + 1


def test_what_is_rolled_back_leaves_no_event_and_what_fails_no_change_aud_1(hall):
    before, rows = len(events(hall)), hall.rows("unit")
    with hall.app.app_context():
        session = db.session()
        with records.at_desk(session, SYSTEM, NOW):
            session.scalars(select(REGISTRY["unit"])).first().contact = "rolled back"
            session.flush()
            session.rollback()
        with records.at_desk(session, SYSTEM, NOW):
            session.scalars(select(REGISTRY["unit"])).first().contact = "failed"

            def fail(*_event):
                raise RuntimeError("the book is away")

            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(audit, "_append", fail)
                with pytest.raises(RuntimeError, match="the book is away"):
                    session.commit()
            session.rollback()
    assert len(events(hall)) == before
    assert hall.rows("unit") == rows


# statements over many rows


WHOLESALE = {
    "update": lambda s, unit: s.execute(update(unit).values(contact="x")),
    "delete": lambda s, unit: s.execute(delete(unit)),
    "insert": lambda s, unit: s.execute(insert(unit).values(code="Z")),
    "insert many": lambda s, unit: s.execute(insert(unit), [{"code": "Y"}, {"code": "Z"}]),
    "insert from select": lambda s, unit: s.execute(
        insert(unit).from_select(["code", "name"], select(unit.code, unit.name))
    ),
    "core update": lambda s, unit: s.execute(update(unit.__table__).values(contact="x")),
    "core delete": lambda s, unit: s.execute(delete(unit.__table__)),
    "query update": lambda s, unit: s.query(unit).update({"contact": "x"}),
    "query delete": lambda s, unit: s.query(unit).delete(),
    "connection": lambda s, unit: s.connection().execute(update(unit).values(contact="x")),
    "bulk insert": lambda s, unit: s.bulk_insert_mappings(unit, [{"code": "Z"}]),
    "bulk update": lambda s, unit: s.bulk_update_mappings(
        unit, [{"id": 1, "version": 1, "contact": "x"}]
    ),
    "bulk save": lambda s, unit: s.bulk_save_objects([unit(code="Z", name="z")]),
}


@pytest.mark.parametrize("way", WHOLESALE)
def test_a_statement_over_many_records_is_refused_whichever_way_it_comes_aud_5(hall, way):
    before, rows = len(events(hall)), hall.rows("unit")
    with hall.app.app_context():
        session = db.session()
        with (
            records.at_desk(session, SYSTEM, NOW),
            pytest.raises(RuntimeError, match="leave no audit"),
        ):
            WHOLESALE[way](session, REGISTRY["unit"])
        session.rollback()
    assert (len(events(hall)), hall.rows("unit")) == (before, rows)


def test_many_records_changed_one_by_one_are_recorded_one_by_one_aud_5(hall):
    before = len(events(hall))
    with hall.app.app_context():
        session = db.session()
        with records.at_desk(session, SYSTEM, NOW):
            units = session.scalars(select(REGISTRY["unit"])).all()
            for unit in units:
                unit.contact = "新联系人"
            session.commit()
            changed = {str(unit.id) for unit in units}
    told_of = events(hall)[before:]
    assert {one["record_id"] for one in told_of} == changed
    assert len(told_of) == len(changed)


# an audit that cannot be written


@contextmanager
def unwritable(hall):
    """A book that takes no event: a trigger on SQLite, a right taken back on PostgreSQL."""
    with hall.owner() as connection, connection.begin():
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql(
                "CREATE TRIGGER full BEFORE INSERT ON audit_event "
                "BEGIN SELECT RAISE(ABORT, 'disk full'); END"
            )
        else:
            connection.exec_driver_sql(
                "CREATE FUNCTION no_more() RETURNS trigger LANGUAGE plpgsql AS "
                "$$ BEGIN RAISE insufficient_privilege; END $$"
            )
            connection.exec_driver_sql(
                "CREATE TRIGGER no_more BEFORE INSERT ON audit_event "
                "FOR EACH ROW EXECUTE FUNCTION no_more()"
            )
    yield
    with hall.owner() as connection, connection.begin():
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql("DROP TRIGGER full")
        else:
            connection.exec_driver_sql("DROP FUNCTION no_more() CASCADE")


def test_without_an_audit_nothing_changes_reading_goes_on_and_health_is_red_aud_7(hall):
    admin, staff = hall.browser("halladmin"), hall.browser("staff.a1")
    unit = hall.id("unit", code="A")
    form = admin.form(f"/admin/unit/edit/?id={unit}") | {"contact": "王五"}
    new = admin.form("/admin/post/new/") | {"name": "导办员", "duties": "引导"}
    stranger = hall.stranger()
    assert stranger.get("/healthz").status_code == 200
    before = hall.digests(but=("sign_in_session",))
    with unwritable(hall):
        for address, data in (
            (f"/admin/unit/edit/?id={unit}", form),
            ("/admin/post/new/", new),
            ("/logout", {}),
        ):
            answer = admin.post(address, data)
            assert answer.status_code == 503, address
            assert "审计" in answer.text or "audit" in answer.text
        for address in ("/", "/admin/unit/", f"/admin/unit/details/?id={unit}", "/rulebook/"):
            assert admin.get(address).status_code == 200, address
        assert staff.get("/admin/leave_request/").status_code == 200
        assert staff.get("/admin/unit/new/").status_code == 403, "who may not, may not"
        health = stranger.get("/healthz")
        assert (health.status_code, health.text) == (503, "the audit cannot be written\n")
    assert hall.digests(but=("sign_in_session",)) == before
    assert stranger.get("/healthz").status_code == 200
    assert admin.post(f"/admin/unit/edit/?id={unit}", form).status_code == 303


def test_nobody_signs_in_whom_the_audit_cannot_note_aud_7(hall):
    account(hall.app, "mei")
    client = hall.app.test_client()
    client.get("/login")
    with unwritable(hall):
        assert sign_in(client, "mei").status_code == 503
        assert client.get("/me/").status_code == 303
    assert sign_in(client, "mei").status_code == 303


def test_no_view_of_the_audit_goes_unnoted_aud_7_aud_8(hall):
    auditor = hall.browser("auditor")
    with unwritable(hall):
        assert auditor.get("/audit/").status_code == 503
        assert auditor.get("/audit/3").status_code == 503
        assert auditor.get("/audit/export/csv/").status_code == 503
        assert auditor.get("/").status_code == 200


def test_no_setting_turns_the_audit_off_aud_7():
    """The settings of the installation, by their names: none is a switch of the audit."""
    from config import NAMES

    of_audit = {name for name in NAMES if re.search("AUDIT|DIGEST|ANCHOR", name)}
    assert of_audit == {"HALLPANEL_AUDIT_DAYS", "HALLPANEL_DIGEST", "HALLPANEL_ANCHOR_FOLDER"}


# what must not be written


CANARY = "Kanarienvogel-7351"
FORGED = "一行\r\n2026-02-09 10:00 INFO forged line\x1b[31m red"


def test_no_secret_reaches_a_log_or_the_audit_aud_8(hall, caplog):
    caplog.set_level(logging.DEBUG)
    account(hall.app, "mei")
    client = hall.app.test_client()
    sign_in(client, f"{CANARY}-name", f"{CANARY}-password")
    sign_in(client, "mei", f"{CANARY}-password")
    sign_in(client, "mei")
    post(client, "/me/password/", old=f"{CANARY}-old", new=f"{CANARY}-new", again=f"{CANARY}-new")
    post(client, "/me/password/", old=PASSWORD, new=f"{CANARY} new", again=f"{CANARY} new")
    cookie = client.get_cookie("hallpanel_session")
    client.get(f"/search/?q={CANARY}-searched")
    assert CANARY not in caplog.text
    assert CANARY not in repr(events(hall))
    assert cookie is None or cookie.value not in caplog.text + repr(events(hall))


def test_what_is_typed_forges_no_line_of_a_log_aud_8(hall, caplog):
    caplog.set_level(logging.DEBUG)
    admin = hall.browser("halladmin")
    form = admin.form("/admin/unit/new/")
    for name in form:
        if name != "csrf_token":
            admin.post("/admin/unit/new/", form | {name: FORGED})
            admin.get("/admin/unit/", query_string={name: FORGED})
    admin.get("/admin/unit/", headers={"User-Agent": "x\x1b[31m", "X-Request-ID": "forged"})
    sign_in(hall.app.test_client(), FORGED, FORGED)
    lines = [line for entry in caplog.records for line in entry.getMessage().splitlines()]
    assert not [line for line in lines if line.startswith("2026-02-09 10:00 INFO forged")]
    assert "\x1b" not in "".join(lines)
    assert "\x1b" not in repr([one["actor_name"] for one in events(hall)])
