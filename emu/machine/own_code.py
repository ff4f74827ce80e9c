"""Stores to pages that code was translated from: each such instruction runs alone.

A store that hits the very block it is part of makes the emulator begin the instruction anew in
the middle of a run: it is counted twice, its flags are misread, and a step never gets over it.
So no page is open to the guest's stores while the emulator has code of it: such a store faults,
and the instruction runs by itself, where what the emulator does of it can be seen.
"""

from emu.hw.address import page_of
from emu.hw.context import Context
from emu.hw.engine import Engine
from emu.hw.nested import NestedPageTable
from emu.machine.undo import UndoLog
from emu.machine.virtual_memory import VirtualMemory


class OwnCode:
    """The pages with translated code. It is no state of the machine: it says how a store is
    run, and never what that comes to."""

    def __init__(
        self, engine: Engine, npt: NestedPageTable, undo: UndoLog, virtual: VirtualMemory
    ) -> None:
        self._engine, self._npt, self._undo, self._virtual = engine, npt, undo, virtual
        self._pages: set[int] = set()
        """GPAs."""
        self._seen: dict[int, set[int]] = {}
        """CR3 -> numbers of linear pages of which code was translated."""
        self._open: list[int] = []

    def forget(self) -> None:
        """No code is translated any more."""
        self._pages.clear()
        self._seen.clear()

    def went_back(self) -> None:
        """Addresses may lead elsewhere than in the future that was known; pages with code are
        pages with code, whoever comes by."""
        self._seen.clear()

    def knows(self, root: int, first: int, size: int) -> bool:
        """Whether blocks of the same pages of linear addresses are known under a CR3."""
        seen = self._seen.get(root)
        return seen is not None and first >> 12 in seen and first + size - 1 >> 12 in seen

    def translated(self, registers: Context, first: int, size: int) -> None:
        """A CPU has had a block translated, from a linear address on."""
        seen = self._seen.setdefault(registers.get("cr3"), set())
        for number in {first >> 12, first + size - 1 >> 12}:
            seen.add(number)
            self._close_to_stores(registers, number << 12)

    def _close_to_stores(self, registers: Context, page: int) -> None:
        """A page has code from now on; it may be open since a store of before."""
        gpa = self._virtual.gpa(registers, page)
        if gpa is None or page_of(gpa) in self._pages:
            return
        self._pages.add(page_of(gpa))
        if self._npt.writable(page_of(gpa)):
            self._npt.seal_again(page_of(gpa))
            self._engine.flush_tlb()

    def opens(self, gpa: int) -> bool:
        """The guest stores to a read-only page: whether the instruction is to run alone. Then
        the page is open to it."""
        page = page_of(gpa)
        if page not in self._pages or not self._npt.liftable(page):
            return False
        self._open.append(page)
        return self._undo.absorb(page)

    def close(self) -> None:
        """The instruction has run."""
        for page in self._open:
            self._npt.seal_again(page)
        self._open.clear()
        self._engine.flush_tlb()
