"""The libraries that the panel stands on, made once and given to the application."""

from typing import Any
from weakref import WeakKeyDictionary

from flask_babel import Babel
from flask_bootstrap import Bootstrap5
from flask_login import LoginManager
from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy
from flask_sqlalchemy.session import Session as FlaskSession
from flask_wtf import CSRFProtect
from sqlalchemy import Engine

from hallpanel.engine import records
from hallpanel.engine.store import Base, reading


class PanelSession(FlaskSession):
    """The session of a request: under scope, trail and audit, and reading where it only reads."""

    _readers: WeakKeyDictionary[Engine, Engine] = WeakKeyDictionary()

    def get_bind(self, *args: Any, **options: Any) -> Any:
        """The engine; a page that only reads takes no write lock on SQLite (pitfall 28)."""
        bind = super().get_bind(*args, **options)
        if not self.info.get("reading") or not isinstance(bind, Engine):
            return bind
        if bind not in self._readers:
            self._readers[bind] = reading(bind)
        return self._readers[bind]


records.install(PanelSession)

db = SQLAlchemy(
    metadata=Base.metadata,
    session_options={"class_": PanelSession, "expire_on_commit": False},
    disable_autonaming=True,
)
migrate = Migrate()
csrf = CSRFProtect()
babel = Babel()
login_manager = LoginManager()
bootstrap = Bootstrap5()
