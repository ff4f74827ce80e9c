"""Device trees: the one the host hands over, and reading any blob, whole or broken.

Flattened Devicetree format: Devicetree Specification 0.4, chapter 5. Writing uses the `fdt`
package; reading does not, because a debugger must show a corrupt blob up to where it breaks.
"""

import struct
from functools import lru_cache
from typing import Final

import fdt
from msgspec import Struct, field

from emu.boot.dtb_nodes import VERSION, cpu_nodes, new_node, packed, put, serial_nodes, wide
from emu.boot.dtb_openhcl import memory_node, openhcl_node
from emu.boot.numa import MemoryNode
from emu.boot.platform import Platform
from emu.hw.address import PAGE_MASK, RESET_PAGE

MAGIC: Final = 0xD00DFEED
HEADER_BYTES: Final = 40
_BEGIN, _END, _PROPERTY, _NOP, _FINISH = 1, 2, 3, 4, 9
_CELLS: Final = ("#address-cells", "#size-cells")
DEPTH_MAX: Final = 64
NODES_MAX: Final = 100_000
_CACHED: Final = 8
NAME_MAX: Final = 255
"""Characters of a property name; the specification allows 31, its own examples have more."""
MAILBOX: Final = "intel,wakeup-mailbox"
MAILBOX_BYTES: Final = 0x1000

VTL0_MMIO: Final = ((0xF800_0000, 0x0400_0000), (0xF_E000_0000, 0x1000_0000))
_VTL2_MMIO: Final = ((0xF_F000_0000, 0x0800_0000),)


class Property(Struct, frozen=True):
    """A property: where its value lies in the blob, and the value."""

    name: str
    offset: int
    value: bytes

    @property
    def text(self) -> str:
        """The value as its first string."""
        return self.value.split(b"\0", 1)[0].decode("utf-8", "replace")

    @property
    def strings(self) -> tuple[str, ...]:
        """The value as a list of strings."""
        return tuple(p.decode("utf-8", "replace") for p in self.value.split(b"\0") if p)

    @property
    def cells(self) -> tuple[int, ...]:
        """The value as big-endian 32-bit cells."""
        whole = len(self.value) // 4 * 4
        return struct.unpack(f">{whole // 4}I", self.value[:whole])


class Node(Struct):
    """A node with its place in the blob; mutable only while the blob is being read."""

    name: str
    offset: int
    properties: list[Property] = field(default_factory=list)
    children: list["Node"] = field(default_factory=list)

    def get(self, name: str) -> Property | None:
        """A property by name."""
        return next((p for p in self.properties if p.name == name), None)

    def child(self, name: str) -> "Node | None":
        """A child by its name with or without the unit address."""
        for node in self.children:
            if name in (node.name, node.name.partition("@")[0]):
                return node
        return None


class Tree(Struct, frozen=True):
    """What could be read of a blob."""

    root: Node | None
    reservations: tuple[tuple[int, int], ...]
    boot_cpu: int
    broken: str
    """Where and why reading stopped, empty if the blob is whole."""

    def find(self, path: str) -> Node | None:
        """A node by path; unit addresses may be left out."""
        node = self.root
        for name in path.strip("/").split("/"):
            if node is None or not name:
                break
            node = node.child(name)
        return node

    def all(self) -> list[tuple[Node, Node | None]]:
        """(node, parent) of every node, in the order of the blob."""
        found: list[tuple[Node, Node | None]] = []
        stack: list[tuple[Node, Node | None]] = [(self.root, None)] if self.root else []
        while stack:
            node, parent = stack.pop()
            found.append((node, parent))
            stack += [(child, node) for child in reversed(node.children)]
        return found


class _Broken(Exception):
    """Reading cannot go on; the text says where and why."""


@lru_cache(maxsize=_CACHED)
def read_tree(blob: bytes) -> Tree:
    """Read a blob; never raises: what is wrong is in `broken`. The same blob is one tree for
    all who read it: a boot is asked about its trees again and again."""
    if len(blob) < HEADER_BYTES:
        return Tree(None, (), 0, f"{len(blob)} bytes are no header of {HEADER_BYTES}")
    magic, total, structs, strings, reserve, version, _, boot_cpu, nstrings, nstructs = (
        struct.unpack_from(">10I", blob)
    )
    if magic != MAGIC:
        return Tree(None, (), 0, f"offset 0: the magic is {magic:#010x}, not {MAGIC:#010x}")
    reader = _TreeReader(blob[:total], structs, nstructs, strings, nstrings)
    reservations, reserve_problem = reader.reservations(reserve)
    problems = [
        f"version {version} is below {VERSION}" if version < VERSION else "",
        f"total size {total} is beyond the {len(blob)} bytes" if total > len(blob) else "",
        reserve_problem,
        reader.read(),
    ]
    return Tree(reader.root, reservations, boot_cpu, next(filter(None, problems), ""))


