"""A broken setting stops the start and says what to do."""

import os
import stat

import pytest
from sqlalchemy import make_url

from config import NAMES, settings
from hallpanel.engine.errors import SettingError

KEY = "0123456789abcdef0123456789abcdef"
MAIL = {"HALLPANEL_SMTP_HOST": "mail.hall", "HALLPANEL_SMTP_FROM": "hall@example.gov.cn"}


@pytest.fixture
def read(tmp_path):
    """Settings of an installation in a folder of its own."""

    def _read(**asked):
        return settings({"HALLPANEL_INSTANCE": str(tmp_path / "instance"), **asked})

    return _read


def test_an_installation_that_says_nothing_gets_safe_settings(read, tmp_path):
    found = read()
    instance = tmp_path / "instance"
    assert found["SQLALCHEMY_DATABASE_URI"] == f"sqlite:///{instance}/hallpanel.db"
    assert found["BABEL_DEFAULT_LOCALE"] == "zh_Hans_CN"
    assert found["TRUSTED_HOSTS"] == ["localhost", "127.0.0.1"]
    assert found["MAX_CONTENT_LENGTH"] == 20 * 1024 * 1024
    assert found["BOOTSTRAP_SERVE_LOCAL"] is True
    assert found["DEBUG"] is False
    assert found["HALLPANEL_SMTP"] is None
    assert found["HALLPANEL_DEMO_PASSWORD"] is None


def test_the_first_start_makes_a_key_that_only_its_owner_reads(read, tmp_path):
    key = read()["SECRET_KEY"]
    path = tmp_path / "instance" / "secret-key"
    assert len(key) == 64
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    assert stat.S_IMODE(os.stat(path.parent).st_mode) == 0o700
    assert os.listdir(path.parent) == ["secret-key"]
    assert read()["SECRET_KEY"] == key


def test_a_start_that_comes_second_takes_the_key_of_the_first(read, tmp_path, monkeypatch):
    path = tmp_path / "instance" / "secret-key"
    link = os.link

    def slower(draft, target):
        path.write_text(KEY, encoding="ascii")
        link(draft, target)

    monkeypatch.setattr(os, "link", slower)
    assert read()["SECRET_KEY"] == KEY
    assert os.listdir(path.parent) == ["secret-key"]


def test_an_emptied_key_file_stops_the_start(read, tmp_path):
    read()
    (tmp_path / "instance" / "secret-key").write_text("", encoding="ascii")
    with pytest.raises(SettingError, match="no usable key"):
        read()


def test_a_key_comes_from_the_environment_or_from_a_file(read, tmp_path):
    path = tmp_path / "key"
    path.write_text(f"{KEY}\n", encoding="ascii")
    assert read(HALLPANEL_SECRET_KEY=KEY)["SECRET_KEY"] == KEY
    assert read(HALLPANEL_SECRET_KEY_FILE=str(path))["SECRET_KEY"] == KEY
    assert not (tmp_path / "instance" / "secret-key").exists()


@pytest.mark.parametrize(
    ("given", "driver"),
    [
        ("postgresql://hall:p%40ss@db.hall/hallpanel", "postgresql+psycopg"),
        ("postgresql+psycopg://hall:p%40ss@db.hall/hallpanel", "postgresql+psycopg"),
        ("postgres://hall:p%40ss@db.hall/hallpanel", "postgresql+psycopg"),
    ],
)
def test_postgresql_is_always_reached_through_psycopg_3(read, given, driver):
    url = make_url(read(HALLPANEL_DATABASE_URL=given)["SQLALCHEMY_DATABASE_URI"])
    assert (url.drivername, url.password, url.database) == (driver, "p@ss", "hallpanel")


def test_a_relative_sqlite_file_lies_in_the_instance_folder(read, tmp_path):
    found = read(HALLPANEL_DATABASE_URL="sqlite:///other.db")
    assert found["SQLALCHEMY_DATABASE_URI"] == f"sqlite:///{tmp_path}/instance/other.db"


def test_tls_makes_the_cookie_secure(read):
    found = read(HALLPANEL_TLS="yes", HALLPANEL_PROXIES="1")
    assert found["SESSION_COOKIE_SECURE"] is True
    assert found["PREFERRED_URL_SCHEME"] == "https"
    assert found["HALLPANEL_PROXIES"] == 1
    assert read(HALLPANEL_TLS="off")["SESSION_COOKIE_SECURE"] is False


def test_mail_is_sent_where_a_server_is_named(read):
    assert read(**MAIL)["HALLPANEL_SMTP"] == {
        "host": "mail.hall",
        "port": 25,
        "security": "none",
        "user": None,
        "password": None,
        "sender": "hall@example.gov.cn",
    }


def test_other_settings_are_passed_on(read):
    found = read(
        HALLPANEL_LOCALE="en",
        HALLPANEL_HOSTS="Hall.example.gov.cn, .hall.local,10.1.2.3",
        HALLPANEL_DEMO_PASSWORD="long enough",
        HALLPANEL_DEMO_TOTP="JBSWY3DPEHPK3PXP",
        HALLPANEL_WEBHOOK_URL="https://chat.hall/hook",
    )
    assert found["BABEL_DEFAULT_LOCALE"] == "en"
    assert found["TRUSTED_HOSTS"] == ["hall.example.gov.cn", ".hall.local", "10.1.2.3"]
    assert found["HALLPANEL_DEMO_PASSWORD"] == "long enough"
    assert found["HALLPANEL_DEMO_TOTP"] == "JBSWY3DPEHPK3PXP"
    assert found["HALLPANEL_WEBHOOK_URL"] == "https://chat.hall/hook"


