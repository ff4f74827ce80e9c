"""An ack that is lost: the AP clears the command and goes, and the word is what it was."""

from emu.inject.kind import Given, InjectionKind
from emu.inject.parameter import CPU
from emu.inject.protocol.hand import WAKEUP, store


def _carry_out(given: Given) -> None:
    store(given.machine, None, "command", WAKEUP)


KIND = InjectionKind(
    "ack-lost", "the CPU's ack never becomes visible", (CPU,), _carry_out, "2",
    when="mailbox command=noop cpu {CPU}", group="protocol",
)  # fmt: skip
