"""hallpanel runs a service hall by its rule book: one declaration, and the whole panel for it."""

import importlib
import os
import pkgutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flask import Flask
from sqlalchemy import make_url

import config
from hallpanel import cli, panel, rulebook
from hallpanel.engine import audit, check, sealing
from hallpanel.engine.entity import REGISTRY
from hallpanel.engine.sealing import Cipher
from hallpanel.engine.store import prepare_engine
from hallpanel.panel import language, opening, security, sign_in
from hallpanel.panel.extensions import bootstrap, db, migrate
from hallpanel.rulebook.table import clause_ids


def create_app(settings: Mapping[str, Any] | None = None) -> Flask:
    """Build the panel: settings, store, rule book, guard, panel, in that order.

    Raises:
        SettingError: a setting with which the panel must not start.
        DeclarationError: a declaration is wrong, or nobody says whom a page opens for.
    """
    app = Flask("hallpanel", template_folder="panel/templates", static_folder="panel/static")
    app.config.from_mapping(config.settings(os.environ) if settings is None else settings)
    open_store(app)
    open_keys(app)
    load_rulebook()
    check.raise_first(REGISTRY.values(), clause_ids())
    security.init_app(app)
    language.init_app(app)
    sign_in.init_app(app)
    bootstrap.init_app(app)
    panel.init_app(app, list(REGISTRY.values()))
    cli.init_app(app)
    opening.check(app)
    return app


def open_store(app: Flask) -> None:
    """Connect the application to its database, opened as durably as each kind allows."""
    own_file(app.config["SQLALCHEMY_DATABASE_URI"])
    db.init_app(app)
    with app.app_context():
        prepare_engine(db.engine)
        digest = app.config.get("HALLPANEL_DIGEST", audit.ALGORITHM)
        db.engine.update_execution_options(**{audit.DIGEST: digest})
    migrate.init_app(app, db, directory=os.path.join(app.root_path, "migrations"))


def open_keys(app: Flask) -> None:
    """Open the keys of sealed facts; the first start makes them."""
    sealing.use(app.config["HALLPANEL_DATA_KEY_FILE"], Cipher(app.config["HALLPANEL_CIPHER"]))


def own_file(uri: str) -> None:
    """Make a new SQLite file so that only this account of the machine can read it."""
    url = make_url(uri)
    if url.get_backend_name() == "sqlite" and url.database not in (None, "", ":memory:"):
        path = Path(str(url.database))
        if path.parent.is_dir() and not path.exists():
            path.touch(mode=0o600)


def load_rulebook() -> None:
    """Import every file of the rule book's folders: to be there is to be registered."""
    for module in pkgutil.walk_packages(rulebook.__path__, f"{rulebook.__name__}."):
        importlib.import_module(module.name)
