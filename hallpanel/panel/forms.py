"""Forms made from declarations: each kind of fact has one field, and nothing else can be set."""

import secrets
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import Any, cast
from uuid import UUID

from flask import current_app, url_for
from flask_wtf import FlaskForm
from flask_wtf.file import MultipleFileField
from sqlalchemy import or_, select
from werkzeug.datastructures import FileStorage
from wtforms import fields, validators
from wtforms.fields import Choice, SelectChoice
from wtforms.widgets import HiddenInput

from hallpanel.engine import facts, records, sealing
from hallpanel.engine.clock import HALL_ZONE, hall_day
from hallpanel.engine.entity import REGISTRY, Field, Kind, Regulated, Secrecy
from hallpanel.engine.listing import UNREADABLE
from hallpanel.engine.roles import Reach
from hallpanel.engine.scope import Actor, actor_of
from hallpanel.engine.words import Phrase
from hallpanel.engine.workflow import Ask
from hallpanel.panel import attachments
from hallpanel.panel.extensions import db
from hallpanel.panel.file_types import ACCEPTED_WORDS, BY_ENDING
from hallpanel.panel.language import TranslatedForm, _, translate
from hallpanel.panel.person import request_instant
from hallpanel.panel.showing import choice_word

MOST_OPTIONS = 50
FEW_OPTIONS = 15
LARGEST_INTEGER = 2**31 - 1
LARGEST_DECIMAL = Decimal("9999999")
LONGEST_TEXT = 20_000
REMOVED = "-"
"""Typed in the place of a masked fact that is to be empty."""


class ChoiceField(fields.SelectField):
    """A choice: holds the member, sends its value, shows its word (pitfall 4)."""

    data: Any

    def __init__(
        self, label: Any = None, checks: Any = None, *, declared: Field, **kw: Any
    ) -> None:
        super().__init__(label, checks, coerce=self._member, choices=[], **kw)
        self.declared = declared
        offered = [SelectChoice(m.value, choice_word(declared, m)) for m in self._members()]
        self.choices = [SelectChoice("", _("None")), *offered] if declared.optional else offered

    def _members(self) -> Iterable[Any]:
        labels = self.declared.choice_labels
        assert self.declared.choices is not None
        return [m for m in self.declared.choices if not labels or m.value in labels]

    def _member(self, value: Any) -> Any:
        if value is None or value == "":
            return None
        assert self.declared.choices is not None
        return value if isinstance(value, self.declared.choices) else self.declared.choices(value)

    def iter_choices(self) -> Any:
        """Mark the chosen member by its value."""
        chosen = "" if self.data is None else getattr(self.data, "value", self.data)
        for one in self.choices:
            yield Choice(one.value, one.label, one.value == chosen, {})

    def pre_validate(self, form: Any) -> None:
        """Accept members that are offered, and nothing where that is allowed."""
        if self.data is None and not self.declared.optional:
            raise validators.ValidationError(_("Choose one."))
        if self.data is not None and self.data not in self._members():
            raise validators.ValidationError(_("Choose one."))


class RelationField(fields.SelectFieldBase):
    """Another record: holds it, sends its id, and knows no id out of reach (AZ-8)."""

    data: Any
    render_kw: dict[str, Any] | None

    widget = fields.SelectField.widget

    def __init__(self, label: Any = None, checks: Any = None, *, target: str, **kw: Any) -> None:
        super().__init__(label, checks, **kw)
        self.target = REGISTRY[target]
        self._wrong = False
        self._options: list[tuple[int, str]] = []

    @property
    def optional(self) -> bool:
        """Whether nothing may be chosen."""
        return not self.flags.required

    def process_formdata(self, valuelist: list[str]) -> None:
        """Load the chosen record through the scope."""
        chosen = valuelist[0] if valuelist else ""
        self.data = None
        if chosen:
            self.data = records.find(db.session(), self.target, chosen)
            self._wrong = self.data is None

    def pre_validate(self, form: Any) -> None:
        """A record out of reach is an error beside the field, never an empty relation."""
        if self._wrong:
            raise validators.ValidationError(_("There is no such record within your reach."))

    def settle(self) -> None:
        """Offer a short list as a list; only a long one is searched by typing."""
        self._options = options_of(self.target)
        if self.render_kw and len(self._options) <= FEW_OPTIONS:
            self.render_kw = {k: v for k, v in self.render_kw.items() if k != "data-lookup"}

    def has_groups(self) -> bool:
        """Options come in one list."""
        return False

    def iter_choices(self) -> Any:
        """The first options of the target, and the chosen one."""
        chosen = self.data.id if self.data is not None else None
        yield Choice("", "" if self.flags.required else _("None"), chosen is None, {})
        options = dict(self._options)
        if self.data is not None:
            options.setdefault(self.data.id, self.data.display())
        for key, text in options.items():
            yield Choice(str(key), text, key == chosen, {})

    def choices_and_groups(self) -> Any:
        """WTForms' name for the same."""
        return self.iter_choices()


