"""INITs or SIPIs that arrive twice."""

from emu.inject.cpu.ipi import WHAT, WrongIpi, lacks_ipis
from emu.inject.kind import Given, InjectionKind
from emu.inject.parameter import COUNT, CPU


def _carry_out(given: Given) -> None:
    what, count = given.word("WHAT"), given.number("COUNT")
    given.machine.injected.twist(WrongIpi(what, given.cpu.id, "twice", count))


KIND = InjectionKind(
    "twice-ipi", "the next COUNT INITs or SIPIs to the CPU arrive twice",
    (WHAT, CPU, COUNT.or_else("1")), _carry_out, "sipi 2", lacking=lacks_ipis,
)  # fmt: skip
