"""The auditor's page: is the chain whole, and who did what; every look is itself an event (AUD-8).

The auditor alone reads the book. Everybody else reads what they did themselves, and no parameter
of an address makes that more.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime
from itertools import chain, islice
from typing import Any

from flask import Blueprint, Response, abort, flash, g, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as Answer

from hallpanel.engine import audit, audit_search, records
from hallpanel.engine.audit import Problem, Tampering
from hallpanel.engine.audit_event import AuditEvent
from hallpanel.engine.audit_search import Asked
from hallpanel.engine.clock import HALL_ZONE
from hallpanel.engine.errors import NotAllowed, Refusal
from hallpanel.engine.roles import Role
from hallpanel.engine.words import _l
from hallpanel.guard import sessions
from hallpanel.panel import anchoring
from hallpanel.panel.audit_words import (
    ACTIONS,
    action_word,
    changes,
    result_chip,
    roles_text,
    table_word,
    who,
)
from hallpanel.panel.downloads import as_attachment
from hallpanel.panel.exporting import BATCH, FILES, Table
from hallpanel.panel.extensions import PanelSession, db
from hallpanel.panel.language import _, format_instant, format_number, translate
from hallpanel.panel.person import origin, present, request_instant
from hallpanel.panel.record_page import Fact
from hallpanel.panel.showing import Cell

PAGE = 50
MOST_ROWS = 50_000
MOST_COUNTED = 100_000
AT_ONCE = 200_000
"""How many events one press of the button verifies; the next press goes on from there."""
MOST_NAMED = 100
LONGEST = 100
WORDS = ("who", "table", "record", "action", "result", "request", "text")
DAYS = ("since", "until")
PLACES = ("after", "before")

blueprint = Blueprint("audit", __name__, url_prefix="/audit")


@dataclass(frozen=True)
class Column:
    """A column of the book."""

    label: str
    numeric: bool = False


@dataclass(frozen=True)
class Row:
    """An event in the list."""

    id: int
    url: str | None
    cells: list[Cell]


@dataclass(frozen=True)
class State:
    """What is known of the chain, in the largest letters of the page."""

    tone: str
    icon: str
    verdict: str
    sentence: str
    problems: list[tuple[str, str | None]]
    go_on: int | None
    facts: list[Fact]


# the pages


@blueprint.get("/")
def index() -> str:
    """The state of the chain, and the events that were asked for."""
    _auditor_alone()
    asked, place = _asked(), _place()
    upto = audit.anchor(db.session())["seq"]
    _note("read_audit", _told(asked) | place)
    page = _list_page(asked, place, upto, url_for("audit.index"))
    kept: dict[str, Any] = {**_told(asked)}
    page |= {
        "title": _("Audit book"),
        "state": _state(upto),
        "verify_url": url_for("audit.verify"),
        "export_urls": [
            (label, url_for("audit.export", export_type=kind, **kept))
            for kind, label in (("xlsx", _("Excel (xlsx)")), ("csv", _("Text (csv)")))
        ],
        "filters": _choices(asked),
        "asked": {name: value or "" for name, value in asdict(asked).items()},
    }
    return _rendered("hallpanel/audit.html", page)


@blueprint.get("/mine/")
def mine() -> str:
    """What the person did themselves."""
    account_id = present().account.id
    upto = audit.anchor(db.session())["seq"]
    page = _list_page(Asked(account_id=account_id), _place(), upto, url_for("audit.mine"))
    page["title"] = _("What I did")
    return _rendered("hallpanel/audit_own.html", page)


@blueprint.get("/<int:seq>")
def event(seq: int) -> str:
    """One event with all that was written of it."""
    _auditor_alone()
    number = records.as_id(seq)
    one = audit_search.event(db.session(), number) if number else None
    if one is None:
        abort(404)
    _note("read_audit", {"event": seq})
    title = _("Event %(seq)s", seq=seq)
    page = {
        "title": title,
        "line": f"{who(one)} · {action_word(one.action, one.table_name)}",
        "chip": result_chip(one.result),
        "groups": _groups(one),
        "changes": changes(one),
        "reason": one.reason or "",
        "newer_url": url_for("audit.event", seq=seq + 1),
        "older_url": url_for("audit.event", seq=seq - 1) if seq > 1 else None,
        "same_request_url": url_for("audit.index", request=one.request_id)
        if one.request_id
        else None,
    }
    return _rendered("hallpanel/audit_event.html", page, (_("Audit book"), url_for("audit.index")))


@blueprint.post("/verify")
def verify() -> Answer:
    """Verify the chain, and compare it with the newest anchor; the verdict is an event itself."""
    _auditor_alone()
    below = _number("below")
    verdict = audit.verify(db.session(), below=below, most=AT_ONCE)
    problems, anchor = [*verdict.problems], anchoring.newest()
    if anchor is not None:
        problems += audit.check_anchor(db.session(), anchor)
    problems = list(dict.fromkeys(problems))
    audit.record(
        db.session(),
        audit.Event(
            "verify_audit",
            "audit_event",
            after={
                "checked": verdict.checked,
                "down_to": verdict.down_to,
                "from": below - 1 if below else audit.anchor(db.session())["seq"],
                "complete": verdict.complete,
                "anchor": anchor["seq"] if anchor else None,
                "troubles": len(problems),
                "problems": [[one.seq, one.what.value] for one in problems[:MOST_NAMED]],
            },
            result="done" if not problems else "tampered",
        ),
    )
    db.session.commit()
    if not problems:
        flash(_("%(count)s events verified.", count=format_number(verdict.checked)), "success")
    return redirect(url_for("audit.index"), 303)


@blueprint.get("/export/<export_type>/")
def export(export_type: str) -> Response:
    """The events that were asked for, as a file.

    Raises:
        Refusal: there are more than one file may carry.
    """
    _auditor_alone()
    if export_type not in FILES:
        abort(404)
    asked = _asked()
    session = PanelSession(db)
    session.info["reading"] = True
    records.open_desk(session, present().actor, request_instant())
    try:
        upto = audit.anchor(session)["seq"]
        count = audit_search.count(session, asked, upto=upto, cap=MOST_ROWS)
        if count > MOST_ROWS:
            raise Refusal(
                _l("the list has more than %(most)s rows, too many for one file", most=MOST_ROWS),
                then=_l("Narrow it with filters, then export again."),
            )
        _note("export_audit", _told(asked) | {"format": export_type, "rows": count})
        response = FILES[export_type](_table(session, asked, upto, count))
    except BaseException:
        session.close()
        raise
    response.call_on_close(session.close)
    stamp = f"{request_instant().astimezone(HALL_ZONE):%Y%m%d-%H%M}"
    response.headers["Content-Disposition"] = as_attachment(
        f"{_('Audit book')}-{stamp}.{export_type}", f"audit-{stamp}.{export_type}"
    )
    return response


def _auditor_alone() -> None:
    if Role.AUDITOR not in present().actor.roles:
        raise NotAllowed(_l("the auditor alone reads the audit book"))


def _rendered(template: str, page: dict[str, Any], *above: tuple[str, str]) -> str:
    crumbs = [(_("Home"), url_for("home.index")), *above, (page["title"], None)]
    return render_template(template, page=page, page_title=page["title"], crumbs=crumbs)


def _note(action: str, asked: dict[str, Any]) -> None:
    """Write down what the auditor looked at, in a short transaction: the page itself only reads."""
    with PanelSession(db) as session:
        records.open_desk(
            session,
            present().actor,
            request_instant(),
            address=origin().address,
            session_hash=sessions.shown_hash(present().session_row.id_hash),
            request_id=g.request_id,
        )
        audit.record(session, audit.Event(action, "audit_event", after=asked))
        session.commit()


# what is asked for


def _asked() -> Asked:
    """What the address asks for. A day that is none is refused: ignored, it would show more."""
    words = {name: request.args.get(name, "").strip()[:LONGEST] or None for name in WORDS}
    facts: dict[str, Any] = {**words, **{name: _day(name) for name in DAYS}}
    return Asked(**facts)


def _day(name: str) -> date | None:
    text = request.args.get(name, "").strip()
    if not text:
        return None
    try:
        day = date.fromisoformat(text)
    except ValueError:
        abort(400)
    if not records.FIRST_YEAR <= day.year <= records.LAST_YEAR:
        abort(400)
    return day


def _place() -> dict[str, int]:
    """Which page of the list: only its place in the book, nothing of what is in it."""
    found = {name: _number(name) for name in PLACES}
    return {name: number for name, number in found.items() if number is not None}


def _number(name: str) -> int | None:
    text = request.values.get(name, "").strip()
    if not text:
        return None
    number = records.as_id(text)
    if number is None:
        abort(400)
    return number


def _told(asked: Asked) -> dict[str, str]:
    """What was asked for, as it goes into an address and into the book."""
    return {name: str(value) for name, value in asdict(asked).items() if value is not None}


def _choices(asked: Asked) -> dict[str, list[tuple[str, str]]]:
    session = db.session()
    actions = {*audit_search.actions(session), *filter(None, [asked.action])}
    tables = {*audit_search.tables(session), *filter(None, [asked.table])}
    return {
        "action": sorted(((one, action_word(one)) for one in actions), key=_by_word),
        "table": sorted(((one, table_word(one)) for one in tables), key=_by_word),
        "result": [(one, result_chip(one).label) for one in ("done", "refused", "tampered")],
    }


def _by_word(choice: tuple[str, str]) -> tuple[bool, str]:
    return choice[0] not in ACTIONS, choice[1]


# the list


def _list_page(asked: Asked, place: dict[str, int], upto: int, url: str) -> dict[str, Any]:
    session = db.session()
    found = audit_search.page(session, asked, size=PAGE, upto=upto, **place)
    count = audit_search.count(session, asked, upto=upto, cap=MOST_COUNTED)
    kept: dict[str, Any] = {**_told(replace(asked, account_id=None))}
    own = asked.account_id is not None

    def way(**more: int) -> str:
        endpoint = "audit.mine" if own else "audit.index"
        return url_for(endpoint, **{**kept, **more})

    events = list(found.events)
    return {
        "url": url,
        "first_url": way(),
        "previous_url": way(before=events[0].seq) if found.newer and events else None,
        "next_url": way(after=events[-1].seq) if found.older and events else None,
        "count_text": _count_text(count),
        "columns": _columns(own=own),
        "rows": [_row(one, own=own) for one in events],
        "narrowed": bool(kept),
    }


def _count_text(count: int) -> str:
    if count > MOST_COUNTED:
        return _("more than %(count)s", count=format_number(MOST_COUNTED))
    return format_number(count)


def _columns(*, own: bool) -> list[Column]:
    return [
        Column(_("No."), numeric=True),
        Column(_("When")),
        *([] if own else [Column(_("Who"))]),
        Column(_("What was done")),
        Column(_("To what")),
        Column(_("Result")),
        Column(_("Address")),
    ]


def _row(one: AuditEvent, *, own: bool) -> Row:
    url = None if own else url_for("audit.event", seq=one.seq)
    chip = result_chip(one.result)
    thing = table_word(one.table_name)
    cells = [
        Cell("number", str(one.seq), url),
        Cell("text", format_instant(one.at)),
        *([] if own else [Cell("text", who(one))]),
        Cell("text", action_word(one.action, one.table_name)),
        Cell("text", f"{thing} #{one.record_id}" if one.record_id else thing),
        Cell("text", chip.label)
        if one.result == "done"
        else Cell("chip", chip.label, None, chip.tone),
        Cell("text", one.address or ""),
    ]
    return Row(one.seq, url, cells)


def _groups(one: AuditEvent) -> list[dict[str, Any]]:
    at = f"{format_instant(one.at)} ({one.at.isoformat()})"
    record = f"{table_word(one.table_name)} {f'#{one.record_id}' if one.record_id else ''}".strip()
    return [
        {
            "heading": _("The deed"),
            "facts": [
                _fact(_("When"), at),
                _fact(_("Who"), who(one)),
                _fact(_("Role"), roles_text(one)),
                _fact(_("On behalf of"), one.on_behalf_of),
                _fact(_("What was done"), action_word(one.action, one.table_name)),
                _fact(_("To what"), record),
                _fact(_("Clause"), one.clause),
            ],
        },
        {
            "heading": _("Where from"),
            "facts": [
                _fact(_("Address"), one.address),
                _fact(_("Session"), one.session_hash),
                _fact(_("Request"), one.request_id),
                _fact(_("Account"), f"#{one.actor_account_id}" if one.actor_account_id else None),
            ],
        },
        {
            "heading": _("In the chain"),
            "facts": [
                _fact(_("Digest"), f"{one.algorithm}: {one.digest}", long=True),
                _fact(_("Digest of the event before"), one.previous_digest, long=True),
            ],
        },
    ]


def _fact(label: str, value: str | None, *, long: bool = False) -> Fact:
    return Fact(label, value or "", long=long)


# the state of the chain


def _state(head: int) -> State:
    session = db.session()
    last, anchor = audit_search.last(session, "verify_audit"), anchoring.newest()
    facts = [
        Fact(_("Events"), format_number(head)),
        Fact(_("First event"), format_instant(audit_search.begun_at(session))),
        Fact(_("Last anchor"), _anchor_text(anchor, head)),
    ]
    if last is None:
        return State(
            "warning",
            "shield-exclamation",
            _("Not yet verified"),
            _("Nobody has verified the chain so far."),
            [],
            None,
            facts,
        )
    told = last.after or {}
    facts.insert(0, Fact(_("Last verified"), f"{format_instant(last.at)} · {who(last)}"))
    if told.get("troubles"):
        return _broken(told, facts)
    since = _("%(count)s events were written since.", count=format_number(head - last.seq))
    if not told.get("complete"):
        return State(
            "warning",
            "shield-exclamation",
            _("Whole down to event %(seq)s", seq=told.get("down_to")),
            _("%(count)s events are as they were written; older ones are still to be verified.",
              count=format_number(told.get("checked", 0))),
            [],
            told.get("down_to"),
            facts,
        )  # fmt: skip
    return State(
        "success",
        "shield-check",
        _("The chain is whole"),
        _("%(count)s events are as they were written.", count=format_number(told["checked"]))
        + " "
        + since,
        [],
        None,
        facts,
    )


def _broken(told: dict[str, Any], facts: list[Fact]) -> State:
    named = [Problem(seq, Tampering(what)) for seq, what in told.get("problems", [])]
    first = named[0].seq if named else 0
    return State(
        "danger",
        "shield-x",
        _("The chain is broken at event %(seq)s", seq=first),
        _("%(count)s events are not as they were written.", count=format_number(told["troubles"])),
        [(translate(one.sentence), _way_to(one)) for one in named],
        None,
        facts,
    )


def _way_to(problem: Problem) -> str | None:
    gone = problem.what in (Tampering.DELETED, Tampering.HEADLESS)
    return None if gone else url_for("audit.event", seq=problem.seq)


def _anchor_text(anchor: dict[str, Any] | None, head: int) -> str:
    if anchor is None:
        return _("none yet")
    at = format_instant(datetime.fromisoformat(anchor["at"]))
    return _("%(at)s, at event %(seq)s", at=at, seq=anchor["seq"]) + (
        f" (+{format_number(head - anchor['seq'])})" if head > anchor["seq"] else ""
    )


# the file


def _table(session: PanelSession, asked: Asked, upto: int, count: int) -> Table:
    lines = _lines(session, asked, upto)
    first = list(islice(lines, BATCH))
    watermark = _(
        "Exported by %(name)s, %(at)s",
        name=present().actor.name,
        at=format_instant(request_instant()),
    )
    return Table(
        title=_("Audit book"),
        heads=[
            *(_("No."), _("When"), _("Who"), _("Role"), _("What was done"), _("To what")),
            *(_("Record"), _("Result"), _("Reason"), _("Before"), _("After"), _("Address")),
            *(_("Session"), _("Request"), _("Digest"), _("Digest of the event before")),
        ],
        count=count,
        lines=chain(first, lines, [[watermark]]),
        watermark=watermark,
    )


def _lines(session: PanelSession, asked: Asked, upto: int) -> Iterator[list[Any]]:
    for one in audit_search.stream(session, asked, upto=upto, most=MOST_ROWS):
        told = changes(one)
        yield [
            one.seq,
            one.at.isoformat(),
            who(one),
            roles_text(one),
            action_word(one.action, one.table_name),
            table_word(one.table_name),
            one.record_id or "",
            result_chip(one.result).label,
            one.reason or "",
            "; ".join(f"{label}: {before}" for label, before, _after in told if before),
            "; ".join(f"{label}: {after}" for label, _before, after in told if after),
            one.address or "",
            one.session_hash or "",
            one.request_id or "",
            f"{one.algorithm}:{one.digest}",
            one.previous_digest,
        ]
