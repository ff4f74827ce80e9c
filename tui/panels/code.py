"""Source and disassembly around where the selected CPU is."""

import re

from msgspec import Struct

from emu.picture.view import CodeLine, MachineView
from tui.panels.base import Anchor, Page, Panel, Spot, Window, joined, top_of
from tui.panels.empty import teaching
from tui.text import Line, address, address_cells, clip, digits, file_name, line, pad, right

_TEACHES = (
    "Source and instructions around the selected CPU stand here. `<` and `>` select another "
    "CPU, `c` runs the boot, `:list parked` shows any other place, `:walk rip` why this one "
    "cannot be read."
)
GUTTER_CELLS = 4
"""Where source lines have their number and instructions the other CPUs that are there."""
CROWD_GUTTER_CELLS = 6
CROWD_FROM = 100
"""So many CPUs need a wider one, for `1+1022`."""
BYTES_FROM_CELLS = 84
BYTES_CELLS = 24
"""Eight bytes of an instruction; longer ones end in `…`."""
TEXT_CELLS_MAX = 34
SOURCE_CELLS_MAX = 500
_TARGET = re.compile(r"^(?:call|j\w+) (0x[0-9a-f]+)$")
_ADDRESS = re.compile(r"\[0x[0-9a-f]+\](?= )")
_NAMED = re.compile(r" *(\[[^\]]+\]) (= .*)")
"""What a memory operand is called, and what it holds."""
_NEAR = re.compile(r"\[rip [+-] 0x[0-9a-f]+\]")
_SIZE = re.compile(r"(\b[er]?[a-z0-9]{2,4}, )[dqx]?(?:word|byte|mmword) ptr (.*)")
"""The size of an operand beside a register, which has the same."""
_INNER_GAP = re.compile(r"(?<=\S) {3,}")


class _Columns(Struct, frozen=True):
    gutter: int
    address: int
    bytes: int
    text: int
    """The instructions; a long note moves into what is free of them."""
    room: int
    """Instruction and note together."""