class _TreeReader:
    """Walks the structure block once, keeping what it has when it must stop."""

    def __init__(self, blob: bytes, at: int, size: int, strings: int, nstrings: int) -> None:
        self.blob = blob
        self.at = at
        self.end = min(at + size, len(blob))
        self.strings = blob[strings : strings + nstrings]
        self.root: Node | None = None
        self._nameless = ""

    def reservations(self, at: int) -> tuple[tuple[tuple[int, int], ...], str]:
        """The memory reservation block up to its empty entry, and what is wrong with it."""
        found: list[tuple[int, int]] = []
        while at + 16 <= len(self.blob):
            address, size = struct.unpack_from(">QQ", self.blob, at)
            if not address and not size:
                return tuple(found), ""
            found.append((address, size))
            at += 16
        return tuple(found), f"offset {at:#x}: the reservation block does not end"

    def read(self) -> str:
        """Fill `root` as far as it goes; where and why reading stopped, if it did."""
        if self.at % 4:
            return f"offset {self.at:#x}: the structure block is not 4-byte aligned"
        try:
            self._walk()
        except _Broken as error:
            return str(error)
        return self._nameless

    def _cell(self) -> int:
        if self.at + 4 > self.end:
            raise _Broken(f"offset {self.at:#x}: the structure block is cut off")
        value: int = struct.unpack_from(">I", self.blob, self.at)[0]
        self.at += 4
        return value

    def _walk(self) -> None:
        """Fill `root`; raises _Broken at the first thing that cannot be."""
        stack: list[Node] = []
        nodes = 0
        while True:
            place, token = self.at, self._cell()
            if token == _BEGIN:
                nodes += 1
                if len(stack) >= DEPTH_MAX or nodes > NODES_MAX:
                    raise _Broken(f"offset {place:#x}: deeper or larger than any real tree")
                stack.append(self._begin(place, stack))
            elif token == _PROPERTY and stack:
                stack[-1].properties.append(self._property(place))
            elif token == _END and stack:
                stack.pop()
            elif token == _FINISH and not stack and self.root is not None:
                return
            elif token != _NOP:
                raise _Broken(f"offset {place:#x}: token {token:#x} cannot stand here")

    def _begin(self, place: int, stack: list[Node]) -> Node:
        stop = self.blob.find(b"\0", self.at, self.end)
        if stop < 0:
            raise _Broken(f"offset {self.at:#x}: a node's name does not end")
        node = Node(self.blob[self.at : stop].decode("utf-8", "replace"), place)
        self.at = stop + 4 & ~3
        if stack:
            stack[-1].children.append(node)
        elif self.root is None:
            self.root = node
        else:
            raise _Broken(f"offset {place:#x}: a second root")
        return node

    def _property(self, place: int) -> Property:
        size, name = self._cell(), self._cell()
        if self.at + size > self.end:
            raise _Broken(f"offset {place:#x}: a property of {size:,} bytes leaves the block")
        found = Property(self._name(place, name), self.at, self.blob[self.at : self.at + size])
        self.at += size + 3 & ~3
        return found

    def _name(self, place: int, at: int) -> str:
        """A property's name; without it the structure can be read on."""
        stop = self.strings.find(b"\0", at, at + NAME_MAX + 1)
        if stop >= 0:
            return self.strings[at:stop].decode("utf-8", "replace")
        problem = f"offset {place:#x}: a property's name lies outside the strings"
        self._nameless = self._nameless or problem
        return f"?{at:#x}"


def wakeup_mailbox(tree: Tree) -> int | None:
    """The GPA of the mailbox page that a tree names; None if Linux would not use it."""
    if wakeup_mailbox_problems(tree):
        return None
    node, parent = _mailboxes(tree)[0]
    reg = None if parent is None else _reg(node, parent)
    return None if reg is None else reg[0]


def wakeup_mailbox_problems(tree: Tree) -> tuple[str, ...]:
    """What Linux would hold against the mailbox node; empty if it would use it.

    Rules: binding `reserved-memory/intel,wakeup-mailbox` and `dtb_wakeup_mailbox_setup`: one
    node under /reserved-memory, with `reg` of exactly one 4 KiB page, 4 KiB aligned.
    """
    if tree.root is None:
        return (f"the tree cannot be read: {tree.broken}",)
    found = _mailboxes(tree)
    if not found:
        return (f"no node is compatible with {MAILBOX}",)
    problems = [f"{len(found)} nodes are compatible with {MAILBOX}"] if len(found) > 1 else []
    node, parent = found[0]
    if parent is None or parent is not tree.find("/reserved-memory"):
        problems.append(f"{node.name} is no child of /reserved-memory")
        return tuple(problems)
    return (*problems, *_reg_problems(node, parent))


