"""Declarations are checked before the panel serves anyone: a wrong one stops the start."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from itertools import chain

from hallpanel.engine.clocks import BIRTH
from hallpanel.engine.entity import REGISTRY, Field, FieldRule, Kind, Regulated, Secrecy
from hallpanel.engine.errors import DeclarationError
from hallpanel.engine.roles import Reach
from hallpanel.engine.who import ApproverMay, Either, OwnerMay, PartyMay, Who
from hallpanel.engine.words import STATES
from hallpanel.engine.workflow import Transition, Workflow

Entity = type[Regulated]
Check = Callable[[Entity], Iterator[DeclarationError]]


def raise_first(entities: Iterable[Entity], clauses: Collection[str]) -> None:
    """Stop at the first wrong declaration.

    Raises:
        DeclarationError: with its code, the entity, the problem and a hint.
    """
    for error in errors(list(entities), clauses):
        raise error


def errors(entities: Collection[Entity], clauses: Collection[str]) -> Iterator[DeclarationError]:
    """All that is wrong with some declarations, given the ids of the rule book's clauses."""
    tables = {entity.__tablename__ for entity in entities}
    for entity in entities:
        yield from chain.from_iterable(found(entity) for found in CHECKS)
        yield from _unknown_clauses(entity, clauses)
        yield from _unknown_targets(entity, tables)
    yield from _shared_series(entities)


def _error(code: str, entity: Entity, problem: str, hint: str) -> DeclarationError:
    return DeclarationError(code, entity.__name__, problem, hint)


def _citations(entity: Entity) -> Iterator[tuple[str, str]]:
    yield "the entity", entity.clause
    if entity.workflow is not None:
        for transition in entity.workflow.transitions:
            yield f"transition {transition.verb!r}", transition.clause
    for rule in entity.deadlines:
        yield f"deadline {rule.name!r}", rule.clause


def _unknown_clauses(entity: Entity, clauses: Collection[str]) -> Iterator[DeclarationError]:
    for where, clause in _citations(entity):
        if clause not in clauses:
            yield _error(
                "E04",
                entity,
                f"{where} cites clause {clause!r}, which the rule book does not have",
                "see seed/rulebook.yaml for the clauses, such as 2.1.2",
            )


def _unreachable(entity: Entity) -> Iterator[DeclarationError]:
    workflow = entity.workflow
    if workflow is None:
        return
    reached, frontier = {workflow.initial}, [workflow.initial]
    while frontier:
        for transition in workflow.leaving(frontier.pop()):
            if transition.target not in reached:
                reached.add(transition.target)
                frontier.append(transition.target)
    for state in type(workflow.initial):
        if state not in reached:
            yield _error(
                "E05",
                entity,
                f"no transition leads to state {state.value!r}",
                "add the transition or remove the state",
            )


def _without_role(entity: Entity) -> Iterator[DeclarationError]:
    for transition in _transitions(entity):
        named = transition.by is not None and (transition.by.roles or transition.by.automatic)
        if not named:
            yield _error(
                "E06",
                entity,
                f"nobody may make transition {transition.verb!r}",
                "say by=Holds(Role.…), OwnerMay(), ApproverMay() or SystemMay()",
            )


def _foreign_states(entity: Entity) -> Iterator[DeclarationError]:
    workflow = entity.workflow
    if workflow is None:
        if entity.parties_while is not None:
            hint = "take parties_while away: without it they always read the record"
            yield _error("E07", entity, "it has no states for its parties to read it in", hint)
        return
    kind = type(workflow.initial)
    for transition in workflow.transitions:
        if not all(isinstance(state, kind) for state in (*transition.source, transition.target)):
            yield _error(
                "E07",
                entity,
                f"transition {transition.verb!r} names a state of another entity",
                f"use the members of {entity.__name__}.State",
            )
    if not all(isinstance(state, kind) for state in entity.parties_while or ()):
        yield _error(
            "E07",
            entity,
            "parties_while names a state of another entity",
            f"use the members of {entity.__name__}.State",
        )


def _double_verbs(entity: Entity) -> Iterator[DeclarationError]:
    seen: set[str] = set()
    for transition in _transitions(entity):
        if transition.verb in seen:
            yield _error(
                "E08",
                entity,
                f"two transitions are called {transition.verb!r}",
                "a verb names one transition; give its source states as a tuple",
            )
        seen.add(transition.verb)


