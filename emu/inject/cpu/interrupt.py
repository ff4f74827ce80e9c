"""An external interrupt that nobody sent: taken as soon as the CPU's IF lets it in."""

from emu.errors import CommandError
from emu.hw.cpu import Cpu
from emu.inject.kind import Given, InjectionKind
from emu.inject.parameter import CPU, VECTOR
from emu.machine import ipi


def runs(cpu: Cpu) -> Cpu:
    """A CPU that can be interrupted; raises CommandError for one that cannot."""
    if cpu.context is None or cpu.activity in ("off", "wait-for-sipi", "shutdown"):
        raise CommandError(f"inject: cpu {cpu.id} does not run: nothing would take it")
    return cpu


def _carry_out(given: Given) -> None:
    cpu = runs(given.cpu)
    ipi.interrupt_cpu(given.machine, cpu, cpu, given.number("VECTOR"))


KIND = InjectionKind(
    "interrupt", "a spurious external interrupt", (CPU, VECTOR), _carry_out,
    "2 0x40", not_started="parked cpu {CPU}",
)  # fmt: skip
