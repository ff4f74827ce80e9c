"""Device trees with wrong headers, tokens and properties.

Flattened Devicetree format: Devicetree Specification 0.4, chapter 5.
"""

import struct
from random import Random
from typing import Final

from tests.fuzz import odd
from tests.fuzz.case import Edit

_HEADER_CELLS: Final = 10
_BEGIN, _END, _PROPERTY, _NOP, _FINISH = (n.to_bytes(4, "big") for n in (1, 2, 3, 4, 9))
_DEEP: Final = (20, 63, 64, 300, 5_000)


def edits(draw: Random, data: bytes, others: tuple[bytes, ...]) -> tuple[Edit, ...]:
    """A few wrong cells of a whole tree."""
    return tuple(
        odd.blind(draw, data, others) if draw.random() < 0.2 else _one(draw, data)
        for _ in range(draw.choice((1, 1, 2, 4)))
    )


def _one(draw: Random, data: bytes) -> Edit:
    if len(data) < 4 * _HEADER_CELLS or draw.random() < 0.25:
        return Edit(4 * draw.randrange(_HEADER_CELLS), 4, odd.field(draw, 4, "big"))
    cells = struct.unpack_from(f">{_HEADER_CELLS}I", data)
    start, size = cells[2], max(cells[9], 4)
    at = start + draw.randrange(size) // 4 * 4
    kind = draw.randrange(6)
    if kind == 0:  # a token, or whatever else the cell is
        return Edit(at, 4, draw.choice((_BEGIN, _END, _PROPERTY, _NOP, _FINISH, bytes(4))))
    if kind == 1:
        return Edit(at, 4, odd.field(draw, 4, "big"))
    if kind == 2:  # nodes within nodes
        return Edit(start, 0, (_BEGIN + b"n\0\0\0") * draw.choice(_DEEP))
    if kind == 3:  # a property of a node, with any length and any name
        head = odd.field(draw, 4, "big") + odd.field(draw, 4, "big")
        return Edit(at, 0, _PROPERTY + head + draw.randbytes(draw.choice((0, 4, 8, 20))))
    if kind == 4:  # a value or a name of which readers know
        return Edit(at, 4, draw.choice((b"cpu@", b"reg\0", b"okay", b"disa", b"\xff" * 4)))
    return Edit(cells[3] + draw.randrange(max(cells[8], 1)), 1, draw.randbytes(1))
