"""The administrators' pages: who opens accounts, who grants, and what waits for a second person."""

import re

import pytest
from flask import Blueprint

from hallpanel.engine.errors import DeclarationError
from hallpanel.engine.roles import Role
from hallpanel.guard import second_factor
from hallpanel.guard.account import create_account
from hallpanel.guard.granting import grant
from hallpanel.panel import opening
from tests import authenticator
from tests.panel.hall import NOW


def account(hall, username):
    (row,) = [row for row in hall.rows("account") if row["username"] == username]
    return row


def roles(hall, username):
    own = account(hall, username)["id"]
    return {row["role"] for row in hall.rows("role_grant") if row["account_id"] == own}


def newcomer(hall, username="new", role=None):
    def work(session):
        made = create_account(session, username, username, None, NOW, must_change_password=False)
        if role is not None:
            grant(session, made.id, role, NOW)
            if second_factor.is_required([role]):
                authenticator.hand_out(session, made.id, NOW)
        return made.id

    return hall.work(work)


def request_id(hall):
    return max(row["id"] for row in hall.rows("dual_control"))


def test_the_system_administrator_opens_an_account_and_reads_its_code_once(hall):
    sysadmin = hall.browser("sysadmin")
    data = {"name": "新人", "username": "xin.ren", "staff": "1004"}
    answer = sysadmin.post("/accounts/new/", data)
    assert answer.status_code == 200
    assert re.search(r"([2-9A-Z]{4}-){3}[2-9A-Z]{4}", answer.text)
    made = account(hall, "xin.ren")
    assert (made["must_change_password"], roles(hall, "xin.ren")) == (True, set())
    assert sysadmin.post("/accounts/new/", data).status_code == 200, "the name is taken"
    assert hall.browser("secadmin").get("/accounts/new/").status_code == 403


def test_the_security_administrator_grants_and_revokes_ordinary_roles_alone(hall):
    own = newcomer(hall)
    secadmin = hall.browser("secadmin")
    form = {"role": "director", "unit": "", "until": "", "reason": ""}
    assert secadmin.post(f"/accounts/{own}/grant/", form).status_code == 303
    assert roles(hall, "new") == {"director"}
    (held,) = [row["id"] for row in hall.rows("role_grant") if row["account_id"] == own]
    assert secadmin.post(f"/accounts/{own}/revoke/{held}/").status_code == 303
    assert roles(hall, "new") == set()
    for other in ("sysadmin", "auditor", "halladmin"):
        assert hall.browser(other).post(f"/accounts/{own}/grant/", form).status_code == 403


def test_an_administrator_is_made_by_two_people_sod_3(hall):
    own = newcomer(hall)
    newcomer(hall, "secadmin2", Role.SECADMIN)
    form = {"role": "sysadmin", "unit": "", "until": "", "reason": "接任"}
    asker = hall.browser("secadmin")
    assert asker.post(f"/accounts/{own}/grant/", form).status_code == 303
    assert roles(hall, "new") == set()
    agree = f"/dual/{request_id(hall)}/agree/"
    assert asker.post(agree).status_code == 403
    assert hall.browser("auditor").post(agree).status_code == 403
    second = hall.browser("secadmin2")
    assert agree in second.get("/dual/").text
    assert second.post(agree).status_code == 303
    assert roles(hall, "new") == {"sysadmin"}


def test_roles_that_exclude_each_other_are_refused_on_the_page_sod_1(hall):
    own = account(hall, "lead.a")["id"]
    for role in ("sysadmin", "secadmin", "auditor", "supervision"):
        form = {"role": role, "unit": "", "until": "", "reason": "x"}
        before = roles(hall, "lead.a")
        hall.browser("secadmin").post(f"/accounts/{own}/grant/", form)
        assert roles(hall, "lead.a") == before
        assert hall.rows("dual_control") == []


def test_nobody_administers_an_account_of_their_own_sod_2(hall):
    own, sysadmin = account(hall, "secadmin")["id"], account(hall, "sysadmin")["id"]
    form = {"role": "auditor", "unit": "", "until": "", "reason": "x"}
    visitor = hall.browser("secadmin")
    for page in ("grant/", "unlock/", "code/"):
        assert visitor.post(f"/accounts/{own}/{page}", form).status_code == 403
    assert hall.browser("sysadmin").post(f"/accounts/{sysadmin}/disable/").status_code == 403


def test_the_auditor_reads_accounts_and_changes_none(hall):
    own = account(hall, "staff.a1")["id"]
    auditor = hall.browser("auditor")
    assert auditor.get("/accounts/").status_code == 200
    assert auditor.get(f"/accounts/{own}/").status_code == 200
    for page in ("disable", "unlock", "sign-out", "code", "grant", "revoke/1"):
        assert auditor.post(f"/accounts/{own}/{page}/").status_code == 403
    for other in ("staff.a1", "halladmin", "director", "keeper"):
        assert hall.browser(other).get("/accounts/").status_code == 403


def test_an_undeclared_page_stops_the_start_and_is_named_az_1(hall):
    opening.check(hall.app)
    undeclared = Blueprint("odd", __name__)
    undeclared.add_url_rule("/odd/", "page", lambda: "odd")
    hall.app._got_first_request = False
    hall.app.register_blueprint(undeclared)
    with pytest.raises(DeclarationError) as refused:
        opening.check(hall.app)
    assert (refused.value.code, refused.value.entity) == ("E30", "odd.page")
    for username in ("halladmin", "sysadmin"):
        assert hall.browser(username).get("/odd/").status_code == 403


def test_nobody_decides_their_own_leave_and_the_try_is_one_event_sod_2(hall):
    own = hall.request("a", "submitted")
    before = hall.see("leave_request", own)
    for verb in ("approve", "refuse", "escalate"):
        data = {"confirm": "1", "id": own, "version": before["version"], "reason": "x"}
        answer = hall.browser("staff.a1").post(f"/admin/leave_request/act/{verb}/", data)
        assert answer.status_code == 403
        assert hall.see("leave_request", own) == before
        tried = [row for row in hall.rows("audit_event") if row["action"] == verb]
        assert [row["result"] for row in tried] == ["refused"] or verb == "approve"
        assert sum(row["result"] == "refused" for row in tried) == 1


def test_nobody_retires_their_own_staff_record_sod_2(hall):
    own = hall.id("staff", number="0003")
    answer = hall.browser("halladmin").post(
        "/admin/staff/act/retire/", {"confirm": "1", "id": own, "retired_on": ""}
    )
    assert answer.status_code == 403
    assert hall.see("staff", own)["state"] == "in_use"
