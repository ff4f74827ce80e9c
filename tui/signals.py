"""Signals that ask a command to end: Ctrl+C, `kill`, a terminal that is gone.

While the guest runs, its emulator calls Python back, and what is raised there Python has to
swallow. So nothing is raised: a run asks whether a signal has come, and everywhere else the
process ends at once; there is nothing to lose then.
"""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from emu.given.files import drop_unfinished
from tui.exit_codes import EXIT_INTERRUPTED
from tui.printing import complain

ENDING: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
Handler = Callable[[int, Any], object]


@contextmanager
def handled(handler: Handler) -> Iterator[None]:
    """The signals go to this in here, but for those that the parent has ignored (nohup)."""
    before = {name: signal.getsignal(name) for name in ENDING}
    for name, one in before.items():
        if one is not signal.SIG_IGN:
            signal.signal(name, handler)
    try:
        yield
    finally:
        for name, one in before.items():
            signal.signal(name, one)


def end(_number: int, _frame: Any) -> None:
    """End the process here and now."""
    drop_unfinished()
    complain("interrupted")
    os._exit(EXIT_INTERRUPTED)


@contextmanager
def interrupts() -> Iterator[Callable[[], bool]]:
    """Whether a signal has asked to end in here, to be asked between two stretches."""
    heard: list[int] = []
    with handled(lambda number, _frame: heard.append(number)):
        yield lambda: bool(heard)
