"""What somebody put into a record to be run in another's browser never runs (INP-2)."""

from itertools import cycle

import pytest
from sqlalchemy import Text, select, update
from sqlalchemy.types import String

from hallpanel.engine.audit import AuditEvent
from hallpanel.engine.entity import REGISTRY, Kind
from hallpanel.panel.extensions import db

ALERT = "alert(document.domain)"
TAGS = ("img src=x", "svg", "body", "video src=x", "audio src=x", "input autofocus", "details open")
EVENTS = ("onerror", "onload", "ontoggle", "onfocus", "onpointerover")
PAYLOADS = (
    *(f"<{tag} {event}={ALERT}>" for tag in TAGS for event in EVENTS[:3]),
    f"<script>{ALERT}</script>",
    f"</script><script>{ALERT}</script>",
    f"</title><script>{ALERT}</script>",
    f"</textarea><script>{ALERT}</script>",
    f"</option></select><img src=x onerror={ALERT}>",
    f'" autofocus onfocus="{ALERT}',
    f"' autofocus onfocus='{ALERT}",
    f'"><img src=x onerror={ALERT}>',
    f"'><img src=x onerror={ALERT}>",
    f"javascript:{ALERT}",
    f"java\tscript:{ALERT}",
    f"data:text/html,<script>{ALERT}</script>",
    f"<iframe srcdoc='<script>{ALERT}</script>'>",
    f"<a href=javascript:{ALERT}>x</a>",
    f"<form action=javascript:{ALERT}><button>x",
    f"<math><mtext><img src=x onerror={ALERT}>",
    f"<!--><img src=x onerror={ALERT}>-->",
    f"<style>@import 'javascript:{ALERT}'</style>",
    f"<base href=javascript:{ALERT}//>",
    f"{{{{constructor.constructor('{ALERT}')()}}}}",
    f"%(name)s{{{{7*7}}}}<img src=x onerror={ALERT}>",
)
# Elements that only a payload that came through could have put on a page.
COME_THROUGH = """() => {
  const found = [...document.querySelectorAll("*")].filter((e) =>
    [...e.attributes].some((a) => a.name.startsWith("on") || /^\\s*java\\s*script:/i.test(a.value)
      && ["href", "src", "action", "formaction"].includes(a.name)));
  found.push(...document.querySelectorAll("iframe, base, main script, main style, math"));
  return found.map((e) => e.outerHTML.slice(0, 120));
}"""


def texts(entity):
    """The free texts of an entity; a code that rules compare is none."""
    kept = {c.key for c in entity.__table__.columns if isinstance(c.type, String | Text)}
    unique = {c.key for c in entity.__table__.columns if c.unique}
    fields = entity.fields().values()
    kinds = (Kind.TEXT, Kind.LONG_TEXT)
    return [f.name for f in fields if f.kind in kinds and f.name in kept - unique - {"key"}]


def poison(app):
    """Put one payload after the other into every free text of every record; the tables."""
    payloads, tables, placed = cycle(PAYLOADS), {}, 0
    with app.app_context(), db.engine.begin() as connection:
        for table, entity in REGISTRY.items():
            one, names = entity.__table__, texts(entity)
            if table in ("clause", "limit_rule", "point_rule") or not names:
                continue
            ids = connection.scalars(select(one.c.id).order_by(one.c.id)).all()
            for record_id in ids:
                values = {name: next(payloads) for name in names}
                connection.execute(update(one).where(one.c.id == record_id).values(values))
                placed += len(values)
            tables[table] = list(ids[:3])
    return tables, placed


@pytest.mark.parametrize("username", ["halladmin", "lead.a"])
def test_no_stored_payload_ever_runs_inp_2(page_of, hall, username):
    tables, placed = poison(hall.app)
    assert placed >= 2 * len(PAYLOADS) >= 80
    page, opened = page_of(username), []
    page.on("dialog", lambda dialog: opened.append(dialog.message))
    addresses = ["/", "/inbox/", "/admin/leave_request/calendar/", f"/search/?q={PAYLOADS[0]}"]
    for table, ids in tables.items():
        addresses.append(f"/admin/{table}/?search=<img src=x onerror={ALERT}>")
        addresses.append(f"/admin/{table}/")
        for record_id in ids:
            for view in ("details", "edit"):
                addresses.append(f"/admin/{table}/{view}/?id={record_id}")
    seen = 0
    for address in addresses:
        answer = page.goto(address)
        seen += answer.status == 200
        assert answer.status < 500, address
        assert page.evaluate(COME_THROUGH) == [], address
    assert opened == []
    assert seen > 15


def test_what_was_put_into_the_trail_never_runs_either_inp_2(page_of, hall):
    admin, unit = hall.browser("halladmin"), hall.id("unit", code="A")
    page = f"/admin/unit/edit/?id={unit}"
    assert admin.post(page, admin.form(page) | {"contact": PAYLOADS[0]}).status_code == 303
    assert hall.rows(AuditEvent.__tablename__)[-1]["action"] == "edit"
    record = page_of("halladmin", f"/admin/unit/details/?id={unit}")
    assert PAYLOADS[0] in record.locator("main").inner_text()
    assert record.evaluate(COME_THROUGH) == []
