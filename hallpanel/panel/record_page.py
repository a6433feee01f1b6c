"""The page of one record: its facts, what is next, and all that happened to it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from flask import request, url_for
from sqlalchemy import select

from hallpanel.engine import (
    approval,
    audit,
    comments,
    deadline,
    facts,
    records,
    unmasking,
    workflow,
)
from hallpanel.engine.approval import ApprovalStep, StepState
from hallpanel.engine.clock import hall_day
from hallpanel.engine.deadline import Deadline, DeadlineState
from hallpanel.engine.entity import REGISTRY, Field, Kind, Regulated
from hallpanel.engine.listing import Asked, Listing
from hallpanel.engine.roles import ROLE_LABELS
from hallpanel.engine.scope import SYSTEM, Actor
from hallpanel.engine.words import VERBS
from hallpanel.panel.attachments import may_attach
from hallpanel.panel.extensions import db
from hallpanel.panel.forms import value_of
from hallpanel.panel.language import _, format_day, format_instant, format_number, listed, translate
from hallpanel.panel.person import request_instant
from hallpanel.panel.showing import (
    NUMERIC,
    Button,
    Cell,
    Chip,
    ClauseLink,
    cell,
    choice_word,
    head_field,
    head_label,
    plain,
    record_url,
    shown,
    state_chip,
    state_word,
    when_of,
)
from hallpanel.panel.surroundings import calendar
from hallpanel.panel.transitions import clause_link

UNTOLD = ("comment", "mass_assign", unmasking.ACTION)
"""The first is shown with its text, the others are the auditor's."""
KINDS = ("action", "edit", "comment", "attachment", "message")
MOST_RELATED = 5
MOST_COLUMNS = 5


@dataclass(frozen=True)
class Fact:
    """A labelled fact; `long` texts get the whole width."""

    label: str
    value: str
    url: str | None = None
    long: bool = False
    unmask_url: str | None = None


@dataclass(frozen=True)
class Group:
    """Facts under a heading."""

    heading: str | None
    facts: list[Fact]


@dataclass(frozen=True)
class Step:
    """A step of an approval as the line of steps shows it."""

    label: str
    who: str
    at: str
    state: str
    note: str = ""


@dataclass(frozen=True)
class Entry:
    """One thing that happened, on the timeline."""

    kind: str
    at: datetime
    at_text: str
    who: str
    text: str
    details: list[tuple[str, str, str]] = field(default_factory=list)
    reason: str = ""
    tone: str | None = None
    url: str | None = None


@dataclass(frozen=True)
class Head:
    """A column of a short table."""

    name: str
    label: str
    numeric: bool


@dataclass(frozen=True)
class RelatedRow:
    """A row of a short table."""

    url: str
    cells: list[Cell]


@dataclass(frozen=True)
class RelatedTable:
    """What refers to the record, as a short table that leads to the whole list."""

    heading: str
    columns: list[Head]
    rows: list[RelatedRow]
    url: str | None


@dataclass
class RecordPage:
    """All that the record template shows."""

    id: int
    version: int
    title: str
    number: str
    title_line: str
    state: Chip | None
    deadline: Chip | None
    clause: ClauseLink
    actions: list[Button]
    more: list[Button]
    groups: list[Group]
    steps: list[Step]
    timeline: list[Entry]
    timeline_filters: list[tuple[str, str, bool]]
    attachments: list[tuple[str, str, str, str, str]]
    comment_url: str
    attachment_url: str | None
    edit_url: str | None
    related: list[RelatedTable] = field(default_factory=list)
    banner: tuple[str, str] | None = None


def record_page(record: Regulated, actor: Actor) -> RecordPage:
    """The page of a record for one reader."""
    entity, table = type(record), record.__tablename__
    buttons = _buttons(record, actor)
    main = [b for b in buttons if b.tone != "danger"][:3]
    editable = records.may_edit(record, actor)
    line = " · ".join(filter(None, (*map(plain, record.title_line()), when_of(record))))
    name = record.display()
    attach_url = url_for(f"{table}.attach_view", id=record.id)
    return RecordPage(
        id=record.id,
        version=record.version,
        title=f"{translate(entity.label)} {name}",
        number=name if entity.title == "number" else "",
        title_line="" if line == name else line,
        state=state_chip(record),
        deadline=deadline_chip(record),
        clause=clause_link(entity.clause),
        actions=main,
        more=[b for b in buttons if b not in main] + _removal(record, actor),
        groups=_groups(record, actor),
        steps=_steps(record),
        timeline=_timeline(record, actor, request.args.get("show")),
        timeline_filters=_timeline_filters(record),
        attachments=_attachments(record),
        comment_url=url_for(f"{table}.comment_view", id=record.id),
        attachment_url=attach_url if may_attach(record, actor) else None,
        edit_url=url_for(f"{table}.edit_view", id=record.id) if editable else None,
        related=_related(record, actor),
    )


