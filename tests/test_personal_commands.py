"""The commands about personal data: the list of it, and the keys of what is sealed."""

import stat
from pathlib import Path

import pytest
from sqlalchemy import select

from hallpanel import backup
from hallpanel.engine import sealing
from hallpanel.engine.audit import EVENTS
from hallpanel.engine.clock import utc_now
from hallpanel.engine.entity import REGISTRY
from hallpanel.engine.store import Base
from hallpanel.panel.extensions import db
from tests.databases import settings_for
from tests.panel.door import at_work
from tests.visit_entity import declared


@pytest.fixture
def panel(database_url, tmp_path):
    """The panel with an entity that has sealed facts, and one record of it."""
    from hallpanel import create_app

    with declared() as entities:
        app = create_app(settings_for(database_url, tmp_path / "instance"))
        with app.app_context():
            for entity in entities:
                entity.__table__.create(db.engine)
        yield app
        with app.app_context():
            db.engine.dispose()


def typed(app, *words):
    return app.test_cli_runner().invoke(args=[str(word) for word in words])


def keep(app):
    """A record with a sealed fact."""
    from tests.engine.test_sealing import make

    return at_work(app, lambda session: make(session, REGISTRY["caller"], "C1"))


def stored(app):
    table = Base.metadata.tables["caller"]
    with app.app_context(), db.engine.connect() as connection:
        return connection.execute(select(table.c.identity_sealed)).scalar_one()


def test_the_list_of_personal_data_is_printed_pii_1(panel):
    printed = typed(panel, "check", "--personal")
    assert printed.exit_code == 0
    reviewed = (Path(__file__).parent / "personal_data.md").read_text(encoding="utf-8")
    assert set(reviewed.splitlines()) <= set(printed.output.splitlines())
    assert "| caller | identity | sensitive | Handling the case |" in printed.output
    assert "| identity | sealed | hall_admin lead |" in printed.output


def test_a_new_key_writes_and_old_values_are_written_anew_pii_4(panel):
    keep(panel)
    path = panel.config["HALLPANEL_DATA_KEY_FILE"]
    assert stored(panel).startswith("v1.k1.aes.")
    added = typed(panel, "keys", "new")
    assert (added.exit_code, added.output.split()[1]) == (0, "k2")
    assert stored(panel).startswith("v1.k1.")
    rotated = typed(panel, "keys", "rotate")
    assert (rotated.exit_code, rotated.output.split()[0]) == (0, "2")
    assert stored(panel).startswith("v1.k2.aes.")
    assert typed(panel, "keys", "rotate").output.split()[0] == "0"
    with panel.app_context(), db.engine.connect() as connection:
        actions = connection.scalars(select(EVENTS.c.action).order_by(EVENTS.c.seq)).all()
    assert actions[-3:] == ["new_key", "rotate_keys", "rotate_keys"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_an_altered_value_stops_the_rotation_with_a_sentence_pii_4(panel):
    keep(panel)
    table, altered = Base.metadata.tables["caller"], f"{stored(panel)[:-4]}AAAA"
    with panel.app_context(), db.engine.begin() as connection:
        connection.execute(table.update().values(identity_sealed=altered))
    typed(panel, "keys", "new")
    ended = typed(panel, "keys", "rotate")
    assert ended.exit_code == 1
    assert "a value of caller.identity does not open" in ended.output


def test_the_keys_are_not_in_a_backup_nor_what_they_seal_pii_4(panel, tmp_path):
    keep(panel)
    with panel.app_context():
        file = tmp_path / "backup.tar"
        backup.write(file, db.engine.url, tmp_path / "instance" / "attachments", utc_now())
    content = file.read_bytes()
    secret = panel.config["HALLPANEL_DATA_KEY_FILE"].read_text().split('"secret": "')[1][:40]
    assert secret.encode() not in content
    assert b"330106199001011234" not in content
    assert "金丝雀路".encode() not in content


def test_the_cipher_is_a_setting_pii_4(database_url, tmp_path):
    from hallpanel import create_app

    settings = settings_for(database_url, tmp_path / "instance") | {"HALLPANEL_CIPHER": "sm4"}
    app = create_app(settings)
    place = sealing.Place("caller", "identity", "a" * 32)
    assert sealing.ring().seal(place, "王").split(".")[2] == "sm4"
    with app.app_context():
        db.engine.dispose()
