"""The device tree that a loader gives an OS whose CPUs wait at a mailbox, with no shim between.

Nodes as in the sample shim's own tree (shim/tree.c): bindings `reserved-memory` and
`intel,wakeup-mailbox`, and `apdbg,reset-vector`, which is ours.
"""

from emu.boot.dtb import MAILBOX, MAILBOX_BYTES
from emu.boot.dtb_nodes import cpu_nodes, new_node, packed, put, serial_nodes, wide
from emu.boot.parameters import Range
from emu.boot.platform import Platform


def os_tree(
    platform: Platform,
    *,
    ram: tuple[Range, ...],
    reserved: tuple[Range, ...],
    mailbox: int,
    reset_vector: int | None,
    bootargs: str,
) -> bytes:
    """The blob. `reserved`: what the CPUs that wait run on; `reset_vector`: where the OS hands
    a CPU back, if it may."""
    root = new_node("", __address_cells=[2], __size_cells=[2], compatible="microsoft,openvmm")
    kept = new_node("reserved-memory", __address_cells=[2], __size_cells=[2], ranges=None)
    page = new_node(
        f"wakeup_table@{mailbox:x}", compatible=MAILBOX, reg=wide(mailbox, MAILBOX_BYTES)
    )
    if reset_vector is not None:
        put(page, "apdbg,reset-vector", wide(reset_vector))
    kept.append(page)
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
