"""Jump mode: a letter on each panel and tab, and the next key goes there."""

from collections.abc import Mapping
from string import ascii_lowercase
from typing import Final

from tui.arranging import Arranging
from tui.desk import Desk
from tui.panels import PANELS

_NOWHERE: Final = ("status",)
"""A panel that has no place of its own among the frames."""


def _letters() -> dict[str, str]:
    """By panel a letter, one of its name where that is free: the same in every layout."""
    found: dict[str, str] = {}
    for panel in PANELS:
        if panel.id not in _NOWHERE:
            name = (panel.title + ascii_lowercase).lower()
            free = [one for one in name if one.isalpha() and one not in found.values()]
            found[panel.id] = free[0]
    return found


LETTERS: Final[Mapping[str, str]] = _letters()
"""By panel."""


class Jump:
    """On from the key that begins it up to the next one."""

    def __init__(self, desk: Desk, arranging: Arranging) -> None:
        self._desk = desk
        self._arranging = arranging

    def begin(self) -> None:
        """Show the letters."""
        self._show(True)
        self._desk.say("a letter goes to that panel; Esc stays here", "dim", passing=True)

    def take(self, key: str) -> bool:
        """Go where a key says, if it is waited for: else False. Another key only ends it."""
        if not self._desk.jumping:
            return False
        self._show(False)
        self._desk.say("")
        panel = next((name for name, letter in LETTERS.items() if letter == key), None)
        if panel is not None:
            self._arranging.show_panel(panel)
            self._desk.show()
        return True

    def _show(self, on: bool) -> None:
        self._desk.jumping = on
        self._desk.frames.letter(LETTERS if on else {})
