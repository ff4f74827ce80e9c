"""What is kept from one session with an image to the next: the layout of the screen, the
prompt's history, the theme, the breakpoints. One small JSON file for each image, by its hash.

Two sessions with one image at a time both keep what they did: what a session adds to and takes
from what it found is done to what stands in the file when it ends.
"""

import contextlib
import fcntl
import os
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final, TypeVar

import msgspec
from msgspec.structs import replace

from emu.errors import ApdbgError
from emu.given.files import new_file, read_file
from tui.door import Door

VERSION: Final = 1
STOPPING: Final = ("break", "watch", "catch")
"""The commands that a file may give by itself: whatever else it says is not carried out."""
HISTORY_MAX: Final = 200
FILE_BYTES_MAX: Final = 1 << 20
LOCK_SECONDS: Final = 1.0
"""How long another session may take to write; then it is taken for stopped."""
_LOCK_LOOK_SECONDS: Final = 0.01
ENDLESS: Final = float("inf")
"""Seconds that a breakpoint of the last session may take to be set."""
T = TypeVar("T")


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

    def __init__(self, folder: Path, sha256: str, *, fresh: bool = False) -> None:
        """`fresh`: forget what is kept."""
        self.path = folder / f"{sha256[:16]}.json"
        self._found = Kept()
        self._fresh = fresh
        if fresh:
            with contextlib.suppress(OSError):
                self.path.unlink()

    def read(self) -> Kept:
        """What was kept, or nothing."""
        if not self._fresh:
            self._found = self._in_file()
        return self._found

    def _in_file(self) -> Kept:
        try:
            found = msgspec.json.decode(read_file(self.path, FILE_BYTES_MAX), type=Kept)
        except (ApdbgError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return Kept()
        return found if found.version == VERSION else Kept()

    def write(self, kept: Kept) -> None:
        """Keep this; where nothing can be written, nothing is kept."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with _locked(self.path.with_suffix(".lock")):
                both = merged(self._found, kept, self._in_file())
                text = msgspec.json.format(msgspec.json.encode(both), indent=1)
                with new_file(self.path) as file:
                    file.write(text)
        except (OSError, ApdbgError):
            return


@contextlib.contextmanager
def _locked(place: Path) -> Iterator[None]:
    """One session writes at a time; one that was stopped by somebody is not waited for."""
    descriptor = os.open(place, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    end = time.monotonic() + LOCK_SECONDS
    try:
        while time.monotonic() < end:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                time.sleep(_LOCK_LOOK_SECONDS)
        yield
    finally:
        os.close(descriptor)


def merged(found: Kept, ours: Kept, theirs: Kept) -> Kept:
    """What a session leaves that found one thing and ends with another, where a third stands
    in the file by now."""
    typed = _behind(found.history, ours.history)
    return replace(
        ours,
        moves=_changed(found.moves, ours.moves, theirs.moves),
        shown=_changed(found.shown, ours.shown, theirs.shown),
        theme=_changed(found.theme, ours.theme, theirs.theme),
        history=[*theirs.history, *typed][-HISTORY_MAX:],
        breakpoints=[
            *(one for one in theirs.breakpoints if _stays(one, found, ours)),
            *(one for one in ours.breakpoints if one not in theirs.breakpoints
              and one not in found.breakpoints),
        ],
    )  # fmt: skip


def _stays(one: str, found: Kept, ours: Kept) -> bool:
    return one in ours.breakpoints or one not in found.breakpoints


def _changed(found: T, ours: T, theirs: T) -> T:
    return theirs if ours == found else ours


def _behind(found: list[str], ours: list[str]) -> list[str]:
    """What was typed behind the history that was found, the oldest of which may be cut off."""
    for cut in range(len(found)):
        if ours[: len(found) - cut] == found[cut:]:
            return ours[len(found) - cut :]
    return ours


def stop_again(session: Door, kept: Kept) -> str:
    """Set the breakpoints of the last session again, unless some are set; what there is to say
    about it."""
    if session.stop_words() or not kept.breakpoints:
        return ""
    for text in kept.breakpoints:
        with contextlib.suppress(ApdbgError):  # a place that this image no longer has
            if text.partition(" ")[0] in STOPPING:
                session.begin(text)
                session.pump(ENDLESS)
    count = len(session.stop_words())
    words = "1 breakpoint is" if count == 1 else f"{count} breakpoints are"
    return f"{words} as in the last session" if count else ""


def printable(lines: Iterable[str]) -> list[str]:
    """Those that a file of the next session may hold."""
    return list(filter(str.isprintable, lines))
