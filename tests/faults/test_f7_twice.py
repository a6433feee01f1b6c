"""One form sent twenty times at once makes one record, one number and one answer (CON-2)."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from tests.faults.figures import often
from tests.panel.door import COOKIE
from tests.panel.hall import Visitor

NEW = "/admin/leave_request/new/"
TWENTY = 20
FORMS = often(1, 50)


def filled(hall, clerk):
    """The form of a new leave request, filled in, with the token of the page."""
    kind = str(hall.id("leave_type", code="personal"))
    days = {"first_day": "2026-03-16", "last_day": "2026-03-17"}
    form = clerk.form(NEW) | {"leave_type": kind, "reason": "家里有事"} | days
    return form | {"csrf_token": clerk.token}


def send_at_once(hall, clerk, form):
    """Send one form from twenty windows of one browser in the same moment."""
    cookies = [clerk.client.get_cookie(name).value for name in (COOKIE, "hallpanel_forms")]
    gate = Barrier(TWENTY)

    def send(_number):
        twin = Visitor(hall.app, cookies[0])
        twin.client.set_cookie("hallpanel_forms", cookies[1])
        gate.wait()
        return twin.client.post(NEW, data=form)

    with ThreadPoolExecutor(TWENTY) as senders:
        return list(senders.map(send, range(TWENTY)))


def test_twenty_sendings_of_one_form_at_once_make_one_record_con_2(hall, figures):
    clerk, before = hall.browser("staff.a1"), hall.rows("leave_request")
    last = int(max(row["number"] for row in before)[-5:])
    figures |= {"forms": FORMS, "sendings": FORMS * TWENTY, "rows": 0, "distinct answers": 0}
    for count in range(1, FORMS + 1):
        answers = send_at_once(hall, clerk, filled(hall, clerk))
        made = hall.rows("leave_request")[len(before) :]
        figures["rows"] = len(made)
        figures["distinct answers"] += len({answer.location for answer in answers})
        assert {answer.status_code for answer in answers} == {303}
        assert len({answer.location for answer in answers}) == 1
        assert [int(row["number"][-5:]) for row in made] == [*range(last + 1, last + 1 + count)]


def test_a_form_whose_answer_was_lost_is_sent_again_and_finds_its_record_con_2(hall, figures):
    """As after a kill between the commit and the reply: the browser only knows to ask again."""
    clerk, before = hall.browser("staff.a1"), len(hall.rows("leave_request"))
    form = filled(hall, clerk)
    clerk.client.post(NEW, data=form)
    again = clerk.client.post(NEW, data=form)
    made = hall.rows("leave_request")[before:]
    figures |= {"rows": len(made)}
    assert len(made) == 1
    assert again.status_code == 303
    assert f"id={made[0]['id']}" in again.location