def _no_fields(entity: Entity) -> Iterator[DeclarationError]:
    view = entity.list_view
    order = tuple(name.lstrip("-") for name in view.order)
    for what, names in (("column", view.columns), ("search", view.search), ("order", order)):
        for name in names:
            if not _is_field(entity, name):
                yield _error(
                    "E09",
                    entity,
                    f"list {what} {name!r} is no field",
                    f"its fields are {', '.join(entity.fields())}",
                )


def _is_field(entity: Entity, name: str) -> bool:
    relation, _, inner = name.partition(".")
    declared = entity.fields().get(relation)
    if declared is None or not inner:
        return declared is not None or name == "id"
    target = REGISTRY.get(str(declared.target))
    return target is not None and inner in target.fields()


def _unclassified(entity: Entity) -> Iterator[DeclarationError]:
    for name, declared in entity.fields().items():
        if declared.secrecy is None:
            yield _error(
                "E10",
                entity,
                f"column {name!r} is free text and does not say how secret it is",
                "set secrecy=Secrecy.PUBLIC, INTERNAL, SENSITIVE or SECRET",
            )


def _without_purpose(entity: Entity) -> Iterator[DeclarationError]:
    """A text that not everybody may read may be about a person: it says why, or that it is not."""
    for name, declared in entity.fields().items():
        is_text = declared.kind in (Kind.TEXT, Kind.LONG_TEXT)
        open_to_all = declared.secrecy in (None, Secrecy.PUBLIC)
        if is_text and not open_to_all and declared.personal is None:
            yield _error(
                "E22",
                entity,
                f"column {name!r} may hold personal data and says neither its purpose nor how long "
                "it is kept",
                "set personal=Personal(_l(…), Years(…)), or personal=NOBODY",
            )


def _badly_sealed(entity: Entity) -> Iterator[DeclarationError]:
    """What a database cannot do with ciphertext is not declared of it."""
    listed = {*entity.list_view.search, *(name.lstrip("-") for name in entity.list_view.order)}
    for name, declared in entity.fields().items():
        masked_as_text = declared.kind in (Kind.TEXT, Kind.LONG_TEXT)
        if declared.mask is not None and not masked_as_text:
            yield _error(
                "E23", entity, f"column {name!r} is masked and no text", "declare it as a text"
            )
        if declared.mask is not None and declared.inline:
            yield _error(
                "E23", entity, f"column {name!r} is masked and edited in the list", "drop inline"
            )
        if declared.searchable and not declared.sealed:
            yield _error(
                "E23",
                entity,
                f"column {name!r} is searchable by its keyed word and not sealed",
                "set sealed=True, or filter=True instead",
            )
        if not declared.sealed:
            continue
        own = entity.__mapper__.columns[declared.column]
        for wrong, what in (
            (not masked_as_text, "is no text"),
            (declared.mask is None, "has no mask"),
            (declared.filter or declared.inline, "cannot be filtered by its parts, nor inline"),
            (own.unique or own.index, "cannot be unique or indexed"),
            (name in listed or name == entity.title, "cannot be searched, ordered by, or a title"),
        ):
            if wrong:
                yield _error(
                    "E23",
                    entity,
                    f"sealed column {name!r} {what}",
                    "a sealed fact is a text with personal=Personal(…, shown=Mask.…); "
                    "searchable=True finds it by its whole value",
                )


def _wrong_rules(entity: Entity) -> Iterator[DeclarationError]:
    """A rule about a fact names roles that read the record, and states that it has."""
    for name, declared in entity.fields().items():
        for what, rule in (("read", declared.read), ("write", declared.write)):
            for problem in _rule_problems(entity, rule):
                yield _error(
                    "E24",
                    entity,
                    f"who may {what} {name!r}: {problem}",
                    "name roles of access.read, and states of the entity",
                )
        for role in declared.unmask:
            if role not in entity.access.read or declared.mask is None:
                yield _error(
                    "E24",
                    entity,
                    f"role {role.value!r} may unmask {name!r}, which it does not read masked",
                    "add the role to access.read, and shown=Mask.… to the fact",
                )
        if declared.read is not None and name in (entity.title, "state", "unit", entity.owner):
            yield _error(
                "E24",
                entity,
                f"{name!r} names the record or says whose it is, and is hidden from some",
                "leave read= out, and narrow access.read instead",
            )


