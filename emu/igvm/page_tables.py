"""Page tables that follow a file which is loaded elsewhere: rebuilt in their own region.

Source: microsoft/igvm, `igvm/src/page_table.rs` (PageTableRelocationBuilder). Beside it, what
would stop that loader by an assertion is a sentence here, a table that is reached twice is
refused, and a file that moves down is moved down.
"""

from array import array
from typing import Final

from msgspec import Struct

from emu.errors import ImageError
from emu.hw.address import PAGE_BYTES

PRESENT, WRITE, ACCESSED, LARGE = 1 << 0, 1 << 1, 1 << 5, 1 << 7
_ADDRESS: Final = 0x000F_FFFF_FFFF_F000
_ENTRIES: Final = 512
_ROOT_LEVEL: Final = 3
TABLES_MAX: Final = 4_096
"""Of a region: OpenHCL's have some ten, and 16 MiB of tables map 8 GiB in pages of 4 KiB."""


class Moved(Struct, frozen=True):
    """Pages that lie elsewhere: `size` bytes from `gpa` on, `delta` further up."""

    gpa: int
    size: int
    delta: int

    def holds(self, gpa: int) -> bool:
        """Whether an address, as the file has it, is one of these."""
        return self.gpa <= gpa < self.gpa + self.size

    @property
    def base(self) -> int:
        """Where they begin now."""
        return self.gpa + self.delta


def mapping_bytes(level: int) -> int:
    """What an entry maps: 4 KiB at level 0, 512 GiB in the root."""
    return PAGE_BYTES << 9 * level


class Rebuilding:
    """The tables of one region; `region` says how far they move."""

    def __init__(self, region: Moved, used: int, pages: dict[int, bytes]) -> None:
        """`used`: bytes of the region that hold tables; `pages`: those of the file, by the GPA
        that it gives them. Raises ImageError."""
        if region.size // PAGE_BYTES > TABLES_MAX:
            raise ImageError(f"its page tables have {region.size:#x} bytes, more than fit")
        self._region, self._used = region, used // PAGE_BYTES
        self._tables: dict[int, array[int]] = {}
        for gpa, data in pages.items():
            index = (gpa - region.gpa) // PAGE_BYTES
            if not region.holds(gpa) or index >= self._used:
                raise ImageError(f"a page table at {gpa:#x} lies behind those that are in use")
            self._tables[index] = array("Q", data)
        self._next = self._used
        self._elsewhere: dict[int, tuple[int, int]] = {}
        """New address -> (level, entry) of mappings that move with their pages."""
        self._seen: set[int] = set()

    def rebuilt(self, cr3: int, moved: tuple[Moved, ...]) -> bytes:
        """The region's contents from its new beginning on; all that `moved` names is mapped at
        its new address. Raises ImageError."""
        if not self._region.holds(cr3):
            raise ImageError(f"CR3 {cr3:#x} is not in the region of its page tables")
        root = cr3 & _ADDRESS
        self._fix(root, _ROOT_LEVEL, 0, moved)
        for gva, (level, entry) in sorted(self._elsewhere.items()):
            self._put(root + self._region.delta, gva, level, entry)
        tables = (self._tables.get(index) for index in range(self._next))
        return b"".join(bytes(PAGE_BYTES) if one is None else one.tobytes() for one in tables)

    def _at(self, gpa: int, base: int) -> "array[int]":
        """The table at an address of the region when it begins at `base`."""
        index = (gpa - base) // PAGE_BYTES
        if not 0 <= index < self._next:
            raise ImageError(f"a page table at {gpa:#x} lies outside those of its region")
        return self._tables.setdefault(index, array("Q", bytes(PAGE_BYTES)))

    def _fix(self, gpa: int, level: int, gva: int, moved: tuple[Moved, ...]) -> None:
        """Entries of one table and of those below: pointers follow the region, mappings of
        what moves are taken out to be put elsewhere."""
        table, size = self._at(gpa, self._region.gpa), mapping_bytes(level)
        if gpa in self._seen:
            raise ImageError(f"the page table at {gpa:#x} is reached twice: it cannot follow")
        self._seen.add(gpa)
        for index, entry in enumerate(table):
            if not entry & PRESENT:
                continue
            at, target = gva + index * size, entry & _ADDRESS
            if level == _ROOT_LEVEL or (level and not entry & LARGE):
                if self._region.holds(target):
                    table[index] = entry & ~_ADDRESS | target + self._region.delta & _ADDRESS
                    self._fix(target, level - 1, at, moved)
            elif self._leaf(at, level, entry, moved):
                table[index] = 0

    def _leaf(self, gva: int, level: int, entry: int, moved: tuple[Moved, ...]) -> bool:
        """Whether a mapping moves; then it is noted. One so large that its pages stay below it
        does not."""
        size = mapping_bytes(level)
        delta = next(
            (one.delta for one in moved if one.gpa < gva + size and gva < one.gpa + one.size), 0
        )
        if abs(delta) < size:
            return False
        new = gva + delta
        if new % size:
            raise ImageError(
                f"its pages move by {delta:#x} bytes, and {gva:#x} is mapped by {size:#x} at a "
                "time"
            )
        if not 0 <= new <= _ADDRESS or new in self._elsewhere:
            raise ImageError(f"what is mapped at {gva:#x} has no place at {new:#x}")
        self._elsewhere[new] = level, entry & ~_ADDRESS | new
        return True

    def _put(self, root: int, gva: int, level: int, entry: int) -> None:
        """Map an address; tables that are missing are taken from the region's unused end."""
        place, base = root, self._region.base
        for step in range(_ROOT_LEVEL, level, -1):
            table = self._at(place, base)
            index = gva // mapping_bytes(step) % _ENTRIES
            if not table[index] & PRESENT:
                table[index] = self._new() | PRESENT | WRITE | ACCESSED
            elif step < _ROOT_LEVEL and table[index] & LARGE:
                raise ImageError(f"{gva:#x} is mapped already, by a larger page")
            place = table[index] & _ADDRESS
        table, index = self._at(place, base), gva // mapping_bytes(level) % _ENTRIES
        if table[index] & PRESENT and table[index] != entry:
            raise ImageError(f"{gva:#x} is mapped already, to something else")
        table[index] = entry

    def _new(self) -> int:
        """GPA of one more table."""
        if self._next >= self._region.size // PAGE_BYTES:
            raise ImageError("its page tables have no room for those that moving it takes")
        self._next += 1
        return self._region.base + PAGE_BYTES * (self._next - 1)
