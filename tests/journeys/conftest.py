"""Journeys go through the hall of the panel's tests, in English so that sentences can be read."""

import re
from datetime import datetime

import pytest

from hallpanel.engine.clock import HALL_ZONE
from tests.panel.conftest import at_ten, hall, hall_url

__all__ = ["at_ten", "desk", "hall", "hall_url"]

NEW = "/admin/leave_request/new/"
LOCATION = re.compile(r"[?&]id=(\d+)")


class Desk:
    """What people do with leave, step by step, as their browser would send it."""

    def __init__(self, hall, clock):
        self.hall, self.clock = hall, clock
        self.browsers = {}

    def of(self, username):
        """The browser of somebody of the cast; a session that idled out is begun anew."""
        browser = self.browsers.get(username)
        if browser is None or browser.get("/me/").status_code != 200:
            browser = self.hall.browser(username)
            browser.client.set_cookie("hallpanel_language", "en")
            self.browsers[username] = browser
        return browser

    def at(self, text):
        """Let it be a moment in the hall, such as 2026-03-16 08:30."""
        local = datetime.strptime(text, "%Y-%m-%d %H:%M").replace(tzinfo=HALL_ZONE)
        self.clock.move_to(local, tick=False)

    def ask(self, username, first, last, kind="personal", **more):
        """Fill in the form of a new request; the id of the draft."""
        browser = self.of(username)
        form = browser.form(NEW) | {
            "leave_type": self.hall.id("leave_type", code=kind),
            "first_day": first,
            "last_day": last,
            "reason": "家里有事",
            **more,
        }
        answer = browser.post(NEW, form)
        assert answer.status_code == 303, answer.text
        return int(LOCATION.search(answer.location)[1])

    def look(self, username, verb, request_id):
        """The page before a transition."""
        return self.of(username).get(f"/admin/leave_request/act/{verb}/?id={request_id}").text

    def act(self, username, verb, *ids, **answers):
        """Confirm a transition with the versions that its page shows."""
        browser = self.of(username)
        versions = [self.hall.see("leave_request", one)["version"] for one in ids]
        data = {"confirm": "1", "id": list(ids), "version": versions, **answers}
        return browser.post(f"/admin/leave_request/act/{verb}/", data)

    def done(self, username, verb, request_id, **answers):
        """The same, and it must have been done."""
        answer = self.act(username, verb, request_id, **answers)
        assert answer.status_code == 303, answer.text
        return self.hall.see("leave_request", request_id)

    def see(self, request_id):
        """A request as it is stored."""
        return self.hall.see("leave_request", request_id)

    def sweep(self):
        """Let the worker pass."""
        from hallpanel.engine import sweep
        from hallpanel.engine.clock import utc_now
        from hallpanel.panel.extensions import db

        with self.hall.app.app_context():
            return sweep.run(db.session(), utc_now())

    def attendance(self, number):
        """A person's attendance: day to what each half says and which leave covers it."""
        staff = self.hall.id("staff", number=number)
        return {
            str(row["day"]): (
                row["morning"],
                row["morning_leave_id"],
                row["afternoon"],
                row["afternoon_leave_id"],
            )
            for row in self.hall.rows("attendance_day")
            if row["staff_id"] == staff
        }

    def balance(self, number, kind="annual", year=2026):
        """A person's days left of a type."""
        staff, leave_type = (
            self.hall.id("staff", number=number),
            self.hall.id("leave_type", code=kind),
        )
        return sum(
            row["days"]
            for row in self.hall.rows("leave_entry")
            if (row["staff_id"], row["leave_type_id"], row["year"]) == (staff, leave_type, year)
        )

    def points(self, number):
        """A person's points: clause and figure of each line."""
        staff = self.hall.id("staff", number=number)
        return [
            (row["clause"], row["points"])
            for row in self.hall.rows("point_entry")
            if row["staff_id"] == staff
        ]

    def told(self, username):
        """The sentences in somebody's inbox."""
        return self.of(username).get("/inbox/").text


@pytest.fixture
def desk(hall, at_ten):
    """The leave desk of the test hall, on Monday, 9 February 2026, ten in the morning."""
    found = Desk(hall, at_ten)
    found.sweep()  # grants the year's allowances, as on any morning
    return found
