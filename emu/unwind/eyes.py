"""The stack and the code of one CPU as it sees them itself, through its own page tables."""

from typing import Final

from msgspec import Struct

from emu.boot.disasm import Instruction, decode
from emu.boot.image import Placed
from emu.hw.address import PAGE_BYTES, canonical
from emu.hw.context import Context
from emu.machine.board import Board
from emu.machine.code import INSTRUCTION_BYTES

_EXECUTABLE: Final = 1
_CALL_BYTES: Final = (5, 2, 3, 6, 7, 4, 8)
"""FoundBy long a CALL can be (SDM 2, CALL), the direct one first."""
_STACK_WORD: Final = 8


class Call(Struct, frozen=True):
    """A CALL that ends at an address."""

    address: int
    target: int | None
    """Where it leads; None for an indirect one."""


class Eyes:
    """What one CPU can read at this moment. Pages are read once."""

    def __init__(self, board: Board, context: Context) -> None:
        self.context = context
        self._board = board
        self._pages: dict[int, bytes | None] = {}

    def page(self, address: int) -> bytes | None:
        """The page that holds an address; None where it is not mapped."""
        start = address & -PAGE_BYTES
        if start not in self._pages:
            virtual, seen = self._board.virtual, canonical(start)
            self._pages[start] = virtual.read(self.context, start, PAGE_BYTES) if seen else None
        return self._pages[start]

    def most(self, address: int, count: int) -> bytes:
        """Up to so many bytes, as far as they are mapped; at most two pages."""
        page, offset = self.page(address), address % PAGE_BYTES
        if page is None:
            return b""
        found = page[offset : offset + count]
        if len(found) < count:
            found += (self.page(address + len(found)) or b"")[: count - len(found)]
        return found

    def word(self, address: int) -> int | None:
        """Eight bytes as a number; None where they are not mapped."""
        data = self.most(address, _STACK_WORD)
        return int.from_bytes(data, "little") if len(data) == _STACK_WORD else None

    def instruction(self, address: int) -> Instruction | None:
        """The 64-bit instruction at an address."""
        data = self.most(address, INSTRUCTION_BYTES)
        return decode(data, address, "long") if data else None

    def origin(self, address: int) -> int:
        """Where code comes from that may be a copy of an image's."""
        return self._board.copies.original(self.context, address)

    def placed(self, address: int) -> Placed | None:
        """The image whose code an address is in, or is a copy of."""
        return self.image(self.origin(address))

    def image(self, origin: int) -> Placed | None:
        """The image whose code an address is in. A copy is of none: to look for its original
        takes long, and this is asked of whatever lies on a stack."""
        for one in self._board.layout.placed:
            if one.holds(origin):
                link = origin - one.bias
                inside = any(
                    part.address <= link - part.above < part.address + part.memory_bytes
                    for part in one.image.segments
                    if part.flags & _EXECUTABLE
                )
                return one if inside else None
        return None

    def call_before(self, address: int) -> Call | None:
        """The CALL that ends right before an address, if something that is one does."""
        if not address:
            return None
        for size in _CALL_BYTES:
            start = address - size
            data = self.most(start, size) if start > 0 else b""
            code = decode(data, start, "long") if len(data) == size else None
            if code is not None and code.size == size and code.kind == "call":
                return Call(start, code.target)
        return None
