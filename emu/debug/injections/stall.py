"""A CPU that gets no time for a while, as when its thread on the host is preempted."""

from emu.debug.injections.kind import Kind
from emu.errors import CommandError
from emu.machine.machine import Machine

STALL_NS_MAX = 10_000_000_000


def _carry_out(machine: Machine, values: list[int]) -> None:
    cpu = machine.cpus[values[0]]
    if values[1] > STALL_NS_MAX:
        raise CommandError(f"inject stall: NS: at most {STALL_NS_MAX:,}, got {values[1]:,}")
    machine.waits.wake(cpu, machine.now_ps())
    cpu.clock_ps += values[1] * 1000
    machine.event(cpu, "state", f"gets no time for {values[1]:,} ns (injected)")


KIND = Kind("stall", ("CPU", "NS"), "the CPU gets no time for so long", _carry_out)
