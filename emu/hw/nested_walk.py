"""Entries of a nested page table (AMD APM 2, 15.25), and a walk of one as a value."""

from typing import Final, Literal, Protocol

from msgspec import Struct

from emu.hw.address import Gpa, Hpa

PRESENT: Final = 1 << 0
WRITE: Final = 1 << 1
USER: Final = 1 << 2
ACCESSED: Final = 1 << 5
DIRTY: Final = 1 << 6
LARGE: Final = 1 << 7
NO_EXECUTE: Final = 1 << 63
FRAME: Final = 0x000F_FFFF_FFFF_F000
"""Bits 51:12 of an entry: the address of a page or of the next table."""
PHYSICAL_BITS: Final = 40
"""Physical address width of the emulated processor; higher bits of an entry are reserved."""
ERROR_PRESENT, ERROR_WRITE, ERROR_USER, ERROR_RESERVED, ERROR_FETCH = 1, 2, 4, 8, 16
"""Bits of a page fault's error code, the same for guest and nested tables (SDM 3, 4.7)."""

LEVELS: Final = (("L4", 39), ("L3", 30), ("L2", 21), ("L1", 12))
"""Name and lowest address bit of each level, root first."""
ENTRIES: Final = 512
_GPA_BITS: Final = 48
AccessKind = Literal["read", "write", "execute"]
NestedVerdict = Literal[
    "ok", "not present", "reserved bits", "user bit clear", "no execute", "read-only",
    "no host memory",
]  # fmt: skip


def bits_in_words(name: str, entry: int) -> str:
    """The permission and status bits of an entry of level `name`: `P W U A D PS NX`."""
    if not entry & PRESENT:
        return "absent"
    names = [(0, "P"), (1, "W"), (2, "U"), (5, "A"), (63, "NX")]
    if name == "L1":
        names.insert(4, (6, "D"))
    elif entry & LARGE:
        names[4:4] = [(6, "D"), (7, "PS")]
    return " ".join(word for bit, word in names if entry >> bit & 1)


class NestedLevel(Struct, frozen=True):
    """One entry that a nested walk read."""

    name: str
    table: Hpa
    index: int
    entry_hpa: Hpa
    value: int

    @property
    def words(self) -> str:
        """The entry's bits in words."""
        return bits_in_words(self.name, self.value)


class NestedWalk(Struct, frozen=True):
    """A nested walk with every level it read; `hpa` is None unless the verdict is ok."""

    gpa: Gpa
    access: AccessKind
    levels: tuple[NestedLevel, ...]
    hpa: Hpa | None
    verdict: NestedVerdict
    at: str = ""
    """Name of the level that the verdict is about; empty if it is about none."""

    @property
    def why(self) -> str:
        """The verdict with its place, such as `not present at L3`."""
        return f"{self.verdict} at {self.at}" if self.at else self.verdict

    @property
    def error_code(self) -> int:
        """Low bits of the fault's EXITINFO1 (APM 2, 15.25.6); 0 if the verdict is ok."""
        if self.verdict in ("ok", "no host memory"):
            return 0
        bits = (
            ERROR_USER | {"read": 0, "write": ERROR_WRITE, "execute": ERROR_FETCH}[self.access]
        )
        if self.verdict == "not present":
            return bits
        reserved = ERROR_RESERVED if self.verdict == "reserved bits" else 0
        return bits | ERROR_PRESENT | reserved

    def lines(self) -> tuple[str, ...]:
        """The walk as a person reads it, one level a line."""
        rows = [
            f"{level.name}[{level.index:03}] {level.entry_hpa:010x} = {level.value:016x} "
            f"{level.words}"
            for level in self.levels
        ]
        end = self.why if self.hpa is None else f"hpa {self.hpa:#x}"
        return (*rows, f"gpa {self.gpa:#x}: {end}")


class Words(Protocol):
    """What a walk needs of the host's memory: 64-bit words below `size`."""

    size: int

    def u64(self, hpa: int) -> int:
        """The little-endian 64-bit word at an address."""


def walk_nested(memory: Words, root: Hpa, gpa: Gpa, access: AccessKind = "read") -> NestedWalk:
    """Translate a GPA through a nested table; never raises, however broken the table is.

    Rights are those of all levels together, judged once the leaf is found (APM 2, 15.25.5).
    """
    levels: list[NestedLevel] = []
    table: int = root
    for name, shift in LEVELS if gpa < 1 << _GPA_BITS else ():
        index = gpa >> shift & ENTRIES - 1
        place = Hpa(table + 8 * index)
        entry = memory.u64(place) if place + 8 <= memory.size else 0
        levels.append(NestedLevel(name, Hpa(table), index, place, entry))
        verdict = _entry_verdict(entry, shift)
        if verdict != "ok":
            return NestedWalk(gpa, access, tuple(levels), None, verdict, name)
        if shift == 12 or entry & LARGE:
            return _at_leaf(memory, gpa, access, tuple(levels), (1 << shift) - 1)
        table = entry & FRAME
    return NestedWalk(gpa, access, (), None, "not present")


def _entry_verdict(entry: int, shift: int) -> NestedVerdict:
    """Whether a walk may go on through an entry: present, and no reserved bit set."""
    if not entry & PRESENT:
        return "not present"
    reserved = (1 << 52) - (1 << PHYSICAL_BITS)
    if shift == 39:
        reserved |= LARGE
    elif shift > 12 and entry & LARGE:
        reserved |= (1 << shift) - (1 << 13)
    return "reserved bits" if entry & reserved else "ok"


def _at_leaf(
    memory: Words,
    gpa: Gpa,
    access: AccessKind,
    levels: tuple[NestedLevel, ...],
    offset: int,
) -> NestedWalk:
    """The end of a walk that found its leaf: every nested access counts as a user access."""
    hpa = Hpa(levels[-1].value & FRAME & ~offset | gpa & offset)
    for level in levels:
        if not level.value & USER:
            return NestedWalk(gpa, access, levels, None, "user bit clear", level.name)
        if access == "execute" and level.value & NO_EXECUTE:
            return NestedWalk(gpa, access, levels, None, "no execute", level.name)
        if access == "write" and not level.value & WRITE:
            return NestedWalk(gpa, access, levels, None, "read-only", level.name)
    if hpa >= memory.size:
        return NestedWalk(gpa, access, levels, None, "no host memory")
    return NestedWalk(gpa, access, levels, hpa, "ok")
