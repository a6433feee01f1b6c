"""Ten thousand requests that no page sends: never a failure, never a changed row (INP-1).

A request that could rightly change something is not among them: where its token is good, its
record is out of reach, its version is stale, or one of its required fields cannot be right.
"""

import base64
import json
from io import BytesIO
from logging import ERROR
from urllib.parse import quote

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hallpanel.engine.entity import REGISTRY, Kind
from tests.faults.figures import often
from tests.panel.pages import PARTS, is_file, rules

REQUESTS = often(10_000, 100_000)
LOOK_EVERY = 2_000
# What keeps count of who looks and who asks; a row of any other table is a record.
BOOKKEEPING = ("audit_event", "audit_head", "sign_in_session", "submission")
BUSY = ("leave_request", "staff", "service_window", "attendance_day")
WHO = ("lead.a", "staff.a1", "halladmin", "halladmin", None)

ODD = (
    *("", " ", "0", "-1", "+1", "1,2", "1 OR 1=1", "abc", "1.5", "1e5", "0x10", "-0", "00001"),
    *("²", "٣", "１２", "Ⅷ", "99999999999999999999", "9" * 400, "-" + "9" * 30, "1_000"),
    *("NaN", "-Infinity", "sNaN", "1e400", "true", "None", "null", "[]", "{}", "\\", "'", '"'),
    *("%", "_", "%%", "';--", "<script>alert(1)</script>", "{{7*7}}", "%(name)s", "{0}", "$1"),
    *("../../etc/passwd", "//evil.example", "javascript:alert(1)", "\\\\evil", "年假", "😀" * 60),
    *("2026-02-30", "0000-00-00", "9999-12-31", "0001-01-01", "10000-01-01", "2026-W07-1"),
    *("2026-13", "24:00", "2026-02-12T09:30", "-2026-01-01", "99999-99", "²-²", "2026-²"),
    *("\u202e", "\ufeff", "\u2028", "\ud7ff", "x" * 5000),
    *("__class__", "id", "-id", "--id", "number", "-number", "staff.name", "unit.code", "state"),
    *("submitted", "draft", "annual", "lead", "morning", "1", "2", "3", "after", "yes", "on"),
)
CONTROLS = ("a\x00b", "\x00", "\r\nSet-Cookie: a=b", "\x1b[31m", "\x85", "\ufffd")
UNREADABLE = ("%ff", "%00", "%ed%a0%80", "%", "%zz", "%c0%af", "&&&", "=", "a=%fe", "?", "#")
NAMES = (
    *("id", "search", "sort", "after", "before", "size", "exact", "columns", "hidden", "url"),
    *("next", "query", "name", "verb", "month", "q", "show", "page", "page_size", "desc"),
    *("flt0_0", "f.state.is", "f.unit.is", "f.first_day.from", "f.first_day.nonsense", "f..", "f"),
    *("version", "confirm", "list_form_pk", "row_version", "form_token", "text", "file", "action"),
    *("rowid", "map.0", "map.99999", "draft", "label", "accept", "status", "state", "__proto__"),
)
# Most are asked for as a sheet or by a script, whose frames are soon drawn.
HEADERS = (
    *({"X-Sheet": "1"}, {"X-Sheet": "1"}, {"Accept": "application/json"}) * 5,
    *({}, {}, {}),
    {"Accept": "application/json", "X-Requested-With": "XMLHttpRequest"},
    {"Accept": ";;q=,*/*;q=x", "Accept-Language": "zz;q=nan,*"},
    {"X-Sheet": "1", "Referer": "http://localhost/\\evil"},
    {"Range": "bytes=9-1", "If-None-Match": '"', "If-Modified-Since": "yesterday"},
    {"Cookie": "hallpanel_language=\u00ff; hallpanel_theme={{7}}; =; ;"},
    {"Content-Type": "application/json"},
    {"Content-Type": "multipart/form-data"},
    {"Content-Type": "text/plain; charset=klingon"},
    {"User-Agent": "", "X-Forwarded-For": "evil, , 1", "X-HTTP-Method-Override": "DELETE"},
)
# What cannot be right in a required field of a kind.
IMPOSSIBLE = {
    Kind.TEXT: ("", " ", "x" * 301),
    Kind.LONG_TEXT: ("", " ", "x" * 20_001),
    Kind.CHOICE: ("", "no-such-word", "None", "0"),
    Kind.RELATION: ("", "abc", "0", "-1", "999999999", "1,2", "²", "9" * 400),
    Kind.DAY: ("", "2026-02-30", "0000-00-00", "morgen", "²", "20260212x"),
    Kind.INTEGER: ("", "1.5", "abc", "9" * 40, "NaN"),
    Kind.DECIMAL: ("", "abc", "NaN", "Infinity", "1e400", "9" * 40),
}
NEVER_WITH_A_GOOD_TOKEN = {"sign_in.logout", "inbox.read_all"}
STALE = ("", "0", "-1", "abc", "99999", "²")
SPOILT = {
    "choose_password": {"again": "differs"},
    "choose_language": {"next": "//evil.example"},
    "choose_theme": {"next": "//evil.example"},
    "delete_view": {"id": "999999"},
    "keep_view": {"label": "x" * 41},
    "login": {"username": "nobody"},
}
BEYOND = ("0", "-1", "999999", "abc", "1,2", "", "²", "9" * 400, "1e1", " 1 ", "1;2", "\u0661")