class MaskedField(fields.StringField):
    """A masked fact: what is there stays out of the form, only what is typed now is in it."""

    def process_data(self, value: Any) -> None:
        """Show nothing of what is stored."""
        super().process_data(None)


class MaskedArea(fields.TextAreaField):
    """A masked fact of several lines."""

    def process_data(self, value: Any) -> None:
        """Show nothing of what is stored."""
        super().process_data(None)


class IntervalField(fields.DecimalField):
    """A length of time, typed in hours."""

    data: Any

    def process_data(self, value: Any) -> None:
        """Show hours."""
        hours = None if value is None else Decimal(value.total_seconds()) / 3600
        super().process_data(hours)

    def post_validate(self, form: Any, validation_stopped: bool) -> None:  # noqa: FBT001
        """Keep a timedelta."""
        if not self.errors and isinstance(self.data, Decimal):
            self.data = timedelta(hours=float(self.data))


class UuidField(fields.StringField):
    """A UUID."""

    def process_formdata(self, valuelist: list[str]) -> None:
        """Read it, or say that it is none."""
        text = valuelist[0].strip() if valuelist else ""
        try:
            self.data = UUID(text) if text else None
        except ValueError:
            self.data = None
            raise ValueError(_("This is no UUID.")) from None

    def _value(self) -> str:
        """What was typed stays on screen, also where it is none."""
        return self.raw_data[0] if self.raw_data else str(self.data or "")


class InstantField(fields.DateTimeLocalField):
    """An instant, shown and typed by the clock on the hall's wall."""

    data: Any

    def process_data(self, value: Any) -> None:
        """Show hall time."""
        super().process_data(
            None if value is None else value.astimezone(HALL_ZONE).replace(tzinfo=None)
        )

    def post_validate(self, form: Any, validation_stopped: bool) -> None:  # noqa: FBT001
        """Keep UTC."""
        if isinstance(self.data, datetime) and self.data.tzinfo is None:
            try:
                self.data = self.data.replace(tzinfo=HALL_ZONE).astimezone(UTC)
            except OverflowError:  # it is before the first instant, or after the last
                raise validators.ValidationError(_("There is no such time.")) from None


class Finite:
    """A figure that the column can hold: no infinity, not too large."""

    def __init__(self, largest: Decimal | int) -> None:
        self.largest = largest

    def __call__(self, form: Any, field: Any) -> None:
        """Compare, if there is a figure at all."""
        if field.data is None:
            return
        number = Decimal(str(field.data))
        if not number.is_finite() or abs(number) > self.largest:
            raise validators.ValidationError(_("This figure is too large."))


class Places:
    """No more decimals than the column keeps: a figure is stored as typed or not at all."""

    def __init__(self, places: int) -> None:
        self.places = places

    def __call__(self, form: Any, field: Any) -> None:
        """Compare, if there is a figure at all."""
        if field.data is None or not field.data.is_finite():
            return
        if field.data != round(field.data, self.places):
            raise validators.ValidationError(
                _("At most %(places)s decimals are kept.", places=self.places)
            )


class Stripped:
    """Text without the blanks around it; an optional text of blanks alone is none."""

    def __call__(self, text: str | None) -> str | None:
        """Strip."""
        stripped = text.strip() if isinstance(text, str) else text
        return stripped or None


def make_field(declared: Field, **extra: Any) -> Any:
    """The form field of a declared fact."""
    required = not declared.optional and declared.kind is not Kind.BOOLEAN
    checks: list[Any] = [_presence(declared) if required else validators.Optional()]
    kw: dict[str, Any] = {
        "label": translate(declared.label),
        "description": translate(declared.hint) if declared.hint else "",
        **extra,
    }
    match declared.kind:
        case Kind.TEXT:
            checks.append(validators.Length(max=declared.length or 200))
            line = MaskedField if declared.mask else fields.StringField
            return line(validators=checks, filters=[Stripped()], **kw)
        case Kind.LONG_TEXT:
            checks.append(validators.Length(max=LONGEST_TEXT))
            kw.setdefault("render_kw", {"rows": 4})
            area = MaskedArea if declared.mask else fields.TextAreaField
            return area(validators=checks, filters=[Stripped()], **kw)
        case Kind.CHOICE:
            return ChoiceField(declared=declared, checks=[], **kw)
        case Kind.RELATION:
            return RelationField(target=str(declared.target), checks=checks, **kw)
        case Kind.DECIMAL:
            checks += [Finite(LARGEST_DECIMAL), Places(declared.places)]
            return fields.DecimalField(validators=checks, places=None, **kw)
    maker, more = FIELD_OF[declared.kind]
    return maker(validators=[*checks, *more], **kw)


