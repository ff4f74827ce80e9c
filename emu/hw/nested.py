"""Where each guest page really lives, and who may touch it.

Two four-level tables of 4 KiB leaves in host memory (AMD APM 2, 15.25): the *model*, which
people see and edit, and the *shadow*, which the emulated MMU walks. The shadow is the model
minus what the debugger withholds for a while (write permission, or the whole page), and minus
no-execute pages, which the emulator cannot stand (see `NestedPageTable.lend`).
"""

import struct
from collections.abc import Container
from typing import Final

from emu.hw.address import PAGE_BYTES, PAGE_MASK, Gpa, Hpa, page_of
from emu.hw.memory import HostMemory
from emu.hw.nested_walk import (
    ACCESSED,
    DIRTY,
    ENTRIES,
    FRAME,
    LEVELS,
    NO_EXECUTE,
    PHYSICAL_BITS,
    PRESENT,
    USER,
    WRITE,
)

_TABLE_SPAN: Final = ENTRIES * PAGE_BYTES
_READ_ONLY: Final = int.from_bytes(struct.pack("<Q", ~WRITE & (1 << 64) - 1) * ENTRIES)
"""A whole table's worth of ones, but for W of each entry."""

NestedState = tuple[dict[int, int], Hpa, dict[tuple[int, int], int], dict[int, frozenset[int]]]
"""What is withheld, the next free table, the leaf tables by root and span, and the pages that
are looked at one by one."""


