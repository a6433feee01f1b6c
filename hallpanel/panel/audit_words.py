"""The audit book in the reader's words: what was done, to what, and what it was before."""

from typing import Any

from hallpanel.engine.audit_event import AuditEvent
from hallpanel.engine.entity import REGISTRY
from hallpanel.engine.roles import ROLE_LABELS
from hallpanel.engine.scope import SYSTEM
from hallpanel.engine.store import canonical_json
from hallpanel.engine.words import VERBS, Phrase, _l
from hallpanel.panel.language import _, listed, translate
from hallpanel.panel.record_page import changes_of
from hallpanel.panel.showing import Chip

ACTIONS: dict[str, Phrase] = {
    "sign_in": _l("Sign in"),
    "sign_out": _l("Sign out"),
    "end_session": _l("End a session"),
    "change_password": _l("Change password"),
    "create": _l("Create"),
    "edit": _l("Edit"),
    "delete": _l("Delete"),
    "attach": _l("Attach a file"),
    "comment": _l("Comment"),
    "import": _l("Import a table"),
    "export": _l("Export a list"),
    "unmask": _l("Unmask"),
    "create_account": _l("Open an account"),
    "disable_account": _l("Close an account"),
    "unlock_account": _l("Unlock an account"),
    "grant": _l("Grant a role"),
    "revoke": _l("Take a role back"),
    "mass_assign": _l("Send facts that the form does not ask for"),
    "deny": _l("Be refused"),
    "backup": _l("Back up"),
    "restore": _l("Restore a backup"),
    "read_audit": _l("Look into the audit book"),
    "verify_audit": _l("Verify the audit book"),
    "export_audit": _l("Export the audit book"),
    "archive_audit": _l("Archive old events"),
}
TABLES: dict[str, Phrase] = {
    "account": _l("Account"),
    "role_grant": _l("Role of an account"),
    "audit_event": _l("Audit book"),
}
RESULTS: dict[str, Chip] = {
    "done": Chip(_l("Done"), "success", "check-lg"),
    "refused": Chip(_l("Refused"), "danger", "x-octagon-fill"),
    "tampered": Chip(_l("Tampered"), "danger", "shield-x"),
}


def action_word(action: str, table: str | None = None) -> str:
    """What was done; an action without a word of its own stays as it is stored."""
    entity = REGISTRY.get(table or "")
    transition = entity.workflow.find(action) if entity and entity.workflow else None
    if transition is not None:
        return translate(transition.label)
    phrase = ACTIONS.get(action) or VERBS.get(action)
    return translate(phrase) if phrase else action


def table_word(table: str | None) -> str:
    """What it was done to."""
    if table in REGISTRY:
        return translate(REGISTRY[table].label)
    phrase = TABLES.get(table or "")
    return translate(phrase) if phrase else table or ""


def result_chip(result: str) -> Chip:
    """How it ended."""
    chip = RESULTS.get(result)
    return Chip(translate(chip.label), chip.tone, chip.icon) if chip else Chip(result, "warning")


def who(event: AuditEvent) -> str:
    """Who did it, and for whom."""
    name = _("The panel") if event.actor_name == SYSTEM.name else event.actor_name
    if event.on_behalf_of:
        return _("%(who)s for %(whom)s", who=name, whom=event.on_behalf_of)
    return name or _("Nobody who is known")


def roles_text(event: AuditEvent) -> str:
    """In which roles."""
    known = {role.value: label for role, label in ROLE_LABELS.items()}
    held = (event.role or "").split(",")
    return listed(translate(known[one]) if one in known else one for one in held if one)


def changes(event: AuditEvent) -> list[tuple[str, str, str]]:
    """What it was before and is after, by the declaration's labels where there are any."""
    before, after = _facts(event.before), _facts(event.after)
    entity = REGISTRY.get(event.table_name or "")
    known = changes_of(entity, [*entity.fields().values()], before, after) if entity else []
    declared = set(entity.fields()) if entity else set()
    rest = [name for name in {**before, **after} if name not in declared]
    return known + [(name, _plain(before.get(name)), _plain(after.get(name))) for name in rest]


def _facts(told: Any) -> dict[str, Any]:
    return told if isinstance(told, dict) else {} if told is None else {"": told}


def _plain(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else canonical_json(value)
