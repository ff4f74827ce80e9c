"""Hot-unplug: the CPU is gone, and the host refuses to start it: there is no such VP."""

from emu.inject.cpu.gone import take
from emu.inject.kind import Given, InjectionKind
from emu.inject.parameter import CPU


def _carry_out(given: Given) -> None:
    take(given.machine, given.cpu, "is unplugged", denied=True)


KIND = InjectionKind(
    "unplug", "the CPU is removed from the machine, and starting it is refused", (CPU,),
    _carry_out, "3",
)  # fmt: skip
