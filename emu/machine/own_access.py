"""Memory as the processor itself reaches it: descriptors, gates, the TSS, a handler's stack.

Such an access goes through the guest's tables with a supervisor's rights, CR0.WP included,
whatever the CPU executes (SDM 3, 4.6.1). Like any other it sets the A and D bits that are clear
(4.8), and each table that is read must be writable in the nested one (APM 2, 15.25.6).
"""

from typing import Final

from msgspec.structs import replace

from emu.hw.address import PAGE_BYTES, PAGE_MASK, Gva, Hpa
from emu.hw.context import Context
from emu.hw.cpu import Cpu
from emu.hw.nested_walk import ACCESSED, DIRTY, AccessKind
from emu.hw.page_walk import SHARED_BIT, PageWalk
from emu.hw.paging import PagingRules, walk
from emu.hw.paging_modes import FORMATS, has_rights
from emu.machine.board import Board
from emu.machine.stores import Stores

_WALKS_MAX: Final = 1024
_Key = tuple[int, int, int, int, int, AccessKind]
_Known = tuple[int, Hpa, tuple[tuple[int, int], ...]]
"""Edits of the nested table by then, the page, and the entries with all their bits set: (number
of eight bytes, what they hold)."""


class OwnAccess:
    """Whoever delivers, or loads a descriptor, asks this. It remembers walks that set nothing,
    with the entries that they read; that is no state."""

    def __init__(self, board: Board, stores: Stores) -> None:
        self._board, self._stores = board, stores
        self._words = memoryview(board.memory.buffer).cast("B").cast("Q")
        self._walks: dict[_Key, _Known] = {}

    def read(self, cpu: Cpu, gva: int, count: int) -> bytes | None:
        """Bytes at a linear address; None where any page of them may not be read."""
        found = b""
        while count > 0:
            take = min(count, PAGE_BYTES - (gva & PAGE_MASK))
            page = self._page(cpu, gva, "read")
            if page is None:
                return None
            found += self._board.memory.read(Hpa(page + (gva & PAGE_MASK)), take)
            gva, count = gva + take, count - take
        return found

    def write(self, cpu: Cpu, gva: int, data: bytes) -> bool:
        """Store at a linear address; False, and nothing has changed but A and D bits, where any
        page of it may not be written."""
        for at in {gva, gva + len(data) - 1}:
            if self._page(cpu, at, "write") is None:
                return False
        return self._stores.write_virtual(cpu, gva, data)

    def refused(self, context: Context, gva: int, access: AccessKind) -> PageWalk:
        """The walk of an address, with what refuses it."""
        board = self._board
        rules = replace(PagingRules.of(context), cpl=0, alignment_check=False)
        return walk(board.memory, board.npt.model_root, rules, Gva(gva), access)

    def _page(self, cpu: Cpu, gva: int, access: AccessKind) -> Hpa | None:
        """Where the page of an address lies in the host, and its A and D bits are set."""
        board, get = self._board, cpu.registers.get
        key = get("cr3"), get("cr0"), get("cr4"), get("efer"), gva >> 12, access
        known = self._walks.get(key)
        if known is not None and known[0] == board.npt.edits:
            words = self._words
            for index, word in known[2]:
                if words[index] != word:
                    break
            else:
                return known[1]
        found = self.refused(cpu.registers, gva, access)
        if found.hpa is None:
            return self._shared_view(cpu, gva, found)
        self._mark(cpu, found)
        page = Hpa(found.hpa & ~PAGE_MASK)
        if len(self._walks) >= _WALKS_MAX:
            self._walks.clear()
        places = [one.nested.hpa >> 3 for one in found.levels if one.nested.hpa is not None]
        entries = tuple((index, self._words[index]) for index in places)
        self._walks[key] = board.npt.edits, page, entries
        return page

    def _shared_view(self, cpu: Cpu, gva: int, found: PageWalk) -> Hpa | None:
        """A page of a TD's shared view: the walk knows 40 bits of address and calls the bit
        that asks for it reserved."""
        last = found.levels[-1] if found.levels else None
        if self._board.is_td and last is not None and last.reserved == 1 << SHARED_BIT:
            return self._board.virtual.hpa(cpu.registers, gva & ~PAGE_MASK)
        return None

    def _mark(self, cpu: Cpu, found: PageWalk) -> None:
        """Set the bits that the walk of an access sets (SDM 3, 4.8)."""
        if found.mode == "off":
            return
        width = FORMATS[found.mode].entry_bytes
        for level in found.levels:
            wanted = ACCESSED if has_rights(found.mode, level.name) else 0
            if level.leaf and found.access == "write":
                wanted |= DIRTY
            if wanted & ~level.value and level.nested.hpa is not None:
                data = (level.value | wanted).to_bytes(width, "little")
                self._stores.mark(cpu, level.entry_gpa, level.nested.hpa, data)
