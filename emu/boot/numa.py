"""NUMA nodes of CPUs and memory, as a host tells of them: [numa] of a platform's file.

    [numa]
    nodes = 2                   # CPUs, and the image's memory, half and half
    memory = [{ base = 0x1000_0000, mib = 64, node = 1, type = "memory" }]

Source: openvmm, `openhcl_boot/src/host_params` (MAX_NUMA_NODES); microsoft/igvm,
`igvm_defs/src/lib.rs` (MemoryMapEntryType: what a range of memory is).
"""

from typing import Any, Final

from msgspec import Struct

from emu.boot.platform_table import TomlTable, is_whole
from emu.hw.address import LARGE_BYTES, PAGE_BYTES

NODES_MAX: Final = 64
RANGES_MAX: Final = 64
"""Of memory; openhcl_boot has room for as many of VTL 2."""
TYPES: Final = {"memory": 0, "reserved": 1, "persistent": 2, "vtl2": 3}
"""What a range is -> `microsoft,igvm-type`."""
VTL2: Final = 3
MIB_MAX: Final = 3072
BASE_MAX: Final = 1 << 38
"""Above: the bit by which a TD's shared pages are told, as the emulated MMU walks them."""
_RANGE: Final = ("base", "mib", "node", "type")
_RANGES: Final = "a list of { base, mib, node, type }"


class MemoryNode(Struct, frozen=True):
    """A range of memory besides the image's own."""

    base: int
    size: int
    node: int
    type: int
    """As `microsoft,igvm-type`."""


class Numa(Struct, frozen=True):
    """Who is on which node."""

    nodes: int = 1
    cpus: tuple[int, ...] = ()
    """The node of each CPU, the last one's for all that follow; empty: evenly, in VP order."""
    memory: tuple[MemoryNode, ...] = ()

    def node_of(self, cpu: int, count: int) -> int:
        """The node of one of `count` CPUs."""
        if self.cpus:
            return self.cpus[min(cpu, len(self.cpus) - 1)]
        return cpu * self.nodes // count

    def shares(self, start: int, size: int) -> tuple[MemoryNode, ...]:
        """The image's memory as its nodes have it, in whole 2 MiB; the last has the rest."""
        each = size // self.nodes & ~(LARGE_BYTES - 1)
        if not each:
            return (MemoryNode(start, size, 0, VTL2),)
        last = self.nodes - 1
        return tuple(
            MemoryNode(
                start + each * node, each if node < last else size - each * last, node, VTL2
            )
            for node in range(self.nodes)
        )


def numa_of(table: TomlTable) -> Numa:
    """What a platform's file says; raises PlatformError."""
    return Numa(
        nodes=table.whole("nodes", 1, 1, NODES_MAX), cpus=_cpus(table), memory=_memory(table)
    )


def _cpus(table: TomlTable) -> tuple[int, ...]:
    given = table.values.get("cpus")
    if given is None:
        return ()
    if not isinstance(given, list) or not given or not all(_is_node(one) for one in given):
        raise table.wrong("cpus", f"a list of nodes from 0 to {NODES_MAX - 1}")
    return tuple(given)


def _is_node(value: Any) -> bool:
    return is_whole(value) and 0 <= value < NODES_MAX


def _memory(table: TomlTable) -> tuple[MemoryNode, ...]:
    given = table.values.get("memory")
    if given is None:
        return ()
    if not isinstance(given, list) or not 0 < len(given) <= RANGES_MAX:
        raise table.wrong("memory", _RANGES)
    found = tuple(_range(table, one) for one in given)
    if sum(one.size for one in found) > MIB_MAX << 20:
        raise table.wrong("memory", f"{MIB_MAX:,} MiB together at the most")
    return found


def _range(table: TomlTable, given: Any) -> MemoryNode:
    if not isinstance(given, dict) or not {"base", "mib"} <= set(given) <= set(_RANGE):
        raise table.wrong("memory", _RANGES)
    base, mib, node = given["base"], given["mib"], given.get("node", 0)
    word = given.get("type", "memory")
    if not is_whole(base) or not 0 <= base < BASE_MAX or base % PAGE_BYTES:
        raise table.wrong("memory", f"ranges whose base is a page below {BASE_MAX:#x}")
    if not is_whole(mib) or not 0 < mib <= MIB_MAX:
        raise table.wrong("memory", f"ranges of 1 to {MIB_MAX:,} MiB")
    if not _is_node(node):
        raise table.wrong("memory", f"ranges on nodes from 0 to {NODES_MAX - 1}")
    if not isinstance(word, str) or word not in TYPES:
        raise table.wrong("memory", f"ranges of type {', '.join(TYPES)}")
    return MemoryNode(base, mib << 20, node, TYPES[word])
