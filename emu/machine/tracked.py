"""Pages whose every write is seen: the mailbox, the memory log, and what waiting CPUs look at.

A tracked page is read-only in the shadow nested table. A write to it exits; the page is
opened for that one instruction, and what changed is told. The guest cannot tell.
"""

from typing import Final, Literal, NamedTuple, Protocol

from msgspec import Struct

from emu.hw.address import PAGE_BYTES, Gpa, Hpa, page_of
from emu.hw.cpu import Cpu
from emu.hw.exit import Exit, ExitKind
from emu.hw.vmcb import EXIT_NPF
from emu.machine.board import Board
from emu.mailbox.layout import FIELDS, Field

Why = Literal["mailbox", "log", "wait", "guard", "monitor"]
"""`guard`: waiting CPUs run on it (see `emu.machine.guards`); `monitor`: there is a line that a
CPU monitors (see `emu.machine.monitors`)."""
_NOTHING: Final[frozenset[Why]] = frozenset()
_GUARD: Final[frozenset[Why]] = frozenset(("guard",))
_WRITE: Final = 2
"""W bit of a nested page fault's error code."""
WRITABLE: Final = 3
"""P and W bits of a leaf."""


class LastWrite(NamedTuple):
    """Who changed some bytes last, and at which tick; `cpu` None: the host, or a person."""

    cpu: int | None
    tick: int


NOBODY: Final = LastWrite(None, -1)
"""The bytes are as they were at power-on."""
SavedPages = tuple[dict[Gpa, frozenset[Why]], dict[Gpa, int], dict[int, LastWrite]]


class PageStore(Struct, frozen=True):
    """A store that changed a tracked page, after it was made."""

    cpu: Cpu | None
    """None: the host."""
    page: Gpa
    hpa: Hpa
    before: bytes
    """What stood from `hpa` on; of the mailbox, the whole page."""
    at: int
    """Linear address of the instruction."""
    now: bytes = b""
    """Of the mailbox alone: the whole page as it was when the store was seen. Whoever comes
    early among the listeners may have it changed again."""
    fields: tuple[tuple[Field, int, int], ...] = ()
    """The mailbox's fields that changed: from what, to what."""


class StoreListener(Protocol):
    """Who is told of every store that changes a tracked page."""

    def stored(self, store: PageStore) -> None:
        """Memory has the new bytes."""


class TouchListener(Protocol):
    """Who is told of every store to a page with a line that is monitored."""

    def touched(self, cpu: Cpu | None, hpa: Hpa, count: int) -> None:
        """A store of so many bytes, which may be the same ones as before."""


