"""The declaration: one class in one file is all the panel needs to know of a regulated entity."""

import inspect
import re
import typing
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import StrEnum
from types import FunctionType
from typing import TYPE_CHECKING, Any, ClassVar, ForwardRef
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    ForeignKey,
    Index,
    String,
    Text,
    UniqueConstraint,
    and_,
    false,
    or_,
)
from sqlalchemy.orm import (
    Mapped,
    MappedColumn,
    Session,
    declared_attr,
    mapped_column,
    relationship,
)

from hallpanel.engine import scope, seclusion
from hallpanel.engine.approval import LADDER
from hallpanel.engine.errors import DeclarationError, Refusal
from hallpanel.engine.exact import Exact
from hallpanel.engine.masking import DiscreetText, Mask
from hallpanel.engine.personal import NOBODY, Impersonal, Personal
from hallpanel.engine.roles import ROLE_LABELS, Reach, Role
from hallpanel.engine.scope import Actor
from hallpanel.engine.sealed_fact import SealedFact, keep_discreet, new_row_key
from hallpanel.engine.store import Base, UtcDateTime, enum_by_value
from hallpanel.engine.words import STATES, Phrase, _l

if TYPE_CHECKING:
    from hallpanel.engine.calendar_view import CalendarView
    from hallpanel.engine.deadline import DeadlineRule
    from hallpanel.engine.sweep import Chore, Reminder, Timed
    from hallpanel.engine.workflow import Workflow


class Secrecy(StrEnum):
    """The class of a column: 公开, 内部, 敏感, 保密."""

    PUBLIC = "public"
    INTERNAL = "internal"
    SENSITIVE = "sensitive"
    SECRET = "secret"  # noqa: S105 - a class of records, not a password


class Kind(StrEnum):
    """What a field holds; the form, the filter and the list cell follow from it."""

    TEXT = "text"
    LONG_TEXT = "long_text"
    INTEGER = "integer"
    DECIMAL = "decimal"
    FLOAT = "float"
    BOOLEAN = "boolean"
    DAY = "day"
    TIME = "time"
    INSTANT = "instant"
    INTERVAL = "interval"
    UUID = "uuid"
    CHOICE = "choice"
    RELATION = "relation"


KINDS: dict[type[Any], Kind] = {
    str: Kind.TEXT,
    bool: Kind.BOOLEAN,
    int: Kind.INTEGER,
    Decimal: Kind.DECIMAL,
    float: Kind.FLOAT,
    datetime: Kind.INSTANT,
    date: Kind.DAY,
    time: Kind.TIME,
    timedelta: Kind.INTERVAL,
    UUID: Kind.UUID,
}


DIGITS = 10
"""Of a declared decimal, those after the point included."""


@dataclass(frozen=True)
class Field:
    """One declared fact of an entity, as the form, list, filter, export and timeline read it.

    `column` is the mapped attribute that holds it: the name itself, or `<name>_id` of a relation.
    """

    name: str
    label: Phrase
    kind: Kind
    optional: bool
    column: str
    filter: bool = False
    form: bool = True
    inline: bool = False
    secrecy: Secrecy | None = None
    hint: Phrase | None = None
    group: Phrase | None = None
    target: str | None = None
    choices: type[StrEnum] | None = None
    choice_labels: Mapping[str, Phrase] = field(default_factory=dict)
    length: int | None = None
    places: int = 2
    least: int | None = None
    personal: Personal | Impersonal | None = None
    sealed: bool = False
    searchable: bool = False
    read: "FieldRule | None" = None
    write: "FieldRule | None" = None

    @property
    def mask(self) -> Mask | None:
        """Under which mask everybody reads it, if it has one."""
        return self.personal.shown if isinstance(self.personal, Personal) else None

    @property
    def unmask(self) -> tuple[Role, ...]:
        """The roles that may read it whole, for a reason."""
        return self.personal.unmask if isinstance(self.personal, Personal) else ()

    @property
    def index_column(self) -> str:
        """The attribute with the keyed word by which a sealed fact is found."""
        return f"{self.name}_index"


StatesOf = Mapping[Role, tuple[StrEnum, ...]]
FieldRule = tuple[Role, ...] | StatesOf
"""Which roles: `(Role.LEAD,)` in every state, `{Role.STAFF: (State.PUBLISHED,)}` in some only."""


