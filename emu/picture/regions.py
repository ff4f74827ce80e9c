"""Memory as one map: what the loader placed where, and what trees and the E820 table say of it.

Sources: Devicetree Specification 0.4, 3.4 and 3.5 (memory, reserved-memory); openvmm,
`openhcl/openhcl_boot/src/dt.rs` (`/openhcl`); Linux, Documentation/arch/x86/zero-page.rst.
"""

import struct
from collections.abc import Iterable, Iterator
from typing import Final

from emu.boot import memory_types
from emu.boot.dtb import Node, Tree, cells_below, read_tree
from emu.machine import handover
from emu.machine.board import Board
from emu.picture.sections import RegionRow, RegionsLook, RegionsView, size_words

_E820_COUNT, _E820_TABLE = 0x1E8, 0x2D0
"""boot_params: e820_entries and e820_table (zero-page.rst)."""
_E820_ENTRY: Final = struct.Struct("<QQI")
_E820_MAX: Final = 128
_ORDER: Final = ("loader", "host", "tree", "E820")
"""Who says it, of equal ranges in this order."""
_DEPTH_MAX: Final = 6
_WHOLE: Final = ("memory", "accepted-memory", "sidecar")


def regions_view(board: Board, look: RegionsLook) -> RegionsView:
    """All ranges that anybody names, as guest memory has them now."""
    every = sorted(_all(board), key=_place)
    kept = tuple(one for one in _nested(every) if _matches(one, look.text))
    return RegionsView(look, kept, len(every))


def _place(row: RegionRow) -> tuple[int, int, int]:
    return row.gpa, -row.size, _ORDER.index(row.source)


def _matches(row: RegionRow, text: str) -> bool:
    told = f"{row.source} {row.name} {row.more} {row.gpa:#x}".casefold()
    return all(word in told for word in text.casefold().split())


def _all(board: Board) -> Iterator[RegionRow]:
    for region in board.layout.regions:
        yield RegionRow(region.gpa, region.size, "loader", region.name)
    host, kernel = handover.host_dtb(board), handover.kernel_dtb(board)
    if host is not None:
        yield from _of_tree("host", read_tree(host))
    if kernel is not None:
        yield from _of_tree("tree", read_tree(kernel))
    if board.boot_params is not None:
        yield from _e820(board, board.boot_params)


def _of_tree(source: str, tree: Tree) -> Iterator[RegionRow]:
    """The ranges of memory nodes, wherever they are, and all that is reserved."""
    for node, parent in tree.all():
        kind = node.name.partition("@")[0]
        kept = parent is not None and parent.name == "reserved-memory"
        if not kept and kind not in _WHOLE:
            continue
        path = f"/{parent.name}/" if parent is not None and parent.name else "/"
        for gpa, size in _ranges(node, parent):
            yield RegionRow(gpa, size, source, _name(node, path), _more(node))
    for gpa, size in tree.reservations:
        yield RegionRow(gpa, size, source, "/memreserve/")


def _name(node: Node, path: str) -> str:
    """The type in the words of whoever wrote the node, else where the node stands."""
    for name, types in memory_types.PROPERTIES.items():
        found = node.get(name)
        if found is not None and found.cells:
            return memory_types.named(types, found.cells[0])
    return path + node.name.partition("@")[0]


def _more(node: Node) -> str:
    """What else the node says: the host's type, the NUMA node, what it is compatible with."""
    told = []
    host = node.get("microsoft,igvm-type")
    if host is not None and host.cells and node.get("openhcl,memory-type") is not None:
        told.append(memory_types.named(memory_types.IGVM, host.cells[0]))
    numa, compatible = node.get("numa-node-id"), node.get("compatible")
    if numa is not None and numa.cells:
        told.append(f"node {numa.cells[0]}")
    if compatible is not None:
        told.append(compatible.text)
    return ", ".join(told)


def _ranges(node: Node, parent: Node | None) -> Iterator[tuple[int, int]]:
    reg = node.get("reg")
    wide, long = cells_below(parent)
    each = 4 * (wide + long)
    if reg is None or not wide or not long or len(reg.value) % each:
        return
    for at in range(0, len(reg.value), each):
        size = int.from_bytes(reg.value[at + 4 * wide : at + each], "big")
        if size:
            yield int.from_bytes(reg.value[at : at + 4 * wide], "big"), size


def _e820(board: Board, boot_params: int) -> Iterator[RegionRow]:
    """The table that the kernel was entered with."""
    count = board.ram.guest_bytes(boot_params + _E820_COUNT, 1) or b"\0"
    size = min(count[0], _E820_MAX) * _E820_ENTRY.size
    table = board.ram.guest_bytes(boot_params + _E820_TABLE, size) or b""
    for gpa, length, kind in _E820_ENTRY.iter_unpack(table):
        if length:
            yield RegionRow(gpa, length, "E820", memory_types.named(memory_types.E820, kind))


def _nested(rows: Iterable[RegionRow]) -> Iterator[RegionRow]:
    """How many others each range lies in."""
    ends: list[int] = []
    for row in rows:
        while ends and ends[-1] <= row.gpa:
            ends.pop()
        inside = sum(row.gpa + row.size <= end for end in ends)
        yield RegionRow(
            row.gpa, row.size, row.source, row.name, row.more, min(inside, _DEPTH_MAX)
        )
        ends.append(row.gpa + row.size)
        ends.sort(reverse=True)


def lines(view: RegionsView) -> tuple[str, ...]:
    """The map as text."""
    rows = tuple(
        f"{row.gpa:>#14x}..{row.gpa + row.size - 1:<#14x}{size_words(row.size):>10}  "
        f"{row.source:6}  {'  ' * row.depth}{row.name}{f' ({row.more})' if row.more else ''}"
        for row in view.rows
    )
    return (*rows, view.told)