# what refers to it


def _related(record: Regulated, actor: Actor) -> list[RelatedTable]:
    """The latest records of each kind that refer to this one, as far as the reader sees them."""
    if not type(record).shows_related:
        return []
    tables = [
        _related_table(record, entity, declared, actor)
        for entity in sorted(REGISTRY.values(), key=lambda one: one.place)
        if entity.access.may(actor, "read")
        for declared in facts.Reading(entity, actor).fields.values()
        if declared.kind is Kind.RELATION and declared.target == record.__tablename__
    ]
    return [table for table in tables if table.rows]


def _related_table(
    record: Regulated, entity: type[Regulated], declared: Field, actor: Actor
) -> RelatedTable:
    reading = facts.Reading(entity, actor)
    able = [n for n in entity.list_view.columns if n != declared.name and reading.shows(n)]
    names = tuple(able[:MOST_COLUMNS])
    only = getattr(entity, declared.column) == record.id
    listing = Listing(entity, Asked(size=MOST_RELATED), names, only, reader=actor)
    table = entity.__tablename__
    rows = [
        RelatedRow(
            record_url(table, row.id),
            [cell(entity, name, row.values[name], row.keys.get(name)) for name in names],
        )
        for row in listing.page(db.session()).rows
    ]
    heads = [Head(n, head_label(entity, n), head_field(entity, n).kind in NUMERIC) for n in names]
    heading = translate(entity.plural)
    if declared.name not in (entity.owner, record.__tablename__):
        heading = f"{heading} · {translate(declared.label)}"
    url = None
    if declared.filter:
        only_these: dict[str, Any] = {f"f.{declared.name}.is": record.id}
        url = url_for(f"{table}.index_view", **only_these)
    return RelatedTable(heading, heads, rows, url)


def _buttons(record: Regulated, actor: Actor) -> list[Button]:
    """The transitions the reader may try; the next step first and filled."""
    table = record.__tablename__
    found = sorted(workflow.offered(record, actor), key=lambda t: (t.danger, not t.awaited))
    buttons = [
        Button(
            translate(t.label),
            url_for(f"{table}.act_view", verb=t.verb, id=record.id),
            "danger" if t.danger else "secondary",
            sheet=True,
        )
        for t in found
    ]
    if buttons and buttons[0].tone != "danger":
        buttons[0] = replace(buttons[0], tone="primary")
    return buttons


def _removal(record: Regulated, actor: Actor) -> list[Button]:
    if not record.access.may(actor, "delete"):
        return []
    url = url_for(f"{record.__tablename__}.delete_view", id=record.id)
    return [Button(_("Delete"), url, "danger", "trash", sheet=True)]


# facts


def _groups(record: Regulated, actor: Actor) -> list[Group]:
    groups: dict[str | None, list[Fact]] = {}
    whole = unmasking.unmaskable(record, actor)
    for one in readable_facts(record, actor):
        if one.name in ("state", "number"):
            continue
        value = value_of(record, one.name)
        if value is None and (one.name == "turn" or not one.form):
            continue
        heading = translate(one.group) if one.group else None
        fact = _fact(one, value)
        if one in whole:
            table = record.__tablename__
            url = url_for(f"{table}.unmask_view", fact=one.name, id=record.id)
            fact = replace(fact, unmask_url=url)
        groups.setdefault(heading, []).append(fact)
    return [Group(heading, facts) for heading, facts in groups.items()]


def readable_facts(record: Regulated, actor: Actor) -> list[Field]:
    """The facts of a record that the reader reads in its present state."""
    state = facts.state_of(record)
    return [f for f in type(record).fields().values() if facts.may_read(f, actor, state)]


