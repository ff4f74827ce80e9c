"""A guest of one instruction: makes the emulated MMU read, write or fetch at an address."""

import struct
from collections.abc import Callable
from typing import Final

from msgspec import Struct

from emu.hw.address import Gpa, Gva, Hpa
from emu.hw.engine import Engine
from emu.hw.exit import Exit, ExitKind
from emu.hw.memory import HostMemory
from emu.hw.nested_walk import ACCESSED, DIRTY, PRESENT, USER, WRITE, AccessKind
from emu.hw.page_walk import PageWalk
from emu.hw.paging import PagingRules
from emu.hw.paging_modes import FORMATS, PagingMode
from emu.hw.vmcb import EXIT_EXCEPTION, EXIT_NPF, GuestState, SegmentState
from tests.hw.expected import expected_accessed, nested_fault

VMCB: Final = Hpa(0x8000)
TABLES: Final = Hpa(0x100000)
TABLES_BYTES: Final = 0x100000
GUEST: Final = Hpa(0x200000)
"""From here on host memory belongs to the guest and is compared byte by byte."""
GUEST_BYTES: Final = 0x18000
CODE: Final = Gpa(0x5000)
"""GPA of the page with the instructions; the pages after it hold the tables that map it."""
CODE_PAGES: Final = 4
PATTERN: Final = 0x9E3779B97F4A7C15
STORED: Final = 0x0123456789ABCDEF
FETCHED: Final = 0x600DC0DE

_CODE_SLOTS: Final[dict[PagingMode, tuple[int, ...]]] = {
    "off": (), "32-bit": (1023, 0), "PAE": (3, 510, 0), "4-level": (421, 17, 5, 0),
}  # fmt: skip
"""Where each level's tables keep the code; cases leave the first of these alone."""
_NOT_PRESENT: Final = SegmentState(0, 0, 0, 0)
_BASE: Final = PRESENT | WRITE | USER | ACCESSED
_READ, _WRITE, _READ32, _WRITE32 = 0x00, 0x20, 0x40, 0x60
_LIST: Final = {
    _READ: b"\x90\x48\x8b\x03\xf4", _WRITE: b"\x90\x48\x89\x03\xf4",
    _READ32: b"\x90\x8b\x03\xf4", _WRITE32: b"\x90\x89\x03\xf4",
}  # fmt: skip
"""nop; mov rax, [rbx] or mov [rbx], rax, or the same with eax and ebx; hlt."""


class Outcome(Struct, frozen=True):
    """What one access came to: `ok` with a value read, or a fault."""

    kind: str
    address: int = 0
    error: int = 0


def code_slot(mode: PagingMode) -> int:
    """The root entry that cases must not use."""
    return _CODE_SLOTS[mode][0] if mode != "off" else -1


def entry_place(mode: PagingMode, table: int, index: int) -> int:
    """Where an entry of a table lies."""
    return table + FORMATS[mode].entry_bytes * index


class Mmu:
    """One engine for many cases, and the memory that they are built in."""

    def __init__(self) -> None:
        self.memory = HostMemory(GUEST + GUEST_BYTES)
        self.engine = Engine(self.memory)
        words = GUEST_BYTES // 8
        self._clean = struct.pack(
            f"<{words}Q", *((PATTERN * (index + 1)) % (1 << 64) for index in range(words))
        )

    def clear(self) -> None:
        """Every word of guest memory gets a value of its own."""
        self.memory.write(GUEST, self._clean)

    def map_code(
        self, mode: PagingMode, root: int, hpa_of: Callable[[int], Hpa | None]
    ) -> None:
        """Instructions at CODE, and guest tables from `root` down to it, all rights given."""
        code = hpa_of(CODE)
        assert code is not None
        for offset, data in _LIST.items():
            self.memory.write(Hpa(code + offset), data)
        table = root
        for depth, index in enumerate(_CODE_SLOTS[mode]):
            last = depth == len(_CODE_SLOTS[mode]) - 1
            below = CODE if last else CODE + 0x1000 * (depth + 1)
            rights = _BASE & ~USER | DIRTY if last else _BASE
            if mode == "PAE" and depth == 0:
                rights = PRESENT
            self.put(mode, hpa_of, entry_place(mode, table, index), below | rights)
            if last:
                self.put(
                    mode, hpa_of, entry_place(mode, table, index + 1), below | _BASE | DIRTY
                )
            table = below

    def put(
        self, mode: PagingMode, hpa_of: Callable[[int], Hpa | None], place: int, entry: int
    ) -> None:
        """Store a guest table entry at a GPA."""
        hpa = hpa_of(place)
        assert hpa is not None
        width = FORMATS[mode].entry_bytes
        self.memory.write(hpa, entry.to_bytes(8, "little")[:width])

    def image(self) -> bytes:
        """All of guest memory."""
        return self.memory.read(GUEST, GUEST_BYTES)

    def attempt(
        self,
        rules: PagingRules,
        nested_root: Hpa,
        gva: Gva,
        access: AccessKind,
        spoil: Callable[[], None] = lambda: None,
    ) -> Outcome:
        """Make one access. `spoil` runs once the engine can do without the tables for the
        instruction itself, so it may break even the root."""
        self.engine.flush_tlb()
        context = self.engine.enter_guest(VMCB, _state(rules, gva, access), nested_root)
        self.engine.flush_tlb()
        nop = self.engine.run(context, 1)
        assert nop.kind is ExitKind.BUDGET, f"the instruction itself is not mapped: {nop}"
        spoil()
        if access == "execute":
            self.engine.flush_code()
            context.put("rip", gva)
        found = self.engine.run(context, 1)
        return _outcome(found, context.get("rax") if access != "write" else 0)


