"""Leave from the desk back to the desk, over HTTP (clauses 2.1.1 to 2.1.3)."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date

MEI, CHEN, WANG, WU = "1002", "1003", "1004", "1102"


def test_three_days_from_the_form_to_the_return(desk):
    """(a) L5, L6, L7, L8: staff asks, the lead sees the cover, three tiers agree, she returns."""
    request = desk.ask("staff.a1", "2026-03-16", "2026-03-18")
    assert desk.see(request)["days"] == 3

    before = desk.look("staff.a1", "submit", request)
    assert "Step 1: Section lead decides" in before
    assert "Step 3: Deputy director decides" in before
    assert desk.done("staff.a1", "submit", request)["turn"] == "lead"

    home = desk.of("lead.a").get("/").text
    assert "李梅" in home
    assert "window A01 keeps 1, minimum 1" in home
    page = desk.look("lead.a", "approve", request)
    assert "It goes on to Supervision section" in page
    assert "李梅 is told" in page
    assert desk.done("lead.a", "approve", request)["turn"] == "supervision"
    assert desk.attendance(MEI) == {}

    assert desk.done("inspector", "approve", request)["turn"] == "deputy_director"
    last = desk.look("deputy", "approve", request)
    assert "Attendance: 3 working days are explained by this leave" in last
    approved = desk.done("deputy", "approve", request, reason="同意")
    assert (approved["state"], approved["turn"]) == ("approved", None)
    covered = (None, request, None, request)
    assert desk.attendance(MEI) == {f"2026-03-{day}": covered for day in (16, 17, 18)}

    desk.at("2026-03-16 08:00")
    desk.done("staff.a1", "hand_over", request, reason="发票交给陈晓")
    assert desk.done("staff.a1", "leave_post", request)["state"] == "on_leave"
    desk.at("2026-03-17 08:30")
    desk.sweep()
    assert "ends tomorrow" in desk.told("staff.a1")
    desk.at("2026-03-19 08:20")
    back = desk.done("staff.a1", "return", request)
    assert back["state"] == "returned"
    assert back["returned_at"] is not None

    record = desk.of("staff.a1").get(f"/admin/leave_request/details/?id={request}").text
    for words in ("钱国梁", "孙雅琴", "林慧敏", "发票交给陈晓", "Back at post"):
        assert words in record


def test_of_a_pair_one_stays_until_a_substitute_has_accepted(desk):
    """(b) L6: A and B away together is refused until somebody else stands in and says so."""
    first = desk.ask("staff.a1", "2026-03-16", "2026-03-16", last_half="morning")
    desk.done("staff.a1", "submit", first)
    desk.done("lead.a", "approve", first)
    second = desk.ask("staff.a2", "2026-03-16", "2026-03-16", last_half="morning")
    desk.done("staff.a2", "submit", second)

    refused = desk.act("lead.a", "approve", second)
    assert "A/B partner 李梅 is away on" in refused.text
    assert "clause 2.1.2" in refused.text
    assert desk.see(second)["state"] == "submitted"

    wang = desk.hall.id("staff", number=WANG)
    desk.done("lead.a", "name_substitute", second, substitute=wang)
    still = desk.act("lead.a", "approve", second)
    assert still.status_code == 200
    assert desk.see(second)["state"] == "submitted"

    open_account(desk, WANG, "wang.a")
    assert "李梅" not in desk.of("wang.a").get("/").text
    assert "陈晓" in desk.of("wang.a").get("/").text
    desk.done("wang.a", "accept_cover", second)
    assert desk.done("lead.a", "approve", second)["state"] == "approved"


def open_account(desk, number, username):
    """Give a member of staff of the test hall an account of their own."""
    from hallpanel.engine.clock import utc_now
    from hallpanel.engine.roles import Role
    from hallpanel.guard.account import create_account
    from hallpanel.guard.granting import grant

    staff = desk.hall.id("staff", number=number)

    def work(session):
        made = create_account(
            session, username, username, None, utc_now(), staff_id=staff, must_change_password=False
        )
        grant(session, made.id, Role.STAFF, utc_now())

    desk.hall.work(work)


def test_a_leads_own_leave_goes_one_level_up(desk):
    """(c) X2, L5: the lead does not decide, nor is the lead's tier asked."""
    request = desk.ask("lead.a", "2026-03-16", "2026-03-16", last_half="morning")
    assert desk.done("lead.a", "submit", request)["turn"] == "supervision"
    own = desk.act("lead.a", "approve", request)
    assert "nobody decides on their own record" in own.text
    assert desk.done("inspector", "approve", request)["state"] == "approved"


