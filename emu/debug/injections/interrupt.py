"""An external interrupt that nobody sent: taken as soon as the CPU's IF lets it in."""

from emu.debug.injections.kind import Kind
from emu.errors import CommandError
from emu.machine import apply
from emu.machine.machine import Machine


def deliver(machine: Machine, index: int, vector: int) -> None:
    """Make an interrupt pending on a started CPU; raises CommandError for another."""
    cpu = machine.cpus[index]
    if cpu.context is None or cpu.activity in ("off", "wait-for-sipi", "shutdown"):
        raise CommandError(f"inject: cpu {index} does not run: nothing would take it")
    apply.interrupt_cpu(machine, cpu, cpu, vector)


def _carry_out(machine: Machine, values: list[int]) -> None:
    if not 32 <= values[1] <= 255:
        raise CommandError(f"inject interrupt: VECTOR: 32 to 255, got {values[1]}")
    deliver(machine, *values)


KIND = Kind("interrupt", ("CPU", "VECTOR"), "a spurious external interrupt", _carry_out)