READABLE = st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffd")
odd_values = st.one_of(
    st.sampled_from(ODD),
    st.sampled_from(ODD + CONTROLS),
    st.text(READABLE, max_size=20),
)


def one_in(times):
    """True once in so many times; hypothesis would like the ends of a range of numbers best."""
    return st.sampled_from((True, *(False,) * (times - 1)))


cursors = st.one_of(
    odd_values,
    st.tuples(
        st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.sampled_from(ODD)),
        st.one_of(st.integers(), st.none(), st.sampled_from(ODD)),
    ).map(lambda pair: base64.urlsafe_b64encode(json.dumps(pair).encode()).decode()),
)


def test_no_malformed_request_fails_or_changes_a_row_inp_1(hall, caplog, figures):
    visitors = {name: hall.browser(name) if name else hall.stranger() for name in WHO}
    for visitor in visitors.values():
        assert visitor.token
    before, sent = hall.digests(but=BOOKKEEPING), 0

    @settings(
        max_examples=REQUESTS,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(odd_requests(hall))
    def hammer(request):
        nonlocal sent
        sent += 1
        who, method, address, options = request
        answer = send(visitors[who], method, address, options)
        answered = f"answered {answer.status_code}"
        figures.update({"requests": sent, answered: figures.get(answered, 0) + 1})
        assert 200 <= answer.status_code < 500, answer.status
        assert not [r for r in caplog.records if r.levelno >= ERROR], "the log names a failure"
        if sent % LOOK_EVERY == 0:
            assert hall.digests(but=BOOKKEEPING) == before

    hammer()
    assert sent >= REQUESTS
    assert hall.digests(but=BOOKKEEPING) == before


def send(visitor, method, address, options):
    """Send it; a good token is put in where one is asked for."""
    options = dict(options)
    if options.pop("with_token", False):
        options["data"] = {**options["data"], "csrf_token": visitor.token}
    return visitor.client.open(address, method=method, buffered=True, **options)


def odd_requests(hall):
    """Requests to every address of the panel, each odd in some way."""
    foreign = {table: beyond(hall, table) for table in REGISTRY}
    asked = more_often([(rule, "GET") for rule in rules(hall.app, "GET")])
    sent = more_often([(rule, "POST") for rule in rules(hall.app, "POST")])
    near = {table: [row["id"] for row in hall.rows(table)][:3] for table in REGISTRY}

    @st.composite
    def request(draw):
        rule, method = draw(st.sampled_from(sent if draw(one_in(3)) else asked))
        who = draw(st.sampled_from(WHO))
        table = rule.endpoint.partition(".")[0]
        path = rule.rule if is_file(rule) else filled(draw, rule)
        options = {"headers": draw(st.sampled_from(HEADERS))}
        if method == "GET":
            ids = [*BEYOND, *map(str, near.get(table, []) * 5)]
            return who, method, f"{path}?{query(draw, table, ids)}", options
        data, ids = body(draw, table), foreign.get(table, BEYOND)
        refused = rule.endpoint in NEVER_WITH_A_GOOD_TOKEN or draw(one_in(8))
        if who and not refused:
            options["with_token"] = True
            ids = harmless(draw, rule, data, ids, near.get(table) or ids)
        if "id" in data:
            ids = BEYOND
        options["data"] = data
        return who, method, f"{path}?id={quote(str(draw(st.sampled_from(ids))))}", options

    return request()


def more_often(asked):
    """The entities on which most can be done come up as often as all the others together."""
    busy = [one for one in asked if one[0].endpoint.partition(".")[0] in BUSY]
    return [*asked, *busy * 4]


def beyond(hall, table):
    """Ids that lead to no record, whoever asks."""
    taken = {str(row["id"]) for row in hall.rows(table)}
    return [one for one in BEYOND if one.strip() not in taken]


def filled(draw, rule):
    """An address of a rule, with odd values in some of its parts."""
    path = rule.rule
    for name in rule.arguments:
        right = (PARTS[name],) * 12
        value = draw(st.sampled_from((*right, "zzz", "0", "%00", "%ff", "²", "9" * 30)))
        for kind in ("", "int:", "path:"):
            path = path.replace(f"<{kind}{name}>", value if "%" in value else quote(value))
    return path


def query(draw, table, ids):
    """The part of an address behind the question mark."""
    pairs = draw(st.lists(st.tuples(st.sampled_from(names_of(table)), odd_values), max_size=4))
    parts = [f"{quote(name)}={quote(value)}" for name, value in pairs]
    parts.insert(0, f"id={quote(draw(st.sampled_from(ids)))}")
    if draw(one_in(8)):
        parts.append(f"{draw(st.sampled_from(('after', 'before')))}={quote(draw(cursors))}")
    if draw(one_in(30)):
        parts.append(draw(st.sampled_from(UNREADABLE)))
    return "&".join(parts)


def names_of(table):
    """Names of parameters that some page knows, and of all that a table could be asked for."""
    if table not in REGISTRY:
        return NAMES
    operators = ("is", "has", "starts", "from", "to", "empty", "like")
    facts = REGISTRY[table].fields()
    return (
        *NAMES,
        *facts,
        *(f"f.{name}.{operators[len(name) % len(operators)]}" for name in facts),
        *(f"f.{name}.is" for name in facts),
    )


def body(draw, table):
    """The fields of a form."""
    data = {}
    for name in draw(st.lists(st.sampled_from(names_of(table)), max_size=6)):
        data[name] = draw(st.one_of(odd_values, st.lists(odd_values, max_size=3)))
    if draw(one_in(10)):
        data["file"] = (BytesIO(draw(st.binary(max_size=60))), draw(odd_values) or "a")
    return data


def harmless(draw, rule, data, foreign, near):
    """Make sure that a request with a good token cannot rightly change anything; ids for it."""
    view = rule.endpoint.rpartition(".")[2]
    data.pop("confirm", None)
    if view == "create_view":
        make_impossible(draw, rule, data)
    if view in ("edit_view", "ajax_update"):
        data["row_version"] = data["version"] = draw(st.sampled_from(STALE))
        data["list_form_pk"] = draw(st.sampled_from(near))
        return near
    if view in ("act_view", "action_view"):
        return unconfirmed(draw, data, near) if draw(st.booleans()) else confirmed(data, foreign)
    data |= SPOILT.get(view, {})
    return foreign


def unconfirmed(draw, data, near):
    """Ask for the page before a transition on some records."""
    data["id"] = draw(st.lists(st.sampled_from(near), min_size=1, max_size=3))
    return near


def confirmed(data, foreign):
    """Make a transition on records out of reach."""
    data["confirm"] = "1"
    return foreign


def make_impossible(draw, rule, data):
    """Put what cannot be right into a required field of a form."""
    entity = REGISTRY[rule.endpoint.partition(".")[0]]
    required = [f for f in entity.fields().values() if f.form and not f.optional]
    for one in required[:1]:
        data[one.name] = draw(st.sampled_from(IMPOSSIBLE[one.kind]))
