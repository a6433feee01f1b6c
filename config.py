"""Settings of an installation: what the environment says, checked, as Flask reads it.

Each setting is one environment variable named HALLPANEL_…; README.md has the table.
"""

import difflib
import os
import re
import secrets
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from hallpanel.engine.errors import SettingError

HOME = Path(__file__).resolve().parent
DIGESTS = ("sha256", "sm3")
LOCALES = ("zh_Hans_CN", "zh_Hant_TW", "en")
PROFILES = ("djbh3", "nist")
MEGABYTE = 1024 * 1024
SHORTEST_KEY = 32
SHORTEST_PASSWORD = 8

SHORTEST_KEEPING, LONGEST_KEEPING = 190, 36500  # days for which the audit is kept (AUD-6)

NAMES = (
    "HALLPANEL_ANCHOR_FOLDER",
    "HALLPANEL_AUDIT_DAYS",
    "HALLPANEL_CIPHER",
    "HALLPANEL_DATABASE_URL",
    "HALLPANEL_DATA_KEY_FILE",
    "HALLPANEL_DEMO_PASSWORD",
    "HALLPANEL_DEMO_TOTP",
    "HALLPANEL_DIGEST",
    "HALLPANEL_HOSTS",
    "HALLPANEL_INSTANCE",
    "HALLPANEL_LOCALE",
    "HALLPANEL_OWNER_URL",
    "HALLPANEL_PASSWORD_PROFILE",
    "HALLPANEL_PROXIES",
    "HALLPANEL_SECRET_KEY",
    "HALLPANEL_SECRET_KEY_FILE",
    "HALLPANEL_SMTP_FROM",
    "HALLPANEL_SMTP_HOST",
    "HALLPANEL_SMTP_PASSWORD",
    "HALLPANEL_SMTP_PORT",
    "HALLPANEL_SMTP_SECURITY",
    "HALLPANEL_SMTP_USER",
    "HALLPANEL_TLS",
    "HALLPANEL_WEBHOOK_URL",
)
TEST_NAMES = "HALLPANEL_TEST_"  # read by `make test`, not by the panel

Asked = Mapping[str, str]


def settings(environ: Mapping[str, str]) -> dict[str, Any]:
    """Read the settings for `create_app`; the first run makes the instance folder and its key.

    Raises SettingError for the first setting with which the panel must not start.
    """
    asked = _asked(environ)
    instance = _instance(asked)
    tls = _switch(asked, "HALLPANEL_TLS")
    return {
        "DEBUG": False,  # whatever FLASK_DEBUG says: no error page with code reaches the hall
        "SECRET_KEY": _secret_key(asked, instance),
        "SQLALCHEMY_DATABASE_URI": _database_url(asked, instance),
        # What is stored is not repeated where an error of the database is logged.
        "SQLALCHEMY_ENGINE_OPTIONS": {"pool_pre_ping": True, "hide_parameters": True},
        "BABEL_DEFAULT_LOCALE": _choice(asked, "HALLPANEL_LOCALE", LOCALES),
        "BABEL_DEFAULT_TIMEZONE": "Asia/Shanghai",
        "BOOTSTRAP_SERVE_LOCAL": True,
        "MAX_CONTENT_LENGTH": 20 * MEGABYTE,
        "MAX_FORM_MEMORY_SIZE": MEGABYTE,
        "MAX_FORM_PARTS": 1000,
        "TRUSTED_HOSTS": _hosts(asked),
        "PREFERRED_URL_SCHEME": "https" if tls else "http",
        "SESSION_COOKIE_SECURE": tls,
        "SESSION_COOKIE_HTTPONLY": True,
        "SESSION_COOKIE_SAMESITE": "Lax",
        "WTF_CSRF_TIME_LIMIT": None,  # a form may stay open as long as the session lives
        "HALLPANEL_INSTANCE": instance,
        "HALLPANEL_TLS": tls,
        "HALLPANEL_ANCHOR_FOLDER": Path(
            asked.get("HALLPANEL_ANCHOR_FOLDER", instance / "anchors")
        ).absolute(),
        "HALLPANEL_AUDIT_DAYS": _number(
            asked, "HALLPANEL_AUDIT_DAYS", SHORTEST_KEEPING, SHORTEST_KEEPING, LONGEST_KEEPING
        ),
        "HALLPANEL_DIGEST": _choice(asked, "HALLPANEL_DIGEST", DIGESTS),
        "HALLPANEL_OWNER_URL": _owner_url(asked),
        "HALLPANEL_PASSWORD_PROFILE": _choice(asked, "HALLPANEL_PASSWORD_PROFILE", PROFILES),
        "HALLPANEL_CIPHER": _choice(asked, "HALLPANEL_CIPHER", ("aes", "sm4")),
        "HALLPANEL_DATA_KEY_FILE": _data_key_file(asked, instance),
        "HALLPANEL_PROXIES": _number(asked, "HALLPANEL_PROXIES", 0, 0, 9),
        "HALLPANEL_DEMO_PASSWORD": _demo_password(asked),
        "HALLPANEL_DEMO_TOTP": _demo_totp(asked),
        "HALLPANEL_SMTP": _smtp(asked),
        "HALLPANEL_WEBHOOK_URL": _webhook_url(asked),
    }


