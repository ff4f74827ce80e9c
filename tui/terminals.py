"""What the terminal can do, as far as it says."""

from collections.abc import Mapping
from typing import Final

CANNOT_PLACE_TEXT: Final = "this terminal cannot place text"


def places_no_text(settings: Mapping[str, str]) -> str:
    """Why the terminal cannot show a screen, empty if it can. One that is in no list may well
    be able to; one that is there, and has no way to place its cursor, is not."""
    if settings.get("TEXTUAL_DRIVER"):
        return ""
    term = settings.get("TERM", "")
    if term in ("", "dumb"):
        return f"TERM is {term or 'not set'}: {CANNOT_PLACE_TEXT}"
    try:
        import curses

        curses.setupterm(term)
        able = curses.tigetstr("cup")
    except (ImportError, curses.error):
        return ""
    return "" if able else f"TERM is {term}: {CANNOT_PLACE_TEXT}"
