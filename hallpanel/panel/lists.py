"""The list page: reads what an address asks for, and lays out what the engine's listing found."""

from dataclasses import dataclass, field, replace
from typing import Any

from flask import flash, request, url_for
from werkzeug.datastructures import MultiDict

from hallpanel.engine import facts, masking, records
from hallpanel.engine.entity import REGISTRY, Field, Kind, Regulated
from hallpanel.engine.listing import (
    COUNT_CAP,
    LARGEST_PAGE,
    OPERATORS,
    PAGE_SIZE,
    Asked,
    Condition,
    Listing,
    Row,
    can_filter,
    operators_of,
)
from hallpanel.engine.scope import Actor
from hallpanel.engine.workflow import Transition
from hallpanel.panel.extensions import db
from hallpanel.panel.forms import lookup_url
from hallpanel.panel.inline import InlineEdits
from hallpanel.panel.language import _, format_number, listed, translate
from hallpanel.panel.record_page import clock_chip
from hallpanel.panel.showing import (
    NUMERIC,
    Button,
    Cell,
    cell,
    choice_word,
    head_label,
    plain,
    record_url,
    shown,
    state_word,
    tone_of,
)

MANY_CHOICES = 50
LONGEST_SEARCH = 200
KIND_OF: dict[Kind, str] = {
    Kind.CHOICE: "choice",
    Kind.BOOLEAN: "bool",
    Kind.DAY: "date",
    Kind.INSTANT: "date",
    Kind.RELATION: "relation",
    Kind.INTEGER: "number",
    Kind.DECIMAL: "number",
    Kind.FLOAT: "number",
    Kind.INTERVAL: "number",
}


@dataclass(frozen=True)
class Filter:
    """One filter of the list, with what is chosen in it now."""

    name: str
    label: str
    kind: str
    choices: list[tuple[str, str]]
    operators: list[tuple[str, str]]
    values: dict[str, list[str]]
    lookup_url: str | None = None


@dataclass(frozen=True)
class Pill:
    """An active filter with the address that drops it."""

    label: str
    remove_url: str


@dataclass(frozen=True)
class Column:
    """A column's head."""

    name: str
    label: str
    numeric: bool
    sort_url: str | None
    sort: str | None
    wide: bool = False


@dataclass(frozen=True)
class ListRow:
    """A record in the list with what may be done to it."""

    id: int
    version: int
    url: str
    selectable: bool
    cells: list[Cell]
    actions: list[Button]
    more: list[Button]


@dataclass(frozen=True)
class Bulk:
    """An action on all ticked records."""

    verb: str
    label: str
    url: str
    tone: str = "secondary"
    icon: str | None = None


@dataclass
class ListPage:
    """All that the list template shows."""

    title: str
    table: str
    url: str
    count_text: str
    exact_count_url: str | None
    search: str
    search_hint: str
    empty: str
    columns: list[Column]
    rows: list[ListRow]
    filters: list[Filter]
    pills: list[Pill]
    hidden: list[tuple[str, str]]
    column_choices: list[tuple[str, str, bool]]
    bulk: list[Bulk] = field(default_factory=list)
    clear_url: str | None = None
    first_url: str | None = None
    previous_url: str | None = None
    next_url: str | None = None
    new_url: str | None = None
    new_label: str = ""
    export_urls: list[tuple[str, str]] = field(default_factory=list)
    import_url: str | None = None
    saved_views: list[Any] = field(default_factory=list)
    save_view_url: str | None = None
    drop_view_url: str | None = None
    view_query: str = ""
    inputs: list[Any] = field(default_factory=list)
    extra: list[Button] = field(default_factory=list)
    find: list[tuple[str, str]] = field(default_factory=list)
    find_url: str = ""


def read_asked(args: MultiDict[str, str]) -> Asked:
    """What an address asks of a list; what makes no sense is as if it were not there."""
    asked = [condition_of(name, value) for name, value in args.items(multi=True) if value]
    conditions = [condition for condition in asked if condition is not None]
    size = args.get("size", "")
    return Asked(
        search=args.get("search", "")[:LONGEST_SEARCH].strip(),
        conditions=tuple(conditions[:MANY_CHOICES]),
        sort=args.get("sort") or None,
        after=args.get("after") or None,
        before=args.get("before") or None,
        size=min(int(size), LARGEST_PAGE)
        if size.isascii() and size.isdigit() and int(size[:6])
        else PAGE_SIZE,
    )