@dataclass(frozen=True)
class _Declared:
    label: Phrase
    settings: Mapping[str, Any]


class _Related:
    """Stands in a class body until the entity is built, then becomes a key and a relationship."""

    def __init__(self, label: Phrase, unique: bool, settings: Mapping[str, Any]) -> None:  # noqa: FBT001
        self.label, self.unique, self.settings = label, unique, settings


def column(
    label: Phrase,
    *,
    kind: Kind | None = None,
    secrecy: Secrecy | None = None,
    filter: bool = False,
    form: bool = True,
    inline: bool = False,
    hint: Phrase | None = None,
    group: Phrase | None = None,
    labels: Mapping[str, Phrase] | None = None,
    length: int = 200,
    places: int = 2,
    least: int | None = None,
    unique: bool = False,
    index: bool = False,
    default: Any = None,
    personal: Personal | Impersonal | None = None,
    sealed: bool = False,
    searchable: bool = False,
    read: FieldRule | None = None,
    write: FieldRule | None = None,
) -> Any:
    """Declare a fact: its label, how it is shown, and how secret it is.

    `form=False` is for facts that the rules write, not people. `inline` may be edited in the list.
    `labels` are the words of a choice's values. `length` is for short text, `places` for decimals,
    `least` for figures that must not be smaller. `personal` says why a fact about a person is kept,
    or NOBODY. `sealed` facts are stored encrypted; `searchable` ones are found when typed whole.
    `read` and `write` are the roles, and their states, where not all who reach the record may.
    """
    settings = {
        "kind": kind,
        "secrecy": secrecy,
        "filter": filter,
        "form": form,
        "inline": inline,
        "hint": hint,
        "group": group,
        "choice_labels": labels or {},
        "length": length,
        "places": places,
        "least": least,
        "personal": personal,
        "sealed": sealed,
        "searchable": searchable,
        "read": read,
        "write": write,
    }
    sql_type = (Text(),) if kind is Kind.LONG_TEXT else ()
    return _traced(
        *sql_type,
        unique=unique or None,
        index=index or filter or None,
        default=default,
        info={"declared": _Declared(label, settings)},
    )


def _traced(*arguments: Any, **settings: Any) -> MappedColumn[Any]:
    """A column whose value before a change is always known, so that the trail can tell it."""
    return mapped_column(*arguments, active_history=True, **settings)


def related(
    label: Phrase,
    *,
    filter: bool = False,
    form: bool = True,
    hint: Phrase | None = None,
    group: Phrase | None = None,
    unique: bool = False,
    read: FieldRule | None = None,
    write: FieldRule | None = None,
) -> Any:
    """Declare a reference to another entity; the annotation `Mapped[LeaveType]` says which."""
    settings: dict[str, Any] = {"filter": filter, "form": form, "hint": hint, "group": group}
    settings |= {"read": read, "write": write}
    return _Related(label, unique, settings)


@dataclass(frozen=True)
class ListView:
    """The list: its columns in order, what its search box looks in, and its first order."""

    columns: tuple[str, ...]
    search: tuple[str, ...]
    order: tuple[str, ...]

    def __init__(self, *columns: str, search: tuple[str, ...], order: tuple[str, ...] = ()) -> None:
        object.__setattr__(self, "columns", columns)
        object.__setattr__(self, "search", search)
        object.__setattr__(self, "order", order)


STANDARD_REACH: dict[Role, Reach] = {
    Role.STAFF: Reach.OWN,
    Role.LEAD: Reach.UNIT,
    Role.SUPERVISION: Reach.HALL,
    Role.DEPUTY: Reach.HALL,
    Role.DIRECTOR: Reach.HALL,
    Role.HALL_ADMIN: Reach.HALL,
}

EVERYONE: dict[Role, Reach] = dict.fromkeys(
    (*STANDARD_REACH, Role.REVIEWER, Role.KEEPER), Reach.HALL
)


@dataclass(frozen=True)
class Standing:
    """What a person has left of something, for their home page: 年假 剩 3 天 of 5."""

    label: str
    left: Decimal
    of: Decimal


