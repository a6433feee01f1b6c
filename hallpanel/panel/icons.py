"""Icons of the screen, from the set that bootstrap-flask carries, written into the page."""

import re
from functools import cache
from pathlib import Path

import flask_bootstrap
from markupsafe import Markup

_SPRITE = Path(flask_bootstrap.__file__).parent / "static/bootstrap5/icons/bootstrap-icons.svg"
_SYMBOL = re.compile(
    r'<symbol[^>]*viewBox="([^"]+)"[^>]*id="([^"]+)"[^>]*>(.*?)</symbol>', re.DOTALL
)


@cache
def _symbols() -> dict[str, tuple[str, str]]:
    """Read the set once: name to view box and drawing."""
    sprite = _SPRITE.read_text(encoding="utf-8")
    return {name: (box, drawing) for box, name, drawing in _SYMBOL.findall(sprite)}


@cache
def icon(name: str) -> Markup:
    """Draw one icon beside a word; it says nothing to a screen reader.

    The whole set weighs 1.1 MB, so a page carries only the drawings it uses.
    Raises KeyError for a name the set does not know.
    """
    box, drawing = _symbols()[name]
    # The drawing comes from an installed package, never from what people type.
    return Markup(  # noqa: S704
        f'<svg class="icon" viewBox="{box}" width="16" height="16" fill="currentColor" '
        f'aria-hidden="true" focusable="false">{drawing}</svg>'
    )
