"""What each CPU did, from power-on until now: it ran, waited in some way, or was off.

The laps that it executes before it is known to wait count as run.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator
from typing import Final, Literal

from msgspec import Struct

from emu.boot.mwait import Depth, entered
from emu.hw.cpu import Activity
from emu.machine.lap import LAP_MAX
from emu.machine.log import Woken
from emu.machine.machine import Machine
from emu.vmm.asked import Mwait, PauseHint

CpuDoing = Literal[
    "running", "spinning", "pausing", "halted", "MWAIT C1", "MWAIT C6", "MWAIT C8", "MWAIT C10",
    "leaving", "off",
]  # fmt: skip
"""`spinning`: in a loop that waits and has no PAUSE; `pausing`: in one that has; `leaving`: on
the way out of MWAIT; `off`: not yet started, or given no time by the host."""
MWAITS: Final[dict[Depth, CpuDoing]] = {
    "C1": "MWAIT C1", "C6": "MWAIT C6", "C8": "MWAIT C8", "C10": "MWAIT C10",
}  # fmt: skip
LAP_EXITS_PS: Final = 2_000_000
"""What the exits of a lap may cost: a PAUSE no further than a lap before a CPU begins to sleep
is of its loop."""


class CpuStretch(Struct, frozen=True):
    """A stretch of a CPU's clock in which it did one thing."""

    doing: CpuDoing
    from_ps: int
    to_ps: int

    @property
    def ps(self) -> int:
        """How long."""
        return self.to_ps - self.from_ps


def courses(machine: Machine) -> Iterator[list[CpuStretch]]:
    """Every CPU from power-on to the machine's time, without gaps. PAUSEs that left the guest
    are of what it ran."""
    board, now_ps = machine.board, machine.board.now_ps()
    kinds = _Kinds(machine)
    stills: dict[int, list[CpuStretch]] = defaultdict(list)
    for one in board.logs.woken:
        if one.to_ps > one.from_ps:
            stills[one.cpu] += kinds.over(one)
    for cpu in board.cpus:
        some = stills[cpu.id]
        if cpu.activity != "running" and cpu.clock_ps < now_ps:
            some.append(CpuStretch(kinds.at(cpu.id, cpu.clock_ps), cpu.clock_ps, now_ps))
        yield list(_filled(some, now_ps))


def _filled(stills: list[CpuStretch], now_ps: int) -> Iterator[CpuStretch]:
    """Between them it ran."""
    at = 0
    for one in (*stills, CpuStretch("off", now_ps, now_ps)):
        if one.from_ps > at:
            yield CpuStretch("running", at, one.from_ps)
        if one.to_ps > one.from_ps:
            yield one
        at = one.to_ps


class _Kinds:
    """What CPUs did that did not run."""

    def __init__(self, machine: Machine) -> None:
        self._turns: dict[int, list[tuple[int, Activity]]] = defaultdict(lambda: [(0, "off")])
        for one in machine.board.logs.turns:
            self._turns[one.cpu].append((one.clock_ps, one.activity))
        self._pauses = {cpu: [ns for ns, _ in some] for cpu, some in pauses_of(machine).items()}
        self._cpus = machine.board.cpus
        self._platform = machine.board.platform
        self._depths = _depths_of(machine)

    def over(self, woken: Woken) -> tuple[CpuStretch, ...]:
        """A stretch of a clock that went on at another moment."""
        begin, end = woken.from_ps, woken.to_ps
        if woken.why == "delayed":
            return (CpuStretch("off", begin, end),)
        doing, depth = self.at(woken.cpu, begin), self._depth(woken.cpu, begin)
        if depth is None or doing != MWAITS[depth]:
            return (CpuStretch(doing, begin, end),)
        out = max(end - self._platform.leaving_ps(woken.cpu, depth), begin)
        return CpuStretch(doing, begin, out), CpuStretch("leaving", out, end)

    def _depth(self, cpu: int, ps: int) -> Depth | None:
        """The depth of a CPU's last MWAIT by then."""
        some = self._depths[cpu]
        place = bisect_right(some, ps // 1000, key=lambda one: one[0])
        return some[place - 1][1] if place else None

    def at(self, cpu: int, ps: int) -> CpuDoing:
        """From a moment on, at which it ceased to run."""
        turns = self._turns[cpu]
        last = turns[bisect_right(turns, ps, key=lambda one: one[0]) - 1][1]
        if last == "waiting":
            pauses = self._pauses[cpu]
            place = bisect_right(pauses, ps // 1000)
            lap_ps = LAP_MAX * self._cpus[cpu].ps_per_instruction + LAP_EXITS_PS
            return (
                "pausing" if place and pauses[place - 1] * 1000 >= ps - lap_ps else "spinning"
            )
        if last == "mwait":
            depth = self._depth(cpu, ps)
            assert depth is not None, "it has executed one"
            return MWAITS[depth]
        return "halted" if last == "halted" else "running" if last == "running" else "off"


def _depths_of(machine: Machine) -> dict[int, list[tuple[int, Depth]]]:
    """CPU -> each MWAIT: its nanosecond, and the depth that it asked for."""
    found: dict[int, list[tuple[int, Depth]]] = defaultdict(list)
    offered = machine.board.platform.mwait
    for ns, cpu, asked, _ in machine.board.logs.exits.timed() if offered else ():
        if isinstance(asked, Mwait):
            found[cpu].append((ns, entered(offered, asked.hint)))
    return found


def pauses_of(machine: Machine) -> dict[int, list[tuple[int, int]]]:
    """CPU -> each PAUSE that left the guest: its nanosecond, and what it cost in ps."""
    found: dict[int, list[tuple[int, int]]] = {cpu.id: [] for cpu in machine.board.cpus}
    for ns, cpu, asked, price_ps in machine.board.logs.exits.timed():
        if isinstance(asked, PauseHint):
            found[cpu].append((ns, price_ps))
    return found
