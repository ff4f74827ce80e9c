"""Words that are the screen's and no session's: what they are, for help and completion."""

from typing import Final

from msgspec import Struct


class ScreenWord(Struct, frozen=True):
    """A word that a front end carries out itself."""

    usage: str
    help: str


SCREEN_WORDS: Final[dict[str, ScreenWord]] = {
    "quit": ScreenWord("quit", "Leave; breakpoints, layout and history are kept."),
    "copy": ScreenWord(
        "copy [PANEL]", "Copy all of the panel in focus, or of another, to the clipboard."
    ),
    "panel": ScreenWord(
        "panel [NAME]",
        "Go to a panel; without a screen: show all of it, or of the last, as text.",
    ),
    "write": ScreenWord(
        "write FILE", "Write all of the panel in focus as text to a file that is not there yet."
    ),
    "write!": ScreenWord("write! FILE", "The same, in place of a file that is there."),
    "tour": ScreenWord(
        "tour [N|next|all|hint|reset|bare|guided|leave]",
        "Lessons on the live machine, each answered by doing: alone, their list.",
    ),
}
"""By word."""
