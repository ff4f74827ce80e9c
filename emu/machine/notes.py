"""What is noted of CPUs for the rules: each fact once, whoever of several parts has seen it."""

from typing import Any, NamedTuple

from emu.hw.cpu import Cpu
from emu.machine.board import Board
from emu.machine.witness import Witness
from emu.mailbox.observation import Observation

Key = tuple[Any, ...]
"""What makes a fact the same fact: plain values."""


class Question(NamedTuple):
    """A CPU that asks for something: where, and what R12 holds, which tells a TD's host what is
    wanted."""

    rip: int
    r12: int


class Notes:
    """They go to `board.logs.observed`, as the witness's do, and are off where it is off."""

    def __init__(self, board: Board, witness: Witness) -> None:
        self.board, self._witness = board, witness
        self._known: frozenset[Key] = frozenset()

    def save(self) -> frozenset[Key]:
        """What has been noted, for `load`."""
        return self._known

    def load(self, saved: frozenset[Key]) -> None:
        """Be again what `save` saw."""
        self._known = saved

    @property
    def on(self) -> bool:
        """Whether anything is noted now."""
        return self._witness.on and not self.board.on_trial

    def where(self, cpu: Cpu) -> tuple[int, int, int, int]:
        """The four fields that every observation begins with."""
        board = self.board
        return board.tick, cpu.nanoseconds, cpu.id, board.linear_rip(cpu)

    def add(self, seen: Observation, *key: Any) -> None:
        """Note a fact, unless one with this key is known already."""
        if key not in self._known:
            self._known |= {key}
            self.board.logs.observed.append(seen)

    def lives(self, cpu: int) -> Cpu | None:
        """A CPU by its number, if it can still execute."""
        found = self.board.cpus[cpu]
        return found if found.lives else None
