"""The device tree, live from guest memory: the host's, the kernel's, and what the shim changed.

Values are typed by name where the Devicetree Specification 0.4 (2.3) types them, else by how
they look: strings, or 32-bit cells.
"""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Final

from emu.boot import memory_types
from emu.boot.dtb import Node, Property, cells_below, read_tree, wakeup_mailbox_problems
from emu.errors import CommandError
from emu.machine import handover
from emu.machine.machine import Machine
from emu.picture import tree_cpus
from emu.picture.sections import DtbLook, DtbRow, DtbView, Which

WHICH: Final = ("live", "host", "kernel", "diff", "cpus")
_STRINGS: Final = ("compatible", "model", "status", "device_type", "bootargs", "name")
_HANDLES: Final = ("phandle", "interrupt-parent")
_VALUE_MAX: Final = 8
"""Cells that are shown of a long value."""
_CACHED: Final = 8


def look_of(words: tuple[str, ...]) -> DtbLook:
    """The look of `dtb`'s words: `[host|kernel|diff|cpus] [PATH or words]`."""
    if words and words[0] in WHICH:
        return DtbLook(words[0], " ".join(words[1:]))  # type: ignore[arg-type]  # just checked
    return DtbLook("live", " ".join(words))


def dtb_view(machine: Machine, look: DtbLook) -> DtbView:
    """A tree as guest memory holds it now."""
    host, kernel = handover.host_dtb(machine.board), handover.kernel_dtb(machine.board)
    which, host_gpa = look.which, machine.board.layout.host_dtb_gpa
    newest: Which = "host" if kernel is None else "kernel"
    if which == "live":
        which = newest
    whose = newest if which == "cpus" else which
    blob = host if whose == "host" else kernel
    gpa = host_gpa if whose == "host" else handover.kernel_dtb_gpa(machine.board)
    if blob is None or gpa is None or (which == "diff" and host is None):
        why = _missing(host_gpa, whose == "host" or kernel is not None)
        return DtbView(look, which, 0, 0, (), 0, "", (), why)
    tree, rows = read_tree(blob), _rows(blob, gpa)
    if which == "cpus":
        rows = tuple(tree_cpus.rows(tree, gpa, machine.board.cpus))
    checks: tuple[str, ...] = ()
    if which == "kernel":
        checks = wakeup_mailbox_problems(tree) if machine.board.mailbox_gpa is not None else ()
    if which == "diff" and host is not None and host_gpa is not None:
        rows = tuple(_differences(_rows(host, host_gpa), rows))
    kept = tuple(row for row in rows if _kept(row, look.path)) if look.path else rows
    return DtbView(look, which, gpa, len(blob), kept, len(rows), tree.broken, checks)


def _missing(host_gpa: int | None, host: bool) -> str:
    """Why there is no tree to show: the host's, or the kernel's."""
    if not host:
        return "the kernel has not been handed a device tree yet"
    if host_gpa is None:
        return "this image is handed no device tree"
    return f"there is no device tree at {host_gpa:#x}: its magic is gone"


def _kept(row: DtbRow, text: str) -> bool:
    if text.startswith("/"):
        return row.path == text or row.path.startswith(text.rstrip("/") + "/")
    return not text or text in row.path or text in row.value


@lru_cache(maxsize=_CACHED)
def _rows(blob: bytes, gpa: int) -> tuple[DtbRow, ...]:
    """Every node of a tree with its properties, in the order of the blob."""
    root = read_tree(blob).root
    return () if root is None else tuple(_node(root, None, "", 0, gpa))


def _node(
    node: Node, parent: Node | None, above: str, depth: int, gpa: int
) -> Iterator[DtbRow]:
    path = f"{above}/{node.name}" if depth else ""
    yield DtbRow(depth, path or "/", node.name or "/", "", True, "", gpa + node.offset, 0)
    for one in node.properties:
        value, targets = _value(one, parent)
        yield DtbRow(
            depth + 1, f"{path}/{one.name}", one.name, value, False, "", gpa + one.offset,
            len(one.value), targets,
        )  # fmt: skip
    for child in node.children:
        yield from _node(child, node, path, depth + 1, gpa)


