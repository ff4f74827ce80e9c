"""Stretches of a boot in which one CPU ran alone for long: nobody shares a line there, and a
distribution's kernel spends nine tenths of its instructions so before it starts its APs."""

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from emu.machine.log import Run

MARGIN: Final = 1_000_000
"""So many instructions at either end of such a stretch are looked at all the same: what a CPU
prepares for others, and what others have left for it."""
LEAST: Final = 2 * MARGIN
"""No shorter stretch is passed over."""


class AloneStretch(NamedTuple):
    """A stretch that is passed over: the ticks behind `first`, up to and with `last`."""

    cpu: int
    first: int
    last: int


def alone(runs: Iterable[Run]) -> tuple[AloneStretch, ...]:
    """All of them among runs in their order."""
    found = []
    for cpu, first, last in _joined(runs):
        if last - first > 2 * MARGIN + LEAST:
            found.append(AloneStretch(cpu, first + MARGIN, last - MARGIN))
    return tuple(found)


def _joined(runs: Iterable[Run]) -> Iterator[AloneStretch]:
    """Runs of one CPU behind each other are one."""
    now: AloneStretch | None = None
    for run in runs:
        if now is not None and now.cpu == run.cpu:
            now = now._replace(last=run.last)
            continue
        if now is not None:
            yield now
        now = AloneStretch(run.cpu, run.first, run.last)
    if now is not None:
        yield now
