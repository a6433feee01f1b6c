"""What is shown: views, forms and pages made from the declarations."""

from collections.abc import Sequence

from flask import Flask, request
from flask_admin import Admin
from flask_admin.theme import Theme

from hallpanel.engine.entity import Regulated
from hallpanel.panel import (
    accounts_pages,
    audit_pages,
    dual_pages,
    health,
    home,
    inbox,
    opening,
    rulebook_pages,
    search_page,
    security_table,
    surroundings,
)
from hallpanel.panel.entity_view import EntityView
from hallpanel.panel.extensions import db


def init_app(app: Flask, entities: Sequence[type[Regulated]]) -> None:
    """Give every entity its view, and the panel its pages."""
    app.before_request(_read_or_write)
    surroundings.init_app(app)
    app.register_blueprint(health.blueprint)
    for pages in (rulebook_pages, inbox, search_page, dual_pages, audit_pages):
        app.register_blueprint(opening.opens(pages.blueprint))
    app.register_blueprint(accounts_pages.blueprint)
    app.register_blueprint(opening.opens(security_table.blueprint, *security_table.READERS))
    admin = Admin(
        app,
        url="/admin",
        index_view=home.HomeView(url="/", endpoint="home"),
        theme=Theme(folder="hallpanel", base_template="hallpanel/base.html"),
    )
    for entity in entities:
        admin.add_view(EntityView(entity))


def _read_or_write() -> None:
    """A page that only looks takes no write lock on SQLite (pitfall 28)."""
    db.session().info["reading"] = request.method in ("GET", "HEAD", "OPTIONS")
