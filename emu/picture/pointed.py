"""What a number points at, if it is an address: a name, a stack, a text, or a region."""

from typing import Final

from msgspec import Struct

from emu.hw.address import PAGE_BYTES, canonical, page_of
from emu.hw.cpu import Cpu
from emu.machine.machine import Machine

LEAST: Final = 0x1000
"""Smaller numbers are numbers."""
TEXT_BYTES: Final = 32
_TEXT_LEAST: Final = 4
"""Fewer letters in a row are chance."""
_EXECUTABLE: Final = 1


class Pointed(Struct, frozen=True):
    """In words; empty where nothing is known to lie there. `code`: it is code of an image."""

    words: str = ""
    code: bool = False


NOWHERE: Final = Pointed()


def pointed(machine: Machine, cpu: Cpu, value: int) -> Pointed:
    """What a number would mean as a linear address of a CPU, at this moment."""
    context = cpu.context
    if value < LEAST or context is None or not canonical(value):
        return NOWHERE
    gpa = machine.board.virtual.gpa(context, value)
    if gpa is None or machine.board.npt.hpa_of(gpa) is None:
        return NOWHERE
    words = _stack(machine, value)
    if words:
        return Pointed(words)
    origin = value
    if page_of(value) == page_of(context.linear_rip):  # elsewhere nobody looks for a copy
        origin = machine.board.copies.original(context, value)
    name = machine.board.layout.symbols.name(origin)
    if name and _is_code(machine, origin):
        return Pointed(name, True)
    text = _text(machine, cpu, value)
    if text:
        return Pointed(text)
    if gpa & -PAGE_BYTES == machine.board.mailbox_gpa:
        return Pointed(f"mailbox{_plus(gpa % PAGE_BYTES)}")
    return Pointed(name or _region(machine, gpa))


def _plus(offset: int) -> str:
    return f"+{offset:#x}" if offset else ""


def _stack(machine: Machine, value: int) -> str:
    """`stack of cpu 2`: a page that CPUs were seen to have their stack in."""
    users = machine.cpu_witness.stacks.users(page_of(value))
    if not users:
        return ""
    return f"stack of cpu {', '.join(map(str, users))}"


def _is_code(machine: Machine, origin: int) -> bool:
    """Whether an address is in an executable segment of an image."""
    return any(
        part.address <= origin - one.bias < part.address + part.memory_bytes
        for one in machine.board.layout.placed
        for part in one.image.segments
        if part.flags & _EXECUTABLE
    )


def _text(machine: Machine, cpu: Cpu, value: int) -> str:
    """What is written there, in quotes, if letters and nothing else stand before a NUL."""
    data = machine.board.virtual.most(cpu.registers, value, TEXT_BYTES)
    letters, end, _ = data.partition(b"\0")
    whole = letters.strip(b"\r\n\t")
    if len(whole) < _TEXT_LEAST or not all(0x20 <= byte < 0x7F for byte in whole):
        return ""
    return f'"{whole.decode("ascii")}{"" if end else "..."}"'


def _region(machine: Machine, gpa: int) -> str:
    """The region of the loader's layout, with an offset."""
    for one in machine.board.layout.regions:
        if one.gpa <= gpa < one.gpa + one.size:
            return f"{one.name}{_plus(gpa - one.gpa)}"
    return ""
