"""The two kinds of error: for developers at start, and for staff at their desk."""

from hallpanel.engine.words import Phrase


class DeclarationError(Exception):
    """A wrong declaration, found before the panel serves anyone."""

    def __init__(self, code: str, entity: str, problem: str, hint: str) -> None:
        super().__init__(f"{code} {entity}: {problem}\n      Hint: {hint}")
        self.code, self.entity, self.problem, self.hint = code, entity, problem, hint


class SettingError(Exception):
    """A setting with which the panel must not start."""

    def __init__(self, setting: str, problem: str, hint: str) -> None:
        super().__init__(f"{setting}: {problem}\n      Hint: {hint}")
        self.setting, self.problem, self.hint = setting, problem, hint


class Refusal(Exception):
    """A rule says no: one plain sentence for the person, with the clause it rests on.

    `why` is the reason alone; the panel puts "Cannot <transition>:" before and the clause after.
    `then` says what the person can do next. `field` names the answer that is at fault, if one is,
    and `part` the part of the record's page where it can be mended, such as "attachments".
    """

    def __init__(
        self,
        why: Phrase,
        clause: str | None = None,
        then: Phrase | None = None,
        field: str | None = None,
        part: str | None = None,
    ) -> None:
        super().__init__(str(why))
        self.why, self.clause, self.then, self.field = why, clause, then, field
        self.part = part


class Stale(Refusal):
    """Someone else changed the record since this person opened it."""


class ClosedRecord(Refusal):
    """The record has left the state in which it may be edited."""


class NotAllowed(Refusal):
    """None of the person's roles may do this, to any record."""


class NoActor(RuntimeError):
    """Records were asked for with nobody asking: the scope fails closed."""


class AuditUnwritable(RuntimeError):
    """The audit book takes no event: nothing may change until it does (AUD-7)."""

    def __init__(self, cause: Exception) -> None:
        super().__init__(f"the audit cannot be written, so nothing was saved: {cause}")
