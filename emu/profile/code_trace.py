"""Where every instruction was, as functions and lines: seen in a second run."""

from array import array
from collections.abc import Iterator
from functools import partial
from typing import Final

from msgspec import Struct, field

from emu.machine.board import Board, Doing
from emu.profile.code_spot import CodeSpot, spot_of

FIELDS: Final = 3
MOST: Final = 8_000_000
"""Changes of line kept, 192 MB."""


class CodeTrace(Struct):
    """A probe that looks at every instruction, and keeps where a CPU comes to another line."""

    full: bool = False
    """There were more than are kept."""
    _rows: "array[int]" = field(default_factory=lambda: array("Q"))
    _spots: dict[CodeSpot, int] = field(default_factory=dict)
    _of: dict[int, int] = field(default_factory=dict)
    """By address."""
    _last: dict[int, int] = field(default_factory=dict)
    """By CPU."""

    def attach(self, board: Board) -> None:
        """Begin to look."""
        board.engine.watches.code(1, 0, partial(self._begun, board))

    def _begun(self, board: Board, executed: int, address: int) -> None:
        cpu = board.at_work
        if not board.on_trial and cpu is not None:
            self._at(board, board.tick + executed - 1, cpu, address)

    def sample(self, board: Board, cpu: int) -> None:
        """Between two instructions: where a CPU is, for all that it does up to the next one."""
        if board.cpus[cpu].context is not None:
            self._at(board, board.tick, cpu, board.cpus[cpu].registers.linear_rip)

    def _at(self, board: Board, tick: int, cpu: int, address: int) -> None:
        if self.full:
            return
        spot = self._of.get(address)
        if spot is None:
            spot = self._of[address] = self._spot(board, cpu, address)
        if self._last.get(cpu) != spot:
            self._last[cpu] = spot
            self.full = len(self._rows) >= MOST * FIELDS
            self._rows.extend((tick, cpu, spot))

    def _spot(self, board: Board, cpu: int, address: int) -> int:
        origin = board.copies.original(board.cpus[cpu].registers, address)
        return self._spots.setdefault(spot_of(board, origin), len(self._spots))

    def compare(self, board: Board, doing: Doing) -> None:
        """Only instructions are looked at."""

    def __iter__(self) -> Iterator[tuple[int, int, CodeSpot]]:
        """(tick before it, CPU, function and line), oldest first."""
        spots, rows = list(self._spots), self._rows
        for at in range(0, len(rows), FIELDS):
            tick, cpu, spot = rows[at : at + FIELDS]
            yield tick, cpu, spots[spot]