def test_withdrawing_restores_balance_and_attendance_exactly(desk):
    """(d) L2, L7: reserved, used, and given back; attendance as if nothing had been."""
    balance, attendance = desk.balance(MEI), desk.attendance(MEI)
    request = desk.ask("staff.a1", "2026-03-16", "2026-03-17", kind="annual")
    desk.done("staff.a1", "submit", request)
    assert desk.balance(MEI) == balance - 2
    for approver in ("lead.a", "inspector", "deputy"):
        desk.done(approver, "approve", request)
    assert desk.balance(MEI) == balance - 2
    assert set(desk.attendance(MEI)) - set(attendance) == {"2026-03-16", "2026-03-17"}

    assert desk.done("staff.a1", "withdraw", request)["state"] == "withdrawn"
    assert desk.balance(MEI) == balance
    assert desk.attendance(MEI) == attendance


def test_after_it_began_only_the_approver_cancels_and_that_restores_too(desk):
    """L7: withdrawal before it starts; afterwards the lead cancels, with a reason."""
    balance = desk.balance(MEI)
    request = desk.ask("staff.a1", "2026-03-16", "2026-03-16", kind="annual")
    desk.done("staff.a1", "submit", request)
    desk.done("lead.a", "approve", request)
    desk.done("inspector", "approve", request)
    desk.at("2026-03-16 09:00")
    assert "the leave has begun" in desk.act("staff.a1", "withdraw", request).text
    assert desk.act("lead.a", "cancel", request).status_code == 200  # no reason was given
    assert desk.done("lead.a", "cancel", request, reason="临时任务")["state"] == "cancelled"
    assert desk.balance(MEI) == balance
    assert desk.attendance(MEI) == {}


def test_who_overstays_is_absent_from_the_next_half_day(desk):
    """(e) L7: no return becomes absence by the half day, charged once each, until the return."""
    request = desk.ask("staff.a1", "2026-03-16", "2026-03-16")
    desk.done("staff.a1", "submit", request)
    desk.done("lead.a", "approve", request)
    desk.done("inspector", "approve", request)
    desk.at("2026-03-16 08:30")
    desk.sweep()
    assert desk.see(request)["state"] == "on_leave"

    desk.at("2026-03-17 13:00")
    desk.sweep()
    desk.sweep()
    assert desk.see(request)["state"] == "overstayed"
    assert desk.attendance(MEI)["2026-03-17"] == ("absent", None, None, None)
    desk.at("2026-03-18 08:40")
    desk.sweep()
    assert desk.attendance(MEI)["2026-03-17"] == ("absent", None, "absent", None)
    assert desk.points(MEI) == [("2.1.1", -5), ("2.1.1", -5)]

    assert desk.done("staff.a1", "return", request)["state"] == "returned"
    desk.at("2026-03-19 18:00")
    desk.sweep()
    assert len(desk.points(MEI)) == 2


