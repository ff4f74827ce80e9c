"""The registers of the selected CPU in groups, with their bits in words."""

from typing import Final

from msgspec.structs import replace

from emu.picture.sections import PointerView
from emu.picture.view import MachineView, RegisterView
from tui.panels.base import Page, Panel, Spot, Window, joined, span_words, top_of
from tui.panels.empty import teaching
from tui.text import Line, Span, address, cut, line, pad

CELL_CELLS: Final = 26
"""At least: name of up to 4, mark, 17 digits of the value, and a gap. A value below 4 GiB has
8, and what it points at in the room that is left."""
_HALF: Final = 1 << 32
_HALF_CELLS: Final = 8
_VALUE_CELLS: Final = 17
_GAP: Final = 1
COLUMNS_MAX: Final = 4
NAME_CELLS: Final = 6
"""At least; a group with longer names has them in a wider column."""
ORDER: Final = ("general", "flags", "control", "segment", "msr")
"""What people look at most comes first."""
_TEACHES = (
    "The registers of the selected CPU come here, with what they point at and what the last "
    "step has changed. `<` and `>` select another CPU, `c` runs the boot until somebody starts "
    "this one, `:why` tells what it waits for."
)


def _value(register: RegisterView) -> Span:
    return address(register.value), "changed" if register.changed else "number"


def _mark(register: RegisterView) -> Span:
    """In front of a value that is another one than at the last stop."""
    return ("*" if register.changed else " ", "changed")


def _name(register: RegisterView, cells: int) -> Span:
    return pad(register.name, cells), "dim"


Row = tuple[Line, tuple[Spot, ...]]
"""A row, and what can be pointed at in it."""


Pointers = dict[str, PointerView]
"""By register."""


def _spot(
    register: RegisterView, start: int, end: int | None, points: Pointers | None = None
) -> Spot:
    """`e` edits a register; Enter goes to the code or the memory that
    it points to."""
    plain = register.group in ("general", "flags", "control", "msr")
    edit = f"set {register.name}={register.value:#x}" if plain else ""
    found = (points or {}).get(register.name)
    word = "list" if found is not None and found.code else "mem"
    go = f"{word} {register.name}" if register.group == "general" else ""
    return Spot(0, register.name, go, edit, "", start, end)


def _grid(registers: list[RegisterView], width: int, points: Pointers) -> list[Row]:
    """General registers in as many columns as fit, read downwards."""
    columns = max(1, min(COLUMNS_MAX, width // CELL_CELLS))
    cells = -(-(width + _GAP) // columns)  # the last one needs no gap
    height = -(-len(registers) // columns)
    rows: list[Row] = []
    for index in range(height):
        spans: list[Span] = []
        spots: list[Spot] = []
        for register in registers[index::height]:
            start = len(spots) * cells
            spots.append(_spot(register, start, start + cells - _GAP, points))
            spans += [
                _name(register, 4),
                _mark(register),
                *_followed(register, min(cells - _GAP, width - start) - 5, points),
                (" " * (_GAP if start + cells < width else 0), "plain"),
            ]
        rows.append((line(*spans), tuple(spots)))
    return rows


def _followed(register: RegisterView, cells: int, points: Pointers) -> list[Span]:
    """A general register's value, and what it points at."""
    value, found = _value(register), points.get(register.name)
    used = max(len(value[0]), _HALF_CELLS)
    words = "" if found is None else f" {cut(found.words, cells - used - 1)}"
    gap, rest = " " * (used - len(value[0])), " " * max(cells - used - len(words), 0)
    return [value, (gap, "plain"), (words, "name"), (rest, "plain")]


def _row(register: RegisterView, name_cells: int, value_cells: int) -> Line:
    value = _value(register)
    gap = " " * max(value_cells - len(value[0]), 0)
    words = register.words or ("-" if register.group == "flags" else "")
    return line(_name(register, name_cells), " ", _mark(register), value, gap, "  ", words)


def rows(registers: tuple[RegisterView, ...], width: int, points: Pointers) -> list[Row]:
    """Every row of the panel: the groups in order, an empty row between two."""
    found: list[Row] = []
    for group in ORDER:
        members = [register for register in registers if register.group == group]
        if not members:
            continue
        found += [((), ())] if found else []
        if group == "general":
            found += _grid(members, width, points)
            continue
        names = max(NAME_CELLS, *(len(register.name) for register in members))
        wide = any(register.value >= _HALF for register in members)
        cells = _VALUE_CELLS if wide else _HALF_CELLS
        found += [(_row(one, names, cells), (_spot(one, 0, None),)) for one in members]
    return found


def render(view: MachineView, window: Window) -> Page:
    """Names and values keep their places; what changed since the last stop is marked."""
    cpu = view.cpus[view.focus]
    if not view.registers:
        words = f"CPU {cpu.id} has no registers yet: it has not started."
        return teaching(words, _TEACHES, window, f"cpu {cpu.id}")
    points = {one.register: one for one in view.sections.pointers or ()}
    every = rows(view.registers, window.width, points)
    top = top_of(window, window.height, len(every))
    shown = every[top : top + window.height]
    changed = sum(register.changed for register in view.registers)
    return Page(
        lines=tuple(styled for styled, _ in shown),
        detail=joined(f"cpu {cpu.id}", f"{changed} changed" if changed else "",
                      span_words(top, window.height, len(every))),
        top=top, rows=window.height, total=len(every), anchor=(top, 0),
        spots=tuple(
            replace(spot, row=row) for row, (_, spots) in enumerate(shown) for spot in spots
        ),
    )  # fmt: skip


PANEL = Panel(
    "registers",
    "Registers",
    render,
    home="look",
    live=False,
    short="Regs",
    words=("registers",),
    needs="pointers",
)
