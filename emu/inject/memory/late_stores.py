"""A CPU whose stores reach the others late: a store buffer, as x86-TSO allows (SDM 3, 9.2).

The CPU itself sees what it stored. Fences, locked and serialising instructions drain the
buffer, and so does time; stores become visible in their order. Only pages that somebody looks
at are buffered: the mailbox's, and those that waiting CPUs read.
"""

from emu.inject.kind import Given, InjectionKind
from emu.inject.parameter import CPU, NS


def _carry_out(given: Given) -> None:
    given.machine.store_buffers.delay(given.cpu, given.number("NS"))


KIND = InjectionKind(
    "late-stores", "the CPU's stores are visible to others only after so long", (CPU, NS),
    _carry_out, "0 20us", group="memory",
)  # fmt: skip