class NestedPageTable:
    """The model and the shadow of one machine; tables are taken from one range of the host.

    Whoever edits must flush the engine's TLB before the guest runs again.
    """

    def __init__(self, memory: HostMemory, first: Hpa, size: int) -> None:
        self._memory = memory
        self._next = first
        self._end = first + size
        self._withheld: dict[int, int] = {}
        """Page -> bits that its leaf in the shadow lacks."""
        self._special: dict[int, set[int]] = {}
        """GPA >> 21 -> pages whose shadow leaf is more than the model's and the seal."""
        self._lent: set[int] = set()
        self._sealed = False
        self._lifted: set[int] = set()
        """While sealed: pages that have their own write permission all the same."""
        self._tables: dict[tuple[int, int], int] = {}
        """(root, GPA >> 21) -> HPA of the leaf table."""
        self.edits = 0
        """Grows with every change of the model."""
        self.root = self._new_table()
        """HPA of the shadow's root: the nested CR3."""
        self.model_root = self._new_table()
        """HPA of the model's root."""

    # -- tables -----------------------------------------------------------------------------

    def _new_table(self) -> Hpa:
        table = self._next
        assert table + PAGE_BYTES <= self._end, "the nested tables outgrew their range"
        self._next = Hpa(table + PAGE_BYTES)
        self._memory.zero(table, PAGE_BYTES)  # it may have been one before time went back
        return table

    def _leaf_table(self, root: Hpa, gpa: int) -> int:
        """The table that holds a GPA's leaf, made if it does not exist yet."""
        key = (root, gpa >> 21)
        found = self._tables.get(key)
        if found is not None:
            return found
        assert gpa >> PHYSICAL_BITS == 0, f"gpa {gpa:#x} is beyond what a guest can address"
        table: int = root
        for _, shift in LEVELS[:-1]:
            place = table + 8 * (gpa >> shift & ENTRIES - 1)
            entry = self._memory.u64(place)
            if not entry & PRESENT:
                entry = self._new_table() | PRESENT | WRITE | USER
                self._memory.put_u64(place, entry)
            table = entry & FRAME
        self._tables[key] = table
        return table

    def _fill(self, gpa: int, count: int, entry: int, step: int) -> None:
        """Leaves of `count` pages, each `step` more than the one before, table by table."""
        self.edits += 1
        while count > 0:
            index = gpa >> 12 & ENTRIES - 1
            now = min(count, ENTRIES - index)
            if entry or (self.model_root, gpa >> 21) in self._tables:
                if entry & NO_EXECUTE:
                    pages = range(gpa, gpa + PAGE_BYTES * now, PAGE_BYTES)
                    self._special.setdefault(gpa >> 21, set()).update(pages)
                values = range(entry, entry + step * now, step) if step else (entry,) * now
                place = self._leaf_table(self.model_root, gpa) + 8 * index
                self._memory.write(Hpa(place), struct.pack(f"<{now}Q", *values))
                self._derive(gpa, now)
            gpa, count, entry = gpa + PAGE_BYTES * now, count - now, entry + step * now

    def _derive(self, gpa: int, count: int) -> None:
        """The shadow's leaves of pages that share one table."""
        offset = 8 * (gpa >> 12 & ENTRIES - 1)
        source = Hpa(self._leaf_table(self.model_root, gpa) + offset)
        target = Hpa(self._leaf_table(self.root, gpa) + offset)
        image = self._memory.read(source, 8 * count)
        if self._sealed:
            short = int.from_bytes(image) & _READ_ONLY
            image = short.to_bytes(8 * count)
        self._memory.derive(target, image)
        pages = range(gpa, gpa + PAGE_BYTES * count, PAGE_BYTES)
        lifted = self._lifted.intersection(pages) if self._lifted else ()
        for page in (*self._special.get(gpa >> 21, ()), *lifted):
            if page in pages:
                self._derive_page(page)

    def _derive_page(self, page: int) -> None:
        """The shadow's leaf of one page: the model's, without what is withheld."""
        if (self.model_root, page >> 21) not in self._tables:
            return
        entry = self.leaf(page) & ~self._withheld.get(page, 0)
        if entry & NO_EXECUTE:
            entry &= ~(NO_EXECUTE if page in self._lent else PRESENT)
        if self._sealed and page not in self._lifted:
            entry &= ~WRITE
        place = self._leaf_table(self.root, page) + 8 * (page >> 12 & ENTRIES - 1)
        self._memory.derive_u64(place, entry)

    # -- the model --------------------------------------------------------------------------

    def map(
        self, gpa: Gpa, hpa: Hpa, count: int, *, write: bool = True, execute: bool = True
    ) -> None:
        """Map `count` pages in a row; both addresses are 4 KiB aligned."""
        flags = PRESENT | USER | (WRITE if write else 0) | (0 if execute else NO_EXECUTE)
        self._fill(gpa, count, hpa | flags, PAGE_BYTES)

    def unmap(self, gpa: Gpa, count: int) -> None:
        """Make `count` pages not present."""
        self._fill(gpa, count, 0, 0)

    def leaf(self, gpa: int) -> int:
        """The model's leaf entry of a GPA, 0 where there is none."""
        table = self._tables.get((self.model_root, gpa >> 21))
        return 0 if table is None else self._memory.u64(table + 8 * (gpa >> 12 & ENTRIES - 1))

    def leaf_table(self, gpa: int) -> bytes:
        """The model's leaf table over the 2 MiB around a GPA; zeros where there is none."""
        table = self._tables.get((self.model_root, gpa >> 21))
        return bytes(PAGE_BYTES) if table is None else self._memory.read(Hpa(table), PAGE_BYTES)

    def set_leaf(self, gpa: Gpa, entry: int) -> None:
        """Edit one leaf of the model; the shadow follows."""
        self._fill(page_of(gpa), 1, entry, 0)

    def mark(self, gpa: Gpa, *, dirty: bool) -> None:
        """Note an access in the model's A bit, and D if it wrote: the emulator sets neither."""
        entry = self.leaf(gpa)
        if entry & PRESENT:
            self.set_leaf(gpa, entry | ACCESSED | (DIRTY if dirty else 0))

    def hpa_of(self, gpa: int) -> Hpa | None:
        """Where a byte lies by the model, rights aside; None where nothing is mapped, or
        where an edited entry leads outside host memory."""
        table = self._tables.get((self.model_root, gpa >> 21))
        entry = 0 if table is None else self._memory.u64(table + 8 * (gpa >> 12 & ENTRIES - 1))
        hpa = Hpa(entry & FRAME | gpa & PAGE_MASK)
        return hpa if entry & PRESENT and hpa < self._memory.size else None

    # -- what the shadow withholds ----------------------------------------------------------

    def protect(self, page: Gpa) -> None:
        """Withhold write permission of one page from the guest."""
        self._withhold(page, self._withheld.get(page, 0) | WRITE)

    def unprotect(self, page: Gpa) -> None:
        """Take `protect` back: the page's own write permission holds again."""
        self._withhold(page, self._withheld.get(page, 0) & ~WRITE)

    def block(self, page: Gpa) -> None:
        """Let every access of the guest to one page fault, as if it were not present."""
        self._withhold(page, self._withheld.get(page, 0) | PRESENT)

    def _withhold(self, page: Gpa, bits: int) -> None:
        if bits:
            self._withheld[page] = bits
            self._special.setdefault(page >> 21, set()).add(page)
        else:
            self._withheld.pop(page, None)
        self._derive_page(page)

    def seal(self) -> None:
        """Withhold write permission of every page, also of pages mapped later; `lift` gives
        single pages theirs. Calling it again takes back all that was lifted."""
        lifted, self._lifted = self._lifted, set()
        if not self._sealed:
            self._sealed = True
            for root, span in list(self._tables):
                if root == self.model_root:
                    self._derive(span * _TABLE_SPAN, ENTRIES)
            return
        for page in lifted:
            self._derive_page(page)

    def liftable(self, page: int) -> bool:
        """Whether only the seal keeps the guest from writing to a page."""
        entry = self.leaf(page) & ~self._withheld.get(page, 0)
        sealed = self._sealed and page not in self._lifted
        return sealed and entry & (PRESENT | WRITE) == PRESENT | WRITE

    def writable(self, page: int) -> bool:
        """Whether the guest may write to a page as things are."""
        entry = self.leaf(page) & ~self._withheld.get(page, 0)
        open_now = not self._sealed or page in self._lifted
        return open_now and entry & (PRESENT | WRITE) == PRESENT | WRITE

    def lift(self, page: int) -> None:
        """Under `seal`, let the guest write one page if the page's own rights do."""
        self._lifted.add(page)
        self._derive_page(page)

    def hidden(self, page: int) -> bool:
        """Whether the shadow lacks a page only because it is no-execute."""
        entry = self.leaf(page) & ~self._withheld.get(page, 0)
        there = entry & (PRESENT | NO_EXECUTE) == PRESENT | NO_EXECUTE
        return there and page not in self._lent

    def seal_again(self, page: int) -> None:
        """Take `lift` back."""
        self._lifted.discard(page)
        self._derive_page(page)

    def lend(self, page: Gpa) -> None:
        """Let the guest reach a no-execute page, for one instruction that may: the shadow
        never has NX, as the emulator dies of it when the page holds a guest page table
        (its get_hphys stores through a null pointer), so every access exits first. The
        guest could fetch there, too: whoever lends sees to it that it does not."""
        self._lent.add(page)
        self._derive_page(page)

    def reclaim(self, page: Gpa) -> None:
        """Take `lend` back."""
        self._lent.discard(page)
        self._derive_page(page)

    def show(self, page: Gpa, hpa: Hpa) -> None:
        """Let the guest reach a page of the host where it has no memory, until `hide`."""
        place = self._leaf_table(self.root, page) + 8 * (page >> 12 & ENTRIES - 1)
        self._memory.derive_u64(place, hpa | PRESENT | WRITE | USER)

    def hide(self, page: Gpa) -> None:
        """Take `show` back."""
        place = self._leaf_table(self.root, page) + 8 * (page >> 12 & ENTRIES - 1)
        self._memory.derive_u64(place, 0)
        self._derive_page(page)

    # -- going back -------------------------------------------------------------------------

    def save(self) -> "NestedState":
        """What `load` needs beside the pages of the model, which are the undo log's."""
        special = {span: frozenset(pages) for span, pages in self._special.items()}
        return dict(self._withheld), self._next, dict(self._tables), special

    def load(self, saved: "NestedState", pages: Container[int]) -> None:
        """Be again what `save` saw; `pages` of host memory have been put back meanwhile."""
        self.edits += 1
        withheld, next_table, tables, special = saved
        for span, every in special.items():
            self._special.setdefault(span, set()).update(every)  # more of them do no harm
        changed = {page for page, _ in withheld.items() ^ self._withheld.items()}
        self._withheld, self._next, self._tables = dict(withheld), next_table, dict(tables)
        changed |= self._lifted
        self._lifted = set()
        for (root, span), table in tables.items():
            if root == self.model_root and table in pages:
                self._derive(span * _TABLE_SPAN, ENTRIES)
        for page in changed:
            self._derive_page(page)
