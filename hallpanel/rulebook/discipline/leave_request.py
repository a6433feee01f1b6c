"""Leave requests (clauses 2.1.2, 2.1.3)."""

from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Optional

from sqlalchemy.orm import Mapped, Session

from hallpanel.engine.calendar_view import CalendarView
from hallpanel.engine.deadline import DeadlineRule
from hallpanel.engine.entity import (
    STANDARD_REACH,
    Access,
    Kind,
    ListView,
    Regulated,
    Secrecy,
    column,
    related,
)
from hallpanel.engine.errors import Refusal
from hallpanel.engine.personal import Personal, Years
from hallpanel.engine.recipients import HoldersOf, Party
from hallpanel.engine.roles import Role
from hallpanel.engine.sweep import Reminder, Timed
from hallpanel.engine.who import (
    ApproverMay,
    Either,
    Holds,
    OwnerMay,
    PartyMay,
    SystemMay,
)
from hallpanel.engine.words import Phrase, _l
from hallpanel.engine.workflow import REASON, REMARK, Ask, Transition, Workflow
from hallpanel.rulebook.discipline import leave_effects as effects
from hallpanel.rulebook.discipline import leave_guards as guards
from hallpanel.rulebook.discipline.cover import AWAY_STATES, cover_note, cover_of
from hallpanel.rulebook.discipline.leave_balance import keep_allowances
from hallpanel.rulebook.discipline.leave_days import Half, Span
from hallpanel.rulebook.discipline.leave_type import LeaveType
from hallpanel.rulebook.hall.delegation import DECIDERS
from hallpanel.rulebook.hall.staff import Staff

WHEN = _l("When")
WHY = _l("Why")
COVER = _l("Who stands in")
BACK_SINCE = (
    Ask(
        "returned_at",
        _l("Back at the post since"),
        Kind.INSTANT,
        optional=True,
        hint=_l("Empty: now."),
    ),
)
HALVES = {"morning": _l("Morning"), "afternoon": _l("Afternoon")}


