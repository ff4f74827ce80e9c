"""A real terminal for tests: a process on a pty, its screen kept by pyte."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

import pyte
from rich.cells import cell_len

ROOT = Path(__file__).parents[2]
PATIENCE_SECONDS = 30.0
_NOT_OURS = ("NO_COLOR", "COLORTERM", "COLUMNS", "LINES")


class Terminal:
    """`python -m tui ...` in a terminal of a given size."""

    def __init__(
        self, *words: str, size: tuple[int, int] = (80, 24), **environment: str
    ) -> None:
        columns, rows = size
        self._home = tempfile.TemporaryDirectory()
        self._screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self._screen)
        self.raw = b""
        self._read_to = 0
        """How much of it was waited for."""
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        base = {name: value for name, value in os.environ.items() if name not in _NOT_OURS}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tui", *words], cwd=ROOT, stdin=theirs, stdout=theirs,
            stderr=theirs, start_new_session=True,
            env={**base, "TERM": "xterm-256color", "PYTHONPATH": str(ROOT),
                 "XDG_STATE_HOME": self._home.name, "XDG_CONFIG_HOME": self._home.name,
                 **environment},
        )  # fmt: skip
        os.close(theirs)
        self._ours = ours

    def __enter__(self) -> "Terminal":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self._ours)
        self._home.cleanup()

    def press(self, keys: str) -> None:
        """Bytes as the terminal sends them."""
        os.write(self._ours, keys.encode())

    def interrupt(self) -> None:
        """SIGINT from outside, as `kill -INT` sends it."""
        self.process.send_signal(signal.SIGINT)

    def signal(self, number: int) -> None:
        """A signal to somebody who waits for a line, until something is said to it: between
        its prompt and its wait, readline hears none."""
        self.process.send_signal(number)
        while self.process.poll() is None and not self.read(0.5):
            self.process.send_signal(number)

    def stop(self, *, by_key: bool = True) -> None:
        """Ctrl+Z, or the signal alone; the shell then has the terminal, whose other screen is
        empty when it is gone back to."""
        if by_key:
            self.press("\x1a")
        else:
            self.process.send_signal(signal.SIGTSTP)
        self._wait_for_state("T")
        while self.read(0.1):
            pass
        self._screen.reset()

    def go_on(self) -> None:
        """What `fg` does."""
        self.process.send_signal(signal.SIGCONT)

    def _wait_for_state(self, letter: str) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        stat = Path(f"/proc/{self.process.pid}/stat")
        while stat.read_text().rpartition(")")[2].split()[0] != letter:
            assert time.monotonic() < deadline, f"the process never came to be {letter}"
            self.read(0.05)

    def resize(self, columns: int, rows: int) -> None:
        """Another size, and the signal that says so."""
        self._screen.resize(rows, columns)
        fcntl.ioctl(self._ours, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.process.send_signal(signal.SIGWINCH)

    @property
    def text(self) -> str:
        """What is on the screen now."""
        rows = (self._screen.buffer[row] for row in range(self._screen.lines))
        cells = ([row[at].data for at in range(self._screen.columns)] for row in rows)
        return "\n".join(map(_shown, cells))

    def wait_for(self, words: str) -> None:
        """Read until the screen shows these words."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while words not in self.text:
            left = deadline - time.monotonic()
            assert left > 0 and self.read(left), f"{words!r} never came:\n{self.text}"

    def wait_until(self, holds: Callable[[], bool], what: str) -> None:
        """Read until something holds; `what` says what that is."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not holds():
            left = deadline - time.monotonic()
            assert left > 0 and self.read(left), f"{what!r} never came:\n{self.text}"

    def wait_for_prompt(self) -> str:
        """Read until a session in lines waits for the next one; what was appended meanwhile."""
        return self._appended(r"\n> \Z", "a prompt")

    def wait_for_line(self, words: str) -> str:
        """Read until a line begins with these words; what was appended up to there."""
        return self._appended(rf"\n{re.escape(words)}", words)

    def _appended(self, wanted: str, words: str) -> str:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not (found := re.search(wanted.encode(), self.raw[self._read_to :])):
            left = deadline - time.monotonic()
            assert left > 0 and self.read(left), f"{words!r} never came:\n{self.raw!r}"
        begin, self._read_to = self._read_to, self._read_to + found.end()
        return self.raw[begin : self._read_to].decode()

    def leave(self) -> int:
        """Read until the process has gone; its exit code."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while self.read(max(deadline - time.monotonic(), 0)):
            pass
        return self.process.wait(timeout=PATIENCE_SECONDS)

    def hang_up(self) -> int:
        """The terminal is gone, and no signal says so; the exit code."""
        os.close(self._ours)
        self._ours = os.open(os.devnull, os.O_RDONLY)
        return self.process.wait(timeout=PATIENCE_SECONDS)

    def read(self, seconds: float) -> bool:
        ready, _, _ = select.select([self._ours], [], [], seconds)
        if not ready:
            return False
        try:
            data = os.read(self._ours, 65_536)
        except OSError:  # the other end has closed
            return False
        self.raw += data
        self._stream.feed(data)
        return bool(data)


def _shown(cells: list[str]) -> str:
    """The characters of a row; the second cell of one that takes two holds nothing, and half of
    one that was overwritten is blank (pyte's own `display` fails on that)."""
    halves = [False, *(cell_len(cell) > 1 for cell in cells)]
    return "".join(
        cell or ("" if half else " ") for cell, half in zip(cells, halves, strict=False)
    )
