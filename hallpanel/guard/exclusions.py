"""Which roles no one person holds together (SOD-1): said once, kept here and by the database.

A person is an account, or all the accounts of one member of staff that are not closed. Triggers
made from the same pairs stand under the tables, for whoever comes past the panel.
"""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, Table, event

from hallpanel.engine.audit_event import Trigger, present_triggers
from hallpanel.engine.conflict import table_of
from hallpanel.engine.roles import ROLE_LABELS, Role
from hallpanel.engine.words import Phrase, _l
from hallpanel.guard.account import RoleGrant

ADMINISTRATORS = (Role.SYSADMIN, Role.SECADMIN, Role.AUDITOR)

# A role, and those that its holder may not hold besides.
EXCLUSIONS: tuple[tuple[Role, frozenset[Role]], ...] = (
    *((role, frozenset(Role) - {role}) for role in ADMINISTRATORS),
    (Role.SUPERVISION, frozenset({Role.HALL_ADMIN, Role.LEAD, Role.STAFF})),
)

NEVER = "one person does not hold these roles together"


def roles_conflict(roles: Iterable[Role]) -> Phrase | None:
    """Why one person may not hold these roles together, or None."""
    held = frozenset(roles)
    for role, excluded in EXCLUSIONS:
        clash = sorted(held & excluded) if role in held else []
        if clash:
            return _l(
                "one person is not both %(one)s and %(other)s",
                one=ROLE_LABELS[role],
                other=ROLE_LABELS[clash[0]],
            )
    return None


# The same, for the database


def _pairs(one: str, other: str) -> str:
    """SQL that holds where two roles exclude each other, whichever of them is named first."""
    found = []
    for role, excluded in EXCLUSIONS:
        names = ", ".join(f"'{each}'" for each in sorted(excluded))
        found.append(f"({one} = '{role}' AND {other} IN ({names}))")
        found.append(f"({other} = '{role}' AND {one} IN ({names}))")
    return "(" + " OR ".join(found) + ")"


def _overlap(one: str, other: str) -> str:
    return (
        f"({one}.until IS NULL OR {other}.since <= {one}.until) "
        f"AND ({other}.until IS NULL OR {one}.since <= {other}.until)"
    )


SAME_PERSON = (
    "(holder.id = NEW.account_id OR (holder.disabled_at IS NULL AND holder.staff_id = "
    "(SELECT staff_id FROM account WHERE id = NEW.account_id)))"
)


def _granted(but: str = "") -> str:
    """SQL that holds where a new grant clashes with another one of the same person."""
    return (
        "EXISTS (SELECT 1 FROM role_grant held JOIN account holder ON holder.id = held.account_id "  # noqa: S608 - constants
        f"WHERE {SAME_PERSON} AND {_overlap('NEW', 'held')} "
        f"AND {_pairs('NEW.role', 'held.role')}{but})"
    )


def _joined() -> str:
    """SQL that holds where an account comes to a member of staff whose others clash with it."""
    return (
        "NEW.staff_id IS NOT NULL AND NEW.disabled_at IS NULL AND EXISTS ("  # noqa: S608 - constants
        "SELECT 1 FROM role_grant mine JOIN role_grant held ON held.account_id <> mine.account_id "
        "JOIN account holder ON holder.id = held.account_id "
        "WHERE mine.account_id = NEW.id AND holder.staff_id = NEW.staff_id "
        f"AND holder.disabled_at IS NULL AND {_overlap('mine', 'held')} "
        f"AND {_pairs('mine.role', 'held.role')})"
    )


OTHERS = " AND held.id <> OLD.id"


def _on_sqlite(name: str, table: str, occasion: str, clash: str) -> Trigger:
    body = f"WHEN {clash} BEGIN SELECT RAISE(ABORT, '{NEVER}'); END"
    return Trigger(name, table, (f"CREATE TRIGGER {name} {occasion} ON {table} {body}",))


def _on_postgresql(name: str, table: str, occasion: str, clash: str, hold: str) -> Trigger:
    """Two grants to one person wait for each other first, or neither would see the other."""
    function = (
        f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ "
        f"BEGIN PERFORM 1 FROM account WHERE {hold} ORDER BY id FOR NO KEY UPDATE; "
        f"IF {clash} THEN RAISE EXCEPTION '{NEVER}' "
        "USING ERRCODE = 'integrity_constraint_violation'; END IF; RETURN NEW; END $$"
    )
    trigger = f"CREATE TRIGGER {name} {occasion} ON {table} FOR EACH ROW EXECUTE FUNCTION {name}()"
    return Trigger(name, table, (function, trigger))


HOLD_GRANTEE = (
    "id = NEW.account_id OR staff_id = (SELECT staff_id FROM account WHERE id = NEW.account_id)"
)
HOLD_STAFF = "staff_id = NEW.staff_id AND id <> NEW.id"
GRANT_CHANGES = "BEFORE UPDATE OF account_id, role, since, until"
ACCOUNT_CHANGES = "AFTER UPDATE OF staff_id, disabled_at"

TRIGGERS: dict[str, tuple[Trigger, ...]] = {
    "sqlite": (
        _on_sqlite("role_grant_exclusion_insert", "role_grant", "BEFORE INSERT", _granted()),
        _on_sqlite("role_grant_exclusion_update", "role_grant", GRANT_CHANGES, _granted(OTHERS)),
        _on_sqlite("account_exclusion_update", "account", ACCOUNT_CHANGES, _joined()),
    ),
    "postgresql": (
        _on_postgresql(
            "role_grant_exclusion_insert", "role_grant", "BEFORE INSERT", _granted(), HOLD_GRANTEE
        ),
        _on_postgresql(
            "role_grant_exclusion_update",
            "role_grant",
            GRANT_CHANGES,
            _granted(OTHERS),
            HOLD_GRANTEE,
        ),
        _on_postgresql(
            "account_exclusion_update", "account", ACCOUNT_CHANGES, _joined(), HOLD_STAFF
        ),
    ),
}


def triggers(dialect_name: str) -> tuple[str, ...]:
    """The statements that make the triggers, for a migration to execute."""
    return tuple(ddl for trigger in TRIGGERS[dialect_name] for ddl in trigger.create)


def drop_triggers(dialect_name: str) -> tuple[str, ...]:
    """The statements that take them away, for a migration that rebuilds the tables."""
    if dialect_name == "postgresql":
        return tuple(f"DROP FUNCTION {t.name}() CASCADE" for t in TRIGGERS[dialect_name])
    return tuple(f"DROP TRIGGER {t.name}" for t in TRIGGERS[dialect_name])


def unguarded(connection: Connection) -> list[str]:
    """The triggers that ought to keep the exclusions and are not there."""
    present = present_triggers(connection)
    return [one.name for one in TRIGGERS[connection.dialect.name] if one.name not in present]


def _keep_apart(_table: Table, connection: Connection, **_: Any) -> None:
    """Guard the grants from their first moment; the accounts, to which they point, are there."""
    for ddl in triggers(connection.dialect.name):
        connection.exec_driver_sql(ddl)


event.listen(table_of(RoleGrant), "after_create", _keep_apart)
