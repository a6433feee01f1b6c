"""The roles of the hall, and how far each can reach."""

from enum import StrEnum

from hallpanel.engine.words import Phrase, _l


class Role(StrEnum):
    """A role on an account; who may hold which together is the guard's rule."""

    STAFF = "staff"
    LEAD = "lead"
    SUPERVISION = "supervision"
    DEPUTY = "deputy_director"
    DIRECTOR = "director"
    HALL_ADMIN = "hall_admin"
    REVIEWER = "reviewer"
    KEEPER = "keeper"
    SYSADMIN = "sysadmin"
    SECADMIN = "secadmin"
    AUDITOR = "auditor"


ROLE_LABELS: dict[Role, Phrase] = {
    Role.STAFF: _l("Window staff"),
    Role.LEAD: _l("Section lead"),
    Role.SUPERVISION: _l("Supervision section"),
    Role.DEPUTY: _l("Deputy director"),
    Role.DIRECTOR: _l("Director"),
    Role.HALL_ADMIN: _l("Hall administrator"),
    Role.REVIEWER: _l("Department reviewer"),
    Role.KEEPER: _l("Complaint identity keeper"),
    Role.SYSADMIN: _l("System administrator"),
    Role.SECADMIN: _l("Security administrator"),
    Role.AUDITOR: _l("Audit administrator"),
}


class Reach(StrEnum):
    """How far a role sees into an entity's records."""

    OWN = "own"
    UNIT = "unit"
    DEPARTMENT = "department"
    HALL = "hall"
