"""How a command is carried out while keys are still read: in short slices on one thread."""

import asyncio
import gc
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from emu.errors import ApdbgError
from tui.door import Door

SLICE_SECONDS: Final = 0.010
"""How long the machine runs between two looks at the keys."""
YIELD_SECONDS: Final = 0.001
"""Time for the event loop to carry a key from the terminal to its action."""
ANSWER_SECONDS: Final = 0.010
"""The same for a while after a key: it takes some rounds to become a picture."""
LOOKS: Final = 3
"""Rounds of the event loop in which a key that has come is seen, before a picture is begun."""
TOUCHED_SECONDS: Final = 0.050
"""How long a key counts as new."""
PICTURE_SECONDS: Final = 0.050
"""At most 20 pictures a second while the machine runs."""
PICTURE_SHARE: Final = 4
"""From one picture to the next passes at least so many times as long as it took."""


def start(session: Door, text: str) -> bool:
    """Begin a command; True if it is still running after the first slice. Raises ApdbgError
    with the session's sentence."""
    session.begin(text)
    return session.pump(SLICE_SECONDS)


@contextmanager
def _without_collections() -> Iterator[None]:
    """Nobody looks for cycles among the objects of a run. With a thousand CPUs such a look
    takes 50 ms, as long as a picture; what a run makes is its history, which stays, and of its
    cycles, some thousand small objects in a boot of 1,024 CPUs, none is looked for again."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


async def carry_on(
    session: Door, show: Callable[[], None], touched: Callable[[], float]
) -> None:
    """Slices until the command has stopped; `show` paints a picture now and then; `touched`:
    when the last key came. Raises ApdbgError; the machine is paused then."""
    with _without_collections():
        await _slices(session, show, touched)


async def _slices(
    session: Door, show: Callable[[], None], touched: Callable[[], float]
) -> None:
    due = 0.0
    try:
        while session.pump(SLICE_SECONDS):
            for _ in range(LOOKS):
                await asyncio.sleep(0)
            began = time.monotonic()
            new = began - touched() < TOUCHED_SECONDS
            if began >= due and not new:
                show()
                took = time.monotonic() - began
                due = began + max(PICTURE_SECONDS, took * PICTURE_SHARE)
            await asyncio.sleep(ANSWER_SECONDS if new else YIELD_SECONDS)
    except ApdbgError:
        session.pause()
        raise