def test_of_two_approvers_at_once_one_decides_and_the_other_is_told_who(desk):
    """(f) CON-1: exactly one decision, whoever sends it."""
    delegate(desk, "lead.a", "staff.a2")
    request = desk.ask("staff.a1", "2026-03-16", "2026-03-16", last_half="morning")
    desk.done("staff.a1", "submit", request)
    approvers = [desk.of("lead.a"), desk.of("staff.a2")]
    version = desk.see(request)["version"]
    data = {"confirm": "1", "id": request, "version": version}
    for one in approvers:
        assert one.token  # asked for before the race
    with ThreadPoolExecutor(2) as pool:
        answers = list(
            pool.map(lambda one: one.post("/admin/leave_request/act/approve/", data), approvers)
        )
    assert sorted(answer.status_code for answer in answers) == [200, 303]
    (late,) = [answer.text for answer in answers if answer.status_code == 200]
    assert "was faster" in late
    events = [
        row
        for row in desk.hall.rows("audit_event")
        if (row["action"], row["record_id"]) == ("approve", str(request))
    ]
    assert len(events) == 1


def delegate(desk, delegator, to):
    """Let one person decide in the stead of another for the whole of March."""
    number = {"staff.a2": CHEN, "staff.a1": MEI}[to]
    page = "/admin/delegation/new/"
    browser = desk.of(delegator)
    form = browser.form(page) | {
        "delegate": desk.hall.id("staff", number=number),
        "first_day": "2026-02-09",
        "last_day": "2026-03-31",
    }
    assert browser.post(page, form).status_code == 303


def test_a_delegate_sees_for_whom_and_inherits_what_bars_both(desk):
    """X2, X10: not the delegator's own leave, nor the delegate's, but everybody else's."""
    delegate(desk, "lead.a", "staff.a2")
    assert "Acting for 林慧敏" in desk.of("staff.a2").get("/").text
    own = desk.ask("staff.a2", "2026-03-16", "2026-03-16", last_half="morning")
    desk.done("staff.a2", "submit", own)
    assert "nobody decides on their own record" in desk.act("staff.a2", "approve", own).text

    mei = desk.ask("staff.a1", "2026-03-17", "2026-03-17", last_half="morning")
    desk.done("staff.a1", "submit", mei)
    assert desk.done("staff.a2", "approve", mei)["state"] == "approved"
    (step,) = [row for row in desk.hall.rows("approval_step") if row["record_id"] == mei]
    assert (step["decided_by"], step["on_behalf_of"]) == ("陈晓", "林慧敏")


def test_another_units_request_is_not_found(desk):
    """(g) X1: by page, by transition, in bulk and for its attachments; and it stays as it was."""
    foreign = desk.hall.request("b", "submitted")
    before = desk.see(foreign)
    lead = desk.of("lead.a")
    assert lead.get(f"/admin/leave_request/details/?id={foreign}").status_code == 404
    assert lead.get(f"/admin/leave_request/edit/?id={foreign}").status_code == 404
    for verb in ("approve", "refuse", "cancel"):
        assert desk.act("lead.a", verb, foreign, reason="x").status_code == 404
    assert desk.see(foreign) == before


def test_nobody_decides_in_time_and_the_request_goes_up(desk):
    """L5, X4, X11: one level up, told to both, on record for good, and decided there."""
    request = desk.ask("staff.a1", "2026-03-16", "2026-03-16", last_half="morning")
    desk.done("staff.a1", "submit", request)
    desk.at("2026-02-10 09:00")
    desk.sweep()
    assert "is waiting for your decision" in desk.told("lead.a")
    desk.at("2026-02-11 00:30")
    swept = desk.sweep()
    assert swept.marks >= 1
    assert desk.see(request)["turn"] == "supervision"
    desk.sweep()
    assert desk.see(request)["turn"] == "supervision"
    for told in ("lead.a", "inspector"):
        assert "has gone one level up" in desk.told(told)
    page = desk.of("inspector").get(f"/admin/leave_request/details/?id={request}").text
    assert "Escalated because it was not decided in time" in page
    assert desk.done("inspector", "approve", request)["state"] == "approved"
    again = desk.of("inspector").get(f"/admin/leave_request/details/?id={request}").text
    assert "the promised limit has passed" in again