def _asked(environ: Mapping[str, str]) -> Asked:
    asked = {
        name: value.strip()
        for name, value in environ.items()
        if name.startswith("HALLPANEL_") and not name.startswith(TEST_NAMES) and value.strip()
    }
    for name in sorted(asked.keys() - set(NAMES)):
        near = difflib.get_close_matches(name, NAMES, n=1, cutoff=0.8)
        hint = f"Did you mean {near[0]}?" if near else f"The settings are {', '.join(NAMES)}."
        raise SettingError(name, "there is no setting of this name", hint)
    return asked


def _instance(asked: Asked) -> Path:
    name = "HALLPANEL_INSTANCE"
    folder = Path(asked.get(name, HOME / "instance")).absolute()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise SettingError(
            name,
            f"the folder {folder} cannot be made ({error.strerror})",
            "Name a folder in which the panel may keep its data.",
        ) from error
    return folder


def _secret_key(asked: Asked, instance: Path) -> str:
    given = [n for n in ("HALLPANEL_SECRET_KEY", "HALLPANEL_SECRET_KEY_FILE") if n in asked]
    if len(given) == 2:
        raise SettingError(given[0], f"{given[1]} is set too", "Set one of the two.")
    if not given:
        return _own_key(instance)
    name = given[0]
    key = _file_text(name, asked[name]) if name.endswith("_FILE") else asked[name]
    if len(key) < SHORTEST_KEY or len(set(key)) < SHORTEST_KEY // 4:
        raise SettingError(
            name,
            f"the key is easy to guess (under {SHORTEST_KEY} characters, or few different ones)",
            'Make one: python3 -c "import secrets; print(secrets.token_hex(32))"',
        )
    return key


