"""Sentences that wait for their reader's language; the standard words of verbs and states."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any, Self

from hallpanel.engine.masking import Discreet


class Phrase(str):
    """An English sentence used as its own key in the catalogues, with named parameters.

    The string value is the msgid; `params` fill `%(name)s`. A parameter may itself be a Phrase.
    The panel translates it for the reader; elsewhere `str()` gives English.
    """

    __slots__ = ("params",)
    params: dict[str, Any]

    def __new__(cls, msgid: str, **params: Any) -> Self:
        """Take the sentence and what fills it."""
        phrase = super().__new__(cls, msgid)
        phrase.params = params
        return phrase

    def __str__(self) -> str:
        msgid = str.__str__(self)
        return msgid % {k: str(v) for k, v in self.params.items()} if self.params else msgid

    def __reduce__(self) -> tuple[Any, ...]:
        return Phrase.unpacked, (self.packed(),)

    @property
    def msgid(self) -> str:
        """The key in the catalogues."""
        return str.__str__(self)

    def packed(self) -> dict[str, Any]:
        """As JSON, for a message that is read later in the reader's own language."""
        return {"msgid": self.msgid, **({"params": _pack(self.params)} if self.params else {})}

    @classmethod
    def unpacked(cls, stored: dict[str, Any]) -> "Phrase":
        """The phrase that `packed` wrote."""
        params = stored.get("params", {})
        return cls(stored["msgid"], **{k: _unpack(v) for k, v in params.items()})


def _pack(params: dict[str, Any]) -> dict[str, Any]:
    return {name: _pack_one(value) for name, value in params.items()}


def _pack_one(value: Any) -> Any:
    match value:
        case Phrase():
            return {"phrase": value.packed()}
        case datetime():
            return {"instant": value.isoformat()}
        case date():
            return {"day": value.isoformat()}
        case Decimal():
            return {"decimal": str(value)}
        case Discreet():
            return str(value)
        case None | bool() | int() | float() | str():
            return value
    return str(value)


def _unpack(value: Any) -> Any:
    match value:
        case {"phrase": stored}:
            return Phrase.unpacked(stored)
        case {"instant": text}:
            return datetime.fromisoformat(text)
        case {"day": text}:
            return date.fromisoformat(text)
        case {"decimal": text}:
            return Decimal(text)
    return value


_l = Phrase

VERBS: dict[str, Phrase] = {
    "submit": _l("Submit"),
    "withdraw": _l("Withdraw"),
    "approve": _l("Approve"),
    "refuse": _l("Refuse"),
    "escalate": _l("Escalate"),
    "cancel": _l("Cancel leave"),
    "hand_over": _l("Hand over"),
    "leave_post": _l("Leave post"),
    "return": _l("Report back"),
    "extend": _l("Extend"),
    "confirm": _l("Confirm"),
    "dismiss": _l("Dismiss"),
    "appeal": _l("Appeal"),
    "uphold": _l("Uphold"),
    "lift": _l("Lift"),
    "issue": _l("Issue"),
    "acknowledge": _l("Acknowledge"),
    "close": _l("Close"),
    "reopen": _l("Reopen"),
    "retire": _l("Retire"),
    "restore": _l("Put back in use"),
    "overstay": _l("Mark as overstayed"),
}

SAYINGS: dict[str, Phrase] = {
    "refuse": _l("Decide against it"),
    "decline_cover": _l("Turn down standing in"),
}
"""Verbs whose button would read oddly inside "cannot …"."""

TELLINGS: dict[str, Phrase] = {
    "submit": _l("%(thing)s was submitted by %(who)s."),
    "withdraw": _l("%(thing)s was withdrawn by %(who)s."),
    "approve": _l("%(thing)s was approved by %(who)s."),
    "refuse": _l("%(thing)s was not approved by %(who)s."),
    "escalate": _l("%(thing)s was handed one level up by %(who)s."),
    "cancel": _l("%(thing)s was cancelled by %(who)s."),
    "hand_over": _l("%(thing)s: the handover is confirmed by %(who)s."),
    "leave_post": _l("%(thing)s has begun."),
    "return": _l("%(thing)s is over: back at the post."),
    "overstay": _l("%(thing)s is over, and nobody has reported back."),
    "retire": _l("%(thing)s was retired by %(who)s."),
    "restore": _l("%(thing)s was put back in use by %(who)s."),
}
"""What those concerned are told of a verb; where there is no sentence, the verb itself."""

STATES: dict[str, Phrase] = {
    "draft": _l("Draft"),
    "submitted": _l("Awaiting approval"),
    "approved": _l("Approved"),
    "refused": _l("Refused"),
    "withdrawn": _l("Withdrawn"),
    "cancelled": _l("Cancelled"),
    "on_leave": _l("On leave"),
    "returned": _l("Back at post"),
    "overstayed": _l("Overstayed"),
    "confirmed": _l("Confirmed"),
    "dismissed": _l("Dismissed"),
    "closed": _l("Closed"),
    "archived": _l("Archived"),
    "in_use": _l("In use"),
    "retired": _l("Retired"),
}
