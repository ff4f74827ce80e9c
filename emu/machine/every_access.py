"""Every load and store of guest instructions, with the CPU and the instruction that made it."""

from array import array
from collections.abc import Iterator
from functools import partial
from typing import Final, NamedTuple, Protocol

from msgspec import Struct, field

from emu.machine.board import Board, Doing

FIELDS: Final = 5
MOST: Final = 4_000_000
"""Accesses kept, 160 MB: boots of some 200 CPUs."""


class Touch(NamedTuple):
    """One access."""

    tick: int
    cpu: int
    address: int
    """Linear, of the instruction."""
    hpa: int
    size: int
    stores: bool


class OnceEach(Struct):
    """What an instruction does is done again where a page of it was still to be opened, so it
    is told twice; here it counts once."""

    _tick: int = -1
    _seen: set[tuple[object, ...]] = field(default_factory=set)

    def first(self, tick: int, *what: object) -> bool:
        """Whether the instruction that ends with this tick has not done that yet."""
        if tick != self._tick:
            self._tick = tick
            self._seen.clear()
        if what in self._seen:
            return False
        self._seen.add(what)
        return True


class AccessListener(Protocol):
    """Who is told of every access as it is made, a store just before memory has it."""

    def touched(
        self, tick: int, cpu: int, address: int, hpa: int, size: int, stored: int | None
    ) -> None:
        """`tick`: that the instruction ends; `address`: linear, of the instruction; `stored`:
        None for a load."""


class AccessStream(Struct):
    """A probe that looks at all memory and keeps nothing."""

    listener: AccessListener
    _address: int = 0
    _once: OnceEach = field(default_factory=OnceEach)

    def attach(self, board: Board) -> None:
        """Begin to look."""
        board.engine.watches.code(1, 0, self._begun)
        size = board.memory.size
        board.engine.watches.memory(0, size, True, partial(self._touched, board))

    def _begun(self, _: int, address: int) -> None:
        self._address = address

    def _touched(
        self, board: Board, executed: int, hpa: int, size: int, stored: int | None
    ) -> None:
        cpu = board.at_work
        if not board.on_trial and cpu is not None:
            tick = board.tick + executed
            if not self._once.first(tick, hpa, size, stored):
                return
            self.listener.touched(tick, cpu, self._address, hpa, size, stored)

    def compare(self, board: Board, doing: Doing) -> None:
        """Only instructions are looked at."""


class EveryAccess(Struct):
    """A probe that looks at all memory and keeps what it sees."""

    full: bool = False
    """There were more than are kept."""
    _rows: "array[int]" = field(default_factory=lambda: array("Q"))

    def attach(self, board: Board) -> None:
        """Begin to look."""
        AccessStream(self).attach(board)

    def touched(
        self, tick: int, cpu: int, address: int, hpa: int, size: int, stored: int | None
    ) -> None:
        """Keep one more."""
        if not self.full:
            self.full = len(self._rows) >= MOST * FIELDS
            self._rows.extend((tick, cpu, address, hpa, size << 1 | (stored is not None)))

    def compare(self, board: Board, doing: Doing) -> None:
        """Only instructions are looked at."""

    def __len__(self) -> int:
        return len(self._rows) // FIELDS

    def __iter__(self) -> Iterator[Touch]:
        rows = self._rows
        for at in range(0, len(rows), FIELDS):
            tick, cpu, address, hpa, kind = rows[at : at + FIELDS]
            yield Touch(tick, cpu, address, hpa, kind >> 1, bool(kind & 1))
