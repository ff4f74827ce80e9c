"""The node /openhcl of the host's device tree, and what its memory nodes say.

Source: openvmm, `openhcl/host_fdt_parser/src/lib.rs` (names, which of them must be there) and
`openvmm/openvmm_core/src/worker/vm_loaders/igvm.rs` (build_device_tree).
"""

import hashlib

import fdt

from emu.boot.dtb_nodes import new_node, put, wide
from emu.boot.numa import MemoryNode
from emu.boot.openhcl_host import OpenhclHost


def openhcl_node(host: OpenhclHost, seed: int) -> fdt.Node:
    """/openhcl; its entropy comes from the seed, so that a run can be had again."""
    node = new_node("openhcl", memory_allocation_mode=host.memory_allocation_mode)
    sizes = {
        "memory-size": host.memory_size, "mmio-size": host.mmio_size,
        "vtl0-alias-map": host.vtl0_alias_map,
    }  # fmt: skip
    for name, value in sizes.items():
        if value is not None:
            put(node, name, wide(value))
    if host.entropy:
        entropy = new_node("entropy")
        entropy.append(fdt.PropBytes("reg", data=entropy_of(seed, host.entropy)))
        node.append(entropy)
    if host.keep_alive:
        node.append(new_node("keep-alive", device_types=host.keep_alive))
    if host.device_dma is not None:
        node.append(new_node("device-dma", total_pages=wide(host.device_dma)))
    return node


def entropy_of(seed: int, count: int) -> bytes:
    """Bytes that look random and are the same for the same seed."""
    return hashlib.shake_256(f"entropy {seed}".encode()).digest(count)


def memory_node(one: MemoryNode) -> fdt.Node:
    """/memory@BASE."""
    node = new_node(f"memory@{one.base:x}")
    put(node, "device_type", "memory")
    put(node, "reg", wide(one.base, one.size))
    put(node, "microsoft,igvm-type", [one.type])
    put(node, "numa-node-id", [one.node])
    return node
