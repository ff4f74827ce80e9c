"""Guest stores to tracked pages: each is let through by itself, and what it changed is told."""

from msgspec import Struct

from emu.boot import disasm
from emu.hw.address import PAGE_BYTES, Gpa, Hpa
from emu.hw.cpu import Cpu
from emu.hw.exit import Exit
from emu.machine.board import Board
from emu.machine.execute import execute
from emu.machine.store_buffers import StoreBuffers
from emu.machine.tracked import TrackedPages


class Trapped(Struct, frozen=True):
    """What an instruction came to that stored to a tracked page."""

    exit: Exit
    """BUDGET if it came to its end; else it asks for more than that."""
    changed: bool
    """Whether any byte is another one than before."""
    pages: tuple[Gpa, ...]
    """The tracked pages that it may have stored to."""
    at: int
    """Its linear address."""


class TrappedWrites:
    """The exits that tracked pages cause."""

    def __init__(self, board: Board, tracked: TrackedPages, buffers: StoreBuffers) -> None:
        self._board, self._tracked, self._buffers = board, tracked, buffers

    def write(self, cpu: Cpu, exit_: Exit) -> Trapped | None:
        """None if the exit was no write to a tracked page. Else the instruction has run."""
        board, npt = self._board, self._board.npt
        opened: dict[Gpa, tuple[Hpa, bytes]] = {}
        at = board.linear_rip(cpu)
        # A store over a page border, or PUSH of a memory operand, comes back for a second page.
        touched: list[tuple[Hpa, int]] = []
        while (page := self._tracked.page_of_write(exit_)) is not None and page not in opened:
            hpa = npt.hpa_of(page)
            assert hpa is not None, "a tracked page is mapped"
            opened[page] = (hpa, board.memory.read(hpa, PAGE_BYTES))
            if page in board.monitored:
                touched.append((Hpa(hpa + exit_.info % PAGE_BYTES), self._width(cpu)))
            npt.unprotect(page)
            board.engine.flush_tlb()
            exit_ = execute(board, cpu)
        if not opened:
            return None
        changed = late = False
        for page, (hpa, before) in opened.items():
            npt.protect(page)
            if board.memory.read(hpa, PAGE_BYTES) == before:
                continue
            changed = True
            if self._buffers.take(cpu, page, hpa, before, at):
                late = True
            else:
                self._tracked.changed(cpu, page, hpa, before, at)
        for place, count in () if late else touched:
            self._tracked.touched(cpu, place, min(count, PAGE_BYTES - place % PAGE_BYTES))
        board.engine.flush_tlb()
        return Trapped(exit_, changed, tuple(opened), at)

    def _width(self, cpu: Cpu) -> int:
        """How many bytes the next instruction stores at a place, at the most."""
        registers = cpu.registers
        code = disasm.decode(self._board.code.next(registers), registers.rip, registers.coding)
        stores = () if code is None else code.memory
        return max((one.size for one in stores if "w" in one.access), default=1)
