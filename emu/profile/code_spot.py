"""A place in the code as profiles name it: a function and a line."""

from typing import Final

from emu.machine.board import Board

CodeSpot = tuple[str, str]
"""A function and a line of source, as `main.c:214`; `-` where that is not known."""
NOWHERE: Final[CodeSpot] = ("-", "-")


def spot_of(board: Board, address: int) -> CodeSpot:
    """The function and the line of an address of the images."""
    name = board.layout.symbols.name(address).partition("+")[0]
    line = board.layout.lines.line_of(address)
    return name or f"{address:#x}", "-" if line is None else _short(*line)


def _short(file: str, number: int) -> str:
    return f"{file.rpartition('/')[2]}:{number}"
