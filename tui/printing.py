"""What a command prints: the one place where text reaches a terminal outside the screen."""

import contextlib
import io
import os
import sys

from emu.errors import ApdbgError
from emu.given.plain import plain, plain_json


def prepare() -> None:
    """Let stdout and stderr take any text, whatever the terminal's encoding is; raises
    ApdbgError where there is no stdout at all."""
    _hold_the_places()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    if sys.stdout is None:
        raise ApdbgError("stdout is closed: there is nowhere to write to")


def _hold_the_places() -> None:
    """Where a stream is closed, the next file that is opened would have its number, and what a
    library writes to stderr would be written into it."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest number that is free


def say(text: str) -> None:
    """Lines for whoever asked, written at once; raises OSError where they cannot be."""
    print(plain(text), flush=True)


def begin(text: str) -> None:
    """The beginning of a line that somebody goes on with."""
    print(plain(text), end="", flush=True)


def say_json(text: str) -> None:
    """A JSON text, on lines of its own."""
    say(plain_json(text))


def complain(text: str) -> None:
    """A sentence on stderr; where that cannot be written either, the exit code says it."""
    one_line = text.replace("\n", "\\n")  # as a file's name may have one
    _on_stderr(f"apdbg: {one_line}\n")


def _on_stderr(text: str) -> None:
    if sys.stderr is not None:
        with contextlib.suppress(OSError):
            sys.stderr.write(plain(text))
            sys.stderr.flush()


def show_bug(trace: str) -> None:
    """What was wrong in apdbg itself."""
    _on_stderr(trace)
    complain("this is a bug in apdbg; please report the lines above")


def give_up() -> None:
    """Nothing more can be written: what is still in the buffer must not be tried again at the
    end of the process, where Python would say so in its own words."""
    with contextlib.suppress(OSError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)
        os.close(nowhere)
