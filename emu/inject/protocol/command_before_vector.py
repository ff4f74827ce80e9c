"""The command is there before the vector: stores in the wrong order, and between the two the
OS's CPU is preempted for a moment."""

from emu.inject.kind import Given, InjectionKind
from emu.inject.parameter import CPU
from emu.inject.protocol.hand import WAKEUP, os_cpu, store

PREEMPTED_PS = 20_000_000
"""20 us: an AP in the mailbox loop looks every few nanoseconds."""


def _carry_out(given: Given) -> None:
    writer = os_cpu(given)
    store(given.machine, writer, "command", WAKEUP)
    given.machine.board.go_on(writer, writer.clock_ps + PREEMPTED_PS, "delayed")


KIND = InjectionKind(
    "command-before-vector", "the OS stores Wakeup for the CPU before the vector", (CPU,),
    _carry_out, "1", when="mailbox apic_id={APIC}", group="protocol",
)  # fmt: skip
