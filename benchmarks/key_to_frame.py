"""A program on a pty, keys in and bytes out, timed: no terminal emulator takes part."""

import fcntl
import os
import pty
import select
import struct
import subprocess
import sys
import tempfile
import termios
import time
from pathlib import Path
from typing import Final

from benchmarks.process import ROOT

QUIET_SECONDS: Final = 0.060
"""A frame is over when nothing more comes for so long."""
PATIENCE_SECONDS: Final = 60.0

TABS: Final = (b"[Stack", b"[Walk", b"[Tables", b"[NPT", b"[Mem", b"[DTB", b"[Map", b"[Reg")
"""What comes beside the registers at 120 columns, one `]` after the other."""


class Timed:
    """`python ...` in a terminal of a given size."""

    def __init__(
        self, words: list[str], columns: int = 120, rows: int = 40, *, root: Path = ROOT,
        cache: str = "",
    ) -> None:  # fmt: skip
        """`root`: a tree of the project; `cache`: a folder for compiled modules, or none."""
        self._home = tempfile.TemporaryDirectory()
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        environment = {
            **os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor",
            "PYTHONPATH": str(root), "XDG_STATE_HOME": self._home.name,
            "XDG_CONFIG_HOME": self._home.name,
        }  # fmt: skip
        if cache:
            environment.pop("PYTHONDONTWRITEBYTECODE", None)
            environment["PYTHONPYCACHEPREFIX"] = cache
        self.began = time.perf_counter()
        self.process = subprocess.Popen(
            [sys.executable, *words], cwd=root, stdin=theirs, stdout=theirs, stderr=theirs,
            start_new_session=True, env=environment,
        )  # fmt: skip
        os.close(theirs)
        self._ours = ours

    def press(self, keys: str) -> None:
        """Bytes as a terminal sends them."""
        os.write(self._ours, keys.encode())

    def read(self, seconds: float) -> bytes:
        """What has come, at most after so long."""
        ready, _, _ = select.select([self._ours], [], [], seconds)
        return os.read(self._ours, 1 << 16) if ready else b""

    def wait_for(self, words: bytes, seconds: float = PATIENCE_SECONDS) -> float:
        """Until these bytes have come; the moment they did."""
        seen = b""
        end = time.perf_counter() + seconds
        while words not in seen:
            assert time.perf_counter() < end, f"{words!r} never came"
            seen = seen[-4096:] + self.read(1.0)
        return time.perf_counter()

    def settle(self) -> None:
        """Until nothing more comes."""
        while self.read(QUIET_SECONDS):
            pass

    def painted(self, keys: str) -> float:
        """Seconds from a key to the last byte of all that it changed on the screen."""
        return self.from_to(keys, QUIET_SECONDS)[1]

    def from_to(self, keys: str, quiet: float) -> tuple[float, float]:
        """Seconds from a key to the first and to the last byte, when nothing more comes for
        so long."""
        self.settle()
        began = time.perf_counter()
        self.press(keys)
        assert self.read(PATIENCE_SECONDS), f"{keys!r} changed nothing"
        first = last = time.perf_counter()
        while self.read(quiet):
            last = time.perf_counter()
        return first - began, last - began

    def first_byte(self, keys: str) -> float:
        """Seconds from a key to the first byte that it changed."""
        began = time.perf_counter()
        self.press(keys)
        self.read(PATIENCE_SECONDS)
        return time.perf_counter() - began

    def close(self) -> None:
        """Be done with it."""
        self.process.kill()
        self.process.wait()
        os.close(self._ours)
        self._home.cleanup()