def _fact(declared: Field, value: Any) -> Fact:
    url = None
    if declared.kind is Kind.RELATION and value is not None:
        url = record_url(str(declared.target), value.id)
    text = shown(declared, value)
    return Fact(translate(declared.label), text, url, declared.kind is Kind.LONG_TEXT)


def _steps(record: Regulated) -> list[Step]:
    if not record.approval:
        return []
    found = approval.steps_of(db.session(), record)
    latest = max((step.round for step in found), default=0)
    return [_step(step) for step in found if step.round == latest]


STEP_STATES = {
    StepState.WAITING: "waiting",
    StepState.NOW: "now",
    StepState.APPROVED: "done",
    StepState.REFUSED: "refused",
    StepState.ESCALATED: "escalated",
    StepState.VOID: "waiting",
}


def _step(step: ApprovalStep) -> Step:
    who = step.decided_by or ""
    if step.on_behalf_of:
        who = _("%(who)s for %(whom)s", who=who, whom=step.on_behalf_of)
    at = format_instant(step.decided_at) if step.decided_at else ""
    return Step(
        translate(ROLE_LABELS[step.role]), who, at, STEP_STATES[step.state], step.remark or ""
    )


# the clock


def deadline_chip(record: Regulated) -> Chip | None:
    """The running limit of a record: how long it still has, or how long it is overdue."""
    running = deadline.running(db.session(), record.__tablename__, record.id)
    return chip_of(running) if running is not None else None


def chip_of(clock: Deadline) -> Chip:
    """A record's open clock as a chip."""
    paused = clock.state is DeadlineState.PAUSED
    return clock_chip(clock.promise_due_at, provisional=clock.provisional, paused=paused)


def clock_chip(due_at: datetime, *, provisional: bool, paused: bool = False) -> Chip:
    """A limit as a chip: time left, due today, overdue; provisional without a year's notice."""
    if paused:
        return Chip(_("the clock stands still"), "secondary", "pause-circle")
    today, due = hall_day(request_instant()), hall_day(due_at)
    left = calendar().until(today, due)
    unsure = _(" (provisional)") if provisional else ""
    title = _("Due %(day)s", day=format_day(due))
    if due_at < request_instant():
        late = max(1, -left)
        return Chip(
            _("overdue by %(days)s working days", days=late) + unsure,
            "danger",
            "exclamation-octagon-fill",
            title,
        )
    if due == today or left == 0:
        return Chip(_("due today") + unsure, "warning", "clock-fill", title)
    tone = "warning" if left <= 1 else "success"
    return Chip(_("%(days)s working days left", days=left) + unsure, tone, "clock", title)


# what happened


def _timeline_filters(record: Regulated) -> list[tuple[str, str, bool]]:
    now = request.args.get("show")
    words = {
        "action": _("Actions"),
        "edit": _("Edits"),
        "comment": _("Comments"),
        "attachment": _("Attachments"),
        "message": _("Messages"),
    }
    here = record_url(record.__tablename__, record.id)
    found = [(_("All"), here, now not in KINDS)]
    return found + [(words[kind], f"{here}&show={kind}", now == kind) for kind in KINDS]


def _timeline(record: Regulated, actor: Actor, only: str | None) -> list[Entry]:
    entries = [
        *_events(record, actor),
        *_comments(record),
        *_messages(record),
        *_marks(record),
    ]
    if only in KINDS:
        entries = [entry for entry in entries if entry.kind == only]
    # Sorting keeps the order of what happened at one instant; the newest is read first.
    return sorted(entries, key=lambda entry: entry.at)[::-1]


def _events(record: Regulated, actor: Actor) -> Iterator[Entry]:
    known = readable_facts(record, actor)
    event = audit.AuditEvent
    query = (
        select(event)
        .where(
            event.table_name == record.__tablename__,
            event.record_id == record.id,
            event.result == audit.DONE,  # what was refused is the auditor's to read
        )
        .order_by(event.seq)
    )
    for one in db.session.scalars(query):
        if one.action in UNTOLD:
            continue
        yield Entry(
            "attachment" if one.action == "attach" else _kind_of(record, one.action),
            one.at,
            format_instant(one.at),
            _who(one),
            _what(record, one.action, one.after),
            # What a record was born with stands beside the timeline, or in its first edit.
            []
            if one.action == "create"
            else changes_of(type(record), known, one.before or {}, one.after or {}),
            one.reason or "",
        )


