"""How two moments differ, in words: CPUs, mailbox, memory, page tables, nested table, DTB."""

from collections.abc import Callable, Iterator
from typing import Final

from emu.boot.dtb import Node, read_tree
from emu.debug.capture import Capture, CpuCapture
from emu.debug.desk import Lines
from emu.hw.address import PAGE_BYTES
from emu.picture.mapped import Mapped, rights
from emu.words.spans import spans

GROUP_LINES_MAX: Final = 40
_SHARED_VIEW: Final = 1 << 39
_VALUE_BYTES: Final = 8
_GAP_BYTES: Final = 8
"""Changed bytes this near to each other are one range."""
NameOf = Callable[[int], str]


def compare(first: Capture, second: Capture, symbol: NameOf) -> Lines:
    """The differences from one moment to another, most important first."""
    groups = (
        list(_cpus(first, second, symbol)),
        list(_mailbox(first, second)),
        list(_dtb(first, second)),
        list(_tables(first, second)),
        list(_nested(first, second)),
        list(_memory(first, second, symbol)),
    )
    rows = [line for group in groups for line in _bounded(group)]
    if not rows:
        return ("no difference",)
    ns = second.virtual_ns - first.virtual_ns
    return (f"tick {first.tick:,} to {second.tick:,}, {ns:+,} ns", *rows)


def _bounded(rows: list[str]) -> list[str]:
    if len(rows) <= GROUP_LINES_MAX:
        return rows
    return [*rows[:GROUP_LINES_MAX], f"  ... and {len(rows) - GROUP_LINES_MAX:,} more"]


def _cpus(first: Capture, second: Capture, symbol: NameOf) -> Iterator[str]:
    """CPUs with equal changes share a line."""
    changes: dict[Lines, list[int]] = {}
    for index, (old, new) in enumerate(zip(first.cpus, second.cpus, strict=True)):
        words = tuple(_cpu(old, new, symbol))
        if words:
            changes.setdefault(words, []).append(index)
    for words, cpus in changes.items():
        name = f"cpu {cpus[0]}" if len(cpus) == 1 else f"cpus {spans(cpus)}"
        for word in words:
            yield f"{name}  {word}"


def _cpu(old: CpuCapture, new: CpuCapture, symbol: NameOf) -> Iterator[str]:
    if old.activity != new.activity:
        yield f"{old.activity} -> {new.activity}"
    if old.milestone != new.milestone:
        yield f"milestone {old.milestone or '-'} -> {new.milestone or '-'}"
    for name in dict.fromkeys(("rip", *old.values, *new.values)):
        before, after = old.values.get(name), new.values.get(name)
        if before != after:
            yield f"{name} {_value(before, symbol)} -> {_value(after, symbol)}"


def _value(value: int | None, symbol: NameOf) -> str:
    if value is None:
        return "-"
    name = symbol(value) if value > 0xFFF else ""
    return f"{value:#x}" + (f" {name}" if name else "")


def _mailbox(first: Capture, second: Capture) -> Iterator[str]:
    old, new = first.mailbox, second.mailbox
    if old is None or new is None:
        return
    if old.command != new.command:
        yield f"mailbox command {old.command_name} -> {new.command_name}"
    for name in ("reserved", "apic_id", "vector"):
        before, after = getattr(old, name), getattr(new, name)
        if before != after:
            yield f"mailbox {name} {before:#x} -> {after:#x}"
    if old.page_state != new.page_state:
        yield f"mailbox page {old.page_state} -> {new.page_state}"


def _memory(first: Capture, second: Capture, symbol: NameOf) -> Iterator[str]:
    """Ranges of bytes that differ."""
    for gpa in sorted(first.pages.keys() & second.pages.keys()):
        old, new = first.pages[gpa], second.pages[gpa]
        if old != new:
            yield from _page(gpa, old, new, symbol)


