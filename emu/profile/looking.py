"""The second run of a branch, in which accesses or instructions are looked at."""

import time
from collections.abc import Collection, Iterable
from typing import Final

from emu.errors import CommandError
from emu.machine.board import Probe
from emu.machine.machine import Machine
from emu.profile.accesses import SharedAccesses
from emu.profile.alone import AloneStretch, alone
from emu.profile.basis import Looked, SectionNeeds
from emu.profile.code_trace import CodeTrace
from emu.timeline.moment import Moment
from emu.timeline.search import from_here
from emu.timeline.timeline import Timeline

SAMPLE: Final = 10_000
"""Where one CPU runs alone for long, its place is looked at every so many instructions."""


def looked(machine: Machine, timeline: Timeline, needs: Collection[SectionNeeds]) -> Looked:
    """What sections that need this are given; nothing is run where logs are enough. The machine
    comes back to where it is. Raises CommandError where there is too much to look at."""
    accesses = SharedAccesses.of(machine) if "accesses" in needs else None
    code = CodeTrace() if "code" in needs else None
    probes: list[Probe] = [one for one in (accesses, code) if one is not None]
    if not probes:
        return Looked()
    with from_here(timeline):
        end = timeline.now
        passed = alone(machine.board.logs.lanes.runs(0, end.tick))
        plain = _seconds(timeline, _Look(timeline, ()), end)
        seen = _seconds(timeline, _Look(timeline, probes, code, passed), end)
        if accesses is not None:
            accesses.finish()
    if code is not None and code.full:
        raise CommandError("profile: there are more lines executed than can be kept")
    return Looked(accesses, code, seen / plain if plain else 0.0, passed)


def _seconds(timeline: Timeline, look: "_Look", end: Moment) -> float:
    """How long the branch takes from power-on to a moment, looked at."""
    timeline.goto(Moment(0))
    began = time.perf_counter()
    look.run(end)
    return time.perf_counter() - began


class _Look:
    """One run, and what looks at it but for stretches that are passed over."""

    def __init__(
        self, timeline: Timeline, probes: Iterable[Probe], code: CodeTrace | None = None,
        passed: tuple[AloneStretch, ...] = (),
    ) -> None:  # fmt: skip
        self._timeline, self._board = timeline, timeline.machine.board
        self._probes, self._code, self._passed = tuple(probes), code, passed

    def run(self, end: Moment) -> None:
        """Up to a moment."""
        for one in self._passed:
            self._seen(Moment(one.first))
            self._pass(one)
        self._seen(end)

    def _seen(self, end: Moment) -> None:
        self._board.look_at(*self._probes)
        self._timeline.retrace(end)
        self._board.look_at()

    def _pass(self, one: AloneStretch) -> None:
        if self._code is not None:
            for tick in range(one.first, one.last, SAMPLE):
                self._timeline.retrace(Moment(tick))
                self._code.sample(self._board, one.cpu)
        self._timeline.retrace(Moment(one.last))