def test_what_the_rules_object_to_is_said_with_its_clause_and_changes_nothing(desk):
    """L3, L4: overlap, no working day, short notice, short balance, missing certificate."""
    first = desk.ask("staff.a1", "2026-03-16", "2026-03-17")
    desk.done("staff.a1", "submit", first)
    twice = desk.ask("staff.a1", "2026-03-17", "2026-03-18")
    overlap = desk.act("staff.a1", "submit", twice)
    assert "it overlaps with" in overlap.text
    assert desk.see(twice)["state"] == "draft"

    sick = desk.ask("staff.a1", "2026-04-13", "2026-04-15", kind="sick")
    assert "needs a certificate" in desk.act("staff.a1", "submit", sick).text

    much = desk.ask("staff.a1", "2026-05-11", "2026-06-30", kind="annual")
    assert "days left" in desk.act("staff.a1", "submit", much).text

    browser = desk.of("staff.a1")
    form = browser.form("/admin/leave_request/new/") | {
        "leave_type": desk.hall.id("leave_type", code="personal"),
        "first_day": "2026-03-21",
        "last_day": "2026-03-22",
        "reason": "周末的事",
    }
    count = len(desk.hall.rows("leave_request"))
    answer = browser.post("/admin/leave_request/new/", form)
    assert answer.status_code == 200
    assert "there is no working day in it, so no leave is needed" in answer.text
    assert "周末的事" in answer.text
    assert len(desk.hall.rows("leave_request")) == count


def test_blocked_dates_stop_all_but_the_director_with_a_reason(desk):
    """L4: the lead cannot approve; escalated to the director, it can be, with a reason."""
    admin = desk.of("halladmin")
    form = admin.form("/admin/blocked_date/new/") | {
        "first_day": "2026-03-10",
        "last_day": "2026-03-20",
        "reason": "集中申报期",
    }
    assert admin.post("/admin/blocked_date/new/", form).status_code == 303
    request = desk.ask("staff.a1", "2026-03-16", "2026-03-16", last_half="morning")
    desk.done("staff.a1", "submit", request)
    refused = desk.act("lead.a", "approve", request, reason="同意")
    assert "is blocked: 集中申报期" in refused.text
    for approver in ("lead.a", "inspector", "deputy"):
        desk.done(approver, "escalate", request, reason="请领导定")
    assert "is blocked" in desk.act("director", "approve", request).text
    assert desk.done("director", "approve", request, reason="特批")["state"] == "approved"


def test_an_extension_is_a_request_of_its_own_and_keeps_from_overstaying(desk):
    """L7: extended before the end; the sweep does not call it overstayed while it is open."""
    request = desk.ask("staff.a1", "2026-03-16", "2026-03-16")
    desk.done("staff.a1", "submit", request)
    desk.done("lead.a", "approve", request)
    desk.done("inspector", "approve", request)
    desk.at("2026-03-16 08:30")
    desk.sweep()
    desk.done("staff.a1", "extend", request, last_day="2026-03-17", reason="车票改签")
    (longer,) = desk.hall.ids("leave_request", extends_id=request)
    added = desk.see(longer)
    assert (added["state"], added["first_day"]) == ("submitted", date(2026, 3, 17))
    desk.at("2026-03-17 08:30")
    desk.sweep()
    assert desk.see(request)["state"] == "on_leave"


def test_bulk_approval_does_what_single_does_and_lists_what_it_cannot(desk):
    """X8: those that may are approved, those that may not are listed with the reason of each."""
    day = {"last_half": "morning"}
    one = desk.ask("staff.a1", "2026-03-16", "2026-03-16", **day)
    two = desk.ask("staff.a2", "2026-03-16", "2026-03-16", **day)
    for who, request in (("staff.a1", one), ("staff.a2", two)):
        desk.done(who, "submit", request)
    asked = desk.of("lead.a").post("/admin/leave_request/act/approve/", {"id": [one, two]})
    assert "Approve 2 records" in asked.text
    answer = desk.act("lead.a", "approve", one, two)
    assert "1 done, 1 not" in answer.text
    assert "A/B partner 李梅 is away" in answer.text
    assert [desk.see(request)["state"] for request in (one, two)] == ["approved", "submitted"]
