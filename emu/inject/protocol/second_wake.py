"""A wake-up for a CPU that is online: it does not look at the mailbox any more."""

from emu.inject.kind import Given, InjectionKind
from emu.inject.parameter import CPU
from emu.inject.protocol.hand import WAKEUP, store


def wake(given: Given) -> None:
    """The OS's CPU 0 sends a Wakeup to a CPU, with the vector that is there."""
    machine = given.machine
    apic_id = machine.board.platform.apic_ids[given.number("CPU")]
    for field, value in (("apic_id", apic_id), ("command", WAKEUP)):
        store(machine, machine.board.cpus[0], field, value)


KIND = InjectionKind(
    "second-wake", "the OS wakes the CPU again, which is online", (CPU,), wake, "1",
    when="online cpu {CPU}", group="protocol",
)  # fmt: skip
