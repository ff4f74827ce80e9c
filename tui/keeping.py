"""What the screen keeps from one session with an image to the next: its layout, the prompt's
history, the theme, the breakpoints. One small JSON file for each image, by its hash."""

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from emu.errors import ApdbgError
from tui import runner
from tui.prompt import Prompt
from tui.theme import CALM, FEW_COLOURS

if TYPE_CHECKING:
    from tui.app import ApdbgApp

VERSION: Final = 1
HISTORY_MAX: Final = 200


class Kept(msgspec.Struct):
    """What is kept."""

    version: int = VERSION
    moves: dict[str, str] = {}
    shown: dict[str, str] = {}
    theme: str = ""
    history: list[str] = []
    breakpoints: list[str] = []


class Memory:
    """The file of one image; everything that can go wrong with it means starting afresh."""

    def __init__(self, folder: Path, sha256: str) -> None:
        self.path = folder / f"{sha256[:16]}.json"

    def read(self) -> Kept:
        """What was kept, or nothing."""
        try:
            found = msgspec.json.decode(self.path.read_bytes(), type=Kept)
        except (OSError, msgspec.DecodeError):
            return Kept()
        return found if found.version == VERSION else Kept()

    def write(self, kept: Kept) -> None:
        """Keep this; where nothing can be written, nothing is kept."""
        kept.history = kept.history[-HISTORY_MAX:]
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            new = self.path.with_suffix(".new")
            new.write_bytes(msgspec.json.format(msgspec.json.encode(kept), indent=1))
            new.replace(self.path)
        except OSError:
            return


def theme(app: "ApdbgApp", kept: Kept, few_colours: bool) -> str:
    """The terminal's own colours where it has few; else the theme that was chosen last."""
    if few_colours:
        return FEW_COLOURS
    return kept.theme if kept.theme in app.available_themes else CALM.name


def restore(app: "ApdbgApp", kept: Kept) -> str:
    """Be as the last session with this image was left; what there is to say about it."""
    app.stage.restore(kept.moves, kept.shown)
    app.query_one(Prompt).history = list(kept.history)
    if app.seen.breakpoints or not kept.breakpoints:
        return ""
    for text in kept.breakpoints:
        with contextlib.suppress(ApdbgError):  # a place that this image no longer has
            runner.start(app.session, text)
    app.show()
    count = len(app.seen.breakpoints)
    words = "1 breakpoint is" if count == 1 else f"{count} breakpoints are"
    return f"{words} as in the last session: :breakpoints lists them" if count else ""


def collect(app: "ApdbgApp", few_colours: bool) -> Kept:
    """What is to be kept of a session that ends."""
    stage = app.stage
    return Kept(
        moves=stage.moves, shown=stage.shown, theme="" if few_colours else app.theme,
        history=app.screen_stack[0].query_one(Prompt).history,
        breakpoints=app.session.stop_words(),
    )  # fmt: skip
