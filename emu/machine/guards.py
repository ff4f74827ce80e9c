"""Pages that parked CPUs run on, or begin in: the first store of somebody else to one is seen.

A guarded page is read-only in the shadow nested table. To the slices of a CPU the tables that
it runs on are open, since the MMU itself stores A and D bits into them; other pages are opened
inside the emulator's fault handler, without an exit, until the slice is over. So guards cost
next to nothing, and the guest cannot tell.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Final, NamedTuple

from msgspec import Struct

from emu.boot import disasm
from emu.hw.address import PAGE_BYTES, Gpa, page_of
from emu.hw.context import Context
from emu.hw.cpu import Cpu
from emu.hw.nested_walk import FRAME, PRESENT
from emu.machine.board import Board
from emu.machine.code import INSTRUCTION_BYTES
from emu.machine.start_pages import StartPages
from emu.machine.tracked import PageStore, TrackedPages
from emu.mailbox.ap import FIRMWARES
from emu.mailbox.observation import Reused

_SHIFTS: Final = (39, 30, 21, 12)
_LARGE: Final = 1 << 7
_SHARED: Final = 1 << 47
GuardKind = str
"""`table`, `code` or `stack`: what a page is to its users."""


class Guard(Struct, frozen=True):
    """Who runs on a page."""

    kind: GuardKind
    users: frozenset[int]


class SavedGuards(NamedTuple):
    """What Guards were at one moment."""

    pages: dict[Gpa, Guard]
    roots: dict[int, int]
    tables: dict[int, frozenset[Gpa]]
    starts: dict[Gpa, frozenset[int]]


class Guards:
    """The pages of all parked CPUs."""

    def __init__(self, board: Board, tracked: TrackedPages) -> None:
        self._board, self._tracked = board, tracked
        self.pages: dict[Gpa, Guard] = {}
        """Stacks are only listed: others have reason to write beside them."""
        self._roots: dict[int, int] = {}
        """By CPU: the CR3 that it was parked with."""
        self._tables: dict[int, frozenset[Gpa]] = {}
        """By CPU: the tables that it was parked with."""
        self.starts = StartPages(board, tracked)

    def save(self) -> SavedGuards:
        """A copy, for `load`; protection is that of tracked pages."""
        starts = dict(self.starts.pages)
        return SavedGuards(dict(self.pages), dict(self._roots), dict(self._tables), starts)

    def load(self, saved: SavedGuards) -> None:
        """Be again what `save` saw."""
        pages, roots, tables, starts = saved
        self.pages, self._roots, self._tables = dict(pages), dict(roots), dict(tables)
        self.starts.pages = dict(starts)

    def parked(self, cpu: Cpu) -> bool:
        """Whether a CPU is known to wait with the tables that it has."""
        return self._roots.get(cpu.id) == cpu.registers.get("cr3") & FRAME

    def park(self, cpu: Cpu) -> None:
        """A CPU waits in the firmware: what it needs there is guarded from now on."""
        root = cpu.registers.get("cr3") & FRAME
        if cpu.registers.mode != "long":
            return
        self._roots[cpu.id] = root
        self._pages_of(cpu, root, self._board.linear_rip(cpu), "code")
        if cpu.registers.get("rsp"):
            self._pages_of(cpu, root, cpu.registers.get("rsp") - 1, "stack")
        # It may be parked in the middle of its own slice: what `begin` would have lent is
        # closed now, and the MMU's next A bit there would fault.
        if self._board.at_work == cpu.id:
            self.begin(cpu)

    def _pages_of(self, cpu: Cpu, root: int, gva: int, kind: GuardKind) -> None:
        """The four tables behind an address, and its page."""
        table, npt = root, self._board.npt
        for shift in _SHIFTS:
            hpa = npt.hpa_of(table + 8 * (gva >> shift & 511))
            if hpa is None:
                return
            self._add(Gpa(table), cpu.id, "table")
            entry = self._board.memory.u64(hpa)
            if not entry & PRESENT:
                return
            # The guest writes a TD's shared bit as bit 47, which is no address.
            table = entry & FRAME & ~_SHARED
            if entry & _LARGE and shift in (30, 21):
                table = page_of(table & -(1 << shift) | gva & (1 << shift) - 1)
                break
        self._add(Gpa(table), cpu.id, kind)

    def _add(self, page: Gpa, user: int, kind: GuardKind) -> None:
        if page == self._board.mailbox_gpa or self._board.npt.hpa_of(page) is None:
            return
        known = self.pages.get(page)
        if known is not None and user in known.users:
            return
        # The mailbox is for others to write; a page that is known already is tracked already.
        if known is None and kind != "stack":
            self._tracked.add(page, "guard")
        others = known.users if known is not None else frozenset()
        self.pages[page] = Guard(kind, others | {user})
        if kind == "table":
            self._tables[user] = self._tables.get(user, frozenset()) | {page}

    def begin(self, cpu: Cpu) -> None:
        """A slice begins: the MMU stores A and D bits into the tables that the CPU runs on,
        and it would fault at each of them otherwise."""
        tables = self._tables.get(cpu.id)
        own = tables if tables is not None and self.parked(cpu) else frozenset[Gpa]()
        self._tracked.lend_only(own)

    @contextmanager
    def opened(self, cpu: Cpu, pages: Iterable[Gpa | None]) -> Iterator[None]:
        """For a while a CPU executes what will be taken back: writes to these pages are not
        seen. The engine's TLB must be flushed then."""
        tracked, npt = self._tracked, self._board.npt
        lent = tracked.lent
        self.begin(cpu)
        closed = [page for page in pages if page is not None and tracked.why(page)]
        for page in closed:
            npt.unprotect(page)
        self._board.engine.flush_tlb()
        try:
            yield
        finally:
            for page in closed:
                npt.protect(page)
            tracked.lend_only(lent)

    # -- seeing -----------------------------------------------------------------------------

    def absorb(self, gpa: int) -> bool:
        """The guest writes to a read-only page: whether the instruction may simply go on."""
        board = self._board
        page = Gpa(page_of(gpa))
        known = page in self.pages or page in self.starts.pages
        if not known or not self._tracked.lend(page):
            return board.undo.absorb(gpa)
        # We are in the middle of `Engine.run`: the clock and the ticks of this stretch are not
        # counted yet, and of the registers only those at the fault are right.
        engine, index = board.engine, board.at_work
        if not board.on_trial and index is not None:
            found, cpu = engine.fault, board.cpus[index]
            clock_ps = cpu.clock_ps + engine.begun * cpu.ps_per_instruction
            when = board.tick + engine.begun, clock_ps // 1000
            at = found.linear_rip
            others = any(index not in users for users in self._users(page))
            if others and self._stores(found, at, page):
                self._store(index, page, found, at, when)
        # The undo log may have kept the page before, and only the guard closed it since: then
        # it absorbs nothing, and lending has made the page writable.
        return board.undo.absorb(gpa) or board.npt.writable(page)

    def _users(self, page: Gpa) -> list[frozenset[int]]:
        """Who runs on a page, and who begins in it."""
        guard, starting = self.pages.get(page), self.starts.pages.get(page)
        found = [] if guard is None else [guard.users]
        return found if starting is None else [*found, starting]

    def _stores(self, registers: Context, at: int, page: Gpa) -> bool:
        """Whether the instruction at `at` stores to a page; else the MMU does, as it walks."""
        virtual = self._board.virtual
        data = virtual.most(registers, at, INSTRUCTION_BYTES)
        code = disasm.decode(data, at, registers.coding)
        if code is None:
            return False
        for operand in code.memory:
            first = operand.address(registers.get, code)
            ends = {virtual.gpa(registers, gva) for gva in (first, first + operand.size - 1)}
            if "w" in operand.access and page in {page_of(gpa) for gpa in ends if gpa}:
                return True
        return False

    def stored(self, store: PageStore) -> None:
        """A page that is tracked for other reasons too, or that no instruction changed."""
        board, cpu, page, at = self._board, store.cpu, store.page, store.at
        if board.on_trial or "guard" not in self._tracked.why(page):
            return
        when = board.tick, board.nanoseconds(cpu)
        if cpu is None:
            self._store(None, page, None, at, when)
        else:
            self._store(cpu.id, page, cpu.registers, at, when)

    def _store(
        self, index: int | None, page: Gpa, found: Context | None, at: int,
        when: tuple[int, int],
    ) -> None:  # fmt: skip
        """Somebody stores to a guarded page, with registers `found` if it is a CPU; `when` is
        tick and virtual nanoseconds."""
        self.starts.stored(index, page, at, when)
        guard = self.pages.get(page)
        if guard is not None:
            self._reuse(guard, index, page, found, at, when)
        kept = page in self.pages and self.pages[page].kind != "stack"
        # One store is enough to know that the page is lost: it is not watched any longer, and
        # an OS that fills a page pays for one fault and not for 4,096.
        if not kept and page not in self.starts.pages:
            self._tracked.forget(page)

    def _reuse(
        self, guard: Guard, index: int | None, page: Gpa, found: Context | None, at: int,
        when: tuple[int, int],
    ) -> None:  # fmt: skip
        """Somebody stores to a page that parked CPUs run on."""
        # Whoever runs on the same tables may change them: that is the firmware's own business,
        # and mostly the MMU's A bits. An OS that brought tables of its own has none here.
        root = 0 if found is None else found.get("cr3") & FRAME
        shared = any(self._roots[user] == root for user in guard.users)
        if index in guard.users or (guard.kind == "table" and shared):
            return
        if guard.kind == "code" and self._firmware_on(page, index, found, at):
            return
        left = tuple(sorted(user for user in guard.users if self._stays(user)))
        del self.pages[page]
        if left:
            self._board.logs.observed.append(Reused(*when, index, at, page, left))

    def _firmware_on(
        self, page: Gpa, index: int | None, found: Context | None, at: int
    ) -> bool:
        """Whether an AP that the OS does not have yet is in code of that page: what a loop
        keeps beside its code, as EDK2's does, is its own to store."""
        if not index or found is None or self._board.aps.of(index) not in FIRMWARES:
            return False
        return page_of(self._board.virtual.gpa(found, at) or 0) == page

    def _stays(self, index: int) -> bool:
        """Whether a CPU still has the tables that it was parked with."""
        cpu = self._board.cpus[index]
        return cpu.lives and cpu.registers.get("cr3") & FRAME == self._roots[index]

    def usable(self, ranges: list[tuple[int, int]]) -> list[tuple[Gpa, Guard]]:
        """The pages that lie in one of these (start, end)."""
        return [
            (page, guard)
            for page, guard in sorted(self.pages.items())
            if any(start < page + PAGE_BYTES and page < end for start, end in ranges)
        ]
