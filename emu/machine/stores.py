"""Stores into guest memory that no guest instruction makes: the host's, the debugger's, and
the processor's own when it enters an exception handler."""

from emu.hw.address import PAGE_BYTES, Gpa, Hpa, page_of
from emu.hw.cpu import Cpu
from emu.machine.board import Board
from emu.machine.tracked import TrackedPages


class Stores:
    """Bytes change, and whoever looks at them is told."""

    def __init__(self, board: Board, tracked: TrackedPages) -> None:
        self._board, self._tracked = board, tracked

    def host_write(self, gpa: int, data: bytes) -> None:
        """The host stores into guest memory. Into a private page of a TD it cannot: the page's
        integrity is broken, and the guest's next access to it is fatal (TDX Module base
        specification, memory integrity)."""
        board = self._board
        if board.ram.is_secret(gpa):
            page = Gpa(page_of(gpa))
            board.broken_pages.add(page)
            board.npt.block(page)
            board.tables_changed()
            board.event(None, "fault", f"the host writes to private page {page:#x}")
            return
        self.edit(gpa, data)

    def edit(self, gpa: int, data: bytes) -> None:
        """Somebody outside changes memory as if the guest had; whoever waits wakes up."""
        hpa = self._board.ram.hpa(gpa)
        assert hpa is not None, f"a write to {gpa:#x}, where there is no memory"
        self.put(None, Gpa(gpa), hpa, data)

    def put(
        self, cpu: Cpu | None, gpa: Gpa, hpa: Hpa, data: bytes, at: int | None = None
    ) -> None:
        """Bytes of one page change; `cpu` None: by the host. `at`: the linear address of the
        instruction, if it is not the CPU's next one."""
        board = self._board
        before = board.memory.read(hpa, len(data))
        board.memory.write(hpa, data)
        if before != data:
            board.engine.wrote(page_of(hpa))
            if at is None:
                at = 0 if cpu is None else board.linear_rip(cpu)
            self._tracked.changed(cpu, gpa, hpa, before, at)
        self._tracked.touched(cpu, hpa, len(data))

    def mark(self, cpu: Cpu, gpa: Gpa, hpa: Hpa, data: bytes) -> None:
        """The processor sets bits of a table's entry: no instruction's store, and no code's."""
        before = self._board.memory.read(hpa, len(data))
        self._board.memory.write(hpa, data)
        if self._tracked.why(Gpa(page_of(gpa))):
            self._tracked.changed(cpu, gpa, hpa, before, self._board.linear_rip(cpu))

    def write_virtual(self, cpu: Cpu, gva: int, data: bytes) -> bool:
        """The processor itself stores at a GVA (an exception frame); False if it cannot."""
        board = self._board
        pieces = board.virtual.pieces(cpu.registers, gva, len(data))
        if pieces is None:
            return False
        for hpa, count in pieces:
            page = board.ram.page_at(hpa)
            if page is None:
                board.memory.write(hpa, data[:count])
            else:
                self.put(cpu, Gpa(page + hpa % PAGE_BYTES), hpa, data[:count])
            data = data[count:]
        return True
