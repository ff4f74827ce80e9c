"""How the screen begins as the last session with its image was left, and what it leaves."""

from tui.desk import Desk
from tui.kept import Kept, printable, stop_again


def restore(desk: Desk, kept: Kept) -> str:
    """Be as the last session with this image was left; what there is to say about it."""
    desk.frames.restore(dict(kept.moves), dict(kept.shown))
    desk.prompt.history = list(kept.history)
    said = stop_again(desk.session, kept)
    if not said:
        return ""
    desk.show()
    return f"{said}: :breakpoints lists them"


def collect(desk: Desk, theme: str) -> Kept:
    """What is to be kept of a session that ends; `theme`: empty for the terminal's own."""
    return Kept(
        moves=dict(desk.frames.moves), shown=desk.frames.shown, theme=theme,
        history=printable(desk.prompt.history),
        breakpoints=printable(desk.session.stop_words()),
    )  # fmt: skip
