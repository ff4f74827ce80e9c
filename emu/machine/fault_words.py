"""Why a CPU faults, in words: what the walk of its tables met, and what would have been needed.

The words of a page fault are the walk's own (`emu.hw.paging`), so an event, the command `walk`
and the end of a run say the same. They are made where a fault has come, and nowhere else.
"""

from typing import Final

from msgspec.structs import replace

from emu.boot import disasm
from emu.hw import interrupt
from emu.hw.address import Gva, canonical, page_of
from emu.hw.context import Context
from emu.hw.cpu import Cpu
from emu.hw.nested_walk import ERROR_FETCH, ERROR_USER, ERROR_WRITE, AccessKind
from emu.hw.page_walk import SHARED_BIT
from emu.hw.paging import ALIAS_BIT, PagingRules, walk
from emu.machine.board import Board
from emu.vmm import asked as ask

_DOING: Final[dict[AccessKind, str]] = {
    "read": "reading", "write": "writing", "execute": "fetching",
}  # fmt: skip
_OF_SELECTORS: Final = frozenset((10, 11, 12, 13))
"""Exceptions whose error code is a selector (SDM 3, 6.13)."""
_IN_IDT, _IN_LDT = 2, 4
_STALE: Final = "the tables allow it by now: an older translation was used"
_BUSY: Final = (3, 11)
"""Types of system segments (SDM 3, table 3-2): a TSS in use."""
_SHARED_BITS: Final = 1 << SHARED_BIT | 1 << ALIAS_BIT


def fault_words(board: Board, cpu: Cpu, asked: ask.CpuFault) -> tuple[str, str]:
    """An exception, `#PF reading 0x841c030 (ap_shared+0x30)`, and its cause, such as `L1 is not
    present` (empty if none is known). The CPU has not left its instruction."""
    name = interrupt.name_of(asked.vector)
    if asked.vector == interrupt.PAGE_FAULT:
        access = access_of(asked.error)
        rules = PagingRules.of(cpu.registers)
        user = bool(asked.error & ERROR_USER)
        if user != (rules.cpl == 3):  # the processor's own access, for code of CPL 3
            rules = replace(rules, cpl=3 if user else 0)
        why = _refused(board, rules, asked.address, access)
        # Where a CPU fetches, it stands: its place says the name.
        gva = asked.address
        what = f"{gva:#x}" if access == "execute" else named(board, gva)
        return f"{name} {_DOING[access]} {what}", why or _STALE
    if asked.vector not in _OF_SELECTORS:
        return name, ""
    if asked.error:
        return name, _selector(board, cpu.registers, asked.error)
    return name, _at_rip(board, cpu)


def access_words(board: Board, context: Context, gva: int, access: AccessKind) -> str:
    """An address and why it cannot be reached so: `0x1000 (name+0x10): L1 has W=0 and CR0.WP is
    1`. The processor's own accesses, to tables and the stack of a handler, count as those of
    CPL 0 (SDM 3, 4.6.1)."""
    rules = replace(PagingRules.of(context), cpl=0)
    why = _refused(board, rules, gva, access) or _STALE
    return f"{named(board, gva)}: {why}"


def access_of(error: int) -> AccessKind:
    """What was tried, by the error code of a page fault (SDM 3, 4.7)."""
    if error & ERROR_FETCH:
        return "execute"
    return "write" if error & ERROR_WRITE else "read"