def _mailboxes(tree: Tree) -> list[tuple[Node, Node | None]]:
    """(node, parent) of every mailbox."""
    return [
        (node, parent)
        for node, parent in tree.all()
        if (compatible := node.get("compatible")) and MAILBOX in compatible.strings
    ]


def cells_below(parent: Node | None) -> tuple[int, int]:
    """How many cells an address and a size have in a `reg` of a node's children: as the node
    says, else 2 and 1 (Devicetree 0.4, 2.3.5). `/openhcl` says neither, and its children have 2
    and 2 (openvmm, `openhcl/openhcl_boot/src/dt.rs`)."""
    silent = (2, 2) if parent is not None and parent.name == "openhcl" else (2, 1)
    found = [None if parent is None else parent.get(name) for name in _CELLS]
    wide, size_wide = (
        one.cells[0] if one is not None and one.cells else default
        for one, default in zip(found, silent, strict=True)
    )
    return wide, size_wide


def _reg(node: Node, parent: Node) -> tuple[int, int] | None:
    """(address, size) of a node's `reg`; None if that has not one pair of them."""
    wide, size_wide = cells_below(parent)
    reg = node.get("reg")
    if reg is None or len(reg.value) != 4 * (wide + size_wide):
        return None
    address, size = reg.value[: 4 * wide], reg.value[4 * wide :]
    return int.from_bytes(address, "big"), int.from_bytes(size, "big")


def _reg_problems(node: Node, parent: Node) -> list[str]:
    """The rules for the mailbox's `reg`."""
    reg = _reg(node, parent)
    if reg is None:
        wide, size_wide = cells_below(parent)
        return [f"{node.name} has no reg of {wide}+{size_wide} cells"]
    address, size = reg
    problems = []
    if address & PAGE_MASK:
        problems.append(f"{node.name}: {address:#x} is not 4 KiB aligned")
    if size != MAILBOX_BYTES:
        problems.append(f"{node.name}: {size:#x} bytes, not {MAILBOX_BYTES:#x}")
    return problems


# -- writing ----------------------------------------------------------------------------------


def host_tree(
    platform: Platform,
    *,
    ram: tuple[tuple[int, int], ...],
    vtl2_start: int,
    vtl2_bytes: int,
    bootargs: str,
    seed: int = 0,
) -> bytes:
    """The tree the host gives the shim: CPUs in VP order, memory with its IGVM type, both
    vmbus nodes, COM3, and what the platform says of /openhcl (openvmm, `host_fdt_parser`).

    `ram` is (GPA, bytes) of all memory; what lies outside VTL 2 is as the platform says, else
    plain memory, except the reset page, which is firmware to the host. `bootargs`: empty for
    those of the platform; `seed`: that of the machine.
    """
    root = new_node("", __address_cells=[2], __size_cells=[2])
    root.append(cpu_nodes(platform))
    for share in platform.numa.shares(vtl2_start, vtl2_bytes):
        root.append(memory_node(share))
    known = {one.base: one for one in platform.numa.memory}
    for start, size in ram:
        if start != RESET_PAGE and not vtl2_start <= start < vtl2_start + vtl2_bytes:
            root.append(memory_node(known.get(start) or MemoryNode(start, size, 0, 0)))
    bus = new_node(
        "bus", compatible="simple-bus", __address_cells=[2], __size_cells=[2], ranges=None
    )
    bus.append(_vmbus(0, VTL0_MMIO, 1))
    bus.append(_vmbus(2, _VTL2_MMIO, 4))
    root.append(bus)
    root.append(serial_nodes())
    bootargs = bootargs or platform.openhcl.bootargs
    if bootargs:
        root.append(new_node("chosen", bootargs=bootargs))
    root.append(openhcl_node(platform.openhcl, seed))
    return packed(root, platform.apic_ids[0])


def _vmbus(vtl: int, mmio: tuple[tuple[int, int], ...], connection: int) -> fdt.Node:
    ranges = [cell for start, size in mmio for cell in wide(start, start, size)]
    node = new_node(
        f"vmbus-vtl{vtl}@{mmio[0][0]:x}", compatible="microsoft,vmbus", __address_cells=[2],
        __size_cells=[2], ranges=ranges,
    )  # fmt: skip
    put(node, "microsoft,vtl", [vtl])
    put(node, "microsoft,message-connection-id", [connection])
    return node
