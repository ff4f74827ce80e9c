"""What a number points at, if it is an address: a name, a stack, a text, or a region."""

from functools import lru_cache
from typing import Final

from msgspec import Struct

from emu.boot.symbols import SymbolMap
from emu.hw.address import PAGE_BYTES, Hpa, page_of
from emu.hw.cpu import Cpu
from emu.machine.machine import Machine

LEAST: Final = 0x1000
"""Smaller numbers are numbers."""
TEXT_BYTES: Final = 32
NAMES_KEPT: Final = 4_096
_CANONICAL: Final = (0, 0x1FFFF)
"""Bits 63:47 of a linear address (SDM 1, 3.3.7.1)."""
_TEXT_LEAST: Final = 4
"""Fewer letters in a row are chance."""


class Pointed(Struct, frozen=True):
    """In words; empty where nothing is known to lie there. `code`: it is code of an image."""

    words: str = ""
    code: bool = False


NOWHERE: Final = Pointed()


def pointed(machine: Machine, cpu: Cpu, value: int) -> Pointed:
    """What a number would mean as a linear address of a CPU, at this moment."""
    context, board = cpu.context, machine.board
    if value < LEAST or context is None or value >> 47 not in _CANONICAL:
        return NOWHERE
    named = _named(board.layout.symbols, value)
    if named.code:
        return named
    page = board.code.page(context, value)
    if page is None:
        return NOWHERE
    users = machine.cpu_witness.stacks.users(value)
    if users:
        return Pointed(f"stack of cpu {', '.join(map(str, sorted(users)))}")
    if value >> 12 == context.rip >> 12:  # elsewhere nobody looks for a copy
        copied = _named(board.layout.symbols, board.copies.original(context, value))
        if copied.code:
            return copied
    offset = value % PAGE_BYTES
    text = _text(board.memory.read(Hpa(page + offset), min(TEXT_BYTES, PAGE_BYTES - offset)))
    if text:
        return Pointed(text)
    return named if named.words else Pointed(_region(machine, cpu, value))


@lru_cache(maxsize=NAMES_KEPT)
def _named(symbols: SymbolMap, address: int) -> Pointed:
    """The symbol of an address, which is always the same."""
    name = symbols.name(address)
    return Pointed(name, bool(name) and symbols.is_code(address))


def _text(data: bytes) -> str:
    """What is written there, in quotes, if letters and nothing else stand before a NUL."""
    if not 0x20 <= data[0] < 0x7F:
        return ""
    letters, end, _ = data.partition(b"\0")
    whole = letters.rstrip(b"\r\n\t")
    if len(whole) < _TEXT_LEAST or not all(0x20 <= byte < 0x7F for byte in whole):
        return ""
    return f'"{whole.decode("ascii")}{"" if end else "..."}"'


def _region(machine: Machine, cpu: Cpu, value: int) -> str:
    """The mailbox, or a region of the loader's layout, with an offset."""
    gpa = machine.board.virtual.gpa(cpu.registers, value)
    if gpa is None:
        return ""
    if page_of(gpa) == machine.board.mailbox_gpa:
        return f"mailbox{_plus(gpa % PAGE_BYTES)}"
    for one in machine.board.layout.regions:
        if one.gpa <= gpa < one.gpa + one.size:
            return f"{one.name}{_plus(gpa - one.gpa)}"
    return ""


def _plus(offset: int) -> str:
    return f"+{offset:#x}" if offset else ""
