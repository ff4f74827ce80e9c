"""Nodes of the device trees that are written here, by the `fdt` package."""

from typing import Final

import fdt

from emu.boot.platform import Platform

VERSION: Final = 17
COM3: Final = 0x3E8


def wide(*values: int) -> list[int]:
    """64-bit numbers as pairs of cells."""
    return [cell for value in values for cell in (value >> 32, value & 0xFFFFFFFF)]


def new_node(name: str, **properties: str | list[int] | None) -> fdt.Node:
    """A node; `_` in a name stands for `-`, `__` for `#`; None is an empty property."""
    node = fdt.Node(name)
    for key, value in properties.items():
        put(node, key.replace("__", "#").replace("_", "-"), value)
    return node


def put(node: fdt.Node, name: str, value: str | list[int] | None) -> None:
    """Append a property; the package's own setter searches all earlier ones."""
    if value is None:
        node.append(fdt.Property(name))
    elif isinstance(value, str):
        node.append(fdt.PropStrings(name, value))
    else:
        node.append(fdt.PropWords(name, *value))


def packed(root: fdt.Node, boot_cpu: int) -> bytes:
    """The blob of a tree; `boot_cpu`: the APIC id of the CPU that begins."""
    tree = fdt.FDT(entries=[])  # its own default is one list for all trees of the process
    tree.root = root
    tree.header.version = VERSION
    tree.header.last_comp_version = 16
    tree.header.boot_cpuid_phys = boot_cpu
    blob: bytes = bytes(tree.to_dtb(VERSION))
    return blob


def serial_nodes() -> fdt.Node:
    """/pio-bus with COM3."""
    ports = new_node(
        "pio-bus", compatible="x86-pio-bus", __address_cells=[2], __size_cells=[2], ranges=None
    )
    serial = new_node("serial@3e8", compatible="ns16550", reg=wide(COM3, 8))
    put(serial, "current-speed", [115_200])
    ports.append(serial)
    return ports


def cpu_nodes(platform: Platform) -> fdt.Node:
    """/cpus, in VP order. One that may be plugged in is disabled, "not presently operational,
    but it might become" so (Devicetree 0.4, 2.3.4), and then a method to enable it has to be
    named (3.8.1): ours."""
    cpus = new_node("cpus", __address_cells=[1], __size_cells=[0])
    for index, apic_id in enumerate(platform.apic_ids):
        cpu = new_node(f"cpu@{index + 1:x}")
        put(cpu, "device_type", "cpu")
        put(cpu, "reg", [apic_id])
        put(cpu, "numa-node-id", [platform.numa.node_of(index, platform.cpus)])
        put(cpu, "status", "okay" if index < platform.present else "disabled")
        if index >= platform.present:
            put(cpu, "enable-method", "apdbg,hot-plug")
        cpu.set_parent(cpus)
        cpus.nodes.append(cpu)  # not cpus.append: it searches all earlier CPUs for the name
    return cpus
