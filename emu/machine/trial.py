"""A trial: what a CPU would do, found out by letting it, and then taken back to the byte.

Taken back are its registers, its clocks, and the bytes of the places that it may store to, as
they were when the trial began: whatever other CPUs have stored there stays. Whoever tries must
not let the CPU execute anything that touches more: a page that it has not touched before would
keep the A bits (and a page not written before the D bit) that the walk sets in the tables.
"""

from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager

from emu.hw.address import Hpa
from emu.hw.cpu import Cpu
from emu.hw.exit import Exit, ExitKind
from emu.machine.board import WORK_OF_AN_EXIT, Board
from emu.machine.execute import execute
from emu.machine.guards import Guards
from emu.machine.lap import harmless
from emu.machine.private_bytes import PrivateBytes
from emu.vmm.asked import Asked

TrialPlace = tuple[Hpa, int]
"""Where, and how many bytes."""


class Trial:
    """One trial while it lasts."""

    def __init__(self, board: Board, places: Iterable[TrialPlace]) -> None:
        self._board = board
        self._before: list[tuple[Hpa, bytes]] = []
        for hpa, count in places:
            self.keep(hpa, count)

    def keep(self, hpa: Hpa, count: int) -> None:
        """These bytes are about to change, too."""
        self._before.append((hpa, self._board.memory.read(hpa, count)))

    def take_back(self) -> None:
        """Memory is as it was; of bytes that were kept twice the first ones count."""
        for hpa, before in reversed(self._before):
            if self._board.memory.read(hpa, len(before)) != before:
                self._board.memory.write(hpa, before)


class Trials:
    """Who lets CPUs execute what is taken back. `answer` decides what was asked and carries
    it out."""

    def __init__(
        self,
        board: Board,
        guards: Guards,
        private: PrivateBytes,
        answer: Callable[[Cpu, Asked], int],
    ) -> None:
        self.board = board
        self.answer = answer
        self._guards, self._private = guards, private

    @contextmanager
    def begin(self, cpu: Cpu, start_ps: int, places: Collection[TrialPlace]) -> Iterator[Trial]:
        """Meanwhile a CPU executes from where it stands, its clock at `start_ps`, and may store
        to `places` and to what is kept on the way."""
        board, context, private = self.board, cpu.registers, self._private
        saved = context.save(), cpu.clock_ps, cpu.ticks, board.tick, board.beat
        seeing, nested = private.seeing, board.on_trial
        private.look(cpu.id)
        cpu.clock_ps = start_ps
        board.on_trial = True
        one = Trial(board, places)
        pages = {board.ram.page_at(hpa) for hpa, _ in places} - {None}
        with self._guards.opened(cpu, pages):
            try:
                yield one
            finally:
                one.take_back()
                context.load(saved[0])
                _, cpu.clock_ps, cpu.ticks, board.tick, board.beat = saved
                board.on_trial = nested
                private.look(seeing)
        board.engine.flush_tlb()

    def step(self, cpu: Cpu, most: int = 1) -> Exit | None:
        """One instruction or, with those behind it, up to `most`, and the answer to their exit;
        None if that exit is more than PAUSE or the reading of a clock: a trial has no effect
        outside its CPU."""
        self.board.work += WORK_OF_AN_EXIT
        exit_ = execute(self.board, cpu, most)
        if exit_.kind is not ExitKind.BUDGET and exit_.kind is not ExitKind.BREAKPOINT:
            if not harmless(cpu, exit_):
                return None
            self.answer(cpu, self.board.ask(cpu, exit_))
        return exit_
