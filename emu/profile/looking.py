"""The second run of a branch, in which every access or every instruction is looked at."""

import time
from collections.abc import Collection

from emu.errors import CommandError
from emu.machine.board import Probe
from emu.machine.machine import Machine
from emu.profile.accesses import SharedAccesses
from emu.profile.basis import Looked, SectionNeeds
from emu.profile.code_trace import CodeTrace
from emu.timeline.moment import Moment
from emu.timeline.search import from_here
from emu.timeline.timeline import Timeline


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
        plain = _seconds(machine, timeline, end)
        seen = _seconds(machine, timeline, end, *probes)
        if accesses is not None:
            accesses.finish()
    if code is not None and code.full:
        raise CommandError("profile: there are more lines executed than can be kept")
    return Looked(accesses, code, seen / plain if plain else 0.0)


def _seconds(machine: Machine, timeline: Timeline, end: Moment, *probes: Probe) -> float:
    """How long the branch takes from power-on to a moment, looked at."""
    timeline.goto(Moment(0))
    machine.board.look_at(*probes)
    began = time.perf_counter()
    timeline.retrace(end)
    taken = time.perf_counter() - began
    machine.board.look_at()
    return taken
