"""What the screen keeps from one session with an image to the next: its layout, the prompt's
history, the theme, the breakpoints. One small JSON file for each image, by its hash."""

import contextlib
from pathlib import Path
from typing import Final

import msgspec

from emu.errors import ApdbgError
from emu.given.files import read_file
from tui import runner
from tui.desk import Desk

VERSION: Final = 1
STOPPING: Final = ("break", "watch", "catch")
"""The commands that a file may give by itself: whatever else it says is not carried out."""
HISTORY_MAX: Final = 200
FILE_BYTES_MAX: Final = 1 << 20


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
            found = msgspec.json.decode(read_file(self.path, FILE_BYTES_MAX), type=Kept)
        except (ApdbgError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
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


def restore(desk: Desk, kept: Kept) -> str:
    """Be as the last session with this image was left; what there is to say about it."""
    desk.frames.restore(kept.moves, kept.shown)
    desk.prompt.history = list(kept.history)
    if desk.seen.breakpoints or not kept.breakpoints:
        return ""
    for text in kept.breakpoints:
        with contextlib.suppress(ApdbgError):  # a place that this image no longer has
            if text.partition(" ")[0] in STOPPING:
                runner.start(desk.session, text)
    desk.show()
    count = len(desk.seen.breakpoints)
    words = "1 breakpoint is" if count == 1 else f"{count} breakpoints are"
    return f"{words} as in the last session: :breakpoints lists them" if count else ""


def collect(desk: Desk, theme: str) -> Kept:
    """What is to be kept of a session that ends; `theme`: empty for the terminal's own."""
    return Kept(
        moves=desk.frames.moves, shown=desk.frames.shown, theme=theme,
        history=desk.prompt.history, breakpoints=desk.session.stop_words(),
    )  # fmt: skip
