"""Bytes of one of the three spaces as a hexdump, with the structure that lies there."""

from emu.picture.sections import ROW_BYTES, FieldView, MemoryView, ascii
from emu.picture.view import MachineView
from tui.panels.base import Page, Panel, Spot, Window, joined, notice
from tui.panels.empty import teaching
from tui.text import Line, Role, Span, address, line, pad

_TEACHES = (
    "Bytes come here as a hexdump, with the structure that lies there. `/` asks for a place, "
    "`:mem rsp` follows a register, `:mem gpa:0x8400000` looks at physical memory, `:find` "
    "searches."
)
ADDRESS_CELLS = 17
TEXT_FROM_CELLS = ADDRESS_CELLS + 2 + 3 * ROW_BYTES + 1 + ROW_BYTES
"""A narrower window shows no text; a still narrower one half rows."""
HALF_FROM_CELLS = ADDRESS_CELLS + 2 + 3 * ROW_BYTES
NAME_CELLS = 20


def _per_row(width: int) -> int:
    return ROW_BYTES if width >= HALF_FROM_CELLS else ROW_BYTES // 2


def _row(memory: MemoryView, at: int, width: int) -> Line:
    """One row: the address, the bytes, those that changed marked, and the text."""
    count = _per_row(width)
    data = memory.data[at : at + count]
    start = memory.address + at
    spans: list[Span] = [(pad(address(start), ADDRESS_CELLS) + "  ", "dim")]
    for index, byte in enumerate(data):
        role: Role = "changed" if start + index in memory.changed else "number"
        role = "dim" if byte in (None, 0) and role == "number" else role
        mark = "*" if role == "changed" else " "
        spans.append(("--" if byte is None else f"{byte:02x}", role))
        spans.append((mark, "changed" if role == "changed" else "plain"))
        if index == ROW_BYTES // 2 - 1 and count == ROW_BYTES:
            spans.append((" ", "plain"))
    if width >= TEXT_FROM_CELLS:
        spans.append((ascii(data), "source"))
    return line(*_joined_spans(spans))


def _joined_spans(spans: list[Span]) -> list[Span]:
    """Neighbours of one role as one span."""
    found: list[Span] = []
    for text, role in spans:
        if found and found[-1][1] == role:
            found[-1] = found[-1][0] + text, role
        else:
            found.append((text, role))
    return found


def _field(one: FieldView) -> Line:
    return line(
        (f"+{one.offset:03x}  ", "dim"), (pad(one.name, NAME_CELLS) + "  ", "name"),
        (one.value, "number"),
    )  # fmt: skip


def _edit(memory: MemoryView, at: int, size: int) -> str:
    return f"set {memory.space}:{memory.address + at:#x}/{size}=0x"


def render(view: MachineView, window: Window) -> Page:
    """The structure's fields, if there is one, above the bytes."""
    memory = view.sections.memory
    if memory is None:
        return notice("", window)
    kind = f"as {memory.kind}" if memory.kind else ""
    detail = joined(f"{memory.space}:{memory.where}", memory.symbol, kind)
    if memory.problem:
        return teaching(f"{memory.problem}.", _TEACHES, window, detail)
    lines: list[Line] = []
    spots: list[Spot] = []
    for one in memory.fields[: max(window.height - 2, 0)]:
        go = "" if one.target is None else f"mem gpa:{one.target:#x}"
        spots.append(
            Spot(len(lines), f"+{one.offset:x}", go, _edit(memory, one.offset, one.size))
        )
        lines.append(_field(one))
    count, names = _per_row(window.width), dict(memory.names)
    for at in range(0, len(memory.data), count):
        named = [name for place, name in names.items()
                 if memory.address + at <= place < memory.address + at + count]  # fmt: skip
        if named and len(lines) < window.height - 1:
            lines.append(line((f"{', '.join(named)}:", "name")))
        if len(lines) >= window.height:
            break
        spots.append(Spot(len(lines), f"{memory.address + at:x}", "", _edit(memory, at, 8)))
        lines.append(_row(memory, at, window.width))
    return Page(
        lines=tuple(lines[: window.height]), detail=detail,
        spots=tuple(spot for spot in spots if spot.row < window.height),
        rows=window.height, total=window.height,
    )  # fmt: skip


def scroll(view: MachineView, rows: int) -> str:
    """The command that looks so many rows further on."""
    memory = view.sections.memory
    if memory is None or memory.problem:
        return "mem rsp"
    start = max(memory.address + rows * ROW_BYTES, 0)
    kind = f" as {memory.kind}" if memory.kind else ""
    return f"mem {memory.space}:{start:#x}{kind}"


PANEL = Panel(
    "memory", "Memory", render, home="look", live=False, needs="memory", short="Mem",
    words=("mem", "find"), filter="mem ", scroll=scroll,
)  # fmt: skip
