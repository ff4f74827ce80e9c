"""A CPU that is started and does not come: the host says yes, and nothing happens."""

from emu.inject.cpu.gone import Gone
from emu.inject.kind import Given, InjectionKind
from emu.inject.parameter import CPU


def _carry_out(given: Given) -> None:
    given.machine.injected.twist(Gone(given.cpu.id))


KIND = InjectionKind(
    "never-starts", "the host says that it started the CPU, and does not", (CPU,), _carry_out,
    "3",
)  # fmt: skip