def test_an_empty_setting_counts_as_not_set(read):
    assert read(HALLPANEL_LOCALE=" ")["BABEL_DEFAULT_LOCALE"] == "zh_Hans_CN"


def test_settings_of_the_tests_are_not_the_panels(read):
    assert read(HALLPANEL_TEST_DEMAND="chromium")


WRONG = {
    "an unknown name": ({"HALLPANEL_LOCAL": "en"}, "Did you mean HALLPANEL_LOCALE"),
    "a name like none": ({"HALLPANEL_XYZZY": "1"}, "The settings are"),
    "an unknown language": ({"HALLPANEL_LOCALE": "zh"}, "zh_Hans_CN, zh_Hant_TW, en"),
    "a short key": ({"HALLPANEL_SECRET_KEY": "dev"}, "secrets.token_hex"),
    "a key of one letter": ({"HALLPANEL_SECRET_KEY": "x" * 64}, "secrets.token_hex"),
    "a key file that is not there": ({"HALLPANEL_SECRET_KEY_FILE": "/nowhere/key"}, "text file"),
    "two keys": ({"HALLPANEL_SECRET_KEY": KEY, "HALLPANEL_SECRET_KEY_FILE": "k"}, "one of the two"),
    "an instance inside a file": ({"HALLPANEL_INSTANCE": f"{__file__}/x"}, "Name a folder"),
    "no address": ({"HALLPANEL_DATABASE_URL": "hunter2"}, "postgresql://user:password@host"),
    "a wrong port": ({"HALLPANEL_DATABASE_URL": "postgresql://u:hunter2@h:x/d"}, "postgresql://"),
    "another database": ({"HALLPANEL_DATABASE_URL": "mysql://u:hunter2@h/d"}, "Use postgresql://"),
    "another driver": ({"HALLPANEL_DATABASE_URL": "postgresql+psycopg2://h/d"}, "Use postgresql"),
    "no database name": ({"HALLPANEL_DATABASE_URL": "postgresql://u:hunter2@h"}, "Put its name"),
    "memory": ({"HALLPANEL_DATABASE_URL": "sqlite://"}, "Name a file"),
    "memory by name": ({"HALLPANEL_DATABASE_URL": "sqlite:///:memory:"}, "Name a file"),
    "a missing folder": ({"HALLPANEL_DATABASE_URL": "sqlite:////nowhere/x.db"}, "Make the folder"),
    "a host with a port": ({"HALLPANEL_HOSTS": "hall:8000"}, "without http:// and port"),
    "every host": ({"HALLPANEL_HOSTS": "*"}, "List names"),
    "neither yes nor no": ({"HALLPANEL_TLS": "perhaps"}, "Write yes or no"),
    "too many proxies": ({"HALLPANEL_PROXIES": "10"}, "from 0 to 9"),
    "a word for a number": ({"HALLPANEL_PROXIES": "one"}, "whole number"),
    "a short password": ({"HALLPANEL_DEMO_PASSWORD": "short"}, "Choose a longer one"),
    "no base32": ({"HALLPANEL_DEMO_TOTP": "not base32"}, "A-Z"),
    "mail without server": ({"HALLPANEL_SMTP_USER": "u"}, "Set both"),
    "user without password": ({**MAIL, "HALLPANEL_SMTP_USER": "u"}, "neither"),
    "a sender that is none": ({**MAIL, "HALLPANEL_SMTP_FROM": "hall"}, "For example"),
    "an unknown mail security": ({**MAIL, "HALLPANEL_SMTP_SECURITY": "ssl"}, "starttls"),
    "an unknown mail port": ({**MAIL, "HALLPANEL_SMTP_PORT": "0"}, "from 1 to 65535"),
    "no web address": ({"HALLPANEL_WEBHOOK_URL": "chat.hall"}, "https://"),
    "a broken web address": ({"HALLPANEL_WEBHOOK_URL": "http://[::1"}, "https://"),
}


@pytest.mark.parametrize(("asked", "repair"), WRONG.values(), ids=WRONG.keys())
def test_a_wrong_setting_is_named_with_its_repair(read, asked, repair):
    with pytest.raises(SettingError) as refused:
        read(**asked)
    message = str(refused.value)
    assert refused.value.setting in NAMES or refused.value.setting in asked
    assert message.startswith(f"{refused.value.setting}: ")
    assert repair in refused.value.hint
    assert "hunter2" not in message


@pytest.mark.parametrize("days", ["30", "189", "0", "-1", "x"])
def test_the_audit_is_kept_190_days_or_longer_and_never_shorter_aud_6(read, days):
    with pytest.raises(SettingError, match="HALLPANEL_AUDIT_DAYS"):
        read(HALLPANEL_AUDIT_DAYS=days)


def test_the_time_of_keeping_may_be_raised_aud_6(read):
    assert read()["HALLPANEL_AUDIT_DAYS"] == 190
    assert read(HALLPANEL_AUDIT_DAYS="1095")["HALLPANEL_AUDIT_DAYS"] == 1095


def test_the_digest_is_one_of_two_aud_3(read):
    assert read()["HALLPANEL_DIGEST"] == "sha256"
    assert read(HALLPANEL_DIGEST="sm3")["HALLPANEL_DIGEST"] == "sm3"
    with pytest.raises(SettingError, match="md5"):
        read(HALLPANEL_DIGEST="md5")


def test_an_owner_is_an_account_of_postgresql_az_4(read):
    given = "postgres://owner:secret@db.hall/hallpanel"
    assert read(HALLPANEL_OWNER_URL=given)["HALLPANEL_OWNER_URL"].startswith("postgresql+psycopg")
    with pytest.raises(SettingError, match="accounts of its own"):
        read(HALLPANEL_OWNER_URL="sqlite:///x.db")
