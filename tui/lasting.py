"""The terminal as Textual writes to it, which may be gone.

Textual writes in a thread, to which it hands over some thirty pieces at most. A thread that a
closed terminal has ended takes none of them any more, and whoever hands over the next one waits
for ever: no signal is heard then, and the program never ends.
"""

import contextlib
from typing import IO, Any

from textual.driver import Driver


class Lasting:
    """A file that takes what cannot be written, as if it had been."""

    def __init__(self, file: IO[str]) -> None:
        self._file = file

    def write(self, text: str) -> int:
        """As much of it as there is somebody to read."""
        with contextlib.suppress(OSError):
            return self._file.write(text)
        return len(text)

    def flush(self) -> None:
        """Nothing is lost that was not lost before."""
        with contextlib.suppress(OSError):
            self._file.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


def lasting(driver: type[Driver]) -> type[Driver]:
    """A driver of a terminal whose file lasts; any other as it is."""
    if driver.__name__ != "LinuxDriver":
        return driver

    class TerminalDriver(driver):  # type: ignore[valid-type, misc]
        """Textual's own, but for the file."""

        def __init__(self, *given: Any, **more: Any) -> None:
            super().__init__(*given, **more)
            own: Any = self
            own._file = Lasting(own._file)

    return TerminalDriver
