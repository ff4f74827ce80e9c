"""The device tree that the host hands to the shim, changed before the first instruction."""

from dataclasses import replace

from emu.boot.dtb import Node, Property, host_tree, read_tree
from emu.errors import CommandError
from emu.hw.address import PAGE_BYTES, Gpa
from emu.machine import stores
from emu.machine.handover import host_dtb
from emu.machine.machine import Machine

_TOTAL_SIZE = 4
"""Offset of totalsize in the header (Devicetree 0.4, 5.2)."""
MANY = 2_049
"""One CPU more than firmware and kernel of the sample have room for."""


def of_the_host(machine: Machine) -> bytearray:
    """The tree as it is; raises CommandError where it is none, or once the shim runs."""
    blob = host_dtb(machine)
    if blob is None or machine.tick:
        raise CommandError("inject: the host's device tree is read already: only at power-on")
    return bytearray(blob)


def hand_over(machine: Machine, blob: bytes | bytearray) -> None:
    """Put another tree in its place."""
    start = machine.layout.host_dtb_gpa
    for offset in range(0, len(blob), PAGE_BYTES):
        gpa = Gpa(start + offset)
        hpa = machine.ram.hpa(gpa)
        assert hpa is not None, "the parameter region is memory"
        stores.put(machine, None, gpa, hpa, bytes(blob[offset : offset + PAGE_BYTES]))


def cut(blob: bytearray) -> bytearray:
    """Half of it is missing, and the header says so."""
    half = len(blob) // 2
    blob[_TOTAL_SIZE : _TOTAL_SIZE + 4] = half.to_bytes(4, "big")
    return blob[:half]


def rename(blob: bytearray, name: str) -> bytearray:
    """A node or property is missing: it has another name."""
    place = blob.find(name.encode() + b"\0")
    assert place >= 0, f"the host's tree has {name}"
    blob[place] ^= 0x20
    return blob


def shorten(blob: bytearray, found: Property, count: int) -> bytearray:
    """A property of fewer bytes (fewer than a cell less, so that nothing else moves)."""
    blob[found.offset - 8 : found.offset - 4] = count.to_bytes(4, "big")
    return blob


def more_cpus(machine: Machine) -> bytes:
    """The tree of a machine with more CPUs than there is room for."""
    platform = machine.platform
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
