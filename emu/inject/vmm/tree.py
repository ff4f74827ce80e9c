"""Device trees that are changed while they are handed over: the host's to the shim, which it
reads first of all, and the shim's to the kernel."""

from msgspec.structs import replace

from emu.boot.dtb import Node, Property, host_tree, read_tree
from emu.errors import CommandError
from emu.hw.address import PAGE_BYTES
from emu.machine.handover import host_dtb
from emu.machine.machine import Machine

_TOTAL_SIZE = 4
"""Offset of totalsize in the header (Devicetree 0.4, 5.2)."""
MANY = 2_049
"""One CPU more than firmware and kernel of the sample have room for."""


def of_the_host(machine: Machine) -> bytearray:
    """The tree as it is; raises CommandError where it is none, or once the shim runs."""
    if machine.board.layout.host_dtb_gpa is None:
        raise CommandError("inject: this image is handed no device tree")
    blob = host_dtb(machine.board)
    if blob is None or machine.board.tick:
        raise CommandError("inject: the host's device tree is read already: only at power-on")
    return bytearray(blob)


def hand_over(machine: Machine, start: int, blob: bytes | bytearray) -> None:
    """Put another tree in the place of the one at the GPA `start`."""
    end = start + len(blob)
    while start < end:
        size = min(end - start, PAGE_BYTES - start % PAGE_BYTES)
        machine.stores.edit(start, bytes(blob[len(blob) - (end - start) :][:size]))
        start += size


def changed(blob: bytearray, how: str, kind: str) -> bytearray:
    """A tree that is `missing-node`, `bad-reg`, `truncated` or `duplicate-id`; raises
    CommandError for one in which there is nothing to break."""
    cpus = cpu_nodes(blob)
    if not cpus:
        raise CommandError(f"inject {kind}: the tree has no cpus")
    match how:
        case "missing-node":
            return rename(blob, "cpus")
        case "bad-reg":
            return shorten(blob, reg_of(cpus[-1]), 2)
        case "truncated":
            return cut(blob)
    if len(cpus) < 2:
        raise CommandError(f"inject {kind}: there is one CPU only")
    first, last = reg_of(cpus[0]), reg_of(cpus[-1])
    blob[last.offset : last.offset + 4] = first.value
    return blob


def cut(blob: bytearray) -> bytearray:
    """Half of it is missing, and the header says so."""
    half = len(blob) // 2
    blob[_TOTAL_SIZE : _TOTAL_SIZE + 4] = half.to_bytes(4, "big")
    return blob[:half]


def rename(blob: bytearray, name: str) -> bytearray:
    """A node, a property or what it is compatible with is missing: it has another name."""
    place = blob.find(name.encode() + b"\0")
    assert place >= 0, f"the tree has {name}"
    blob[place] ^= 0x20
    return blob


def shorten(blob: bytearray, found: Property, count: int) -> bytearray:
    """A property of fewer bytes (fewer than a cell less, so that nothing else moves)."""
    blob[found.offset - 8 : found.offset - 4] = count.to_bytes(4, "big")
    return blob


def more_cpus(machine: Machine) -> bytes:
    """The tree of a machine with more CPUs than there is room for."""
    platform = machine.board.platform
    ids = tuple(range(MANY))
    memory = (platform.memory_base, platform.memory_bytes)
    return host_tree(
        replace(platform, apic_ids=ids), ram=(memory,), vtl2_start=memory[0],
        vtl2_bytes=memory[1], bootargs="",
    )  # fmt: skip


def cpu_nodes(blob: bytearray) -> list[Node]:
    """The nodes of /cpus."""
    cpus = read_tree(bytes(blob)).find("/cpus")
    return [] if cpus is None else cpus.children


def reg_of(node: Node) -> Property:
    """A node's reg."""
    found = node.get("reg")
    assert found is not None, f"{node.name} has a reg"
    return found
