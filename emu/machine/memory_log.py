"""The memory log of a boot shim: each line is an event at the store that finished it.

Its pages are watched as the mailbox is, so a stretch that logs nothing pays nothing. Once an OS
has made something else of that memory, they are let go.
"""

from typing import Final, NamedTuple

from emu.hw.address import PAGE_BYTES, Gpa
from emu.machine.board import Board
from emu.machine.event import Logged
from emu.machine.tracked import PageStore, TrackedPages
from emu.vmm.memory_log import HEADER, finished, read_header

REGION: Final = "log"
"""What the loader calls that memory."""
_PAGES_MAX: Final = 15
"""A u16 says how much is used (openvmm, `support/string_page_buf/src/lib.rs`)."""
_LINES_MAX: Final = 256
"""So many lines that one store has finished are told."""


_FULL: Final = "(the log is full: what comes now is lost)"


class SavedLog(NamedTuple):
    """What a MemoryLog was at one moment."""

    pages: frozenset[Gpa]
    begun: bool
    told: int
    full: bool


class MemoryLog:
    """Where the log lies, and how much of it has been told."""

    def __init__(self, board: Board, tracked: TrackedPages) -> None:
        self._board, self._tracked = board, tracked
        region = next((one for one in board.layout.regions if one.name == REGION), None)
        self._gpa, self._size = (0, 0) if region is None else (region.gpa, region.size)
        inside = 0 < self._size <= _PAGES_MAX * PAGE_BYTES and not self._gpa % PAGE_BYTES
        inside = inside and board.ram.guest_bytes(self._gpa, self._size) is not None
        pages = range(self._gpa, self._gpa + self._size, PAGE_BYTES) if inside else range(0)
        self._pages = frozenset(map(Gpa, pages))
        self._begun, self._told, self._full = False, 0, False
        for page in sorted(self._pages):
            tracked.add(page, "log")

    def save(self) -> SavedLog:
        """How far it has been told, for `load`; what is watched is that of tracked pages."""
        return SavedLog(self._pages, self._begun, self._told, self._full)

    def load(self, saved: SavedLog) -> None:
        """Be again what `save` saw."""
        self._pages, self._begun, self._told, self._full = saved

    def stored(self, store: PageStore) -> None:
        """Tell the lines that are whole now."""
        board = self._board
        if store.page not in self._pages or board.on_trial:
            return
        head = board.ram.guest_bytes(self._gpa, HEADER.size)
        assert head is not None, "the loader placed the log in memory"
        header = read_header(head)
        if not header.fits(self._size):
            if self._begun:
                self._let_go()
            return
        self._begun, self._told = True, min(self._told, header.used)
        if header.used > self._told:
            self._tell(store, header.used)
        if header.dropped and not self._full:
            self._full = True
            board.event(store.cpu, "log", _FULL, Logged("warn"))

    def _tell(self, store: PageStore, used: int) -> None:
        """Lines of what is new."""
        board, first = self._board, self._gpa + HEADER.size + self._told
        new = board.ram.guest_bytes(first, used - self._told)
        assert new is not None, "it fits"
        lines, count = finished(new)
        self._told += count
        for line in lines[:_LINES_MAX]:
            board.event(store.cpu, "log", line.text, Logged(line.level))

    def _let_go(self) -> None:
        """What is there now is no log."""
        for page in sorted(self._pages):
            self._tracked.remove(page, "log")
        self._pages = frozenset()
