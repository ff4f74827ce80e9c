"""A wake-up while the CPU is on its way back into the firmware."""

from emu.inject.kind import InjectionKind
from emu.inject.parameter import CPU
from emu.inject.protocol.second_wake import wake

KIND = InjectionKind(
    "wake-during-hand-back", "the OS wakes the CPU before it is back in the mailbox loop",
    (CPU,), wake, "3", when="left cpu {CPU}", group="protocol",
)  # fmt: skip
