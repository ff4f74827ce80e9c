"""`list`: source and disassembly."""

from typing import Final

from msgspec.structs import replace

from emu.debug.command import Command, some_text
from emu.debug.desk import Desk, Lines, started
from emu.errors import CommandError
from emu.words import expression

LIST_LINES: Final = 24


def _list(desk: Desk, where: str) -> Lines:
    """Code around a place; the words both, asm and source choose the lines."""
    machine, looks, cpu = desk.machine, desk.looks, started(desk)
    if where in ("both", "asm", "source"):
        looks.code = replace(looks.code, lines=where)
        return ()
    look = replace(looks.code, where=where)
    start = expression.address(machine, cpu, where) if where else machine.board.linear_rip(cpu)
    found = desk.drawn.listing.lines(cpu, start, frozenset())
    if not found:
        raise CommandError(f"list {where}: no code can be read at {start:#x}")
    looks.code = look
    first = next((i for i, line in enumerate(found) if line.address >= start), 0)
    return tuple(
        f"{line.address:#x}  {line.text}  {line.note}".rstrip() if line.kind == "asm"
        else f"{line.number or '':>6} {line.text}"
        for line in found[first : first + LIST_LINES]
    )  # fmt: skip


LIST: Final = Command(
    "list",
    "Show code at a place, or (none) where the CPU is; `both`, `asm` or `source` lines.",
    _list,
    (some_text("where", "both", "asm", "source", rest=True),),
    aliases=("l",),
    phrase="Show code of",
    looks=True,
)