def condition_of(name: str, value: str) -> Condition | None:
    """What a parameter such as `f.state.is=draft` asks for; None if it is no condition."""
    mark, _dot, rest = name.partition(".")
    field_name, dot, operator = rest.partition(".")
    if mark != "f" or not dot or "." in operator:
        return None
    return Condition(field_name, operator, value[:LONGEST_SEARCH])


def chosen_columns(reading: facts.Reading, args: MultiDict[str, str]) -> tuple[str, ...]:
    """The columns to show: those chosen in the address, else those declared."""
    wanted, able = set(args.getlist("columns")), listable(reading)
    declared = reading.entity.list_view.columns
    shown_ = tuple(name for name in able if name in wanted)
    return shown_ or tuple(name for name in declared if name in able)


def readable_args(reading: facts.Reading, args: MultiDict[str, str]) -> MultiDict[str, str]:
    """What an address asks, without what it asks of facts that its reader does not read."""

    def tells(name: str, value: str) -> bool:
        if name in ("columns", "sort"):
            return not reading.hides(value.removeprefix("-"))
        condition = condition_of(name, value)
        return condition is None or not reading.hides(condition.field)

    return MultiDict((n, v) for n, v in args.items(multi=True) if tells(n, v))


def listable(reading: facts.Reading) -> list[str]:
    """Every column that a list may show: the declared ones first, then the other short facts."""
    declared = list(reading.entity.list_view.columns)
    others = [
        name
        for name, one in reading.entity.fields().items()
        if name not in declared and one.kind is not Kind.LONG_TEXT
    ]
    return [name for name in (*declared, *others) if reading.shows(name)]


