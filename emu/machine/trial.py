"""A trial: what a CPU would do, found out by letting it, and then taken back to the byte.

Taken back are its registers, its clocks, and the bytes of the places that it may store to, as
they were when the trial began: whatever other CPUs have stored there stays. Whoever tries must
not let the CPU execute anything that touches more: a page that it has not touched before would
keep the A bits (and a page not written before the D bit) that the walk sets in the tables.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from emu.hw.address import Hpa
from emu.hw.cpu import Cpu

if TYPE_CHECKING:
    from emu.machine.machine import Machine

TrialPlace = tuple[Hpa, int]
"""Where, and how many bytes."""


class Trial:
    """One trial while it lasts."""

    def __init__(self, machine: "Machine", places: Iterable[TrialPlace]) -> None:
        self._machine = machine
        self._before: list[tuple[Hpa, bytes]] = []
        for hpa, count in places:
            self.keep(hpa, count)

    def keep(self, hpa: Hpa, count: int) -> None:
        """These bytes are about to change, too."""
        self._before.append((hpa, self._machine.memory.read(hpa, count)))

    def take_back(self) -> None:
        """Memory is as it was; of bytes that were kept twice the first ones count."""
        for hpa, before in reversed(self._before):
            if self._machine.memory.read(hpa, len(before)) != before:
                self._machine.memory.write(hpa, before)


@contextmanager
def trial(
    machine: "Machine", cpu: Cpu, start_ps: int, places: Iterable[TrialPlace]
) -> Iterator[Trial]:
    """Meanwhile a CPU executes from where it stands, its clock at `start_ps`, and may store to
    `places` and to what is kept on the way."""
    context, views = cpu.registers, machine.injected.views
    saved = context.save(), cpu.clock_ps, cpu.ticks, machine.tick, machine.beat
    twists, seeing, nested = machine.injected.twists, views.seeing, machine.on_trial
    views.look(cpu.id)
    cpu.clock_ps = start_ps
    machine.on_trial = True
    one = Trial(machine, places)
    pages = {machine.ram.page_at(hpa) for hpa, _ in places} - {None}
    with machine.tracked.opened(cpu, pages):
        try:
            yield one
        finally:
            one.take_back()
            context.load(saved[0])
            _, cpu.clock_ps, cpu.ticks, machine.tick, machine.beat = saved
            machine.on_trial = nested
            machine.injected.twists = twists
            views.look(seeing)
    machine.engine.flush_tlb()