def _rule_problems(entity: Entity, rule: FieldRule | None) -> Iterator[str]:
    for role in rule or ():
        if role not in entity.access.read:
            yield f"role {role.value!r} does not read the record"
    states = type(entity.workflow.initial) if entity.workflow else None
    for role, wanted in rule.items() if isinstance(rule, Mapping) else ():
        for state in wanted:
            if states is None or not isinstance(state, states):
                yield f"{state!r} of role {role.value!r} is no state of it"


def _badly_secluded(entity: Entity) -> Iterator[DeclarationError]:
    """A secluded record is not told of by another one, nor by what only one may have."""
    fields = entity.fields()
    for path in entity.conflicted:
        relation, _dot, rest = path.partition(".")
        declared = fields.get(relation)
        target = declared.target if declared else None
        if rest and target in REGISTRY:
            inner = REGISTRY[str(target)].fields().get(rest)
            target = inner.target if inner else None
        if target != "staff":
            yield _error(
                "E25",
                entity,
                f"{path!r} is named in conflicted and leads to no member of staff",
                "name relations to staff, or to a record with one: 'complaint.accused'",
            )
    if entity.conflicted and not entity.secluded:
        yield _error("E25", entity, "it has conflicted and is not secluded", "set secluded = True")
    columns = entity.__mapper__.columns
    single = [n for n, one in fields.items() if columns[one.column].unique and n != "number"]
    if entity.secluded and (entity.unique_together or single):
        yield _error(
            "E25",
            entity,
            "its refusal of a second record would tell of the first",
            "a secluded entity has no unique facts but its number",
        )
    yield from _told_by(entity)


def _told_by(entity: Entity) -> Iterator[DeclarationError]:
    for name, declared in entity.fields().items():
        target = REGISTRY.get(str(declared.target))
        if target is None or not target.secluded:
            continue
        if not entity.secluded or set(entity.access.read) - set(target.access.read):
            yield _error(
                "E25",
                entity,
                f"relation {name!r} would show a secluded record to those who do not read it",
                "let the secluded entity refer to this one, and not the other way round",
            )


def _wordless(entity: Entity) -> Iterator[DeclarationError]:
    for transition in _transitions(entity):
        if not transition.label:
            yield _error(
                "E11",
                entity,
                f"transition {transition.verb!r} has no word for its button",
                "set label=_l(…), or add the verb to hallpanel.engine.words.VERBS",
            )
    for state in type(entity.workflow.initial) if entity.workflow else ():
        if state.value not in entity.state_words and state.value not in STATES:
            yield _error(
                "E11",
                entity,
                f"state {state.value!r} has no word",
                "set state_words, or add it to hallpanel.engine.words.STATES",
            )


def _unnamed(entity: Entity) -> Iterator[DeclarationError]:
    fields = entity.fields()
    if entity.title != "id" and entity.title not in fields:
        yield _error(
            "E12",
            entity,
            f"its title {entity.title!r} is no field",
            "set title to the column that names a record, or series for numbered records",
        )
    people = (*entity.parties, *([entity.owner] if entity.owner not in (None, "self") else []))
    for name in people:
        declared: Field | None = fields.get(str(name))
        if declared is None or declared.target != "staff":
            yield _error(
                "E13",
                entity,
                f"{name!r} is named as a person of the record but is no relation to staff",
                "declare it with related(…) and the annotation Mapped[Staff]",
            )


def _unknown_verbs(entity: Entity) -> Iterator[DeclarationError]:
    verbs = {BIRTH, *(entity.workflow.by_verb if entity.workflow else ())}
    named = [
        (f"deadline {r.name!r}", (*r.starts, *r.stops, *r.pauses, *r.resumes))
        for r in entity.deadlines
    ]
    named += [(f"deadline {r.name!r}", (r.escalates,)) for r in entity.deadlines if r.escalates]
    named += [("a timed transition", (timed.verb,)) for timed in entity.timed]
    for where, used in named:
        for verb in used:
            if verb not in verbs:
                yield _error(
                    "E14",
                    entity,
                    f"{where} names transition {verb!r}, which it does not have",
                    f"its transitions are {', '.join(sorted(verbs)) or 'none'}",
                )