def _columns(lines: tuple[CodeLine, ...], width: int, cpus: int) -> _Columns:
    gutter = CROWD_GUTTER_CELLS if cpus >= CROWD_FROM else GUTTER_CELLS
    address_width = address_cells(max(code.address for code in lines))
    bytes_width = BYTES_CELLS + 2 if width >= BYTES_FROM_CELLS else 0
    room = width - 3 - gutter - 1 - address_width - 2 - bytes_width
    return _Columns(
        gutter, address_width, bytes_width, max(min(room * 3 // 5, TEXT_CELLS_MAX), 1),
        room,
    )  # fmt: skip


def cpus_here(cpus: tuple[int, ...], cells: int = GUTTER_CELLS) -> str:
    """The other CPUs at an instruction: `1,3`, or the first and how many more: `1+1022`."""
    every = ",".join(map(str, cpus))
    if len(every) <= cells or len(cpus) < 2:
        return every
    return f"{cpus[0]}+{len(cpus) - 1}"


def _instruction(code: CodeLine, columns: _Columns) -> Line:
    marks = ("▸" if code.current else " ") + ("b" if code.breakpoint else " ") + " "
    text, note = _within(code.text, code.note, columns.room)
    text = text.ljust(min(columns.text, columns.room - len(note)))
    return line(
        (marks, "here" if code.current else "bad"),
        (right(cpus_here(code.cpus, columns.gutter), columns.gutter) + " ", "busy"),
        (digits(code.address, columns.address) + "  ", "dim"),
        (pad(code.bytes, columns.bytes - 2) + "  " if columns.bytes else "", "dim"),
        (text, "strong" if code.current else "plain"),
        (note, "name"),
    )


def _within(text: str, note: str, room: int) -> tuple[str, str]:
    """An instruction and its note; where they do not fit, what one of them says already is
    left out of the other."""
    note = f"  {note}" if note else ""
    if len(text) + len(note) <= room:
        return text, note
    named = _NAMED.match(note)
    if named is not None and _NEAR.search(text):
        text, note = _NEAR.sub(named[1], text), f"  {named[2]}"
    note = _ADDRESS.sub("[…]", note)  # the operand says where, only the note says what
    if len(text) + len(note) > room:
        text = _SIZE.sub(r"\1\2", text)
    if len(text) + len(note) > room:
        note = note.removeprefix(" ")
    return text, note


def _source(code: CodeLine, columns: _Columns, width: int, file: str) -> Line:
    """A source line; the file's name where it is another than above."""
    head = " " * 3 + right(str(code.number), columns.gutter) + " "
    text = clip(code.text, SOURCE_CELLS_MAX)
    other = f"  {code.note}" if code.note != file else ""
    if len(head) + len(text) + len(other) > width:
        text = _INNER_GAP.sub("  ", text)
    return line((head, "dim"), (text, "source"), (other, "dim"))


def _spots(view: MachineView, top: int, height: int) -> tuple[Spot, ...]:
    """An instruction or a source line: F2 sets or removes a breakpoint there, Enter follows a
    call or jump to where it leads."""
    numbers = {point.address: point.number for point in view.breakpoints}
    found, kinds = [], ("asm", "source")
    for row, code in enumerate(view.code[top : top + height]):
        if code.kind not in kinds:
            continue
        number = numbers.get(code.address)
        stop = f"break {code.address:#x}" if number is None else f"delete {number}"
        follow = _TARGET.search(code.text) if code.kind == "asm" else None
        go = f"list {follow[1]}" if follow else ""
        key = "here" if code.current else f"{code.kind}{code.address:x}"
        gutter = Spot(row, f"g{key}", stop, "", stop, 0, 3)
        found += [gutter, Spot(row, key, go, f"break {code.address:#x} if ", stop, 3)]
    return tuple(found)


def _lines(view: MachineView, window: Window, top: int) -> tuple[Line, ...]:
    """The rows from `top` on that fit."""
    columns = _columns(view.code, window.width, len(view.cpus))
    file = next((code.note for code in view.code if code.kind == "source"), "")
    found: list[Line] = []
    for index, code in enumerate(view.code[: top + window.height]):
        if index >= top and code.kind == "source":
            found.append(_source(code, columns, window.width, file))
        elif index >= top and code.kind == "asm":
            found.append(_instruction(code, columns))
        elif index >= top:
            found.append(line(" " * (columns.gutter + 4), (code.text, "name")))
        file = code.note if code.kind == "source" else file
    return tuple(found)


def _anchor_at(lines: tuple[CodeLine, ...], index: int) -> Anchor:
    """A row by its address and its place among the rows of that address."""
    first = index
    while first and lines[first - 1].address == lines[index].address:
        first -= 1
    return lines[index].address, index - first


def _top(lines: tuple[CodeLine, ...], window: Window, here: int) -> int:
    """Rows stay while the current line is among them; otherwise it comes to the upper third."""
    rows = window.height
    if window.top is not None:
        return top_of(window, rows, len(lines))
    at = {_anchor_at(lines, index): index for index in range(max(here - rows, 0), here + 1)}
    kept = at.get(window.anchor) if window.anchor is not None else None
    fits = kept is not None and kept <= here < kept + rows - (1 if rows > 3 else 0)
    top = kept if fits and kept is not None else here - rows // 3
    return min(max(top, 0), max(len(lines) - rows, 0))


def _nothing(view: MachineView, window: Window) -> Page:
    cpu = view.cpus[view.focus]
    if cpu.state in ("off", "wait-for-sipi"):
        why = "it has not started" if cpu.state == "off" else "it waits for a SIPI"
        words = f"CPU {cpu.id} executes nothing: {why}."
    else:
        words = f"CPU {cpu.id} is at {address(cpu.rip)}, where no code can be read."
    return teaching(words, _TEACHES, window, f"cpu {cpu.id}")


def render(view: MachineView, window: Window) -> Page:
    """The lines of the view that fit, the current one always among them unless scrolled."""
    if not view.code:
        return _nothing(view, window)
    cpu, look = view.cpus[view.focus], view.code_look
    here = next((i for i, code in enumerate(view.code) if code.current), 0)
    if look.where:
        here = min(len(view.code) - 1, window.height // 3)
    top = _top(view.code, window, here)
    return Page(
        lines=_lines(view, window, top),
        detail=joined(f"cpu {cpu.id}", cpu.mode,
                      look.frame or (f"list {look.where}" if look.where else cpu.symbol),
                      "" if look.where else file_name(cpu.line)),
        spots=_spots(view, top, window.height), top=top, rows=window.height,
        total=len(view.code), anchor=_anchor_at(view.code, top),
    )  # fmt: skip


PANEL = Panel(
    "code",
    "Code",
    render,
    home="own",
    live=False,
    follows=True,
    words=("list",),
    filter="list ",
)
