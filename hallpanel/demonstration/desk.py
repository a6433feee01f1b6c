"""The people of the demonstration at their desks: each does things as themselves."""

from collections.abc import Mapping
from contextlib import nullcontext
from datetime import date, datetime
from typing import Any

from sqlalchemy.orm import Session

from hallpanel.demonstration.people import Person
from hallpanel.engine import comments, records, scope, sweep, workflow
from hallpanel.engine.clock import hall_day
from hallpanel.engine.entity import REGISTRY, Regulated
from hallpanel.engine.errors import Refusal
from hallpanel.engine.scope import SYSTEM, Actor
from hallpanel.guard.account import Account
from hallpanel.guard.actors import actor_of

BATCH = 40
"""Deeds that are committed together: each for itself, a year takes twice as long."""


class Desk:
    """Does in the name of one person after the other what they would do in the panel."""

    def __init__(self, session: Session, accounts: Mapping[str, Account]) -> None:
        self.session, self.accounts = session, accounts
        self._actors: dict[str, tuple[date, Actor]] = {}
        self._stand_ins: set[str] = set()
        self._touched: set[int] = set()

    def actor(self, person: Person, at: datetime) -> Actor:
        """The person with the roles of that day."""
        day, actor = self._actors.get(person.number, (date.min, SYSTEM))
        changes = actor is SYSTEM or person.number in self._stand_ins
        if changes and day != hall_day(at):
            actor = actor_of(self.session, self.accounts[person.number], at)
            self._actors[person.number] = (hall_day(at), actor)
        return actor

    def expect_roles_to_change(self, person: Person) -> None:
        """Ask anew from day to day what a person may: they stand in for somebody at times."""
        self._stand_ins.add(person.number)
        self._actors.pop(person.number, None)

    def forget_roles(self, person: Person) -> None:
        """Ask anew what a person may: they moved to another unit."""
        self._actors.pop(person.number, None)

    def commit(self) -> None:
        """Keep what has been done."""
        self.session.commit()
        self._touched.clear()

    def file(self, person: Person, table: str, values: dict[str, Any], at: datetime) -> int:
        """Make a record as a person; its id."""
        actor = self.actor(person, at)
        with records.at_desk(self.session, actor, at):
            record = records.create(self.session, REGISTRY[table], values, actor=actor, at=at)
            return record.id

    def act(
        self, person: Person, record: Regulated, verb: str, at: datetime, **answers: Any
    ) -> Refusal | None:
        """Make a transition as a person; the refusal, if the rules are against it."""
        self._turn_to(record)
        actor = self.actor(person, at)
        with records.at_desk(self.session, actor, at):
            # Rules refuse before anything is changed; but an extension makes a record first.
            undone = self.session.begin_nested() if verb == "extend" else nullcontext()
            try:
                with undone:
                    workflow.perform(
                        self.session, record, verb, actor=actor, at=at, answers=answers
                    )
            except Refusal as refusal:
                return refusal
        return None

    def change(
        self, person: Person, record: Regulated, values: dict[str, Any], at: datetime
    ) -> None:
        """Edit a record as a person."""
        self._turn_to(record)
        actor = self.actor(person, at)
        with records.at_desk(self.session, actor, at):
            records.change(self.session, record, values, actor=actor, at=at)

    def comment(self, person: Person, record: Regulated, text: str, at: datetime) -> None:
        """Write a remark on a record as a person."""
        self.commit()
        actor = self.actor(person, at)
        with records.at_desk(self.session, actor, at):
            comments.comment(self.session, record, text, actor=actor, at=at)
            self.commit()

    def look(self, table: str, record_id: int) -> Any:
        """A record as it is now, whoever may see it."""
        with scope.acting(self.session, SYSTEM):
            return records.find(self.session, REGISTRY[table], record_id)

    def sweep(self, at: datetime) -> None:
        """Let time do what the worker lets it do."""
        self.commit()
        sweep.run(self.session, at)

    def _turn_to(self, record: Regulated) -> None:
        """Commit before a second deed on one record: the trail keeps one line for each commit."""
        if id(record) in self._touched or len(self._touched) >= BATCH:
            self.commit()
        self._touched.add(id(record))
