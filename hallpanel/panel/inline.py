"""Facts that are changed in the list itself: an input for each column, and a pencil in each row."""

from dataclasses import dataclass
from typing import Any

from flask import url_for
from wtforms import Form, fields
from wtforms.fields import SelectChoice

from hallpanel.engine import records
from hallpanel.engine.entity import Field, Kind, Regulated
from hallpanel.engine.facts import may_read, may_write
from hallpanel.engine.listing import Row
from hallpanel.engine.scope import Actor
from hallpanel.panel.forms import make_field
from hallpanel.panel.language import TranslatedForm, _, translate
from hallpanel.panel.showing import shown


@dataclass(frozen=True)
class InlineEdit:
    """A pencil in a cell: what it is called, where it leads, and what the input begins with."""

    name: str
    label: str
    url: str
    value: str


class InlineForm(TranslatedForm, Form):
    """The inputs of a list; what they send is checked by the form of the fact."""


class InlineEdits:
    """What an actor may change in a list: nothing where no column or no role allows it."""

    def __init__(self, entity: type[Regulated], actor: Actor, columns: tuple[str, ...]) -> None:
        self.entity, self.actor = entity, actor
        facts = entity.fields()
        listed = [facts[name] for name in columns if name in facts and facts[name].inline]
        self.facts = listed if entity.access.may(actor, "edit") else []
        self.form = inputs(self.facts)

    def decisive(self) -> list[str]:
        """Facts that say whose a record is and what it is called, listed or not."""
        return ["unit", "state", self.entity.title] if self.facts else []

    def of(self, row: Row, shadow: Any) -> dict[str, InlineEdit]:
        """The pencils of a row by column, judged by its listed facts; no query a row."""
        if not self.facts or not records.may_edit(shadow, self.actor):
            return {}
        state = row.values.get("state")
        title = self.entity.title
        name = f"#{row.id}"
        if title in row.values:
            name = shown(self.entity.fields()[title], row.values[title])
        url = url_for(f"{self.entity.__tablename__}.edit_view", id=row.id)
        return {
            fact.name: InlineEdit(
                fact.name,
                _("Change %(fact)s of %(record)s", fact=translate(fact.label), record=name),
                url,
                typed(self.form[fact.name], row.values[fact.name]),
            )
            for fact in self.facts
            if may_write(fact, self.actor, state) and may_read(fact, self.actor, state)
        }


def inputs(facts: list[Field]) -> InlineForm:
    """An input for each of some facts."""
    made: Any = type("ListForm", (InlineForm,), {one.name: _input(one) for one in facts})
    form: InlineForm = made()
    return form


def _input(fact: Field) -> Any:
    """The form's own input; instead of a tick, which a list could not send empty, a choice."""
    if fact.kind is not Kind.BOOLEAN:
        return make_field(fact)
    choices = [SelectChoice("1", _("Yes")), SelectChoice("", _("No"))]
    return fields.SelectField(translate(fact.label), choices=choices)


def typed(field: Any, value: Any) -> str:
    """A value as its input holds it."""
    if isinstance(field, fields.SelectFieldBase):
        if isinstance(value, bool):
            return "1" if value else ""
        return str(getattr(value, "value", value) or "")
    field.process_data(value)
    return str(field._value())
