"""A CPU that gets no time for a while, as when its thread on the host is preempted."""

from emu.inject.kind import Given, InjectionKind
from emu.inject.parameter import CPU, NS
from emu.machine import apply


def _carry_out(given: Given) -> None:
    machine, cpu = given.machine, given.cpu
    apply.delay(machine, cpu, given.number("NS"))
    machine.board.event(cpu, "state", f"gets no time for {given.number('NS') // 1000:,} ns")


KIND = InjectionKind(
    "stall", "the CPU gets no time for so long", (CPU, NS), _carry_out,
    "2 5us at mailbox command=wakeup",
)  # fmt: skip