@dataclass(frozen=True)
class Access:
    """Which role reads how far, and which may create, edit, delete, import; closed by default."""

    read: Mapping[Role, Reach]
    create: tuple[Role, ...] = ()
    edit: tuple[Role, ...] = ()
    delete: tuple[Role, ...] = ()
    imports: tuple[Role, ...] = ()
    export: tuple[Role, ...] | None = None

    def may(self, actor: Actor, right: str) -> bool:
        """Whether any role of the actor has a right over at least some records.

        Reading and exporting can be borrowed from a delegator; changing records cannot.
        """
        if right == "read" or (right == "export" and self.export is None):
            return bool(actor.reachable_roles & set(self.read))
        return bool(actor.roles & set(getattr(self, right) or ()))


REFERENCE = Access(
    read=EVERYONE,
    create=(Role.HALL_ADMIN,),
    edit=(Role.HALL_ADMIN,),
    delete=(Role.HALL_ADMIN,),
    imports=(Role.HALL_ADMIN,),
)
"""What the whole hall may read and the hall administrator keeps."""


class Regulated(Base):
    """A thing the rule book regulates: a table, its screens, its rules and its trail, in one class.

    A subclass declares what it is (see the class variables) and its facts; the engine adds the key,
    the row version, the time of birth and, as declared, the answerable unit, the number, the state,
    whose turn it is and the day of retirement.
    """

    __abstract__ = True

    clause: ClassVar[str]
    label: ClassVar[Phrase]
    plural: ClassVar[Phrase]  # the label, where an entity does not set it
    title: ClassVar[str] = "number"
    series: ClassVar[str | None] = None
    unit_bound: ClassVar[bool] = True
    owner: ClassVar[str | None] = None
    parties: ClassVar[tuple[str, ...]] = ()
    parties_while: ClassVar[tuple[StrEnum, ...] | None] = None  # the states they read it in; all
    secluded: ClassVar[bool] = False
    conflicted: ClassVar[tuple[str, ...]] = ()
    implicates_leads: ClassVar["Callable[[Any], ColumnElement[bool]] | None"] = None
    by_others: ClassVar[bool] = False  # nobody writes one about themselves (SOD-2)
    retires: ClassVar[bool] = False
    approval: ClassVar[bool] = False
    access: ClassVar[Access]
    list_view: ClassVar[ListView]
    workflow: ClassVar["Workflow | None"] = None
    deadlines: ClassVar[tuple["DeadlineRule", ...]] = ()
    timed: ClassVar[tuple["Timed", ...]] = ()
    reminders: ClassVar[tuple["Reminder", ...]] = ()
    chores: ClassVar[tuple["Chore", ...]] = ()
    calendar_view: ClassVar["CalendarView | None"] = None
    standing: ClassVar["Callable[..., list[Standing]] | None"] = None
    state_words: ClassVar[Mapping[str, Phrase]] = {}
    editable_in: ClassVar[tuple[StrEnum, ...] | None] = None
    unique_together: ClassVar[tuple[str, ...]] = ()
    icon: ClassVar[str] = "file-earmark-text"
    place: ClassVar[int] = 50
    everyday: ClassVar[bool] = False
    files_on_form: ClassVar[bool] = False  # its form takes files, as its page always does
    shows_related: ClassVar[bool] = True

    id: Mapped[int] = mapped_column(primary_key=True, sort_order=-10)
    version: Mapped[int] = mapped_column(default=1, sort_order=90)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, sort_order=91)

    if TYPE_CHECKING:
        State: type[StrEnum]
        state: Any
        turn: Any
        number: Any
        unit: Any
        unit_id: Any
        retired_on: Any
        row_key: Any

        def __getattr__(self, name: str) -> Any: ...

    @declared_attr.directive
    def __tablename__(cls) -> str:  # noqa: N805 - SQLAlchemy passes the class
        """The class name in snake case."""
        return snake_case(cls.__name__)

    @declared_attr.directive
    def __mapper_args__(cls) -> dict[str, Any]:  # noqa: N805
        """Every UPDATE names the version it read: two writers cannot both win."""
        return {"version_id_col": cls.version}

    def __init_subclass__(cls, **kwargs: Any) -> None:
        _check_declaration(cls)
        _build(cls)
        super().__init_subclass__(**kwargs)
        keep_discreet(cls, FIELDS[cls].values())
        REGISTRY[cls.__tablename__] = cls
        scope.protect(cls, cls.criterion)

    @classmethod
    def fields(cls) -> dict[str, Field]:
        """The declared facts by name, in the order of the declaration."""
        return FIELDS[cls]

    @classmethod
    def chapter(cls) -> str:
        """The chapter of the rule book, which is the folder the entity lives in."""
        return cls.__module__.split(".")[-2] if "." in cls.__module__ else cls.__module__

    @classmethod
    def state_labels(cls) -> dict[str, Phrase]:
        """The words of the states: the standard ones, unless the entity has its own."""
        own, states = cls.state_words, getattr(cls, "State", ())
        return {s.value: own[s.value] if s.value in own else STATES[s.value] for s in states}

    @classmethod
    def criterion(cls, actor: Actor) -> ColumnElement[bool] | None:
        """The rows an actor may see: the widest of all roles held, own rows among them."""
        return criterion_of(cls, actor)

    def concerns(self, actor: Actor) -> bool:
        """Whether the record is the actor's own, or of one for whom the actor acts."""
        owner = self.owner_id()
        return owner is not None and any(person.staff_id == owner for person in actor.people)

    def owner_id(self) -> int | None:
        """The member of staff the record is about."""
        if self.owner is None:
            return None
        owner: int | None = getattr(self, owner_column(type(self)))
        return owner

    def display(self) -> str:
        """How the record is named in a sentence; one without a name by its first facts."""
        if self.title != "id":
            return str(getattr(self, self.title) or f"#{self.id}")
        facts = (getattr(self, name) for name in self.list_view.columns[:2])
        told = [fact.display() if isinstance(fact, Regulated) else fact for fact in facts]
        return " · ".join(str(fact) for fact in told if fact is not None) or f"#{self.id}"

    def in_a_sentence(self) -> Phrase:
        """How a message to people names the record, so that they need not look it up."""
        return _l("%(thing)s %(name)s", thing=self.label, name=self.display())

    def decider_note(self, session: Session) -> tuple[Phrase, bool] | None:
        """What whoever decides should know at a glance, and whether it is a warning."""
        return None

    def title_line(self) -> tuple[object, ...]:
        """The facts that tell the record in one line: who, what, how much."""
        return (self.display(),)

    def prepare(self, session: Session, at: datetime) -> None:
        """Work out the facts that follow from others, before the record is saved."""

    def saved(self, session: Session, at: datetime) -> None:
        """Bring along what must follow in the same transaction once the record is saved."""

    def problems(self, session: Session, at: datetime) -> Iterator[Refusal]:
        """Say what the rules object to in the record as it would be saved."""
        yield from ()


