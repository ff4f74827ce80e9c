"""A bit of a register is another one: a soft error inside the core."""

from emu.errors import CommandError
from emu.inject.kind import Given, InjectionKind
from emu.inject.parameter import BIT, CPU, REGISTER


def _carry_out(given: Given) -> None:
    machine, cpu = given.machine, given.cpu
    if cpu.context is None:
        raise CommandError(
            f"inject flip-register: cpu {cpu.id} has not started: name a moment, as in "
            f"`at parked cpu {cpu.id}`"
        )
    machine.waits.wake(cpu, machine.board.now_ps(), "disturbed")
    name, bit = given.word("REGISTER"), 1 << given.number("BIT")
    cpu.context.put(name, cpu.context.get(name) ^ bit)


KIND = InjectionKind(
    "flip-register", "one bit of a register flips", (CPU, REGISTER, BIT), _carry_out,
    "2 r13 40", not_started="parked cpu {CPU}",
)  # fmt: skip
