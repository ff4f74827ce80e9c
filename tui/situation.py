"""What somebody is about to do, as far as the keys that matter depend on it."""

from typing import Final

from msgspec import Struct

from tui.desk import Desk

_ENTER: Final = {
    "goto": "Go there", "cpu": "Select", "cpus": "Open", "list": "Show code",
    "mem": "Show bytes", "walk": "Walk", "npt": "Walk", "tables": "Open", "events": "Unfold",
    "exits": "Unfold", "last-writer": "Who wrote", "first-reader": "Who read",
}  # fmt: skip
"""By the first word of a command: what Enter does where a row is that command."""


class Situation(Struct, frozen=True):
    """Where the keys go, beside the machine's own state."""

    number: str = ""
    """The number that is being typed."""
    rows: bool = False
    """Whether the panel in focus has rows that can be pointed at, and none is; one that has
    not been drawn yet is taken for such a panel, as the first one is."""
    enter: str = ""
    """What Enter does with the row that is pointed at, in a word or two."""
    edits: bool = False
    """Whether that row can be changed."""
    dialog: bool = False
    """Whether something is open above the panels."""
    jumping: bool = False
    """Whether the letter of a panel is waited for."""


def situation(desk: Desk) -> Situation:
    """That of the screen now."""
    if not desk.frames.is_attached:
        return Situation()
    frame = desk.frames.current
    spot = frame.spot
    word = "" if spot is None else spot.go.partition(" ")[0]
    return Situation(
        number=desk.number.digits,
        rows=spot is None and (bool(frame.page.spots) or not frame.page.lines),
        enter=_ENTER.get(word, "Do it") if word else "",
        edits=spot is not None and bool(spot.edit),
        dialog=desk.app.screen is not desk.frames.screen,
        jumping=desk.jumping,
    )
