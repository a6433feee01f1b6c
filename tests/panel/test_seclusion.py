"""Complaints: whom they accuse learns of nothing; who made them stays unknown (CMP-1, CMP-2)."""

import re
from datetime import date

import pytest

from hallpanel.engine import records
from hallpanel.engine.clock import utc_now
from hallpanel.engine.entity import REGISTRY
from hallpanel.engine.errors import NotAllowed, Refusal
from tests.databases import settings_for
from tests.panel.hall import Hall
from tests.panel.test_personal_data import body_of, english, said
from tests.panel.test_scope_canary import CHANCE
from tests.visit_entity import complaints

LIST = "/admin/grievance/"
CANARY = "金丝雀诉状"
NAME = "匿名金丝雀"


@pytest.fixture
def secluded(hall_url, tmp_path):
    """The test hall with one complaint about somebody of unit b, so that lists are not empty."""
    from hallpanel import create_app
    from hallpanel.panel.extensions import db

    with complaints() as entities:
        app = create_app(settings_for(hall_url, tmp_path / "instance"))
        with app.app_context():
            for entity in entities:
                entity.__table__.create(db.engine)
        hall = Hall(app)
        file(hall, "1102", what="别的事")
        yield hall
        with app.app_context():
            db.engine.dispose()


def file(hall, accused, what=CANARY, by="keeper", **more):
    """File a complaint about somebody, with who made it; its id."""
    accused_id = hall.id("staff", number=accused)

    def complain(session):
        actor = session.info["actor"]
        values = {"what": what, "received_on": date(2026, 2, 9), "accused_id": accused_id, **more}
        made = records.create(session, REGISTRY["grievance"], values, actor=actor, at=utc_now())
        known = {"grievance_id": made.id, "name": NAME}
        records.create(session, REGISTRY["complainant"], known, actor=actor, at=utc_now())
        return made.id

    return hall.work(complain, by)


def pages(hall):
    """Every page on which a complaint could show to somebody."""
    handler = hall.id("staff", number="1001")
    for table in REGISTRY:
        yield from (f"/admin/{table}/", f"/admin/{table}/?exact=1&size=200", f"/admin/{table}/new/")
    for asked in ("search=TS", f"search={CANARY}", "sort=-number&columns=number", "sort=accused"):
        yield f"{LIST}?{asked}"
    for number in ("1001", "1002"):
        staff = hall.id("staff", number=number)
        yield f"{LIST}?f.accused.is={staff}"
        yield f"{LIST}?f.handler.is={handler}"
        yield f"/admin/staff/details/?id={staff}"
        yield f"/admin/staff/delete/?id={staff}"
    for name in ("accused", "handler"):
        yield f"{LIST}ajax/lookup/?name={name}&query="
    yield "/admin/complainant/ajax/lookup/?name=grievance&query="
    yield from ("/", "/inbox/", "/search/?q=TS", f"/search/?q={CANARY}", "/rulebook/2.1.1", "/me/")


FILES = (f"{LIST}export/csv/", f"{LIST}export/xlsx/")


def seen(hall, visitor):
    told = {page: CHANCE.sub("", visitor.get(page).text) for page in pages(hall)}
    return told | {page: CHANCE.sub("", body_of(visitor.take(page))) for page in FILES}


@pytest.mark.parametrize(
    ("who", "accused"), [("lead.a", "1001"), ("lead.a", "1002"), ("halladmin", "0003")]
)
def test_whom_a_complaint_accuses_sees_no_page_change_cmp_2(secluded, who, accused):
    hall = secluded
    visitor = english(hall, who)
    before = seen(hall, visitor)
    assert "别的事" in before[LIST]
    one = file(hall, accused)
    closed = english(hall, "inspector").post(
        f"{LIST}act/close/", {"id": one, "confirm": "1", "reason": "查实"}
    )
    assert closed.status_code == 303
    after = seen(hall, visitor)
    assert [page for page in before if after[page] != before[page]] == []
    for page in ("details", "edit", "act/close"):
        assert visitor.get(f"{LIST}{page}/?id={one}").status_code == 404
    assert visitor.post(f"{LIST}comment/?id={one}", {"text": "x"}).status_code == 404
    deed = {"id": one, "confirm": "1", "reason": "x"}
    assert visitor.post(f"{LIST}act/close/", deed).status_code == 404


