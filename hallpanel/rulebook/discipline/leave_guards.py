"""What the rules object to in a leave request (L3, L4, L6; clause 2.1.2)."""

from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from hallpanel.engine import workdays
from hallpanel.engine.clock import hall_day
from hallpanel.engine.comments import attachments_of
from hallpanel.engine.entity import REGISTRY
from hallpanel.engine.errors import Refusal
from hallpanel.engine.roles import Role
from hallpanel.engine.words import Phrase, _l
from hallpanel.rulebook.discipline.attendance_day import attended
from hallpanel.rulebook.discipline.blocked_date import blocked_between
from hallpanel.rulebook.discipline.cover import AWAY_STATES, roster
from hallpanel.rulebook.discipline.leave_balance import days_by_year
from hallpanel.rulebook.discipline.leave_days import (
    LONGEST_SPAN,
    Half,
    HalfDay,
    Span,
)
from hallpanel.rulebook.discipline.leave_entry import balance
from hallpanel.rulebook.discipline.leave_tier import tiers_of
from hallpanel.rulebook.discipline.leave_type import Counting, LeaveType
from hallpanel.rulebook.hall.staff import Staff

OPEN = ("submitted", *AWAY_STATES)
OVERRIDING = frozenset({Role.DIRECTOR, Role.HALL_ADMIN})
HALF_WORDS = {Half.MORNING: _l("morning"), Half.AFTERNOON: _l("afternoon")}


def count_days(session: Session, leave_type: LeaveType, span: Span) -> Decimal:
    """The days a span costs under a type; a span that cannot be counted costs none."""
    if span.runs_backwards or span.last_day - span.first_day > LONGEST_SPAN:
        return Decimal(0)
    by_calendar = leave_type.counts is Counting.CALENDAR
    return span.days(workdays.hall_calendar(session), calendar_days=by_calendar)


def span_problems(record: Any, at: datetime) -> Iterator[Refusal]:
    """A span runs forward, is of a countable length, and needs leave at all."""
    span: Span = record.span
    if not at - LONGEST_SPAN < span.begins < at + LONGEST_SPAN:
        yield Refusal(_l("the year of the leave is far from this one"), field="first_day")
    elif span.runs_backwards:
        yield Refusal(_l("the leave ends before it begins"), field="last_day")
    elif span.last_day - span.first_day > LONGEST_SPAN:
        yield Refusal(_l("the span is longer than any leave there is"), field="last_day")
    elif not record.days:
        yield Refusal(_l("there is no working day in it, so no leave is needed"), field="first_day")
    if not record.leave_type.half_days and not span.whole_days:
        yield Refusal(
            _l("%(type)s is taken in whole days", type=record.leave_type.name),
            field="first_half",
        )
    if record.substitute is not None and record.substitute.id == record.owner_id():
        yield Refusal(_l("nobody stands in for themselves"), field="substitute")


def overlap(act: Any) -> Phrase | None:
    """No second request for half days that are asked for, granted or were taken."""
    record = act.record
    mine = set(record.span.halves())
    states = (*OPEN, "returned")
    for other in _others(act.session, record, states, record.first_day, record.last_day):
        if mine & _taken(other):
            return _l("it overlaps with %(number)s", number=other.number)
    return None


def _others(
    session: Session, record: Any, states: tuple[str, ...], first: date, last: date
) -> Sequence[Any]:
    """A person's other requests in some states that touch some days."""
    entity = type(record)
    query = select(entity).where(
        entity.staff_id == record.staff_id,
        entity.id != record.id,
        entity.state.in_(states),
        entity.first_day <= last,
        entity.last_day >= first,
    )
    return session.scalars(query.order_by(entity.id)).all()


def _taken(request: Any) -> set[HalfDay]:
    """The half days of a request; of one who came back early, those before the return."""
    halves = set(request.span.halves())
    if request.state != "returned" or request.returned_at is None:
        return halves
    return {half for half in halves if half.begins < request.returned_at}


def balance_short(act: Any) -> Phrase | None:
    """Nobody takes more days than the allowance has (L2)."""
    record = act.record
    if not record.leave_type.keeps_balance:
        return None
    for year, days in days_by_year(act.session, record).items():
        left = balance(act.session, record.staff_id, record.leave_type_id, year)
        if days > left:
            return _l(
                "%(type)s of %(year)s has %(left)s days left, %(days)s are asked for",
                type=record.leave_type.name,
                year=str(year),
                left=left,
                days=days,
            )
    return None


