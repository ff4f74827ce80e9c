"""Mistakes of ours that a session survives: written down where a report can be made of them."""

import contextlib
import traceback
from pathlib import Path
from typing import Final

from emu.given.plain import plain
from tui.state_folder import state_folder

FILE_NAME: Final = "bug.txt"
"""The last one; those before it mostly were the same."""


def told(error: Exception) -> str:
    """A sentence on a mistake of ours, which is written down."""
    place = write_down(error)
    where = f"; {place} has the lines to report" if place else ""
    return f"this is a bug in apdbg: {type(error).__name__}{where}"


def write_down(error: Exception) -> Path | None:
    """The file that has the traceback; None where nothing can be written."""
    folder = state_folder()
    if folder is None:
        return None
    place = folder / FILE_NAME
    with contextlib.suppress(OSError):
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(plain("".join(traceback.format_exception(error))), encoding="utf-8")
        return place
    return None
