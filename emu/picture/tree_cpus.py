"""The tree's CPUs beside the machine's: in which order nodes stand, and whose ids they have.

`reg` of a cpu node is the APIC id (Linux, arch/x86/kernel/devicetree.c), and who counts nodes
instead of reading it wakes another CPU than it means where the order or the ids differ.
"""

from collections import Counter
from collections.abc import Iterable
from typing import Final

from emu.boot.dtb import Node, Tree
from emu.hw.cpu import Cpu
from emu.picture.sections import DtbRow

_OKAY: Final = ("okay", "ok")


def rows(tree: Tree, gpa: int, cpus: Iterable[Cpu]) -> list[DtbRow]:
    """A row for each cpu node in the order of the tree, marked `~` where it does not stand at
    the place of its CPU and `-` where there is none; `+` for CPUs that no node names."""
    found = tree.find("/cpus")
    nodes = [] if found is None else [one for one in found.children if _is_cpu(one)]
    ids = [_id(node) for node in nodes]
    by_id, times = {cpu.apic_id: cpu for cpu in cpus}, Counter(ids)
    told = [
        _row(node, place, by_id.get(one), times[one], gpa)
        for place, (node, one) in enumerate(zip(nodes, ids, strict=True))
        for one in (-1 if one is None else one,)
    ]
    return told + [
        DtbRow(0, f"cpu {cpu.id}", "", f"APIC id {one:#x}: no node names it", False, "+", 0, 0)
        for one, cpu in by_id.items()
        if one not in times
    ]


def _is_cpu(node: Node) -> bool:
    return node.name.partition("@")[0] == "cpu"


def _id(node: Node) -> int | None:
    """The APIC id that a node gives; None if it gives none."""
    reg = node.get("reg")
    return reg.cells[-1] if reg is not None and reg.cells else None


def _row(node: Node, place: int, cpu: Cpu | None, times: int, gpa: int) -> DtbRow:
    one, status = _id(node), node.get("status")
    reg = node.get("reg")
    told = "no reg" if one is None else f"reg {one:#x}"
    mark = ""
    if status is not None and status.text not in _OKAY:
        told += f" {status.text}"
    if times > 1:
        told, mark = f"{told}, {times} times in the tree", "~"
    if cpu is None:
        told, mark = f"{told}: no CPU of the machine has this APIC id", "-"
    elif cpu.id != place:
        told, mark = f"{told}: cpu {cpu.id}, not {place} as nodes are counted", "~"
    else:
        told += f": cpu {cpu.id}"
    at = node if reg is None else reg
    size = 0 if reg is None else len(reg.value)
    return DtbRow(0, f"/cpus/{node.name}", node.name, told, False, mark, gpa + at.offset, size)
