"""How gunicorn serves the panel: two processes of four threads, on this machine only."""

from typing import Any

bind = "127.0.0.1:8000"
workers = 2
worker_class = "gthread"
threads = 4
preload_app = True  # a wrong setting ends the start, instead of ending each worker again and again
control_socket_disable = True  # it would lie in the home folder, where two panels would share it


def post_fork(server: Any, worker: Any) -> None:
    """Leave connections that were opened before the fork to the parent process."""
    from hallpanel.panel.extensions import db
    from wsgi import app

    with app.app_context():
        db.engine.dispose(close=False)