def _kind_of(record: Regulated, action: str) -> str:
    return "edit" if action == "edit" else "action"


def _who(event: Any) -> str:
    name: str = _("The panel") if event.actor_name == SYSTEM.name else event.actor_name
    if event.on_behalf_of:
        return _("%(who)s for %(whom)s", who=name, whom=event.on_behalf_of)
    return name


def _what(record: Regulated, action: str, after: Any) -> str:
    transition = record.workflow.find(action) if record.workflow else None
    if transition is not None:
        return translate(transition.label)
    match action:
        case "create":
            return _("Created")
        case "edit":
            return _("Edited")
        case "attach":
            return _("Attached %(name)s", name=(after or {}).get("name", ""))
    return translate(VERBS[action]) if action in VERBS else action


def changes_of(
    entity: type[Regulated], known: list[Field], before: dict[str, Any], after: dict[str, Any]
) -> list[tuple[str, str, str]]:
    """What changed, by the declaration's labels, with related names as of then (pitfall 37)."""
    found = []
    for declared in known:
        name = declared.name
        if (name in before or name in after) and name != "number":
            old = _as_of_then(entity, declared, before.get(name))
            new = _as_of_then(entity, declared, after.get(name))
            found.append((translate(declared.label), old, new))
    return found


def _as_of_then(entity: type[Regulated], declared: Field, value: Any) -> str:
    if value is None:
        return ""
    if declared.kind is Kind.RELATION and isinstance(value, dict):
        return str(value.get("name") or f"#{value.get('id')}")
    if declared.name == "state":
        return state_word(entity, value)
    match declared.kind:
        case Kind.CHOICE:
            return choice_word(declared, value)
        case Kind.BOOLEAN:
            return plain(bool(value))
        case Kind.INSTANT:
            return format_instant(datetime.fromisoformat(str(value)))
        case Kind.DAY:
            return format_day(datetime.fromisoformat(str(value)).date())
    return str(value)


def _comments(record: Regulated) -> Iterator[Entry]:
    for one in comments.comments_of(db.session(), record):
        yield Entry("comment", one.at, format_instant(one.at), one.author, one.text)


def _messages(record: Regulated) -> Iterator[Entry]:
    for one, names in _told(record):
        text = _("Told %(names)s: %(text)s", names=names, text=translate(one))
        yield Entry("message", names.at, format_instant(names.at), _("The panel"), text)


@dataclass(frozen=True)
class _Names:
    """To whom a message went, and when."""

    text: str
    at: datetime

    def __str__(self) -> str:
        return self.text


def _told(record: Regulated) -> Sequence[tuple[Any, _Names]]:
    from hallpanel.engine import outbox

    return [
        (phrase, _Names(listed(names), at))
        for phrase, names, at in outbox.told_about(db.session(), record)
    ]


def _marks(record: Regulated) -> Iterator[Entry]:
    words = {
        "reminder": _("Reminder: the limit is near"),
        "yellow": _("Overdue: the promised limit has passed"),
        "red": _("Overdue: the statutory limit has passed"),
        "escalated": _("Escalated because it was not decided in time"),
    }
    for mark in deadline.marks(db.session(), record.__tablename__, record.id):
        yield Entry(
            "action",
            mark.at,
            format_instant(mark.at),
            _("The panel"),
            words.get(mark.kind, mark.kind),
            tone="danger" if mark.kind != "reminder" else "warning",
        )


def _attachments(record: Regulated) -> list[tuple[str, str, str, str, str]]:
    table = record.__tablename__
    return [
        (
            one.name,
            size_text(one.size),
            url_for(f"{table}.attachment_view", attachment_id=one.id),
            one.author,
            format_instant(one.at),
        )
        for one in comments.attachments_of(db.session(), record)
    ]


def size_text(size: int) -> str:
    """A file's size: 12 KB, 3.4 MB."""
    kilobytes = max(1, round(size / 1024))
    if kilobytes < 1024:
        return f"{kilobytes} KB"
    return f"{format_number(round(size / 1024 / 1024, 1))} MB"