def notice_short(act: Any) -> Phrase | None:
    """Leave is asked for so many working days before it begins."""
    record = act.record
    needed = record.leave_type.notice_days
    if not needed:
        return None
    calendar = workdays.hall_calendar(act.session)
    earliest = calendar.add(hall_day(act.at), needed).day
    away_from = next((h.day for h in record.span.working_halves(calendar)), record.first_day)
    if away_from >= earliest:
        return None
    return _l(
        "%(type)s is asked for %(days)s working days ahead, that is from %(day)s on",
        type=record.leave_type.name,
        days=needed,
        day=earliest,
    )


def span_too_long(act: Any) -> Phrase | None:
    """A type has a largest span."""
    record = act.record
    largest = record.leave_type.largest_span
    if largest is None or record.days <= largest:
        return None
    return _l(
        "%(type)s is at most %(largest)s days at a time",
        type=record.leave_type.name,
        largest=largest,
    )


def certificate_missing(act: Any) -> Refusal | None:
    """From so many days on a certificate is attached."""
    record = act.record
    after = record.leave_type.certificate_after_days
    if after is None or record.days < after or attachments_of(act.session, record):
        return None
    return Refusal(
        _l(
            "%(type)s of %(days)s days needs a certificate",
            type=record.leave_type.name,
            days=record.days,
        ),
        then=_l("Attach it to the request, then submit again."),
        part="attachments",
    )


def already_attended(act: Any) -> Phrase | None:
    """No leave for half days on which the person was at the post."""
    record = act.record
    halves = record.span.working_halves(workdays.hall_calendar(act.session))
    at_post = attended(act.session, record.staff_id, halves)
    if at_post is None:
        return None
    return _l(
        "the clock has them at the post on %(day)s, %(half)s",
        day=at_post.day,
        half=HALF_WORDS[at_post.half],
    )


def blocked(act: Any) -> Refusal | None:
    """Blocked dates stop approval; the hall administrator may override with a reason (L4)."""
    record = act.record
    stop = blocked_between(act.session, record.unit_id, record.first_day, record.last_day)
    if stop is None or (OVERRIDING & act.actor.reachable_roles and act.reason):
        return None
    return Refusal(
        _l(
            "%(first)s to %(last)s is blocked: %(reason)s",
            first=stop.first_day,
            last=stop.last_day,
            reason=stop.reason,
        ),
        then=_l("The director or the hall administrator may override it with a reason."),
    )


def window_unstaffed(act: Any) -> Refusal | None:
    """No window falls below its minimum while the person is away (L6)."""
    record = act.record
    known = roster(act.session, record.unit_id, record.first_day, record.last_day, (record,))
    for half in record.span.working_halves(workdays.hall_calendar(act.session)):
        for window in known.windows_relying_on(record.staff_id, half):
            remaining = len(known.at_window(window.id, half))
            if remaining < window.minimum_staff:
                return _short(window, half, remaining)
    return None


def _short(window: Any, half: Any, remaining: int) -> Refusal:
    words = {"window": window.number, "day": half.day, "half": HALF_WORDS[half.half]}
    why = (
        _l(
            "window %(window)s would have %(remaining)s on %(day)s %(half)s, %(minimum)s must stay",
            remaining=remaining,
            minimum=window.minimum_staff,
            **words,
        )
        if remaining
        else _l("window %(window)s would have nobody on %(day)s %(half)s", **words)
    )
    return Refusal(why, then=_l("Name a substitute; once they accept, it can be approved."))


def both_of_pair_away(act: Any) -> Refusal | None:
    """A and B of a pair are not away together, unless somebody else stands in (L6)."""
    record = act.record
    if record.cover_accepted_at is not None:
        return None
    known = roster(act.session, record.unit_id, record.first_day, record.last_day)
    mine = set(record.span.working_halves(workdays.hall_calendar(act.session)))
    for partner in _partners(act.session, record.staff):
        both = mine & known.away[partner.id]
        if both:
            return _pair_away(partner, min(both))
    return None


def _partners(session: Session, person: Staff) -> Sequence[Staff]:
    """The other half of a pair, whichever of the two names the other."""
    query = select(Staff).where(or_(Staff.id == person.partner_id, Staff.partner_id == person.id))
    return session.scalars(query.order_by(Staff.id)).all()


def _pair_away(partner: Staff, first: HalfDay) -> Refusal:
    return Refusal(
        _l(
            "the A/B partner %(partner)s is away on %(day)s %(half)s too",
            partner=partner.name,
            day=first.day,
            half=HALF_WORDS[first.half],
        ),
        then=_l("Name a substitute; once they accept, it can be approved."),
    )


