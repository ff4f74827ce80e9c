"""Finds a mailbox that no image tells of: in what the OS is handed when it is entered."""

from collections.abc import Callable

from emu.hw.cpu import Cpu
from emu.machine.arrivals import Passed
from emu.machine.board import Board
from emu.machine.handover import kernel_dtb, mailbox_of
from emu.machine.lap import Loop
from emu.machine.tracked import TrackedPages
from emu.machine.waits import Waits


class MailboxSearch:
    """`waited` is told of the loops that turn out to look at the mailbox."""

    def __init__(
        self,
        board: Board,
        tracked: TrackedPages,
        waits: Waits,
        waited: Callable[[Cpu, Loop], None],
    ) -> None:
        self._board, self._tracked, self._waits = board, tracked, waits
        self._waited = waited

    def passed(self, cpu: Cpu, passed: Passed) -> None:
        """The OS is entered: APs that wait may have been parked all along."""
        board, point = self._board, passed.reached
        if point is None or "os-entry" not in point.roles or board.mailbox_gpa is not None:
            return
        found = mailbox_of(board.layout, board.roles, kernel_dtb(board))
        if found is None or board.ram.hpa(found) is None:
            return
        board.mailbox_gpa = found
        self._tracked.add(found, "mailbox")
        for index, wait in sorted(self._waits.waiting.items()):
            self._waited(board.cpus[index], wait.loop)