def _presence(declared: Field) -> Any:
    """A text of blanks alone says nothing; a zero says something."""
    is_text = declared.kind in (Kind.TEXT, Kind.LONG_TEXT)
    return validators.DataRequired() if is_text else validators.InputRequired()


FIELD_OF: dict[Kind, tuple[Any, tuple[Any, ...]]] = {
    Kind.INTEGER: (fields.IntegerField, (Finite(LARGEST_INTEGER),)),
    Kind.FLOAT: (fields.FloatField, (Finite(Decimal(10) ** 300),)),
    Kind.BOOLEAN: (fields.BooleanField, ()),
    Kind.DAY: (fields.DateField, ()),
    Kind.TIME: (fields.TimeField, ()),
    Kind.INSTANT: (InstantField, ()),
    Kind.INTERVAL: (IntervalField, (Finite(10**6),)),
    Kind.UUID: (UuidField, ()),
}


class DeclaredForm(TranslatedForm, FlaskForm):
    """A form whose fields come from declarations, in their groups."""

    groups: list[tuple[str | None, list[str]]] = []
    kept: frozenset[str] = frozenset()

    def sections(self) -> list[tuple[str | None, list[Any]]]:
        """The visible fields by group, in the order of the declaration."""
        found = [
            (head, [self[name] for name in names if name in self]) for head, names in self.groups
        ]
        if attachments.FIELD in self:
            found.append((_("Attachments"), [self[attachments.FIELD]]))
        return [(head, members) for head, members in found if members]

    def posted_files(self) -> list[FileStorage]:
        """The files sent with it, where it takes any."""
        return list(self[attachments.FIELD].data or ()) if attachments.FIELD in self else []

    def miss_files(self) -> None:
        """Say that a form that comes back has its files no more: no browser fills them in."""
        if self.posted_files():
            field = self[attachments.FIELD]
            once_more = _("Choose the files once more.")
            field.description = f"{field.description} {once_more}"

    def values(self) -> dict[str, Any]:
        """What was typed, by the names of the declared facts; a masked one left empty stays."""
        typed = {name: self[name].data for _head, names in self.groups for name in names}
        typed = {n: v for n, v in typed.items() if n not in self.kept or v}
        return {n: None if n in self.kept and v == REMOVED else v for n, v in typed.items()}


def editable_fields(
    entity: type[Regulated], actor: Actor, *, new: bool, state: Any = None
) -> list[Field]:
    """The facts a person may set; also for whom, where they may file for others.

    Of a record that is there nobody sets what they do not read.
    """
    found = entity.fields()
    wider = any(
        entity.access.read.get(role) is not Reach.OWN
        for role in actor.roles & set(entity.access.create)
    )
    if new and entity.workflow is not None:
        state = entity.workflow.initial
    chosen = [
        one
        for one in found.values()
        if one.form
        and facts.may_write(one, actor, state)
        and (new or facts.may_read(one, actor, state))
    ]
    owner = found.get(entity.owner or "")
    if new and owner is not None and not owner.form and wider:
        chosen.insert(0, owner)
    return chosen


def entity_form(
    entity: type[Regulated], declared: list[Field], record: Regulated | None, defaults: Any = None
) -> DeclaredForm:
    """The new or edit form of an entity for this request."""
    kept = _kept(declared, record)
    made = {f.name: _field_for(entity, f, kept.get(f.name)) for f in declared}
    made["form_token"] = fields.StringField(widget=HiddenInput(), default=new_token)
    made["row_version"] = fields.StringField(widget=HiddenInput())
    if entity.files_on_form:
        made[attachments.FIELD] = _files_field()
    made["groups"] = _grouped(declared)
    made["kept"] = frozenset(kept)
    form_class = type(f"{entity.__name__}Form", (DeclaredForm,), made)
    return _settled(form_class(obj=record and _Facts(record), data=defaults))


class _Facts:
    """A record as its form reads it; a sealed fact that does not open is no error there."""

    def __init__(self, record: Regulated) -> None:
        self._record = record

    def __getattr__(self, name: str) -> Any:
        return value_of(self._record, name)


def _kept(declared: list[Field], record: Regulated | None) -> dict[str, str]:
    """The masked facts that a record has, with what is left of each: they are not typed again."""
    masked = [one.name for one in declared if one.mask is not None and record is not None]
    return {name: str(value) for name in masked if (value := value_of(record, name))}


def value_of(record: Any, name: str) -> Any:
    """A fact of a record; of a sealed one that does not open a sign that says so."""
    try:
        return getattr(record, name)
    except sealing.Unreadable:
        return UNREADABLE


