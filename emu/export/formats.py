"""Every format that a branch can be written in, by the ending of the file's name."""

from collections.abc import Callable
from typing import Final

from msgspec import Struct

from emu.export import chrome, page
from emu.export.history import BranchHistory


class ExportFormat(Struct, frozen=True):
    """What makes the bytes of a file."""

    make: Callable[[BranchHistory], bytes]
    steps: bool = False
    """Whether it shows the stops of the branch, which are gone to for it."""


FORMATS: Final[dict[str, ExportFormat]] = {
    ".json": ExportFormat(chrome.trace),
    ".html": ExportFormat(page.page, steps=True),
}
