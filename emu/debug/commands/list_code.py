"""`list`: source and disassembly."""

from typing import Final

from msgspec.structs import replace

from emu.debug.command import Command, some_text
from emu.debug.desk import Desk, Lines, started
from emu.errors import CommandError
from emu.picture.code_place import code_address
from emu.picture.view import CodeLine

LIST_LINES: Final = 24


def _list(desk: Desk, where: str) -> Lines:
    """Code around a place; the words both, asm and source choose the lines."""
    machine, looks, cpu = desk.machine, desk.looks, started(desk)
    if where in ("both", "asm", "source"):
        looks.code = replace(looks.code, lines=where)
        return ()
    look = replace(looks.code, where=where)
    frame = looks.frame(machine, cpu)
    here = machine.board.linear_rip(cpu) if frame is None else frame.address
    start = code_address(machine, cpu, where) if where else here
    found = desk.drawn.listing.lines(cpu, start, frozenset())
    if not found:
        raise CommandError(f"list {where}: no code can be read at {start:#x}")
    looks.code = look
    first = next((i for i, line in enumerate(found) if line.address >= start), 0)
    above = next((line for line in reversed(found[:first]) if line.kind == "mode"), None)
    shown = found[first : first + LIST_LINES]
    return tuple(_words(line) for line in ((above, *shown) if above else shown))


def _words(line: CodeLine) -> str:
    if line.kind == "asm":
        return f"{line.address:#x}  {line.text}  {line.note}".rstrip()
    return f"{line.number or '':>6} {line.text}"


LIST: Final = Command(
    "list",
    "Show code at a place (also `gpa:ADDRESS`), or (none) where the CPU is, in the mode of the "
    "code; `both`, `asm` or `source` lines.",
    _list,
    (some_text("where", "both", "asm", "source", rest=True),),
    phrase="Show code of",
    looks=True,
)