def _file_text(name: str, path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingError(
            name, f"the file {path} cannot be read", "Name a text file that holds only the key."
        ) from error


def _own_key(instance: Path) -> str:
    """The installation's own key, made at the first start.

    Several processes may start at once: the file appears whole or not at all, and one of them wins.
    """
    path = instance / "secret-key"
    if not path.exists():
        _write_once(path, secrets.token_hex(32))
    key = _file_text("HALLPANEL_SECRET_KEY", str(path))
    if len(key) < SHORTEST_KEY:
        raise SettingError(
            "HALLPANEL_SECRET_KEY",
            f"the file {path} holds no usable key",
            "Bring the file back from a copy. A new key opens no second factor that was set up.",
        )
    return key


def _write_once(path: Path, text: str) -> None:
    handle, draft = tempfile.mkstemp(dir=path.parent)  # readable by its owner only
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(text)
    try:
        os.link(draft, path)
    except FileExistsError:
        pass  # another process of this first start was faster; its key holds
    finally:
        os.unlink(draft)


def _data_key_file(asked: Asked, instance: Path) -> Path:
    """Where the keys of sealed facts are: not in the database, and best on another disk."""
    name = "HALLPANEL_DATA_KEY_FILE"
    path = Path(asked.get(name, instance / "data-keys")).absolute()
    if not path.parent.is_dir():
        raise SettingError(
            name, f"there is no folder {path.parent}", "Make the folder, or name another file."
        )
    return path


def _database_url(asked: Asked, instance: Path) -> str:
    name = "HALLPANEL_DATABASE_URL"
    url = _address_of_database(name, asked.get(name, "sqlite:///hallpanel.db"))
    match url.drivername:
        case "sqlite":
            return _sqlite_url(name, url, instance)
        case "postgresql" | "postgresql+psycopg":
            return _postgresql_url(name, url)
    raise SettingError(
        name,
        f"{url.drivername} is not supported",
        "Use postgresql://… or sqlite:///…, or leave it out for SQLite in the instance folder.",
    )


def _address_of_database(name: str, text: str) -> URL:
    try:
        return make_url(re.sub(r"^postgres://", "postgresql://", text))
    except (ArgumentError, ValueError) as error:
        # The text is not repeated: it may hold a password.
        raise SettingError(
            name, "this is no database address", "postgresql://user:password@host/database"
        ) from error


def _owner_url(asked: Asked) -> str | None:
    """Who owns the tables and migrates them, where another account of PostgreSQL serves."""
    name = "HALLPANEL_OWNER_URL"
    if name not in asked:
        return None
    url = _address_of_database(name, asked[name])
    if url.get_backend_name() != "postgresql":
        raise SettingError(
            name,
            "only PostgreSQL has accounts of its own",
            "Leave it out with SQLite; else postgresql://owner:password@host/hallpanel",
        )
    return _postgresql_url(name, url)


def _sqlite_url(name: str, url: URL, instance: Path) -> str:
    if url.database in (None, "", ":memory:"):
        raise SettingError(
            name,
            "a database in memory is lost at the end and not shared by the processes",
            "Name a file: sqlite:////path/to/hallpanel.db",
        )
    path = instance / str(url.database)
    if not path.parent.is_dir():
        raise SettingError(
            name, f"there is no folder {path.parent}", "Make the folder, or name another file."
        )
    return url.set(database=str(path)).render_as_string(hide_password=False)


def _postgresql_url(name: str, url: URL) -> str:
    if not url.database:
        raise SettingError(
            name,
            "the address names no database",
            "Put its name at the end: postgresql://user:password@host/hallpanel",
        )
    return url.set(drivername="postgresql+psycopg").render_as_string(hide_password=False)


def _hosts(asked: Asked) -> list[str]:
    """Names under which the panel answers; any other Host is refused, so none ends up in a link."""
    name = "HALLPANEL_HOSTS"
    hosts = [h.strip().lower() for h in asked.get(name, "localhost,127.0.0.1").split(",")]
    for host in hosts:
        if not re.fullmatch(r"\.?[\w-]+(\.[\w-]+)*", host):
            raise SettingError(
                name,
                f"“{host}” is no name of a host",
                "List names or addresses without http:// and port: hall.example.gov.cn,10.1.2.3",
            )
    return hosts


def _demo_password(asked: Asked) -> str | None:
    name = "HALLPANEL_DEMO_PASSWORD"
    password = asked.get(name)
    if password is not None and len(password) < SHORTEST_PASSWORD:
        raise SettingError(
            name,
            f"the password has fewer than {SHORTEST_PASSWORD} characters",
            "Choose a longer one, or leave it out: each account then gets its own.",
        )
    return password


def _demo_totp(asked: Asked) -> str | None:
    name = "HALLPANEL_DEMO_TOTP"
    secret = asked.get(name)
    if secret is not None and not re.fullmatch(r"[A-Z2-7]{16,128}=*", secret):
        raise SettingError(
            name,
            "this is no base32 secret of 16 to 128 characters",
            "Use the letters A-Z and the digits 2-7, or leave it out.",
        )
    return secret


def _smtp(asked: Asked) -> dict[str, Any] | None:
    """The mail server, or None where messages stay in the panel."""
    given = sorted(name for name in asked if name.startswith("HALLPANEL_SMTP_"))
    if not given:
        return None
    for name in ("HALLPANEL_SMTP_HOST", "HALLPANEL_SMTP_FROM"):
        if name not in asked:
            raise SettingError(name, f"it is missing beside {given[0]}", "Set both, or no SMTP.")
    user, password = asked.get("HALLPANEL_SMTP_USER"), asked.get("HALLPANEL_SMTP_PASSWORD")
    if (user is None) != (password is None):
        raise SettingError(
            "HALLPANEL_SMTP_USER", "user and password go together", "Set both, or neither."
        )
    return {
        "host": asked["HALLPANEL_SMTP_HOST"],
        "port": _number(asked, "HALLPANEL_SMTP_PORT", 25, 1, 65535),
        "security": _choice(asked, "HALLPANEL_SMTP_SECURITY", ("none", "starttls", "tls")),
        "user": user,
        "password": password,
        "sender": _address(asked, "HALLPANEL_SMTP_FROM"),
    }


def _address(asked: Asked, name: str) -> str:
    if not re.fullmatch(r"[^@\s]+@[^@\s]+", asked[name]):
        raise SettingError(name, "this is no mail address", "For example hall@example.gov.cn")
    return asked[name]


def _webhook_url(asked: Asked) -> str | None:
    name = "HALLPANEL_WEBHOOK_URL"
    if name not in asked:
        return None
    try:
        parts = urlsplit(asked[name])
        usable = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        usable = False
    if not usable:
        raise SettingError(name, "this is no web address", "It starts with https:// or http://")
    return asked[name]


def _choice(asked: Asked, name: str, choices: tuple[str, ...]) -> str:
    """One of the choices; the first where nothing is said."""
    value = asked.get(name, choices[0])
    if value not in choices:
        raise SettingError(name, f"“{value}” is no choice", f"Choose one of {', '.join(choices)}.")
    return value


def _number(asked: Asked, name: str, default: int, least: int, most: int) -> int:
    text = asked.get(name, str(default))
    if not re.fullmatch(r"[0-9]{1,9}", text) or not least <= int(text) <= most:
        raise SettingError(
            name, f"“{text}” cannot be used", f"Give a whole number from {least} to {most}."
        )
    return int(text)


def _switch(asked: Asked, name: str) -> bool:
    value = asked.get(name, "no").lower()
    if value not in ("yes", "no", "1", "0", "true", "false", "on", "off"):
        raise SettingError(name, f"“{value}” is neither yes nor no", "Write yes or no.")
    return value in ("yes", "1", "true", "on")
