"""Plays the year's leave through the engine, one transition after the other, by the clock."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import partial
from random import Random
from typing import Any

from sqlalchemy import select

from hallpanel.demonstration.agenda import Agenda
from hallpanel.demonstration.desk import Desk
from hallpanel.demonstration.office import Office
from hallpanel.demonstration.people import CHANCE, Person
from hallpanel.demonstration.wishes import Fate, Wish
from hallpanel.engine import records, scope
from hallpanel.engine.clock import hall_day, hall_instant
from hallpanel.engine.roles import Role
from hallpanel.engine.scope import SYSTEM
from hallpanel.rulebook.discipline.leave_balance import grant_year
from hallpanel.rulebook.discipline.leave_days import Half, HalfDay
from hallpanel.rulebook.discipline.leave_entry import balance
from hallpanel.rulebook.discipline.leave_guards import extension_of
from hallpanel.rulebook.discipline.leave_request import LeaveRequest
from hallpanel.rulebook.discipline.leave_type import LeaveType
from hallpanel.rulebook.hall.service_window import ServiceWindow
from hallpanel.rulebook.hall.staff import Staff
from hallpanel.rulebook.hall.unit import Unit
from hallpanel.rulebook.hall.window_assignment import WindowAssignment

State = LeaveRequest.State

MORNING_ROUND = time(9, 30)
"""When the worker passes: after those are back whose leave ended the day before."""
EACH_DAY = 10
"""The last working days, on each of which it passes; before, where there is something for it."""
WHY_REFUSED = (
    "当天业务高峰，请改期",
    "同岗位已有人请假，请错开",
    "临近月末申报期，请调整到下月初",
    "请先完成手头的归档工作",
)
WHY_SUDDEN_REFUSED = (
    "请补交就诊或相关证明后重新提交",
    "请假时段与所附证明不符，请核对后重新提交",
    "请先填写顶岗人员，再重新提交",
    "请假类型填写有误，请更正后重新提交",
)
"""Of leave for which nobody can choose the day: it is sent back, not put off."""
WHY_CANCELLED = ("临时有重要接待任务，改期休假", "窗口人手紧张，经本人同意改期")
WHY_SUDDEN_CANCELLED = ("本人申请取消，已返岗", "经与本人核实，无需再休，取消请假")
WHY_LONGER = ("家中事情未办完，续假", "返程票改签，续假")
REMARKS = ("同意", "同意，交接好手头工作", "同意，注意按时销假")
COMMENTS = (
    "手头工作已与搭档交接。",
    "假期电话保持畅通。",
    "返岗后补办本周档案整理。",
    "已和帮办员说好顶岗时间。",
)
SHORT_OF_PEOPLE = "窗口人手不足，请另选日期或落实顶岗人员"
NO_COVER = "请先落实顶岗人员，再重新提交"


@dataclass
class Story:
    """One request on its way.

    `tiers` is how many approvers get round to it, None for all. `accepts` and `returns` say whether
    the substitute and the person do what is expected of them. `extended` is the leave it extends.
    `told` is a leave for which the person has saved days.
    """

    wish: Wish
    request_id: int = 0
    tiers: int | None = None
    accepts: bool = True
    returns: bool = True
    extended: "Story | None" = None
    told: bool = False


class Year:
    """Lets the people ask, decide, leave and come back."""

    def __init__(self, desk: Desk, people: Iterable[Person], office: Office) -> None:
        self.desk, self.office = desk, office
        self.calendar = office.calendar
        self.people = list(people)
        self.by_number = {person.number: person for person in self.people}
        self.chance = Random(CHANCE)  # noqa: S311 - invented delays, the same each time
        self.agenda = Agenda()
        self.swept: set[date] = set()
        self.saving: Counter[str] = Counter()
        self.delegated: list[tuple[Person, Person, date, date]] = []
        with scope.acting(desk.session, SYSTEM):
            staff = desk.session.scalars(select(Staff)).all()
            types = desk.session.scalars(select(LeaveType)).all()
            units = desk.session.scalars(select(Unit)).all()
        self.staff = {person.number: person for person in staff}
        self.person_of = {one.id: self.by_number[one.number] for one in staff}
        self.units = {unit.code: unit for unit in units}
        self.types = {leave_type.code: leave_type for leave_type in types}

    # The clock

    def sweep_each_week(self, first: date, last: date) -> None:
        """Put down the worker's round of one working day in each week, and of each of the last."""
        days = self.calendar.working_days(first, last)
        weeks = {day.isocalendar()[:2]: day for day in reversed(days)}
        for day in {*weeks.values(), *days[-EACH_DAY:]}:
            self.sweep_on(day)

    def sweep_on(self, day: date) -> None:
        """Put down the worker's round of a working day, once."""
        if day not in self.swept:
            self.swept.add(day)
            self.agenda.put(hall_instant(day, MORNING_ROUND), self.desk.sweep)

    def grant_ahead(self, first: date, last: date) -> None:
        """Put down that the coming year's allowances are there when December begins."""
        for year in range(first.year, last.year + 1):
            at = hall_instant(date(year, 12, 1), MORNING_ROUND)
            self.agenda.put(at, partial(self._grant, year + 1))

    def _grant(self, year: int, at: datetime) -> None:
        with records.at_desk(self.desk.session, SYSTEM, at):
            grant_year(self.desk.session, year, at)

    def plan(self, wish: Wish) -> None:
        """Put down when a person asks for leave: sudden leave before the hall opens."""
        sudden = wish.asked_on == wish.first.day
        early = hall_instant(wish.asked_on, time(7, 30)) + self._minutes(0, 50)
        at = early if sudden else self.office.at(wish.asked_on, self.chance.randint(5, 330))
        self.agenda.put(at, partial(self.ask, Story(wish)))

    def _minutes(self, least: int, most: int) -> timedelta:
        return timedelta(minutes=self.chance.randint(least, most))

    def _later(self, at: datetime, least: int, most: int) -> datetime:
        """Some office minutes later."""
        return self.office.after(at, self.chance.randint(least, most))

    # Asking

    def ask(self, story: Story, at: datetime) -> None:
        """Write a request and submit it; see to it that it is decided."""
        wish = story.wish
        if not self._affords(wish, 0 if story.told else self.saving[wish.person.number]):
            return
        story.request_id = self.draft(wish, at)
        if self.desk.act(wish.person, self._request(story), "submit", at):
            return
        if wish.cover is not None and story.accepts:
            self.agenda.put(self._later(at, 5, 25), partial(self._accept, story))
        if wish.fate is Fate.WITHDRAWN:
            self.agenda.put(self._later(at, 10, 25), partial(self._withdraw, story))
        else:
            self.agenda.put(self._first_decided_at(story, at), partial(self.decide, story))

    def draft(self, wish: Wish, at: datetime) -> int:
        """Write a request down; its id."""
        values = {
            "leave_type": self.types[wish.code],
            "first_day": wish.first.day,
            "first_half": wish.first.half,
            "last_day": wish.last.day,
            "last_half": wish.last.half,
            "reason": wish.reason,
            "substitute": self.staff[wish.cover.number] if wish.cover else None,
        }
        return self.desk.file(wish.person, "leave_request", values, at)

    def _affords(self, wish: Wish, saved: int) -> bool:
        """Whether the allowance has the days; whoever sees that it has not asks for nothing."""
        leave_type, staff = self.types[wish.code], self.staff[wish.person.number]
        if not leave_type.keeps_balance:
            return True
        days = self.calendar.count(wish.first.day, wish.last.day)
        with scope.acting(self.desk.session, SYSTEM):
            left = balance(self.desk.session, staff.id, leave_type.id, wish.first.day.year)
        return days + saved <= left

    def _request(self, story: Story) -> Any:
        return self.desk.look("leave_request", story.request_id)

    def _accept(self, story: Story, at: datetime) -> None:
        if story.wish.cover is not None:
            self.desk.act(story.wish.cover, self._request(story), "accept_cover", at)

    def _withdraw(self, story: Story, at: datetime) -> None:
        self.desk.act(story.wish.person, self._request(story), "withdraw", at)

    # Deciding

    def _decided_at(self, story: Story, at: datetime) -> datetime:
        """Sudden leave is decided at once, other leave when the approver comes to it."""
        sudden = story.wish.asked_on == story.wish.first.day
        return self._later(at, 5, 30) if sudden else self._later(at, 30, 240)

    def _first_decided_at(self, story: Story, at: datetime) -> datetime:
        if story.wish.fate is Fate.FORGOTTEN:
            too_late = self.calendar.add(hall_day(at), 2).day
            self.sweep_on(too_late)
            return self.office.at(too_late, 150)
        return self._decided_at(story, at)

    def decide(self, story: Story, at: datetime) -> None:
        """Let whoever's turn it is decide, and go on to the next tier."""
        request = self._request(story)
        if request.state is not State.SUBMITTED or story.tiers == 0:
            return
        story.tiers = None if story.tiers is None else story.tiers - 1
        decider = self.decider(request, at)
        if story.wish.fate is Fate.REFUSED and self.chance.random() < 0.7:
            why = WHY_SUDDEN_REFUSED if story.wish.sudden else WHY_REFUSED
            self._refuse(story, decider, self.chance.choice(why), at)
            return
        remark = self.chance.choice(REMARKS) if self.chance.random() < 0.2 else None
        if self.desk.act(decider, request, "approve", at, reason=remark):
            self._refuse(story, decider, NO_COVER if story.wish.sudden else SHORT_OF_PEOPLE, at)
        elif request.state is State.SUBMITTED:
            self._remark(story, decider, at)
            self.agenda.put(self._decided_at(story, at), partial(self.decide, story))
        else:
            self._granted(story, at)

    def _refuse(self, story: Story, decider: Person, why: str, at: datetime) -> None:
        self.desk.act(decider, self._request(story), "refuse", at, reason=why)

    def _remark(self, story: Story, decider: Person, at: datetime) -> None:
        if self.chance.random() < 0.04:
            said = self.chance.choice(COMMENTS)
            self.desk.comment(story.wish.person, self._request(story), said, at)

    def decider(self, request: Any, at: datetime) -> Person:
        """Who holds the turn's role over the request's unit, or stands in for them today."""
        owner = self.person_of[request.staff_id]
        holders = [p for p in self.people if request.turn in p.roles and p != owner]
        if request.turn is Role.LEAD:
            unit = request.unit_id
            holders = [p for p in holders if self.staff[p.number].unit_id == unit]
        holder = holders[0] if self.chance.random() < 0.6 else self.chance.choice(holders)
        day = hall_day(at)
        for delegator, delegate, first, last in self.delegated:
            if delegator == holder and first <= day <= last and delegate != owner:
                return delegate
        return holder

    # Going and coming back

    def _granted(self, story: Story, at: datetime) -> None:
        wish = story.wish
        begins = hall_instant(wish.first.day, time(8, 5))
        if wish.first.half is Half.AFTERNOON:
            begins = hall_instant(wish.first.day, time(12, 35))
        begins += self._minutes(0, 20)
        before = hall_instant(self.calendar.before(wish.first.day, 1), time(16, 30))
        if before > at and story.extended is None:
            self._may_not_go(story, before)
        if self._goes_unasked(wish) or at > begins:
            self.agenda.put(max(begins, at + timedelta(minutes=3)), partial(self._leave, story))
        if story.returns:
            back = max(self._back_at(story), at + timedelta(minutes=5))
            self.agenda.put(back, partial(self._return, story))
        if wish.fate is Fate.OVERSTAYED or not story.returns:
            self.sweep_on(self.calendar.add(wish.last.day, 1).day)
        if wish.fate is Fate.EXTENDED:
            on_last_day = hall_instant(wish.last.day, time(10)) + self._minutes(0, 40)
            self.agenda.put(on_last_day, partial(self._extend, story))
        self._delegate(story, at)

    def _goes_unasked(self, wish: Wish) -> bool:
        """Whether the person notes the leaving, and does not wait for the worker to do it."""
        if wish.first.half is Half.AFTERNOON or wish.first.day not in self.swept:
            return True
        return self.chance.random() < 0.4

    def _may_not_go(self, story: Story, before: datetime) -> None:
        """On the working day before: hand over, or think better of it."""
        match story.wish.fate:
            case Fate.GIVEN_UP:
                self.agenda.put(before, partial(self._withdraw, story))
            case Fate.CANCELLED:
                self.agenda.put(before, partial(self._cancel, story))
            case _ if self.chance.random() < 0.5:
                self.agenda.put(before + self._minutes(0, 25), partial(self._hand_over, story))

    def _cancel(self, story: Story, at: datetime) -> None:
        request = self._request(story)
        owner = self.person_of[request.staff_id]
        by = next(p for p in self.people if Role.DEPUTY in p.roles and p != owner)
        leads = [p for p in self.people if Role.LEAD in p.roles and p.unit == owner.unit]
        decider = next((lead for lead in leads if lead != owner), by)
        why = self.chance.choice(WHY_SUDDEN_CANCELLED if story.wish.sudden else WHY_CANCELLED)
        self.desk.act(decider, request, "cancel", at, reason=why)

    def _hand_over(self, story: Story, at: datetime) -> None:
        self.desk.act(story.wish.person, self._request(story), "hand_over", at)

    def _leave(self, story: Story, at: datetime) -> None:
        self.desk.act(story.wish.person, self._request(story), "leave_post", at)

    def _back_at(self, story: Story) -> datetime:
        """The first minutes of the half day after the leave; who overstays comes a day later."""
        wish = story.wish
        if wish.last.half is Half.MORNING and wish.fate is not Fate.OVERSTAYED:
            return hall_instant(wish.last.day, time(13, 5)) + self._minutes(0, 24)
        days = 2 if wish.fate is Fate.OVERSTAYED else 1
        return hall_instant(self.calendar.add(wish.last.day, days).day, time(8, 5)) + self._minutes(
            0, 24
        )

    def _return(self, story: Story, at: datetime) -> None:
        request = self._request(story)
        if request.state not in (State.ON_LEAVE, State.OVERSTAYED):
            return
        with scope.acting(self.desk.session, SYSTEM):
            longer = extension_of(self.desk.session, request)
        if longer is not None and longer.last_day >= hall_day(at):
            return
        self.desk.act(story.wish.person, request, "return", at)
        if story.extended is not None:
            self._return(story.extended, at)

    def _extend(self, story: Story, at: datetime) -> None:
        """Ask for a day or two more, from afar; the same tiers decide, at once."""
        request, wish = self._request(story), story.wish
        last_day = self.calendar.add(wish.last.day, self.chance.randint(1, 2)).day
        answers = {"last_day": last_day, "reason": self.chance.choice(WHY_LONGER)}
        if request.state is not State.ON_LEAVE:
            return
        if self.desk.act(wish.person, request, "extend", at, **answers):
            return
        with scope.acting(self.desk.session, SYSTEM):
            longer = extension_of(self.desk.session, request)
        first = HalfDay(longer.first_day, longer.first_half)
        last = HalfDay(longer.last_day, longer.last_half)
        added = Wish(wish.person, wish.code, first, last, first.day, longer.reason)
        self.agenda.put(
            self._later(at, 5, 20), partial(self.decide, Story(added, longer.id, extended=story))
        )

    def _delegate(self, story: Story, at: datetime) -> None:
        """Who decides and is away for two days or more names someone in their place."""
        wish, person = story.wish, story.wish.person
        away = self.calendar.count(wish.first.day, wish.last.day)
        deciding = {Role.LEAD, Role.DEPUTY, Role.DIRECTOR} & set(person.roles)
        if not deciding or away < 2 or story.extended is not None:
            return
        self.delegate(
            person, self._stand_in(person), wish.first.day, wish.last.day, wish.reason, at
        )

    def _stand_in(self, person: Person) -> Person:
        higher = {Role.DEPUTY: Role.DIRECTOR, Role.DIRECTOR: Role.DEPUTY}
        for role, other in higher.items():
            if role in person.roles:
                return next(p for p in self.people if other in p.roles)
        return next(
            p
            for p in self.people
            if p.unit == person.unit and p != person and p.roles == (Role.STAFF,)
        )

    def delegate(
        self, person: Person, stand_in: Person, first: date, last: date, why: str, at: datetime
    ) -> None:
        """Name who decides in a person's stead for some days."""
        values = {
            "delegate": self.staff[stand_in.number],
            "first_day": first,
            "last_day": last,
            "reason": why,
        }
        self.desk.file(person, "delegation", values, at)
        self.delegated.append((person, stand_in, first, last))
        self.desk.expect_roles_to_change(stand_in)

    # Moving

    def move_people(self, days: Sequence[date]) -> None:
        """Put down on which working day the hall administrator moves whom to another unit."""
        for person in self.people:
            if person.moved is not None:
                at = self.office.at(days[int(person.moved.share * len(days))], 20)
                self.agenda.put(at, partial(self._move, person))

    def _move(self, person: Person, at: datetime) -> None:
        """The windows of before end with the day before; records made stay with the old unit."""
        staff, day = self.staff[person.number], hall_day(at)
        by = next(p for p in self.people if Role.HALL_ADMIN in p.roles)
        with scope.acting(self.desk.session, SYSTEM):
            ended = self.desk.session.scalars(
                select(WindowAssignment).where(WindowAssignment.staff_id == staff.id)
            ).all()
            windows = self.desk.session.scalars(
                select(ServiceWindow).where(ServiceWindow.number.in_(person.windows))
            ).all()
        for record in ended:
            self.desk.change(by, record, {"until": day - timedelta(days=1)}, at)
        unit = self.units[person.unit]
        self.desk.change(by, staff, {"unit": unit}, at)
        for window in windows:
            values = {"staff": staff, "window": window, "since": day}
            self.desk.file(by, "window_assignment", values, at)
        self.desk.forget_roles(person)
