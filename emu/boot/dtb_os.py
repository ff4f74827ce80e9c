"""The device tree that a loader gives an OS whose CPUs wait at a mailbox, with no shim between.

Nodes as in the sample shim's own tree (shim/tree.c): bindings `reserved-memory` and
`intel,wakeup-mailbox`, and `apdbg,reset-vector`, which is ours.
"""

import fdt

from emu.boot.dtb import MAILBOX, MAILBOX_BYTES
from emu.boot.dtb_nodes import cpu_nodes, new_node, packed, put, serial_nodes, wide
from emu.boot.parameters import Range
from emu.boot.platform import Platform


def os_tree(
    platform: Platform,
    *,
    ram: tuple[Range, ...],
    reserved: tuple[Range, ...],
    mailbox: int | None,
    reset_vector: int | None,
    bootargs: str,
) -> bytes:
    """The blob. `reserved`: what the CPUs that wait run on; `mailbox` None: ACPI tells of it;
    `reset_vector`: where the OS hands a CPU back, if it may."""
    root = new_node("", __address_cells=[2], __size_cells=[2], compatible="microsoft,openvmm")
    kept = new_node("reserved-memory", __address_cells=[2], __size_cells=[2], ranges=None)
    if mailbox is not None:
        kept.append(_mailbox(mailbox, reset_vector))
    for start, size in reserved:
        kept.append(new_node(f"firmware@{start:x}", reg=wide(start, size)))
    root.append(kept)
    root.append(cpu_nodes(platform))
    for start, size in ram:
        root.append(new_node(f"memory@{start:x}", device_type="memory", reg=wide(start, size)))
    root.append(serial_nodes())
    if bootargs:
        root.append(new_node("chosen", bootargs=bootargs))
    root.append(new_node("openhcl", isolation_type=platform.isolation))
    return packed(root, platform.apic_ids[0])


def _mailbox(gpa: int, reset_vector: int | None) -> fdt.Node:
    node = new_node(f"wakeup_table@{gpa:x}", compatible=MAILBOX, reg=wide(gpa, MAILBOX_BYTES))
    if reset_vector is not None:
        put(node, "apdbg,reset-vector", wide(reset_vector))
    return node