REGISTRY: dict[str, type[Regulated]] = {}
FIELDS: dict[type[Regulated], dict[str, Field]] = {}


def snake_case(name: str) -> str:
    """LeaveRequest as leave_request."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def owner_column(entity: type[Regulated]) -> str:
    """The attribute that holds the owner's id; a member of staff owns the own record."""
    return "id" if entity.owner == "self" else f"{entity.owner}_id"


def criterion_of(entity: type[Regulated], actor: Actor) -> ColumnElement[bool] | None:
    """Union of what each grant reaches, without what a conflict bars; None means every row."""
    reached, barred = _reached(entity, actor), seclusion.criterion(entity, actor)
    if barred is None:
        return reached
    return barred if reached is None else and_(reached, barred)


def _reached(entity: type[Regulated], actor: Actor) -> ColumnElement[bool] | None:
    own = _own_rows(entity, actor)
    reached: list[ColumnElement[bool]] = []
    for person in actor.people:
        borrowed = person is not actor
        for grant in person.grants:
            reach = entity.access.read.get(grant.role)
            if reach is Reach.HALL:
                return None
            if reach is Reach.UNIT:
                unit = grant.unit_id if grant.unit_id is not None else person.unit_id
                if unit is not None and entity.unit_bound:
                    reached.append(_unit_column(entity) == unit)
                if own is not None:
                    reached.append(own)
            elif reach is Reach.OWN and own is not None and not borrowed:
                reached.append(own)
    return or_(*reached) if reached else false()