class ListPageMaker:
    """Makes the list page of an entity for one actor and one address."""

    def __init__(self, entity: type[Regulated], actor: Actor) -> None:
        self.entity, self.actor = entity, actor
        self.table = entity.__tablename__
        self.reading = facts.Reading(entity, actor)
        self.args = readable_args(self.reading, request.args)
        self.asked = read_asked(self.args)
        self.columns = chosen_columns(self.reading, self.args)
        self.edits = InlineEdits(entity, actor, self.columns)
        self.listing = Listing(
            entity, self.asked, self.columns, reader=actor, besides=tuple(self._decisive())
        )
        self._names: dict[tuple[str, str], str] = {}

    def _decisive(self) -> list[str]:
        """Facts that say which actions a row offers, listed or not."""
        facts = self.entity.fields()
        wanted = ["state", "turn", "unit"] if self.entity.workflow is not None else []
        people = [*self.entity.parties, *([self.entity.owner] if self.entity.owner else [])]
        return [name for name in (*wanted, *people, *self.edits.decisive()) if name in facts]

    def page(self, count: int) -> ListPage:
        """Lay the page out; `count` is the capped count, asked for with other figures."""
        found = self.listing.page(db.session())
        for note in self.listing.notes:
            flash(translate(note), "warning")
        rows = [self._row(row) for row in found.rows]
        bulk = self._bulk()
        return ListPage(
            title=translate(getattr(self.entity, "plural", self.entity.label)),
            table=self.table,
            url=url_for(f"{self.table}.index_view"),
            count_text=self._count_text(count),
            exact_count_url=self._exact_url(count),
            search=self.asked.search,
            search_hint=self._search_hint(),
            empty=_(
                "Nothing here yet. %(thing)s appear here as soon as there are any.",
                thing=translate(getattr(self.entity, "plural", self.entity.label)),
            ),
            columns=[*(self._head(name) for name in self.columns), *self._limit_head()],
            rows=rows if bulk else [replace(row, selectable=False) for row in rows],
            filters=self._filters(),
            pills=self._pills(),
            clear_url=self._here(drop=("search", "f.")) if self._narrowed() else None,
            hidden=self._hidden(),
            column_choices=[
                (name, head_label(self.entity, name), name in self.columns)
                for name in listable(self.reading)
            ],
            find=[(one.name, translate(one.label)) for one in self._sought()],
            find_url=url_for(f"{self.table}.find_view"),
            bulk=bulk,
            first_url=self._here() if self.asked.after or self.asked.before else None,
            previous_url=self._here(before=found.previous) if found.previous else None,
            next_url=self._here(after=found.next) if found.next else None,
            inputs=list(self.edits.form),
        )

    # the address

    def _here(
        self, *, drop: tuple[str, ...] = (), without: Condition | None = None, **changes: str | None
    ) -> str:
        """This list's address without the page, with some parameters dropped or changed."""
        kept = [
            (name, value)
            for name, value in self.args.items(multi=True)
            if name not in ("after", "before", "exact", *changes)
            and not any(name == d or (d.endswith(".") and name.startswith(d)) for d in drop)
            and not (without and without == condition_of(name, value))
            and value
        ]
        kept += [(name, value) for name, value in changes.items() if value]
        args: dict[str, Any] = MultiDict(kept).to_dict(flat=False)
        return url_for(f"{self.table}.index_view", **args)

    def _hidden(self) -> list[tuple[str, str]]:
        keep = ("sort", "columns", "size")
        return [(n, v) for n, v in self.args.items(multi=True) if n in keep and v]

    def _narrowed(self) -> bool:
        return bool(self.asked.search or self.asked.conditions)

    # the head

    def _head(self, name: str) -> Column:
        declared = self.entity.fields()[name.partition(".")[0]]
        sorted_ = self.listing.sort == name
        direction = ("descending" if self.listing.descending else "ascending") if sorted_ else None
        other = f"-{name}" if sorted_ and not self.listing.descending else name
        return Column(
            name,
            head_label(self.entity, name),
            declared.kind in NUMERIC,
            self._here(sort=other) if self.listing.sortable(name) else None,
            direction,
        )

    def _count_text(self, count: int) -> str:
        if request.args.get("exact"):
            return format_number(self.listing.count(db.session(), cap=None))
        if count > COUNT_CAP:
            return _("%(count)s+", count=format_number(COUNT_CAP).replace(",", " "))
        return format_number(count)

    def _exact_url(self, count: int) -> str | None:
        if count <= COUNT_CAP or request.args.get("exact"):
            return None
        return self._here(exact="1")

    def _search_hint(self) -> str:
        names = [name for name in self.entity.list_view.search if self.reading.finds(name)]
        labels = [head_label(self.entity, name) for name in names]
        return _("Search %(fields)s", fields=listed(dict.fromkeys(labels))) if labels else ""

    # filters

    def _filters(self) -> list[Filter]:
        found = self.entity.fields().values()
        return [self._filter(one) for one in found if one.filter and self.reading.finds(one.name)]

    def _sought(self) -> list[Field]:
        """The sealed facts by which a record is found when somebody types one whole."""
        found = self.entity.fields().values()
        return [one for one in found if one.searchable and self.reading.finds(one.name)]

    def _filter(self, declared: Field) -> Filter:
        now: dict[str, list[str]] = {}
        for condition in self.asked.conditions:
            if condition.field == declared.name:
                now.setdefault(condition.operator, []).append(condition.value)
        lookup = None
        if declared.kind is Kind.RELATION:
            lookup = lookup_url(self.table, declared.name)
        return Filter(
            declared.name,
            translate(declared.label),
            KIND_OF.get(declared.kind, "text"),
            self._choices(declared, now),
            [(name, translate(OPERATORS[name])) for name in operators_of(declared)],
            now,
            lookup,
        )

    def _choices(self, declared: Field, now: dict[str, list[str]]) -> list[tuple[str, str]]:
        if declared.kind is Kind.CHOICE:
            return _members(self.entity, declared)
        if declared.kind is Kind.BOOLEAN:
            return [("1", _("Yes")), ("0", _("No"))]
        if declared.kind is Kind.RELATION:
            return [(value, self._related_name(declared, value)) for value in now.get("is", [])]
        return []

    def _related_name(self, declared: Field, value: str) -> str:
        """The name of a record that a filter names; asked for once in a page."""
        key = (str(declared.target), value)
        if key not in self._names:
            record = records.find(db.session(), REGISTRY[key[0]], value)
            self._names[key] = record.display() if record is not None else value[:20]
        return self._names[key]

    def _pills(self) -> list[Pill]:
        pills = []
        if self.asked.search:
            label = _("Search: %(words)s", words=self.asked.search)
            pills.append(Pill(label, self._here(drop=("search",))))
        for condition in self.asked.conditions:
            declared = self.entity.fields().get(condition.field)
            known = declared is not None and can_filter(declared)
            known = known and self.reading.finds(condition.field)
            if declared is not None and known and condition.operator in operators_of(declared):
                pills.append(self._pill(declared, condition))
        return pills

    def _pill(self, declared: Field, condition: Condition) -> Pill:
        label = translate(declared.label)
        word = translate(OPERATORS.get(condition.operator, condition.operator))
        value = self._value_word(declared, condition.value)
        text = f"{label} {word}" if condition.operator == "empty" else f"{label} {word} {value}"
        return Pill(text, self._here(without=condition))

    def _value_word(self, declared: Field, value: str) -> str:
        if declared.mask is not None:
            return masking.masked(masking.Mask.NOTHING, value)
        if declared.kind is Kind.RELATION:
            return self._related_name(declared, value)
        return dict(self._choices(declared, {})).get(value, value)

    # rows

    def _row(self, row: Row) -> ListRow:
        judged = self.entity.workflow is not None or self.edits.facts
        shadow = _Shadow(self.entity, row) if judged else None
        offered, edits = self._offered(row, shadow), self.edits.of(row, shadow)
        first = [t for t in offered if t.awaited or t.bulk][:2]
        rest = [t for t in offered if t not in first]
        return ListRow(
            row.id,
            row.version,
            record_url(self.table, row.id),
            selectable=any(t.bulk for t in offered),
            cells=[
                *(replace(self._cell(name, row), edit=edits.get(name)) for name in self.columns),
                *self._limit_cell(row),
            ],
            actions=[self._button(transition, row) for transition in first],
            more=[self._button(transition, row) for transition in rest],
        )

    def _cell(self, name: str, row: Row) -> Cell:
        value = row.values[name]
        if name == "state" and row.values.get("turn") is not None:
            return self._state_with_turn(row)
        if name == self.entity.title:
            declared = self.entity.fields()[name]
            return Cell("link", shown(declared, value), url=record_url(self.table, row.id))
        return cell(self.entity, name, value, row.keys.get(name))

    def _limit_head(self) -> list[Column]:
        if not self.entity.deadlines:
            return []
        return [Column("limit", _("Limit"), numeric=False, sort_url=None, sort=None)]

    def _limit_cell(self, row: Row) -> list[Cell]:
        """How long the open limit of a record still has."""
        if not self.entity.deadlines:
            return []
        if row.due_at is None:
            return [Cell("text", "")]
        chip = clock_chip(row.due_at, provisional=row.provisional)
        return [Cell("deadline", chip.label, tone=chip.tone, icon=chip.icon, title=chip.title)]

    def _state_with_turn(self, row: Row) -> Cell:
        """A state that waits says for whom: 待审批:督查科."""
        state = row.values["state"]
        turn = choice_word(self.entity.fields()["turn"], row.values["turn"])
        text = _("%(state)s: %(turn)s", state=state_word(self.entity, state), turn=turn)
        return Cell("chip", text, tone=tone_of(state))

    def _offered(self, row: Row, shadow: Any) -> list[Transition]:
        """What the actor may try on a row, judged by its listed facts; no query a row."""
        if self.entity.workflow is None or row.values.get("state") is None:
            return []
        found = []
        for transition in self.entity.workflow.leaving(row.values["state"]):
            own = transition.by.decides and shadow.concerns(self.actor)
            if not own and transition.by.allows(self.actor, shadow):
                found.append(transition)
        return found

    def _button(self, transition: Transition, row: Row) -> Button:
        url = url_for(f"{self.table}.act_view", verb=transition.verb, id=row.id)
        tone = "danger" if transition.danger else "primary" if transition.awaited else "secondary"
        return Button(translate(transition.label), url, tone, sheet=True)

    def _bulk(self) -> list[Bulk]:
        if self.entity.workflow is None:
            return []
        return [
            Bulk(
                t.verb,
                translate(t.label),
                url_for(f"{self.table}.act_view", verb=t.verb),
                "danger" if t.danger else "primary",
            )
            for t in self.entity.workflow.transitions
            if t.bulk and self.actor.reachable_roles & t.by.roles
        ]


class _Shadow:
    """A listed row as the rules of who may act look at a record."""

    def __new__(cls, entity: type[Regulated], row: Row) -> Any:
        """Make a detached record of the entity with the listed facts; it is in no session."""
        facts: dict[str, Any] = {"id": row.id, "version": row.version}
        for name, value in row.values.items():
            declared = entity.fields().get(name)
            if declared is None or "." in name:
                continue
            facts[declared.column] = row.keys.get(name) if declared.kind is Kind.RELATION else value
        return entity(**facts)


def _members(entity: type[Regulated], declared: Field) -> list[tuple[str, str]]:
    assert declared.choices is not None
    if declared.name == "state":
        return [(value, translate(word)) for value, word in entity.state_labels().items()]
    labels = declared.choice_labels
    members = [m for m in declared.choices if not labels or m.value in labels]
    return [(member.value, choice_word(declared, member)) for member in members]


def text_of(entity: type[Regulated], name: str, value: Any) -> str:
    """A listed value as text, for exports."""
    declared = entity.fields()[name.partition(".")[0]]
    if "." in name:
        return plain(value)
    if name == "state":
        return "" if value is None else dict(_members(entity, declared)).get(str(value), str(value))
    return shown(declared, value)