def nested_words(board: Board, cpu: Cpu, error: int, gpa: int) -> str:
    """What a GPA is to the instruction that asks for it: ` for 0x1000 (name)`, or `, the L2
    entry for 0x1000 (name)`. Empty if none of its addresses leads there."""
    rules, access = PagingRules.of(cpu.registers), access_of(error)
    rip: tuple[int, AccessKind] = board.linear_rip(cpu), "execute"
    # A walk asks for write permission, also the one of a fetch (APM 2, 15.25.6).
    places = [rip] if access == "execute" else [*_places(board, cpu), rip]
    for gva, kind in places:
        found = walk(board.memory, board.npt.model_root, rules, Gva(gva), kind)
        for level in found.levels:
            if _same_page(level.entry_gpa, gpa) and level.nested.hpa is None:
                return f", the {level.name} entry for {named(board, gva)}"
        if found.gpa is not None and _same_page(found.gpa, gpa):
            name = board.layout.symbols.name(gva)
            if gva != gpa:
                return f" for {named(board, gva)}"
            return f" ({name})" if name else ""
    return ""


def _same_page(one: int, other: int) -> bool:
    return page_of(one & ~_SHARED_BITS) == page_of(other & ~_SHARED_BITS)


def _refused(board: Board, rules: PagingRules, gva: int, access: AccessKind) -> str:
    """What stops a walk to an address; empty if nothing does."""
    return walk(board.memory, board.npt.model_root, rules, Gva(gva), access).why


def named(board: Board, gva: int) -> str:
    """`0x841c030 (ap_shared+0x30)`: a linear address with the symbol that covers it."""
    name = board.layout.symbols.name(gva)
    return f"{gva:#x} ({name})" if name else f"{gva:#x}"


def _places(board: Board, cpu: Cpu) -> list[tuple[int, AccessKind]]:
    """The linear addresses that the instruction at RIP touches, and how."""
    registers = cpu.registers
    code = disasm.decode(board.code_bytes(cpu), board.linear_rip(cpu), registers.coding)
    if code is None:
        return []
    found: list[tuple[int, AccessKind]] = []
    for operand in code.memory:
        base = registers.segment(operand.segment).base if operand.segment else 0
        first = base + operand.address(registers.get, code)
        kind: AccessKind = "write" if "w" in operand.access else "read"
        found += [(first, kind), (first + operand.size - 1, kind)]
    return found


def _at_rip(board: Board, cpu: Cpu) -> str:
    """What is wrong with the instruction's own addresses; else its text."""
    registers = cpu.registers
    if registers.mode == "long":
        for gva, kind in _places(board, cpu):
            if not canonical(gva):
                return f"{_DOING[kind]} {gva:#x}: not canonical, bits 63:47 differ"
    code = disasm.decode(board.code_bytes(cpu), board.linear_rip(cpu), registers.coding)
    return "" if code is None else f"`{code.mnemonic} {code.operands}".rstrip() + "`"


def _selector(board: Board, context: Context, error: int) -> str:
    """The descriptor that a selector's error code names, and what it is."""
    index = error >> 3
    if error & _IN_IDT:
        return f"IDT entry {index}"
    table = "LDT" if error & _IN_LDT else "GDT"
    found = context.segment("ldtr" if table == "LDT" else "gdtr")
    what = f"selector {error & 0xFFFC:#x}"
    if 8 * index + 7 > found.limit:
        return f"{what} is outside the {table} (limit {found.limit:#x})"
    raw = board.virtual.read(context, found.base + 8 * index, 8)
    if raw is None:
        return f"{what}: {access_words(board, context, found.base + 8 * index, 'read')}"
    return f"{what} is {descriptor_words(int.from_bytes(raw, 'little'))}"


def descriptor_words(entry: int) -> str:
    """The first 8 bytes of a descriptor (SDM 3, 3.4.5): `not present`, `a busy TSS`."""
    kind, system, level = entry >> 40 & 15, not entry >> 44 & 1, entry >> 45 & 3
    if not entry >> 47 & 1:
        return "not present"
    if not system:
        return f"a {'code' if kind & 8 else 'data'} segment of DPL {level}"
    if kind in _BUSY:
        return "a busy TSS"
    names = {1: "a 16-bit TSS", 2: "an LDT", 9: "a TSS", 12: "a call gate"}
    return names.get(kind, f"a system segment of type {kind}")