def _unit_column(entity: type[Regulated]) -> Any:
    return entity.unit_id


def _own_rows(entity: type[Regulated], actor: Actor) -> ColumnElement[bool] | None:
    """A person's own records, and those in which they are named, as long as that concerns them."""
    if actor.staff_id is None or not (entity.owner or entity.parties):
        return None
    own = [getattr(entity, owner_column(entity)) == actor.staff_id] if entity.owner else []
    named = [getattr(entity, f"{party}_id") == actor.staff_id for party in entity.parties]
    if named and entity.parties_while is not None:
        named = [and_(entity.state.in_(entity.parties_while), or_(*named))]
    return or_(*own, *named)


def covers(entity: type[Regulated], record: Regulated, actor: Actor, role: Role) -> bool:
    """Whether an actor's own grant of a role reaches one loaded record."""
    reach = entity.access.read.get(role)
    if role not in actor.roles or reach is None or seclusion.bars(record, actor):
        return False
    match reach:
        case Reach.HALL:
            return True
        case Reach.UNIT:
            units = actor.units(role) or {actor.unit_id}
            return not entity.unit_bound or record.unit_id in units
        case Reach.OWN:
            return record.owner_id() is not None and record.owner_id() == actor.staff_id
    return False


# --- building a class from its declaration ---------------------------------------------------


def _check_declaration(cls: type[Regulated]) -> None:
    """Refuse what could not be built, or would be skipped in silence."""
    for code, problem, hint in (*_unknown(cls), *_missing(cls), *_undeclared(cls), *_double(cls)):
        raise DeclarationError(code, cls.__name__, problem, hint)


Fault = tuple[str, str, str]
DECLARABLE = (FunctionType, property, classmethod, staticmethod, type, MappedColumn, _Related)


def _unknown(cls: type[Regulated]) -> Iterator[Fault]:
    """A misspelt class variable would be no rule; a name in capitals is a constant of its own."""
    known = {*dir(Regulated), *inspect.get_annotations(Regulated), "State"}
    hint = "see hallpanel.engine.entity.Regulated for the names a declaration may set"
    for name, value in vars(cls).items():
        own = name.startswith("_") or name.isupper() or isinstance(value, DECLARABLE)
        if not own and name not in known:
            yield "E01", f"unknown class variable {name!r}", hint


def _missing(cls: type[Regulated]) -> Iterator[Fault]:
    for name in ("clause", "label", "access", "list_view"):
        if not hasattr(cls, name):
            yield "E03", f"it does not say its {name}", f"set {name} = …"


def _undeclared(cls: type[Regulated]) -> Iterator[Fault]:
    """Each fact has its type and its label; only the key of a relation may stand without."""
    values, hints = vars(cls), inspect.get_annotations(cls)
    keys = {f"{name}_id" for name, value in values.items() if isinstance(value, _Related)}
    facts = [n for n, v in values.items() if isinstance(v, (MappedColumn, _Related))]
    mapped = [n for n, h in hints.items() if _is_mapped(h) and n not in keys]
    for name in dict.fromkeys([*mapped, *facts]):
        value = values.get(name)
        labelled = isinstance(value, MappedColumn) and "declared" in value.column.info
        if name not in hints or not (labelled or isinstance(value, _Related)):
            hint = f"write {name}: Mapped[…] = column(_l(…)), or related(_l(…))"
            yield "E18", f"{name!r} has no type or no label", hint


def _is_mapped(hint: Any) -> bool:
    origin: Any = typing.get_origin(hint)
    return origin is Mapped


def _double(cls: type[Regulated]) -> Iterator[Fault]:
    table = snake_case(cls.__name__)
    if table in REGISTRY:
        where = REGISTRY[table].__module__
        yield "E19", f"{where} declares an entity of this name", "give one of them another name"


