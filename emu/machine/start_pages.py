"""Pages in which CPUs begin: that of a SIPI, or of a start context.

Who stores to one while a CPU is still there, or on its way there, is seen by
`emu.machine.guards`."""

from emu.hw.address import Gpa, page_of
from emu.hw.cpu import Cpu
from emu.machine.board import Board
from emu.machine.tracked import TrackedPages
from emu.mailbox.ap import OSES
from emu.mailbox.observation import StartPageWritten


class StartPages:
    """They are guarded from the start of a CPU to the first store after it."""

    def __init__(self, board: Board, tracked: TrackedPages) -> None:
        self._board, self._tracked = board, tracked
        self.pages: dict[Gpa, frozenset[int]] = {}
        """Page -> the CPUs that were started there."""

    def begins(self, cpu: Cpu) -> None:
        """A CPU has been started, and has not executed anything yet."""
        page = self._page(cpu)
        # The reset page of a TD is its mailbox: others have reason to write there.
        if page is None or page == self._board.mailbox_gpa:
            return
        self._tracked.add(page, "guard")
        self.pages[page] = self.pages.get(page, frozenset()) | {cpu.id}

    def _page(self, cpu: Cpu) -> Gpa | None:
        """Where the next instruction of a CPU lies."""
        gpa = self._board.virtual.gpa(cpu.registers, cpu.registers.linear_rip)
        known = gpa is not None and self._board.npt.hpa_of(gpa) is not None
        return Gpa(page_of(gpa)) if gpa is not None and known else None

    def stored(self, index: int | None, page: Gpa, at: int, when: tuple[int, int]) -> None:
        """Somebody stores to a page; `when` is tick and virtual nanoseconds. One store is
        enough: who starts the next CPU there has it watched again."""
        users = self.pages.get(page)
        if users is None or index in users:
            return
        del self.pages[page]
        left = tuple(sorted(user for user in users if self._stays(user, page)))
        if left:
            self._board.logs.observed.append(StartPageWritten(*when, index, at, page, left))

    def _stays(self, index: int, page: Gpa) -> bool:
        """Whether a CPU has not left the page yet. One that waits at the mailbox has begun, be
        its loop in that page or not."""
        cpu = self._board.cpus[index]
        begins = self._board.aps.of(index) in ("starting", *OSES)
        return begins and cpu.lives and self._page(cpu) == page