class LeaveRequest(Regulated):
    """A member of staff asks to be away from the post."""

    clause = "2.1.2"
    label = _l("Leave request")
    plural = _l("Leave requests")
    place = 10
    everyday = True
    series = "QJ"
    owner = "staff"
    parties = ("substitute",)
    approval = True
    icon = "calendar-heart"
    files_on_form = True
    access = Access(
        read=STANDARD_REACH,
        create=(Role.STAFF, Role.HALL_ADMIN),
        edit=(Role.STAFF, Role.HALL_ADMIN),
    )

    class State(StrEnum):
        """The life of a request, from the desk back to the desk."""

        DRAFT = "draft"
        SUBMITTED = "submitted"
        APPROVED = "approved"
        HANDED_OVER = "handed_over"
        ON_LEAVE = "on_leave"
        RETURNED = "returned"
        OVERSTAYED = "overstayed"
        REFUSED = "refused"
        WITHDRAWN = "withdrawn"
        CANCELLED = "cancelled"

    GRANTED = (State.APPROVED, State.HANDED_OVER)
    BEFORE_LEAVE = (State.DRAFT, State.SUBMITTED, *GRANTED)
    # Who stands in is asked with the submission; why a colleague was away is not theirs to keep.
    parties_while = (State.SUBMITTED, *GRANTED, State.ON_LEAVE, State.OVERSTAYED)
    state_words = {"handed_over": _l("Handed over")}

    staff: Mapped[Staff] = related(_l("Member of staff"), filter=True, form=False)
    leave_type: Mapped[LeaveType] = related(_l("Leave type"), filter=True)
    first_day: Mapped[date] = column(_l("From"), group=WHEN, filter=True)
    first_half: Mapped[Half] = column(
        _l("Starting with"), group=WHEN, labels=HALVES, default=Half.MORNING
    )
    last_day: Mapped[date] = column(_l("Until"), group=WHEN, filter=True)
    last_half: Mapped[Half] = column(
        _l("Ending with"), group=WHEN, labels=HALVES, default=Half.AFTERNOON
    )
    days: Mapped[Decimal] = column(_l("Days"), group=WHEN, places=1, form=False)
    reason: Mapped[str] = column(
        _l("Reason for leave"),
        group=WHY,
        kind=Kind.LONG_TEXT,
        secrecy=Secrecy.SENSITIVE,
        personal=Personal(_l("Deciding on leave"), Years(3)),
    )
    substitute: Mapped[Staff | None] = related(
        _l("Substitute"),
        group=COVER,
        hint=_l("A colleague of your unit who is not away; they are asked to accept."),
    )
    cover_accepted_at: Mapped[datetime | None] = column(
        _l("Cover accepted"), group=COVER, form=False
    )
    extends: Mapped[Optional["LeaveRequest"]] = related(_l("Extends"), form=False)
    left_at: Mapped[datetime | None] = column(_l("Left"), form=False)
    returned_at: Mapped[datetime | None] = column(_l("Reported back"), form=False)

    # A table of transitions is read as a table.
    # fmt: off
    workflow = Workflow(
        State.DRAFT,
        Transition(
            "submit", State.DRAFT, State.SUBMITTED, by=OwnerMay(), clause="2.1.2",
            when=guards.ON_SUBMISSION, awaited=True,
            then=(effects.reserve_days, effects.begin_approval, effects.ask_substitute),
        ),
        Transition(
            "approve", State.SUBMITTED, State.APPROVED, by=ApproverMay(), clause="2.1.2",
            when=guards.ON_APPROVAL, then=(effects.use_days, effects.explain_absence),
            asks=REMARK, step=True, bulk=True, awaited=True,
        ),
        Transition(
            "refuse", State.SUBMITTED, State.REFUSED, by=ApproverMay(), clause="2.1.2",
            asks=REASON, then=(effects.end_as_refused, effects.give_days_back),
            bulk=True, danger=True,
        ),
        Transition(
            "escalate", State.SUBMITTED, State.SUBMITTED, by=ApproverMay(), clause="2.1.2",
            asks=REASON, then=effects.hand_up,
        ),
        Transition(
            "name_substitute", State.SUBMITTED, State.SUBMITTED, label=_l("Name a substitute"),
            by=Either(OwnerMay(), Holds(Role.LEAD, Role.HALL_ADMIN)), clause="2.1.2",
            asks=(Ask("substitute", _l("Substitute"), Kind.RELATION, target="staff"),),
            when=guards.substitute_can_stand_in, told=_l("%(who)s named a substitute: %(thing)s."),
            then=(effects.name_substitute, effects.ask_substitute),
        ),
        Transition(
            "accept_cover", State.SUBMITTED, State.SUBMITTED, label=_l("Accept to stand in"),
            by=PartyMay("substitute"), clause="2.1.2", when=guards.ON_COVER,
            told=_l("%(who)s accepts to stand in: %(thing)s."),
            then=effects.accept_cover, awaited=lambda entity: entity.cover_accepted_at.is_(None),
        ),
        Transition(
            "decline_cover", State.SUBMITTED, State.SUBMITTED, label=_l("Decline to stand in"),
            by=PartyMay("substitute"), clause="2.1.2", when=guards.cover_is_open,
            told=_l("%(who)s does not stand in: %(thing)s."),
            asks=REASON, then=effects.decline_cover, danger=True,
        ),
        Transition(
            "withdraw", BEFORE_LEAVE, State.WITHDRAWN, by=OwnerMay(), clause="2.1.2",
            when=guards.not_begun, tells=(HoldersOf(Role.LEAD), Party("substitute")), danger=True,
            then=(effects.end_as_void, effects.give_days_back, effects.clear_attendance),
        ),
        Transition(
            "hand_over", State.APPROVED, State.HANDED_OVER, clause="2.1.2", asks=REMARK,
            by=Either(OwnerMay(), PartyMay("substitute"), Holds(Role.LEAD)),
        ),
        Transition(
            "leave_post", GRANTED, State.ON_LEAVE, by=OwnerMay(), clause="2.1.2",
            when=guards.leave_has_come, then=effects.note_leaving,
        ),
        Transition(
            "return", (State.ON_LEAVE, State.OVERSTAYED), State.RETURNED, clause="2.1.2",
            by=Either(OwnerMay(), Holds(Role.LEAD, Role.SUPERVISION)), asks=BACK_SINCE,
            when=guards.return_is_possible, awaited=True,
            then=(effects.note_return, effects.give_unused_back, effects.end_other_leave),
        ),
        Transition(
            "extend", State.ON_LEAVE, State.ON_LEAVE, by=OwnerMay(), clause="2.1.2",
            asks=(Ask("last_day", _l("Until"), Kind.DAY), *REASON),
            when=guards.extension_is_possible, then=effects.request_extension,
        ),
        Transition(
            "cancel", (*GRANTED, State.ON_LEAVE), State.CANCELLED, by=Holds(*DECIDERS),
            clause="2.1.2", asks=REASON, danger=True,
            then=(effects.give_days_back, effects.clear_attendance),
        ),
        Transition(
            "overstay", State.ON_LEAVE, State.OVERSTAYED, by=SystemMay(), clause="2.1.1",
            when=guards.not_back_in_time, then=effects.mark_absence,
        ),
    )
    # fmt: on
    deadlines = (
        DeadlineRule(
            "approval",
            label=_l("Decision on leave"),
            clause="2.1.2",
            starts=("submit", "approve", "escalate"),
            stops=("approve", "refuse", "withdraw", "escalate"),
            promise="leave_approval",
            escalates="escalate",
        ),
    )
    timed = (
        Timed("leave_post", guards.begun_at),
        Timed("overstay", guards.ended_at),
    )
    chores = (keep_allowances, effects.extend_absences)
    reminders = (
        Reminder(
            "last_day",
            guards.ends_tomorrow,
            _l("%(thing)s ends tomorrow. Report back when you are at your post again."),
        ),
    )
    list_view = ListView(
        "number",
        "staff",
        "leave_type",
        "first_day",
        "last_day",
        "days",
        "state",
        search=("number", "staff.name"),
        order=("-first_day",),
    )
    calendar_view = CalendarView(
        "first_day", "last_day", away=AWAY_STATES, pending=("submitted",), cover=cover_of
    )

    @property
    def span(self) -> Span:
        """The half days asked for."""
        return Span(self.first_day, self.first_half, self.last_day, self.last_half)

    def prepare(self, session: Session, at: datetime) -> None:
        """Days follow from the span and the calendar; a new substitute has not accepted yet."""
        self.days = guards.count_days(session, self.leave_type, self.span)

    def problems(self, session: Session, at: datetime) -> Iterator[Refusal]:
        """What is plainly wrong with the span, already in the draft."""
        yield from guards.span_problems(self, at)

    def decider_note(self, session: Session) -> tuple[Phrase, bool] | None:
        """What remains at the person's windows if it is approved, for whoever decides."""
        return cover_note(session, self)

    def in_a_sentence(self) -> Phrase:
        """Whose leave it is, and of which kind."""
        return _l(
            "%(type)s of %(person)s (%(number)s)",
            type=self.leave_type.name,
            person=self.staff.name,
            number=self.number,
        )

    def title_line(self) -> tuple[object, ...]:
        """Who, what and how long, for headings and rows."""
        return (self.staff.name, self.leave_type.name, _l("%(days)s days", days=self.days))
