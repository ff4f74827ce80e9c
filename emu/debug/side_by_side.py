"""The same work on many things, in processes of their own: boots share nothing."""

import os
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context, parent_process
from threading import Thread
from typing import Final, TypeVar

from emu.errors import CommandError

_PARALLEL_MAX: Final = 16
_OURS: Final = (signal.SIGINT, signal.SIGHUP)
"""Signals that a terminal sends to all processes of a command."""
_ENDING: Final = (*_OURS, signal.SIGTERM)
Thing = TypeVar("Thing")
Made = TypeVar("Made")


def side_by_side(
    work: Callable[[Thing], Made], things: Sequence[Thing], jobs: int | None
) -> Iterator[Made]:
    """What the work makes of each, in their order, with `jobs` processes (None: one a core)
    of which each has some of them; raises what the work raises, and CommandError where a
    process is gone."""
    count = min(jobs or os.cpu_count() or 1, len(things) or 1, _PARALLEL_MAX)
    if count == 1:
        yield from map(work, things)
        return
    pool = ProcessPoolExecutor(count, get_context("spawn"), _leave_signals_to_the_parent)
    try:
        before = signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING)  # they begin with it
        try:
            results = pool.map(work, things)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        yield from results
    except BrokenProcessPool:
        raise CommandError(
            "a process that shared the work was ended by somebody: --jobs 1 needs least memory"
        ) from None
    finally:
        pool.shutdown(cancel_futures=True)


def _leave_signals_to_the_parent() -> None:
    """A terminal sends them to all processes, and one of them has to say so; a process whose
    parent is gone goes, too."""
    for name in _OURS:
        signal.signal(name, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _ENDING)
    Thread(target=_go_with_the_parent, daemon=True).start()


def _go_with_the_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(0)