def _value(one: Property, parent: Node | None) -> tuple[str, tuple[int, ...]]:
    """A value in the words of its type, and the addresses that it names."""
    data = one.value
    if not data:
        return "(set)", ()
    if one.name == "reg":
        return _reg(data, *cells_below(parent))
    if one.name in _STRINGS or _looks_like_strings(data):
        return ", ".join(f'"{text}"' for text in one.strings), ()
    if one.name in _HANDLES and len(data) == 4:
        return f"&{one.cells[0]:#x}", ()
    if len(data) % 4 == 0:
        if len(data) == 4:
            types = memory_types.PROPERTIES.get(one.name)
            cell = one.cells[0]
            words = f"{cell:,}" if types is None else memory_types.named(types, cell)
            return f"{cell:#x} ({words})", ()
        shown = " ".join(f"{cell:#x}" for cell in one.cells[:_VALUE_MAX])
        more = len(one.cells) - _VALUE_MAX
        return f"<{shown}{f' ... {more} more' if more > 0 else ''}>", ()
    shown = data[: 4 * _VALUE_MAX].hex(" ")
    return f"[{shown}{' ...' if len(data) > 4 * _VALUE_MAX else ''}]", ()


def _looks_like_strings(data: bytes) -> bool:
    """Ends in a null, holds no empty string, and is printable (dtc guesses the same way)."""
    parts = data[:-1].split(b"\0")
    return data[-1:] == b"\0" and all(
        part and all(0x20 <= byte < 0x7F for byte in part) for part in parts
    )


def _reg(data: bytes, wide: int, long: int) -> tuple[str, tuple[int, ...]]:
    """Ranges by the parent's cell counts; the plain cells where they do not divide."""
    each = 4 * (wide + long)
    if not wide or len(data) % each:
        return f"[{data[: 4 * _VALUE_MAX].hex(' ')}] is not {wide}+{long} cells", ()
    shown, targets = [], []
    for at in range(0, len(data), each):
        address = int.from_bytes(data[at : at + 4 * wide], "big")
        size = int.from_bytes(data[at + 4 * wide : at + each], "big")
        shown.append(f"{address:#x}..{address + size - 1:#x}" if size else f"{address:#x}")
        if size:
            targets.append(address)
    more = len(shown) - _VALUE_MAX
    return ", ".join(shown[:_VALUE_MAX]) + (f" ... {more} more" if more > 0 else ""), tuple(
        targets
    )


def _differences(before: Sequence[DtbRow], after: Sequence[DtbRow]) -> list[DtbRow]:
    """Rows that the two trees do not share, with a mark; changed ones say what they were."""
    old = {row.path: row for row in before}
    new = {row.path: row for row in after}
    rows = []
    for row in after:
        was = old.get(row.path)
        if was is None:
            rows.append(_marked(row, "+", row.value))
        elif was.value != row.value:
            rows.append(_marked(row, "~", f"{was.value} -> {row.value}"))
    rows += [_marked(row, "-", row.value) for row in before if row.path not in new]
    return rows


def _marked(row: DtbRow, mark: str, value: str) -> DtbRow:
    return DtbRow(
        row.depth, row.path, row.name, value, row.is_node, mark, row.gpa, row.size, row.targets
    )


def lines(view: DtbView) -> tuple[str, ...]:
    """The tree as text; raises CommandError where there is none."""
    if view.problem:
        raise CommandError(f"dtb: {view.problem}")
    rows = [f"the {view.which} tree at gpa {view.gpa:#x}, {view.size:,} bytes"]
    if view.which == "diff":
        rows = ["the kernel's tree against the host's"]
    if view.which == "cpus":
        rows = [f"the tree at gpa {view.gpa:#x} against the machine's CPUs"]
    for row in view.rows:
        mark = f"{row.mark or ' '} "
        if view.marked:
            rows.append(f"{mark}{row.path}" + (f" = {row.value}" if not row.is_node else ""))
        else:
            text = row.name if row.is_node else f"{row.name} = {row.value}"
            rows.append("  " * row.depth + text)
    if not view.rows:
        rows.append(f"  nothing is called {view.look.path}" if view.look.path else "  empty")
    rows += [f"broken: {view.broken}"] if view.broken else []
    return (*rows, *(f"binding: {check}" for check in view.checks))