def _settled(form: Any) -> DeclaredForm:
    """Load the options of its relations."""
    for field in form:
        if isinstance(field, RelationField):
            field.settle()
    return cast(DeclaredForm, form)


def _field_for(entity: type[Regulated], declared: Field, kept: str | None = None) -> Any:
    render_kw: dict[str, Any] = {}
    if declared.mask is not None:
        render_kw["autocomplete"] = "off"
    if kept is not None:
        removing = _("Leave it empty to keep it, or type - to remove it.")
        hint = removing if declared.optional else _("Leave it empty to keep it.")
        render_kw["placeholder"] = kept
        declared = replace(declared, optional=True, hint=Phrase(hint))
    if declared.kind is Kind.RELATION:
        render_kw["data-lookup"] = lookup_url(entity.__tablename__, declared.name)
    if declared.kind is Kind.LONG_TEXT:
        render_kw |= {"rows": 4, "data-wide": True}
    extra = {"render_kw": render_kw} if render_kw else {}
    default = _default(entity, declared)
    return make_field(declared, **extra, **({} if default is None else {"default": default}))


def _files_field() -> Any:
    """Files for the record, as many as are chosen at once."""
    hint = _(
        "Such as a certificate. Taken are %(kinds)s; each up to %(each)s MB, all up to %(all)s MB.",
        kinds=ACCEPTED_WORDS,
        each=attachments.LARGEST // attachments.MEGABYTE,
        all=current_app.config["MAX_CONTENT_LENGTH"] // attachments.MEGABYTE,
    )
    render_kw = {"multiple": True, "accept": ",".join(BY_ENDING), "data-wide": True}
    return MultipleFileField(_("Attachments"), description=hint, render_kw=render_kw)


def _default(entity: type[Regulated], declared: Field) -> Any:
    if declared.kind is Kind.RELATION:
        return None
    default = entity.__table__.c[declared.column].default
    return default.arg if default is not None and default.is_scalar else None


def _grouped(declared: list[Field]) -> list[tuple[str | None, list[str]]]:
    groups: dict[str | None, list[str]] = {}
    for one in declared:
        groups.setdefault(translate(one.group) if one.group else None, []).append(one.name)
    return list(groups.items())


def ask_form(asks: tuple[Ask, ...], table: str, verb: str) -> DeclaredForm:
    """The questions of a transition."""
    declared = [
        Field(
            ask.name,
            ask.label,
            ask.kind,
            ask.optional,
            ask.name,
            hint=ask.hint,
            target=ask.target,
            choices=ask.choices,
            secrecy=Secrecy.INTERNAL,
        )
        for ask in asks
    ]
    made: dict[str, Any] = {}
    for one in declared:
        lookup = lookup_url(table, one.name, verb) if one.kind is Kind.RELATION else None
        render_kw: dict[str, Any] = {"data-lookup": lookup} if lookup else {}
        if one.kind is Kind.LONG_TEXT:
            render_kw |= {"rows": 3, "data-wide": True}
        made[one.name] = make_field(one, **({"render_kw": render_kw} if render_kw else {}))
    made["groups"] = _grouped(declared)
    return _settled(type("AskForm", (DeclaredForm,), made)())


def lookup_url(table: str, name: str, verb: str | None = None) -> str:
    """Where a relation field asks for options."""
    return url_for(f"{table}.ajax_lookup", name=name, verb=verb)


def options_of(
    target: type[Regulated], query: str = "", most: int = MOST_OPTIONS
) -> list[tuple[int, str]]:
    """The first records of a target within reach whose name has a text, without retired ones."""
    title = getattr(target, target.title)
    statement = select(target.id, title).order_by(title, target.id).limit(most)
    if target.retires:
        today = hall_day(request_instant())
        statement = statement.where(or_(target.retired_on.is_(None), target.retired_on > today))
    reading = facts.Reading(target, actor_of(db.session()))
    names = [name for name in target.list_view.search if "." not in name and reading.finds(name)]
    searched = [getattr(target, name) for name in names]
    if query and searched:
        statement = statement.where(
            or_(*(column.ilike(f"%{_escaped(query)}%", escape="\\") for column in searched))
        )
    return [(key, str(text)) for key, text in db.session.execute(statement)]


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")[:100]


def version_seen(text: str | None) -> int:
    """The version of the record that a page was drawn from; what is no version fits no record."""
    version = records.as_id(text)
    return -1 if version is None else version


def new_token() -> str:
    """A token that lets one form make one record however often it is sent."""
    return secrets.token_urlsafe(16)


@cache
def field_kinds() -> frozenset[Kind]:
    """The kinds that have a form field; a test holds them against all kinds there are."""
    return frozenset(
        {*FIELD_OF, Kind.DECIMAL, Kind.TEXT, Kind.LONG_TEXT, Kind.CHOICE, Kind.RELATION}
    )