def test_the_others_see_it_and_are_told_of_it_cmp_2(secluded):
    hall = secluded
    one = file(hall, "1002")
    english(hall, "inspector").post(
        f"{LIST}act/close/", {"id": one, "confirm": "1", "reason": "查实"}
    )
    told = {row["to_account_id"] for row in hall.rows("message") if row["record_id"] == one}
    barred = {
        row["id"] for row in hall.rows("account") if row["username"] in ("staff.a1", "lead.a")
    }
    assert len(barred) == 2
    assert len(told) > 8
    assert told.isdisjoint(barred)
    for who in ("inspector", "halladmin", "lead.b", "keeper"):
        assert CANARY in english(hall, who).get(LIST).text, who


def test_neither_ids_nor_numbers_tell_of_a_third_complaint_cmp_2(secluded):
    made = [file(secluded, "1102", what=str(n)) for n in range(12)]
    assert made != sorted(made)
    assert min(abs(a - b) for a in made for b in made if a != b) > 1
    rows = secluded.rows("grievance")
    numbers = [row["number"] for row in rows]
    assert all(re.fullmatch(r"TS2026-[2-9A-Z]{8}", number) for number in numbers)
    assert len(set(numbers)) == len(rows) == 13


def test_whom_it_accuses_is_not_put_in_charge_of_it_cmp_2(secluded):
    hall = secluded
    accused, other = hall.id("staff", number="1002"), hall.id("staff", number="0201")
    with pytest.raises(Refusal, match="a party to it"):
        file(hall, "1002", handler_id=accused)
    one = file(hall, "1002", handler_id=other)
    inspector = english(hall, "inspector")
    page = f"{LIST}edit/?id={one}"
    answer = inspector.post(page, inspector.form(page) | {"handler": str(accused)})
    assert "a party to it" in answer.text
    assert hall.see("grievance", one)["handler_id"] == other


def test_whoever_acts_for_the_accused_today_is_kept_away_too_cmp_2(secluded):
    from tests.panel.test_scope_canary import stand_in

    hall = secluded
    file(hall, "1001")
    assert CANARY in english(hall, "keeper").get(LIST).text
    hall.work(lambda session: stand_in(session, hall, "1001", "0004"))
    assert CANARY not in english(hall, "keeper").get(LIST).text


def test_who_complained_is_known_to_the_keeper_alone_cmp_1(secluded):
    hall = secluded
    one = file(hall, "1002")
    for who in ("inspector", "halladmin", "director", "lead.b", "auditor", "sysadmin", "staff.b1"):
        visitor = english(hall, who)
        for page in (*pages(hall), f"{LIST}details/?id={one}"):
            told = said(visitor.get(page))
            assert NAME not in told, (who, page)
            assert "匿**" not in told, (who, page)
        assert visitor.get("/admin/complainant/").status_code == 403
        assert NAME not in said(visitor.take("/admin/complainant/export/csv/"))
    keeper = english(hall, "keeper")
    assert "匿**" in keeper.get("/admin/complainant/").text
    stored = str(hall.rows("complainant")) + str(hall.rows("audit_event"))
    assert NAME not in stored


def test_a_keeper_who_is_accused_does_not_read_who_complained_cmp_2(secluded):
    hall = secluded
    before = english(hall, "keeper").get("/admin/complainant/").text.count("匿**")
    with pytest.raises(NotAllowed):
        file(hall, "0004")
    file(hall, "0004", by=None)
    assert hall.rows("complainant")[-1]
    assert english(hall, "keeper").get("/admin/complainant/").text.count("匿**") == before
    assert CANARY not in english(hall, "keeper").get(LIST).text