class TrackedPages:
    """Which pages are tracked and why, and who changed their bytes last."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._why: dict[Gpa, frozenset[Why]] = {}
        self._since: dict[Gpa, int] = {}
        """Page whose every change is seen -> the tick from which on that is so."""
        self.writers: dict[int, LastWrite] = {}
        """HPA of a byte -> its last change that was seen."""
        self.lent: frozenset[Gpa] = frozenset()
        """Pages that are open for now though they are guarded."""
        self.listeners: tuple[StoreListener, ...] = ()
        """In the order in which they are told."""
        self.touches: tuple[TouchListener, ...] = ()

    def save(self) -> SavedPages:
        """What is tracked and who wrote, for `load`; protection itself is the NPT's."""
        self.close()
        return dict(self._why), dict(self._since), dict(self.writers)

    def load(self, saved: SavedPages) -> None:
        """Be again what `save` saw."""
        why, since, writers = saved
        self._why, self._since = dict(why), dict(since)
        self.writers = dict(writers)
        self.lent = frozenset()

    def lend(self, page: Gpa) -> bool:
        """Open a page that is only guarded, until `close`; False if more keeps it closed."""
        if self._why.get(page) != _GUARD:
            return False
        self._board.npt.unprotect(page)
        self.lent |= {page}
        return True

    def lend_only(self, pages: frozenset[Gpa]) -> None:
        """From now on these are lent and no others; the engine's TLB must be flushed then."""
        # Asked at every slice: mostly nobody is parked, and the CPU that runs never is.
        if not pages and not self.lent:
            return
        wanted = frozenset(page for page in pages if self._why.get(page) == _GUARD)
        for page in self.lent - wanted:
            if page in self._why:  # else it was given up while it was lent
                self._board.npt.protect(page)
        for page in wanted - self.lent:
            self._board.npt.unprotect(page)
        self.lent = wanted

    def forget(self, page: Gpa) -> None:
        """A page is not guarded any more. It is opened at once, which asks for no flush."""
        self._drop(page, "guard")

    def _drop(self, page: Gpa, why: Why) -> bool:
        """Whether that was the last reason; then the page is open."""
        reasons = self._why[page] - {why}
        if reasons <= _GUARD:  # those who run on a guarded page may store to it unseen
            self._since.pop(page, None)
        if reasons:
            self._why[page] = reasons
            return False
        del self._why[page]
        self._board.npt.unprotect(page)
        return True

    def close(self) -> None:
        """Take back what was lent; the engine's TLB must be flushed then."""
        self.lend_only(frozenset())

    def add(self, gpa: Gpa, why: Why) -> None:
        """See writes to the page that holds a GPA."""
        page = Gpa(page_of(gpa))
        reasons = self._why.get(page, _NOTHING)
        # A page that is lent to the CPU that runs is closed to it at once: the new reason may
        # be somebody who waits for that very CPU's next store.
        if not reasons or page in self.lent:
            self.lent -= {page}
            self._board.npt.protect(page)
            self._board.tables_changed()
        self._why[page] = reasons | {why}
        if why != "guard":
            self._since.setdefault(page, self._board.tick)

    def remove(self, gpa: Gpa, why: Why) -> None:
        """One reason less to see writes to a page."""
        page = Gpa(page_of(gpa))
        if self._drop(page, why):
            self._board.tables_changed()

    def page_of_write(self, exit_: Exit) -> Gpa | None:
        """The tracked page whose protection an exit is due to, None for any other exit."""
        nested = exit_.kind is ExitKind.INTERCEPT and exit_.code == EXIT_NPF
        if not nested or not exit_.error & _WRITE:
            return None
        page = Gpa(page_of(exit_.info))
        board = self._board
        ours = page in self._why and page not in board.broken_pages
        # A page that the table itself does not let the guest write is no business of ours.
        return page if ours and board.npt.leaf(page) & WRITABLE == WRITABLE else None

    def open_to_the_guest(self) -> list[Gpa]:
        """Pages that the guest could write to without our seeing it, though somebody relies on
        that: none between two slices. Pages that are only guarded open by themselves."""
        writable = self._board.npt.writable
        return [page for page, why in self._why.items() if why != _GUARD and writable(page)]

    def why(self, page: Gpa) -> frozenset[Why]:
        """The reasons to see writes to a page."""
        return self._why.get(page, _NOTHING)

    def seen_from(self, hpa: Hpa) -> int | None:
        """The tick from which on every change of a page is seen; None: it is not tracked."""
        page = self._board.ram.page_at(hpa)
        return None if page is None else self._since.get(page)

    def last_write(self, hpa: Hpa, count: int) -> LastWrite | None:
        """The last change of some bytes of one page; None where it is not known, because it
        was made before the page was tracked."""
        since = self.seen_from(hpa)
        if since is None:
            return None
        seen = (self.writers.get(place, NOBODY) for place in range(hpa, hpa + count))
        found = max(seen, key=_when)
        return found if found.tick >= since or (found is NOBODY and not since) else None

    def touched(self, cpu: Cpu | None, hpa: Hpa, count: int) -> None:
        """Bytes of one page were stored, perhaps the same ones as before."""
        if self._board.monitored and self._board.ram.page_at(hpa) in self._board.monitored:
            for listener in self.touches:
                listener.touched(cpu, hpa, count)

    def changed(self, cpu: Cpu | None, gpa: Gpa, hpa: Hpa, before: bytes, at: int = 0) -> None:
        """Bytes from `hpa` on may have changed from `before`, by the instruction at the linear
        address `at`: tell whoever cares."""
        board = self._board
        changed = _changed(before, board.memory.read(hpa, len(before)))
        if not changed:
            return
        write = LastWrite(None if cpu is None else cpu.id, board.tick)
        for offset in changed:
            self.writers[hpa + offset] = write
        page = Gpa(page_of(gpa))
        if board.mailbox_gpa == page:
            first, hpa = hpa % PAGE_BYTES, Hpa(page_of(hpa))
            now = board.memory.read(hpa, PAGE_BYTES)
            before = now[:first] + before + now[first + len(before) :]
            store = PageStore(cpu, page, hpa, before, at, now, _changed_fields(before, now))
        else:
            store = PageStore(cpu, page, hpa, before, at)
        for listener in self.listeners:
            listener.stored(store)


def _changed_fields(before: bytes, now: bytes) -> tuple[tuple[Field, int, int], ...]:
    """The fields that have another value, of two whole mailbox pages."""
    found = []
    for field in FIELDS:
        own = slice(field.offset, field.offset + field.size)
        if before[own] != now[own]:
            old, new = (int.from_bytes(page[own], "little") for page in (before, now))
            found.append((field, old, new))
    return tuple(found)


def _when(write: LastWrite) -> int:
    return write.tick


def _changed(before: bytes, after: bytes) -> list[int]:
    """Offsets of the bytes that differ."""
    found: list[int] = []
    if before == after:
        return found
    coarse = 64
    for block in range(0, len(before), coarse):
        old, new = before[block : block + coarse], after[block : block + coarse]
        if old != new:
            found += [block + at for at in range(len(old)) if old[at] != new[at]]
    return found