def _build(cls: type[Regulated]) -> None:
    if "plural" not in cls.__dict__:
        cls.plural = cls.label
    if cls.retires and cls.workflow is None:
        # Imported when a class is built: the workflow knows entities, and this is the one way back.
        from hallpanel.engine.retirement import Use, retirement

        cls.State = Use
        cls.workflow = retirement(cls.clause, cls.access.edit)
    hints = dict(inspect.get_annotations(cls))
    fields: dict[str, Field] = {}
    for name, annotation in hints.items():
        value = cls.__dict__.get(name)
        if isinstance(value, _Related):
            fields[name] = _build_relation(cls, name, annotation, value)
        elif isinstance(value, MappedColumn) and "declared" in value.column.info:
            fields[name] = _build_fact(cls, name, annotation, value)
    _add_standard_columns(cls, fields)
    FIELDS[cls] = fields


def _inner(annotation: Any) -> tuple[Any, bool]:
    """The type inside Mapped[...], and whether None is allowed there."""
    (inner,) = typing.get_args(annotation) or (annotation,)
    if isinstance(inner, (str, ForwardRef)):
        text = inner if isinstance(inner, str) else inner.__forward_arg__
        return text.removesuffix("| None").strip(), "None" in text
    parts = typing.get_args(inner)
    if type(None) not in parts:
        return inner, False
    (kept,) = (part for part in parts if part is not type(None))
    return (kept.__forward_arg__ if isinstance(kept, ForwardRef) else kept), True


def _build_fact(
    cls: type[Regulated], name: str, annotation: Any, mapped: MappedColumn[Any]
) -> Field:
    declared: _Declared = mapped.column.info["declared"]
    python_type, optional = _inner(annotation)
    settings = dict(declared.settings)
    choices = python_type if _is_choice(python_type) else None
    kind = settings.pop("kind") or (Kind.CHOICE if choices else KINDS.get(python_type))
    if kind is None:
        raise DeclarationError(
            "E02",
            cls.__name__,
            f"column {name!r} of type {python_type!r} has no form field",
            f"use one of {', '.join(sorted(t.__name__ for t in KINDS))}, a StrEnum or related()",
        )
    _set_type(mapped, settings, kind, choices)
    if settings["sealed"]:
        _seal(cls, name, mapped, settings, optional=optional)
        return Field(name, declared.label, kind, optional, f"{name}_sealed", **settings)
    if kind not in (Kind.TEXT, Kind.LONG_TEXT) and settings["secrecy"] is None:
        settings["secrecy"] = Secrecy.INTERNAL
    return Field(name, declared.label, kind, optional, name, choices=choices, **settings)


def _set_type(
    mapped: MappedColumn[Any],
    settings: Mapping[str, Any],
    kind: Kind,
    choices: type[StrEnum] | None,
) -> None:
    if kind is Kind.TEXT:
        mapped.column.type = String(settings["length"])
    if kind is Kind.DECIMAL:
        mapped.column.type = Exact(digits=DIGITS, places=settings["places"])
    if kind is Kind.INSTANT:
        mapped.column.type = UtcDateTime()
    if choices:
        mapped.column.type = enum_by_value(choices)
    _mask(mapped, settings, kind)


def _mask(mapped: MappedColumn[Any], settings: Mapping[str, Any], kind: Kind) -> None:
    """A masked text leaves the database behind its mask."""
    about = settings["personal"]
    if isinstance(about, Personal) and about.shown and kind in (Kind.TEXT, Kind.LONG_TEXT):
        length = settings["length"] if kind is Kind.TEXT else None
        mapped.column.type = DiscreetText(about.shown, length)


def _seal(
    cls: type[Regulated],
    name: str,
    mapped: MappedColumn[Any],
    settings: Mapping[str, Any],
    *,
    optional: bool,
) -> None:
    """A sealed fact is a property over a column of ciphertext, and perhaps one of keyed words."""
    cls.__annotations__.pop(name, None)
    if "row_key" not in cls.__dict__:
        key = mapped_column(String(32), unique=True, default=new_row_key, sort_order=89)
        _add_column(cls, "row_key", Mapped[str], key)
    content = _traced(Text(), info=dict(mapped.column.info), deferred=False)
    _add_column(cls, f"{name}_sealed", Mapped[str | None] if optional else Mapped[str], content)
    if settings["searchable"]:
        _add_column(cls, f"{name}_index", Mapped[str | None], mapped_column(String(64), index=True))
    about = settings["personal"]
    mask = about.shown if isinstance(about, Personal) else None
    table = snake_case(cls.__name__)
    indexed = bool(settings["searchable"])
    setattr(cls, name, SealedFact(table, name, mask or Mask.NOTHING, indexed=indexed))