def _page(gpa: int, old: bytes, new: bytes, symbol: NameOf) -> Iterator[str]:
    view = " (shared view)" if gpa & _SHARED_VIEW else ""
    base = gpa & ~_SHARED_VIEW
    ranges = _ranges(old, new)
    if len(ranges) > 8:
        count = sum(a != b for a, b in zip(old, new, strict=True))
        yield f"memory {base:#x}..{base + PAGE_BYTES - 1:#x}: {count:,} bytes differ{view}"
        return
    for start, end in ranges:
        name = symbol(base + start)
        where = f"memory {base + start:#x}" + (f" {name}" if name else "")
        if end - start <= _VALUE_BYTES:
            before, after = (int.from_bytes(data[start:end], "little") for data in (old, new))
            width = end - start
            yield f"{where}/{width}: {before:#x} -> {after:#x}{view}"
        else:
            yield f"{where}: {end - start:,} bytes differ{view}"


def _ranges(old: bytes, new: bytes) -> list[tuple[int, int]]:
    rows: list[tuple[int, int]] = []
    for index, (a, b) in enumerate(zip(old, new, strict=True)):
        if a == b:
            continue
        if rows and index - rows[-1][1] < _GAP_BYTES:
            rows[-1] = rows[-1][0], index + 1
        else:
            rows.append((index, index + 1))
    return rows


def _tables(first: Capture, second: Capture) -> Iterator[str]:
    """What the page tables of the CPUs map."""
    for cr3 in sorted(first.tables.keys() & second.tables.keys()):
        old, new = set(first.tables[cr3]), set(second.tables[cr3])
        users = [i for i, cpu in enumerate(second.cpus) if cpu.cr3 == cr3]
        name = f"tables at {cr3:#x} (cpus {spans(users)})" if users else f"tables at {cr3:#x}"
        for one in sorted(new - old, key=lambda m: m.gva):
            yield f"{name}: {_range(one)} is mapped {one.rights}"
        for one in sorted(old - new, key=lambda m: m.gva):
            yield f"{name}: {_range(one)} was mapped {one.rights}"


def _range(one: Mapped) -> str:
    same = "" if one.gva == one.gpa else f" to {one.gpa:#x}"
    return f"{one.gva:#x}..{one.gva + one.size - 1:#x}{same}"


def _nested(first: Capture, second: Capture) -> Iterator[str]:
    """Pages whose leaf or state differs, in ranges."""
    rows: list[tuple[int, int, str]] = []
    for gpa in sorted(first.nested.keys() | second.nested.keys()):
        old, new = first.nested.get(gpa), second.nested.get(gpa)
        if old == new:
            continue
        words = f"{_leaf(old)} -> {_leaf(new)}"
        if rows and rows[-1][1] == gpa and rows[-1][2] == words:
            rows[-1] = rows[-1][0], gpa + PAGE_BYTES, words
        else:
            rows.append((gpa, gpa + PAGE_BYTES, words))
    for start, end, words in rows:
        view = " (shared view)" if start & _SHARED_VIEW else ""
        start, end = start & ~_SHARED_VIEW, end & ~_SHARED_VIEW or end
        yield f"nested table {start:#x}..{end - 1:#x}: {words}{view}"


def _leaf(leaf: tuple[int, str] | None) -> str:
    return "absent" if leaf is None else f"{leaf[1]} {rights(leaf[0])}"


def _dtb(first: Capture, second: Capture) -> Iterator[str]:
    """Nodes and properties of the tree that the kernel is handed."""
    if first.dtb == second.dtb:
        return
    if first.dtb is None or second.dtb is None:
        yield "device tree: " + (
            "handed to the kernel" if first.dtb is None else "not yet there"
        )
        return
    old, new = _properties(first.dtb), _properties(second.dtb)
    for path in sorted(old.keys() | new.keys()):
        before, after = old.get(path), new.get(path)
        if before != after:
            shown = ("absent" if data is None else data.hex(" ", 4) for data in (before, after))
            yield f"device tree {path}: " + " -> ".join(shown)


def _properties(blob: bytes) -> dict[str, bytes]:
    """Every property by its path; of a broken tree, what can be read."""
    found: dict[str, bytes] = {}
    root = read_tree(blob).root
    waiting: list[tuple[str, Node]] = [] if root is None else [("", root)]
    while waiting:
        path, node = waiting.pop()
        for one in node.properties:
            found[f"{path}/{one.name}"] = one.value
        waiting += [(f"{path}/{child.name}", child) for child in node.children]
    return found
