"""Who may open which address: every endpoint says so, or the panel does not start (AZ-1).

`open_to_all` is for strangers too, `for_all_inside` for whoever is signed in, `for_roles` for the
holders of some roles; `opens` says it of a whole blueprint. The addresses of an entity go by the
rights of its declaration. An endpoint that says nothing is named and stops the start.
"""

from collections.abc import Callable
from typing import Any, TypeVar

from flask import Blueprint, Flask, abort

from hallpanel.engine.entity import REGISTRY
from hallpanel.engine.errors import DeclarationError
from hallpanel.engine.roles import Role
from hallpanel.engine.scope import Actor
from hallpanel.panel.person import open_to_all

__all__ = ["INSIDE", "check", "demand", "for_all_inside", "for_roles", "open_to_all", "opens"]

View = TypeVar("View", bound=Callable[..., Any])
INSIDE: frozenset[Role] = frozenset()
"""No role in particular: signed in is enough."""

FILES = frozenset({"static", "bootstrap.static", "home.static"})
"""Files of the panel that are the same for everybody."""

# What an address of an entity needs before its view looks at the record itself.
RIGHTS = {
    "index_view": "read",
    "details_view": "read",
    "create_view": "create",
    "edit_view": "read",
    "delete_view": "delete",
    "act_view": "read",
    "action_view": "read",
    "ajax_lookup": "read",
    "ajax_update": "read",
    "comment_view": "read",
    "attach_view": "read",
    "attachment_view": "read",
    "export": "export",
    "import_view": "imports",
    "import_template": "imports",
    "calendar_view": "read",
    "keep_view": "read",
    "drop_view": "read",
    "find_view": "read",
    "unmask_view": "read",
}


def for_all_inside(view: View) -> View:
    """Mark a view that opens for whoever is signed in, and shows each their own."""
    view.opens_for = INSIDE  # type: ignore[attr-defined]
    return view


def for_roles(*roles: Role) -> Callable[[View], View]:
    """Mark a view that opens for the holders of some roles, none of them borrowed."""

    def mark(view: View) -> View:
        view.opens_for = frozenset(roles)  # type: ignore[attr-defined]
        return view

    return mark


def opens(blueprint: Blueprint, *roles: Role) -> Blueprint:
    """Say of all pages of a blueprint whom they open for; a view's own word goes first."""
    blueprint.opens_for = frozenset(roles)  # type: ignore[attr-defined]
    return blueprint


def policy_of(app: Flask, endpoint: str) -> frozenset[Role] | str | None:
    """The roles, a right of an entity, or "all"; None where nothing is said."""
    view = app.view_functions.get(endpoint)
    if endpoint in FILES or getattr(view, "open_to_all", False):
        return "all"
    said: frozenset[Role] | None = getattr(view, "opens_for", None)
    if said is not None:
        return said
    room, _, name = endpoint.rpartition(".")
    if room in REGISTRY:
        return RIGHTS.get(name)
    return getattr(app.blueprints.get(room), "opens_for", None)


def check(app: Flask) -> None:
    """Stop the start at an address of which nobody says who may open it.

    Raises:
        DeclarationError: with the code E30 and the endpoint's name.
    """
    for rule in sorted(app.url_map.iter_rules(), key=lambda one: one.rule):
        if policy_of(app, rule.endpoint) is None:
            raise DeclarationError(
                "E30",
                rule.endpoint,
                f"nobody says who may open {rule.rule}",
                "mark it open_to_all, for_all_inside or for_roles(Role.…), "
                "or name the right in hallpanel.panel.opening.RIGHTS",
            )


def demand(app: Flask, endpoint: str | None, actor: Actor) -> None:
    """Stop a request that does not open for an actor; one without a policy opens for nobody."""
    if endpoint is None:
        return
    policy = policy_of(app, endpoint)
    if policy is None:
        abort(403)
    if isinstance(policy, frozenset):
        if policy and not actor.roles & policy:
            abort(403)
    elif policy != "all":
        access = REGISTRY[endpoint.partition(".")[0]].access
        if not access.may(actor, "read") or not access.may(actor, policy):
            abort(403)