def _is_choice(python_type: Any) -> bool:
    return isinstance(python_type, type) and issubclass(python_type, StrEnum)


def _build_relation(cls: type[Regulated], name: str, annotation: Any, marker: _Related) -> Field:
    target, optional = _inner(annotation)
    table = snake_case(target if isinstance(target, str) else target.__name__)
    key_name = f"{name}_id"
    key = _traced(
        ForeignKey(f"{table}.id", ondelete="RESTRICT"),
        nullable=optional,
        index=True,
        unique=marker.unique or None,
    )
    # The relationship is given its target; its annotation may name a class not yet imported.
    cls.__annotations__.pop(name, None)
    cls.__annotations__[key_name] = Mapped[int | None] if optional else Mapped[int]
    setattr(cls, key_name, key)
    options: dict[str, Any] = {"foreign_keys": [key]}
    if table == snake_case(cls.__name__):
        options["remote_side"] = f"{cls.__name__}.id"
    setattr(cls, name, relationship(target, **options))
    return Field(
        name,
        marker.label,
        Kind.RELATION,
        optional,
        key_name,
        target=table,
        secrecy=Secrecy.INTERNAL,
        personal=NOBODY,
        **marker.settings,
    )


def _add_column(cls: type[Regulated], name: str, annotation: Any, mapped: Any) -> None:
    cls.__annotations__[name] = annotation
    setattr(cls, name, mapped)


def _add_standard_columns(cls: type[Regulated], fields: dict[str, Field]) -> None:
    if "__annotations__" not in cls.__dict__:
        cls.__annotations__ = {}
    if cls.unit_bound and "unit" not in fields:
        fields["unit"] = _add_unit(cls)
    if cls.series:
        mapped = _traced(String(40), unique=True, sort_order=-9)
        _add_column(cls, "number", Mapped[str], mapped)
        fields |= {"number": _engine_field("number", _l("Number"), Kind.TEXT)}
    if cls.workflow is not None:
        initial = cls.workflow.initial
        mapped = _traced(enum_by_value(type(initial)), default=initial, index=True, sort_order=80)
        annotation: Any = Mapped
        _add_column(cls, "state", annotation[type(initial)], mapped)
        state = _engine_field("state", _l("State"), Kind.CHOICE, type(initial))
        fields["state"] = state
    if cls.approval:
        mapped = _traced(enum_by_value(Role), index=True, sort_order=81)
        _add_column(cls, "turn", Mapped[Role | None], mapped)
        turn = _engine_field("turn", _l("Whose turn"), Kind.CHOICE, Role, optional=True)
        # Only who may stand on the ladder can be waited for.
        fields["turn"] = replace(turn, choice_labels={r.value: ROLE_LABELS[r] for r in LADDER})
    if cls.retires:
        _add_column(cls, "retired_on", Mapped[date | None], _traced(sort_order=82))
        fields["retired_on"] = _engine_field(
            "retired_on", _l("Retired on"), Kind.DAY, optional=True
        )
    _add_table_arguments(cls)


def _add_unit(cls: type[Regulated]) -> Field:
    marker = _Related(_l("Window unit"), unique=False, settings={"filter": True, "form": False})
    return _build_relation(cls, "unit", Mapped["Unit"], marker)  # type: ignore[name-defined]


def _add_table_arguments(cls: type[Regulated]) -> None:
    arguments: list[Any] = []
    if cls.unique_together:
        arguments.append(UniqueConstraint(*cls.unique_together))
    if cls.workflow is not None and cls.unit_bound:
        arguments.append(
            Index(f"ix_{snake_case(cls.__name__)}_unit_state", "unit_id", "state", "id")
        )
    if arguments and "__table_args__" not in cls.__dict__:
        cls.__table_args__ = tuple(arguments)


def _engine_field(
    name: str,
    label: Phrase,
    kind: Kind,
    choices: type[StrEnum] | None = None,
    *,
    optional: bool = False,
) -> Field:
    return Field(
        name,
        label,
        kind,
        optional,
        name,
        filter=choices is not None,
        form=False,
        secrecy=Secrecy.INTERNAL,
        personal=NOBODY,
        choices=choices,
    )
