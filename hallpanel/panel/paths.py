"""Where a request may be sent next: pages of this panel and nowhere else (INP-4)."""

import unicodedata
from urllib.parse import urlsplit

from flask import abort, request

LONGEST = 2000


def internal_path(url: str | None) -> str | None:
    """Give the address back if every browser reads it as a path of this panel, else None.

    It starts with exactly one slash: two, or one and a backslash, name another host. Browsers
    drop tabs and line ends before they read, so a tab between two slashes does not hide them.
    """
    if not url or len(url) > LONGEST or not url.startswith("/") or url.startswith("//"):
        return None
    if "\\" in url or any(unicodedata.category(character) == "Cc" for character in url):
        return None
    return url


def wanted_path(name: str = "next") -> str | None:
    """The page a request asks to go on to; 400 where it names one outside (pitfall 9)."""
    url = request.values.get(name)
    if not url:
        return None
    path = internal_path(url)
    if path is None:
        abort(400)
    return path


def previous_path() -> str:
    """The page of this panel that the request came from, else the first page."""
    referrer = request.referrer or ""
    if not referrer.startswith(request.host_url):
        return home_path()
    parts = urlsplit(referrer)
    query = f"?{parts.query}" if parts.query else ""
    return internal_path(parts.path + query) or home_path()


def here() -> str:
    """The address of the present page, to come back to; the first page where it was sent to."""
    if request.method not in ("GET", "HEAD"):
        return home_path()
    return internal_path(request.full_path.rstrip("?")) or home_path()


def home_path() -> str:
    """The first page, under whatever prefix the panel is served."""
    return f"{request.script_root}/"
