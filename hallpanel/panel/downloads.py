"""How files leave the panel: under their own name, to be kept, never to be shown in the page."""

import re
from urllib.parse import quote

UNSPOKEN = re.compile(r"[^A-Za-z0-9._-]+")
SPELT = "!#$&+-.^_`|~"  # what RFC 5987 leaves as it is


def as_attachment(name: str, plain: str) -> str:
    """The Content-Disposition of a file: its own name, and a plain one for clients without it."""
    fallback = UNSPOKEN.sub("_", plain) or "file"
    return f"attachment; filename=\"{fallback}\"; filename*=UTF-8''{quote(name, safe=SPELT)}"
