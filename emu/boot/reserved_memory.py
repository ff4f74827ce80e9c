"""What Linux makes of a device tree's /reserved-memory: whether it reserves anything at all."""

from collections.abc import Iterator
from typing import Final

from emu.boot.dtb import Node, Tree

_CELLS: Final = ("#address-cells", "#size-cells")
ROOT_CELLS: Final = 1
"""Of a root that does not say (Linux, include/linux/of.h, OF_ROOT_NODE_*_CELLS_DEFAULT)."""
_CELL_BYTES: Final = 4


def ignored(tree: Tree) -> tuple[str, ...]:
    """The nodes below /reserved-memory that Linux passes over, in sentences; empty where it
    takes them all, where there are none, and where the tree is broken anyway (Linux,
    drivers/of/of_reserved_mem.c, __reserved_mem_check_root, __reserved_mem_reserve_reg)."""
    root, parent = tree.root, tree.find("/reserved-memory")
    if tree.broken or root is None or parent is None or parent is root:
        return ()
    wrong = [
        f"its {name} is {_number(parent, name)}, the root's {_number(root, name, ROOT_CELLS)}"
        for name in _CELLS
        if _number(parent, name) != _number(root, name, ROOT_CELLS)
    ]
    wrong += [] if parent.get("ranges") else ["it has no ranges"]
    if wrong:
        names = ", ".join(child.name for child in parent.children) or "nothing"
        return (f"Linux ignores /reserved-memory whole, with {names}: {' and '.join(wrong)}",)
    return tuple(_passed_over(parent, sum(_number(root, name, ROOT_CELLS) for name in _CELLS)))


def _passed_over(parent: Node, cells: int) -> Iterator[str]:
    """Single nodes that it skips; `cells`: of an address with its size."""
    for child in parent.children:
        status, reg = child.get("status"), child.get("reg")
        if status is not None and status.text not in ("okay", "ok"):
            yield f"Linux skips {child.name}: its status is {status.text}"
        elif reg is not None and len(reg.value) % (cells * _CELL_BYTES):
            size = len(reg.value)
            yield f"Linux skips {child.name}: {size} bytes of reg are no pairs of {cells} cells"


def _number(node: Node, name: str, default: int = 0) -> int:
    found = node.get(name)
    return found.cells[0] if found is not None and found.cells else default
