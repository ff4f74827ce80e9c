"""The linear address of code that somebody wants to see: `gpa:` is where the page lies, not
what stands in it."""

from emu.errors import CommandError
from emu.hw.cpu import Cpu
from emu.machine.machine import Machine
from emu.picture.mapped import ranges
from emu.words.expression import address
from emu.words.where import resolve


def code_address(machine: Machine, focus: Cpu, where: str) -> int:
    """Where code stands in a CPU's own addresses: a symbol, `file:line`, an expression, and
    behind `gva:` or `gpa:` an address of that space. Raises CommandError."""
    space, colon, rest = where.partition(":")
    if not colon or space not in ("gva", "gpa"):
        return address(machine, focus, where)
    wanted = resolve(machine, rest)[0]
    return wanted if space == "gva" else _mapped(machine, focus, wanted)


def _mapped(machine: Machine, focus: Cpu, gpa: int) -> int:
    """An address at which a CPU has a guest-physical one: the same number, where it can be."""
    context = focus.registers
    if machine.board.virtual.gpa(context, gpa) == gpa:
        return gpa
    for one in ranges(machine, context):
        if not one.shared and one.gpa <= gpa < one.gpa + one.size:
            return one.gva + gpa - one.gpa
    raise CommandError(f"list: cpu {focus.id} maps nothing at gpa {gpa:#x}: `cpu N` first")
