"""What is kept of the tour: one small JSON file beside the sessions' own."""

from pathlib import Path
from typing import Final

import msgspec

from emu.errors import ApdbgError
from emu.given.files import new_file, read_file
from emu.tour.guide import Progress

FILE_NAME: Final = "tour.json"
FILE_BYTES_MAX: Final = 1 << 16


class TourMemory:
    """The file; everything that can go wrong with it means that nothing is kept."""

    def __init__(self, folder: Path | None) -> None:
        """`folder`: None where nobody knows where state is kept."""
        self._path = None if folder is None else folder / FILE_NAME

    def is_first(self) -> bool:
        """Whether this is the first time that anybody asks; where that cannot be noted, it
        never is."""
        if self._path is None or self._path.exists():
            return False
        self.write(Progress())
        return self._path.exists()

    def read(self) -> Progress:
        """What was kept."""
        if self._path is None:
            return Progress()
        try:
            data = read_file(self._path, FILE_BYTES_MAX)
            return msgspec.json.decode(data, type=Progress)
        except (ApdbgError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return Progress()

    def write(self, progress: Progress) -> None:
        """Keep this, and the lessons that another session has done meanwhile."""
        if self._path is None:
            return
        theirs = [name for name in self.read().done if name not in progress.done]
        progress.done += theirs
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with new_file(self._path) as file:
                file.write(msgspec.json.format(msgspec.json.encode(progress), indent=1))
        except (OSError, ApdbgError):
            return
