"""CPUs whose stores reach the others late: stores to pages that somebody looks at wait in a
store buffer, and leave it one by one when their time has come (x86-TSO; SDM 3, 9.2)."""

from typing import NamedTuple

from emu.hw.address import Gpa, Hpa
from emu.hw.cpu import Cpu
from emu.machine.board import Board
from emu.machine.private_bytes import PrivateBytes
from emu.machine.waits import Waits


class SavedBuffers(NamedTuple):
    """What StoreBuffers were at one moment."""

    delays: dict[int, int]
    due: tuple[tuple[int, int], ...]


class StoreBuffers:
    """Which CPUs have a slow one, and when their stores are due. It is one of the alarms."""

    def __init__(self, board: Board, private: PrivateBytes, waits: Waits) -> None:
        self._board, self._private, self._waits = board, private, waits
        self._delays: dict[int, int] = {}
        """CPU -> for how many picoseconds a store waits."""
        self._due: tuple[tuple[int, int], ...] = ()
        """(picoseconds, CPU) of every store on its way, in the order of storing. A fence may
        have drained it by then."""

    def save(self) -> SavedBuffers:
        """Everything, for `load`; the bytes themselves are `PrivateBytes`'."""
        return SavedBuffers(dict(self._delays), self._due)

    def load(self, saved: SavedBuffers) -> None:
        """Be again what `save` saw."""
        self._delays, self._due = dict(saved.delays), saved.due

    def delay(self, cpu: Cpu, delay_ps: int) -> None:
        """From now on a CPU's stores wait so long."""
        self._delays[cpu.id] = delay_ps

    def take(self, cpu: Cpu, page: Gpa, hpa: Hpa, before: bytes, at: int) -> bool:
        """Whether a store that has just been made goes into the CPU's buffer: nobody else sees
        it yet. The page held `before`; `at`: the instruction's linear address."""
        delay_ps = self._delays.get(cpu.id)
        if delay_ps is None or self._board.on_trial or self._private.goes_past(cpu, at):
            return False
        if self._private.stored(cpu, page, hpa, before, at):
            self._due = (*self._due, (cpu.clock_ps + delay_ps, cpu.id))
        return True

    # -- the alarm --------------------------------------------------------------------------

    def due_ps(self, _: Board) -> int | None:
        """When the next store leaves its buffer."""
        return min(self._due, default=(None,))[0]

    def ring(self, board: Board) -> None:
        """Every CPU that runs has come to that moment: what is due becomes visible."""
        moment = self.due_ps(board)
        assert moment is not None, "an alarm rings when it is due"
        ready = [one for one in self._due if one[0] <= moment]
        self._due = tuple(one for one in self._due if one[0] > moment)
        for due_ps, index in ready:
            self._drain(board, board.cpus[index], due_ps)

    def _drain(self, board: Board, cpu: Cpu, due_ps: int) -> None:
        before, board.at_work = board.at_work, None
        if self._private.stores_of(cpu.id):
            # Its own clock tells when it stored: it has come to that moment in its loop.
            self._waits.wake(cpu, due_ps, "buffer")
        self._private.drain(cpu.id, 1)
        board.beat += 1
        board.reschedule = True
        board.compare("host")
        board.at_work = before