def _unreadable(entity: Entity) -> Iterator[DeclarationError]:
    access = entity.access
    for right in ("create", "edit", "delete", "imports", "export"):
        for role in getattr(access, right) or ():
            if role not in access.read:
                yield _error(
                    "E15",
                    entity,
                    f"role {role.value!r} may {right} what it may not read",
                    "add the role to access.read with its reach",
                )


def _nobody_named(entity: Entity) -> Iterator[DeclarationError]:
    """Whoever acts as owner, as party or in their turn needs the record to say who that is."""
    for transition in _transitions(entity):
        for who in _each(transition.by):
            lacks = _lacks(entity, who)
            if lacks:
                yield _error(
                    "E20",
                    entity,
                    f"transition {transition.verb!r} is made by {lacks[0]}",
                    f"set {lacks[1]}, or name somebody else in by=",
                )
        if transition.step and not entity.approval:
            yield _error(
                "E20",
                entity,
                f"transition {transition.verb!r} is a step of an approval, which it does not have",
                "set approval = True, or take step=True away",
            )


def _each(who: Who) -> tuple[Who, ...]:
    return who.who if isinstance(who, Either) else (who,)


def _lacks(entity: Entity, who: Who) -> tuple[str, str] | None:
    if isinstance(who, OwnerMay) and entity.owner is None:
        return "its owner, and it has none", "owner to the relation that names the person"
    if isinstance(who, PartyMay) and who.relation not in entity.fields():
        return f"the person in {who.relation!r}, which is no field", "parties to that relation"
    if isinstance(who, ApproverMay) and not entity.approval:
        return "whose turn it is, and nobody's is", "approval = True"
    return None


def _unit_unknown(entity: Entity) -> Iterator[DeclarationError]:
    for role, reach in entity.access.read.items():
        if reach is Reach.UNIT and not entity.unit_bound:
            yield _error(
                "E21",
                entity,
                f"role {role.value!r} reaches the records of a unit, and they belong to none",
                "give the role Reach.OWN or Reach.HALL, or let the records be unit_bound",
            )
        if reach is Reach.OWN and entity.owner is None and not entity.parties:
            yield _error(
                "E21",
                entity,
                f"role {role.value!r} reaches its own records, and they belong to nobody",
                "set owner or parties, or give the role Reach.UNIT or Reach.HALL",
            )


def _unknown_targets(entity: Entity, tables: Collection[str]) -> Iterator[DeclarationError]:
    named = [
        (f"relation {name!r}", declared.target)
        for name, declared in entity.fields().items()
        if declared.kind is Kind.RELATION
    ]
    named += [
        (f"question {ask.name!r} of transition {transition.verb!r}", ask.target)
        for transition in _transitions(entity)
        for ask in transition.asks
        if ask.kind is Kind.RELATION
    ]
    for where, target in named:
        if target not in tables:
            yield _error(
                "E16",
                entity,
                f"{where} leads to {target!r}, which is no entity",
                "annotate it with the class of a regulated entity, or name its table",
            )


def _shared_series(entities: Collection[Entity]) -> Iterator[DeclarationError]:
    seen: dict[str, Entity] = {}
    for entity in entities:
        if entity.series and entity.series in seen:
            yield _error(
                "E17",
                entity,
                f"its numbers share the series {entity.series!r} with "
                f"{seen[entity.series].__name__}",
                "give each entity a series of its own",
            )
        if entity.series:
            seen[entity.series] = entity


def _transitions(entity: Entity) -> tuple[Transition, ...]:
    workflow: Workflow | None = entity.workflow
    return workflow.transitions if workflow else ()


CHECKS: tuple[Check, ...] = (
    _unreachable,
    _without_role,
    _foreign_states,
    _double_verbs,
    _no_fields,
    _unclassified,
    _wordless,
    _unnamed,
    _unknown_verbs,
    _unreadable,
    _nobody_named,
    _unit_unknown,
    _without_purpose,
    _badly_sealed,
    _wrong_rules,
    _badly_secluded,
)
