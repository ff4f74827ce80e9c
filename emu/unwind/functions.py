"""The graphs of functions and of interrupt handlers, kept as long as their code is the same."""

from collections.abc import Callable, Hashable
from typing import Final

from msgspec import Struct

from emu.boot.disasm import Instruction
from emu.hw.address import PAGE_BYTES
from emu.hw.interrupt import HAVE_ERROR_CODE
from emu.machine.board import Board
from emu.unwind.eyes import Eyes
from emu.unwind.graph import FrameGraph, frame_graph
from emu.unwind.reading import CALLED, INTERRUPTED, INTERRUPTED_WITH_CODE, FrameState

KEPT: Final = 512
FUNCTION_BYTES_MAX: Final = 1 << 16
"""A larger function is not read."""
LABELS_MAX: Final = 8
LABELS_BYTES: Final = 1 << 12
"""Of labels in a function so many are passed over, and so many bytes."""
_GATES_MAX: Final = 256
_GATE_BYTES: Final = 16
_WITH_CODE: Final = HAVE_ERROR_CODE | {29, 30}
"""AMD's #VC and #SX push one, too (APM 2, 8.2): Intel's processors have no such vectors, but
what stands at their gates expects it."""
_GATE_KINDS: Final = (14, 15)
"""Interrupt gates and trap gates of 64-bit mode (SDM 3, table 3-2)."""

Decode = Callable[[int], Instruction | None]


class _Kept(Struct):
    """A graph, and the pages that it was read from."""

    graph: FrameGraph
    pages: dict[int, bytes | None]


class Functions:
    """What is known of the code that frames are in."""

    def __init__(self, board: Board) -> None:
        self._symbols = board.layout.symbols
        self._kept: dict[Hashable, _Kept] = {}

    def extent(self, eyes: Eyes, address: int) -> tuple[int, int] | None:
        """[first, end) of the function that an address is in, where it runs; None where no
        symbol says."""
        origin = eyes.origin(address)
        found = self._symbols.extent(origin)
        if found is None or found[1] - found[0] > FUNCTION_BYTES_MAX:
            return None
        return found[0] + address - origin, found[1] + address - origin

    def earlier(self, eyes: Eyes, first: int) -> list[int]:
        """Where the function can begin instead, if a symbol is only a label in it: hand-written
        code has those. The nearest first."""
        origin = eyes.origin(first)
        found = self._symbols.beginnings(origin - 1, LABELS_MAX)
        return [at + first - origin for at in found if origin - at < LABELS_BYTES]

    def graph(self, eyes: Eyes, first: int, end: int) -> FrameGraph:
        """The graph of a function."""
        entry = ((first, CALLED),)

        def inside(at: int) -> bool:
            return first <= at < end

        return self._get((first, end), eyes, lambda decode: frame_graph(decode, entry, inside))

    def handlers(self, eyes: Eyes) -> FrameGraph:
        """The graph of all that the gates of the CPU's IDT lead to."""
        gates = tuple(_gates(eyes))
        return self._get(
            gates, eyes, lambda decode: frame_graph(decode, _states(gates), lambda _: True)
        )

    def _get(
        self, key: Hashable, eyes: Eyes, make: Callable[[Decode], FrameGraph]
    ) -> FrameGraph:
        """A graph that is known, if its code is what it was; else it is made anew."""
        known = self._kept.get(key)
        if known is not None and all(
            eyes.page(start) == data for start, data in known.pages.items()
        ):
            return known.graph
        if len(self._kept) >= KEPT:
            self._kept.clear()
        pages: dict[int, bytes | None] = {}

        def read(address: int) -> Instruction | None:
            pages[address & -PAGE_BYTES] = eyes.page(address)
            return eyes.instruction(address)

        graph = make(read)
        self._kept[key] = _Kept(graph, pages)
        return graph


def _gates(eyes: Eyes) -> list[tuple[int, int]]:
    """(vector, target) of every gate that is present."""
    table = eyes.context.segment("idtr")
    found: list[tuple[int, int]] = []
    for vector in range(min((table.limit + 1) // _GATE_BYTES, _GATES_MAX)):
        data = eyes.most(table.base + vector * _GATE_BYTES, _GATE_BYTES)
        if len(data) < _GATE_BYTES:
            break
        if data[5] & 0x80 and data[5] & 0xF in _GATE_KINDS:
            target = data[:2] + data[6:12]
            found.append((vector, int.from_bytes(target, "little")))
    return found


def _states(gates: tuple[tuple[int, int], ...]) -> list[tuple[int, FrameState]]:
    """Where each gate leads, and what the stack looks like there."""
    return [
        (target, INTERRUPTED_WITH_CODE if vector in _WITH_CODE else INTERRUPTED)
        for vector, target in gates
    ]
