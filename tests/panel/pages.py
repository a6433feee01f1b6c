"""Every address of the panel with values for its parts, and a reader of what a page is made of."""

from collections import Counter
from collections.abc import Iterator
from html.parser import HTMLParser

from hallpanel.engine.entity import REGISTRY
from hallpanel.engine.roles import Role

# What may stand in an address for each of its parts; a record's id is added by the test.
PARTS = {
    "account_id": "2",
    "answer": "agree",
    "grant_id": "1",
    "request_id": "1",
    "chapter_id": "2",
    "clause": "2.1.2",
    "export_type": "csv",
    "fact": "name",
    "filename": "hallpanel.css",
    "kind": "xlsx",
    "message_id": "1",
    "attachment_id": "1",
    "name": "dark",
    "seq": "3",
    "tag": "en",
    "verb": "approve",
}
OF_A_RECORD = ("details", "edit", "delete", "act", "comment", "attach", "action", "unmask")


def edited_by_the_hall():
    """The tables whose records the hall administrator edits."""
    return [t for t, entity in REGISTRY.items() if Role.HALL_ADMIN in entity.access.edit]


def rules(app, method):
    """The rules of the panel that take a method, in the order of their addresses."""
    found = [rule for rule in app.url_map.iter_rules() if method in rule.methods]
    return sorted(found, key=lambda rule: rule.rule)


def is_file(rule):
    """Whether a rule serves files that are the same for everybody."""
    return rule.endpoint == "static" or rule.endpoint.endswith(".static")


def address(app, rule, record_id=1, **parts):
    """A rule's address; where it is about a record, about that one."""
    values = {name: parts.get(name, PARTS[name]) for name in rule.arguments}
    if is_file(rule) and rule.endpoint == "bootstrap.static":
        values["filename"] = "css/bootstrap.min.css"
    adapter = app.url_map.bind("localhost")
    path = adapter.build(rule.endpoint, values)
    view = rule.endpoint.rpartition(".")[2].partition("_")[0]
    about = rule.endpoint.partition(".")[0] in REGISTRY and view in OF_A_RECORD
    return f"{path}?id={record_id}" if about else path


def verbs_of(table):
    """The verbs of an entity that somebody may press."""
    workflow = REGISTRY[table].workflow
    return [t.verb for t in workflow.transitions if not t.by.automatic] if workflow else []


UNLABELLED = {"hidden", "submit", "button", "image", "reset"}
VOID = {"br", "hr", "img", "input", "link", "meta", "col", "use", "path", "source", "wbr"}


class Page(HTMLParser):
    """What a page is made of, as far as the patrols look."""

    def __init__(self, html):
        super().__init__(convert_charrefs=True)
        self.language, self.title, self.ids = "", "", Counter()
        self.counts = Counter()
        self.labelled, self.inputs = set(), []
        self.handlers, self.forms = [], []
        self._open = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, pairs):
        given = dict(pairs)
        self.counts[tag] += 1
        self.language = given.get("lang", "") if tag == "html" else self.language
        if "id" in given:
            self.ids[given["id"]] += 1
        if tag == "label" and "for" in given:
            self.labelled.add(given["for"])
        if tag in ("input", "select", "textarea") and given.get("type") not in UNLABELLED:
            self.inputs.append((given, "label" in self._open))
        if tag == "form":
            self.forms.append(given)
        self.handlers += [f"<{tag} {name}>" for name in given if self._is_inline(name, given)]
        if tag not in VOID:
            self._open.append(tag)

    def _is_inline(self, name, given):
        scripted = name in ("href", "src", "action") and "script:" in (given[name] or "").lower()
        return name.startswith("on") or name == "style" or scripted

    def handle_endtag(self, tag):
        if tag in self._open:
            while self._open.pop() != tag:
                pass

    def handle_data(self, data):
        if "title" in self._open and "svg" not in self._open:
            self.title += data

    def complaints(self) -> Iterator[str]:
        """What is wrong with it, and how to repair it."""
        if not self.title.strip():
            yield "no title. Pass page_title, or set page.title."
        if not self.language:
            yield "no language. Say lang= on <html>."
        for tag in ("h1", "main"):
            if self.counts[tag] != 1:
                yield f"{self.counts[tag]} times <{tag}>. A page has one."
        for handler in self.handlers:
            yield f"{handler}. The page's policy stops it: listen in hallpanel.js, use a class."
        for name in self.nameless():
            yield f"input {name!r} without a label. Add <label for=…>."
        for name in (name for name, times in self.ids.items() if times > 1):
            yield f"id {name!r} more than once. An id is one element's."

    def nameless(self) -> list[str | None]:
        """The names of the inputs that nobody can tell from others without seeing the page."""
        return [
            given.get("name")
            for given, inside in self.inputs
            if not inside and not given.get("aria-label") and given.get("id") not in self.labelled
        ]
