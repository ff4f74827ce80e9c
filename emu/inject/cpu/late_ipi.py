"""An INIT or SIPI that arrives late, perhaps after the next one."""

from emu.inject.cpu.ipi import WHAT, WrongIpi, lacks_ipis
from emu.inject.kind import Given, InjectionKind
from emu.inject.parameter import CPU, NS


def _carry_out(given: Given) -> None:
    what, delay = given.word("WHAT"), given.number("NS")
    given.machine.injected.twist(WrongIpi(what, given.cpu.id, "late", 1, delay))


KIND = InjectionKind(
    "late-ipi", "the next INIT or SIPI to the CPU arrives so much later", (WHAT, CPU, NS),
    _carry_out, "sipi 2 5ms", lacking=lacks_ipis,
)  # fmt: skip
