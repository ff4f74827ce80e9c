"""The screen's end of the pipes to a browser: it leaves when the other end does."""

import os
import signal
from contextlib import suppress
from functools import partial
from typing import Any

from textual.drivers.web_driver import WebDriver

from tui.exit_codes import EXIT_INTERRUPTED


class BrowserDriver(WebDriver):
    """As Textual's, which goes on for ever without a server and is not told of its end."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        signal.signal(signal.SIGPIPE, signal.SIG_IGN)  # the session still has to keep its state
        self._write = partial(_write, self.fileno)

    def run_input_thread(self) -> None:
        """Read until the session ends, or the server has."""
        super().run_input_thread()
        self._leave()

    def on_meta(self, packet_type: str, payload: dict[str, object]) -> None:
        """A closed window ends its session as a hung-up terminal does."""
        if packet_type == "quit":
            self._leave()
        else:
            super().on_meta(packet_type, payload)

    def _leave(self) -> None:
        loop = self._app._loop
        if loop is not None and not self.exit_event.is_set():
            with suppress(RuntimeError):  # it has ended meanwhile
                loop.call_soon_threadsafe(self._app.exit, None, EXIT_INTERRUPTED)


def _write(descriptor: int, data: bytes) -> int:
    """Write all of it if anybody reads; that nobody does is seen where input ends."""
    with suppress(BrokenPipeError):
        done = 0
        while done < len(data):
            done += os.write(descriptor, data[done:])
    return len(data)
