"""Who runs next: the CPU that is furthest behind in virtual time, up to its neighbours."""

from dataclasses import dataclass
from typing import Final

from emu.hw.cpu import Cpu
from emu.machine.machine import Machine

QUANTUM_PS: Final = 1_000_000
"""How far a CPU may run ahead of the next one: 1 us, some 2,000 instructions."""
ALONE_PS: Final = 50_000_000
"""The longest slice of a CPU that runs alone: 50 us, some 100,000 instructions."""


@dataclass(frozen=True, slots=True)
class Slice:
    """One CPU up to one moment of its own clock."""

    cpu: Cpu
    until_ps: int


def next_slice(machine: Machine) -> Slice | None:
    """The next slice of the `timed` schedule; None when nothing can ever run again.

    A waiting CPU whose loop ends by the clock takes part with the time it is known to wait.
    """
    waits = machine.waits
    while True:
        times = sorted(_moments(machine))[:2]
        if not times:
            return None
        moment, index = times[0]
        horizon = times[1][0] if len(times) > 1 else moment + ALONE_PS
        cpu = machine.cpus[index]
        if cpu.activity == "running":
            until = min(horizon + QUANTUM_PS, moment + ALONE_PS)
            return Slice(cpu, max(until, moment + 1))
        if waits.waiting[index].ends_ps is None:
            waits.look_ahead(cpu, horizon + QUANTUM_PS)
        else:
            waits.wake(cpu, moment)


def _moments(machine: Machine) -> list[tuple[int, int]]:
    """(clock, CPU) of everyone who can run by itself."""
    running = [(cpu.clock_ps, cpu.id) for cpu in machine.cpus if cpu.activity == "running"]
    return running + machine.waits.moments()
