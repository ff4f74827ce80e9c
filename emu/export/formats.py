"""Every format that a branch can be written in, by the ending of the file's name."""

from collections.abc import Callable
from typing import Final

from emu.export import chrome, page
from emu.export.history import BranchHistory

FORMATS: Final[dict[str, Callable[[BranchHistory], bytes]]] = {
    ".json": chrome.trace,
    ".html": page.page,
}