def substitute_can_stand_in(act: Any) -> Refusal | None:
    """A substitute, named now or on the form, is somebody else of the unit who is not away."""
    record = act.record
    person = act.answers.get("substitute") or record.substitute
    if person is None:
        return None
    if person.id == record.staff_id:
        return Refusal(_l("nobody stands in for themselves"), field="substitute")
    if person.unit_id != record.unit_id:
        return Refusal(_l("the substitute is of another unit"), field="substitute")
    known = roster(act.session, record.unit_id, record.first_day, record.last_day)
    both = set(record.span.halves()) & known.away[person.id]
    if both:
        return Refusal(
            _l("%(person)s is away on %(day)s too", person=person.name, day=min(both).day),
            field="substitute",
        )
    return None


def cover_is_open(act: Any) -> Phrase | None:
    """A substitute answers once."""
    if act.record.cover_accepted_at is not None:
        return _l("the cover is already accepted")
    return None


def not_begun(act: Any) -> Refusal | None:
    """What has begun is not withdrawn but cancelled by the approver (L7)."""
    if act.record.state in ("draft", "submitted") or act.at < act.record.span.begins:
        return None
    return Refusal(_l("the leave has begun"), then=_l("Ask your section lead to cancel it."))


def leave_has_come(act: Any) -> Phrase | None:
    """Nobody leaves the post before the first half day."""
    if act.at < act.record.span.begins:
        return _l("it begins on %(day)s", day=act.record.first_day)
    return None


def not_back_in_time(act: Any) -> Phrase | None:
    """Overstayed is who has not reported back when the leave, with its extension, is over."""
    if act.at < act.record.span.ends:
        return _l("the leave is not over yet")
    if extension_of(act.session, act.record) is not None:
        return _l("an extension of it is open")
    if _followed_by_leave(act.session, act.record):
        return _l("another leave follows it")
    return None


def _followed_by_leave(session: Session, record: Any) -> bool:
    """Whether the first half day to be worked after a leave is covered by another leave."""
    calendar = workdays.hall_calendar(session)
    after: HalfDay = record.span.following
    while not calendar.is_working(after.day):
        after = HalfDay(after.day + timedelta(days=1), Half.MORNING)
    others = _others(session, record, AWAY_STATES, after.day, after.day)
    return any(after in set(other.span.halves()) for other in others)


def return_is_possible(act: Any) -> Refusal | None:
    """The time of return lies between the leaving and now."""
    back: datetime = act.answers.get("returned_at") or act.at
    if back > act.at:
        return Refusal(_l("the time of return is in the future"), field="returned_at")
    if act.record.left_at is not None and back < act.record.span.begins:
        return Refusal(_l("the time of return is before the leave"), field="returned_at")
    return None


def extension_is_possible(act: Any) -> Refusal | None:
    """An extension ends after the leave, and only one is open at a time."""
    if extension_of(act.session, act.record) is not None:
        return Refusal(_l("an extension of it is already open"))
    last_day = act.answers.get("last_day")
    if last_day is not None and last_day <= act.record.last_day:
        return Refusal(_l("the new last day is not after the present one"), field="last_day")
    return None


def extension_of(session: Session, record: Any) -> Any:
    """The request that extends a leave and is open or granted, if there is one."""
    entity: Any = REGISTRY["leave_request"]
    query = select(entity).where(entity.extends_id == record.id, entity.state.in_(OPEN))
    return session.scalars(query).first()


def begun_at(entity: Any, at: datetime) -> Any:
    """Leave whose first day has come; the guard looks at the half day."""
    return entity.first_day <= hall_day(at)


def ended_at(entity: Any, at: datetime) -> Any:
    """Leave whose last day has come; the guard looks at the half day."""
    return entity.last_day <= hall_day(at)


def ends_tomorrow(entity: Any, at: datetime) -> Any:
    """Leave in progress whose last day is tomorrow."""
    return (entity.state == "on_leave") & (entity.last_day == hall_day(at) + timedelta(days=1))


def nobody_decides(act: Any) -> Refusal | None:
    """Somebody must be named to decide it."""
    if tiers_of(act.session, act.record, act.at):
        return None
    return Refusal(
        _l("no tier of approval is in force for it"),
        then=_l("The hall administrator adds the tiers."),
    )


ON_SUBMISSION = (
    nobody_decides,
    overlap,
    balance_short,
    notice_short,
    span_too_long,
    certificate_missing,
    already_attended,
    substitute_can_stand_in,
)
ON_COVER = (cover_is_open, substitute_can_stand_in)
ON_APPROVAL = (blocked, both_of_pair_away, window_unstaffed)