def _state(rules: PagingRules, gva: Gva, access: AccessKind) -> GuestState:
    """A CPU about to make the access: at the address, or at an instruction with it in RBX."""
    wide = rules.mode == "4-level"
    ring = 0x60 if rules.cpl == 3 else 0
    code = SegmentState(8 | rules.cpl, 0, 0xFFFFFFFF, (0xA9B if wide else 0xC9B) | ring)
    data = SegmentState(0x10 | rules.cpl, 0, 0xFFFFFFFF, 0xC93 | ring)
    segments = {"cs": code} | dict.fromkeys(("es", "ss", "ds", "fs", "gs"), data)
    segments |= dict.fromkeys(("gdtr", "ldtr", "idtr", "tr"), _NOT_PRESENT)
    return GuestState(
        rip=_code_address(rules) + _offset(wide, access),
        rsp=0, rflags=2 | rules.alignment_check << 18, efer=rules.efer, cr0=rules.cr0,
        cr3=rules.cr3, cr4=rules.cr4, segments=tuple(segments.items()), cpl=rules.cpl,
        registers=(("rbx", gva), ("rax", STORED)),
    )  # fmt: skip


def _offset(wide: bool, access: AccessKind) -> int:
    if access == "read":
        return _READ if wide else _READ32
    return _WRITE if wide else _WRITE32


def _code_address(rules: PagingRules) -> int:
    """GVA of the instructions: a supervisor page and after it a user page."""
    if rules.mode == "off":
        return CODE
    address = 0
    for level, index in zip(FORMATS[rules.mode].levels, _CODE_SLOTS[rules.mode], strict=True):
        address |= index << level.shift
    user = 0x1000 if rules.cpl == 3 else 0
    return address + user | (0xFFFF << 48 if address >> 47 & 1 else 0)


def _outcome(found: Exit, value: int) -> Outcome:
    if found.kind is ExitKind.BUDGET:
        return Outcome("ok", value)
    assert found.kind is ExitKind.INTERCEPT, found
    kinds = {EXIT_NPF: "#NPF", EXIT_EXCEPTION + 14: "#PF", EXIT_EXCEPTION + 13: "#GP"}
    kind = kinds.get(found.code, f"exit {found.code:#x}")
    return Outcome(kind, found.info if kind in ("#NPF", "#PF") else 0, found.error)


def predicted(found: PageWalk, after: bytes | bytearray) -> Outcome:
    """The outcome that a walk foretells; `after` is guest memory as the access leaves it."""
    fault = nested_fault(found)
    if fault is not None:
        gpa, info = fault
        return Outcome("#NPF", gpa, info & 0xFFFFFFFF)
    if found.verdict == "page fault":
        return Outcome("#PF", found.gva, found.error_code)
    if found.verdict == "not canonical":
        return Outcome("#GP")
    assert found.hpa is not None
    start = found.hpa - GUEST
    width = 8 if found.mode == "4-level" else 4
    read = int.from_bytes(after[start : start + width], "little")
    value = {"read": read, "write": 0, "execute": FETCHED}
    return Outcome("ok", value[found.access])


def place_code(memory: HostMemory, found: PageWalk) -> None:
    """Where a fetch will succeed, put: mov eax, FETCHED; hlt."""
    if found.access == "execute" and found.hpa is not None:
        memory.write(found.hpa, b"\xb8" + struct.pack("<I", FETCHED) + b"\xf4")


def _early_bit(found: PageWalk) -> list[tuple[Gpa, int]]:
    """A deviation of the engine: it sets A in a 1 GiB leaf before it judges rights and the
    address bits below 1 GiB, so also when the access then faults."""
    last = found.levels[-1] if found.levels else None
    if found.verdict != "page fault" or last is None or not last.leaf or last.name != "L3":
        return []
    early = last.value & PRESENT and last.reserved < 1 << 30
    return [(last.entry_gpa, ACCESSED)] if early else []


def image_after(image: bytes, found: PageWalk) -> bytearray:
    """Guest memory after the access: A and D bits set, and what a write stored."""
    after = bytearray(image)
    places = {level.entry_gpa: level.nested.hpa for level in found.levels}
    for gpa, bits in (*expected_accessed(found), *_early_bit(found)):
        hpa = places[gpa]
        assert hpa is not None
        after[hpa - GUEST] |= bits
    if found.access == "write" and found.hpa is not None:
        width = 8 if found.mode == "4-level" else 4
        start = found.hpa - GUEST
        after[start : start + width] = STORED.to_bytes(8, "little")[:width]
    return after
