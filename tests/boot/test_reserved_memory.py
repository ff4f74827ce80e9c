"""What Linux passes over of /reserved-memory: __reserved_mem_check_root and
__reserved_mem_reserve_reg of drivers/of/of_reserved_mem.c."""

import fdt
import pytest

from emu.boot.dtb import read_tree
from emu.boot.reserved_memory import ignored

PAIR = (0, 0x1000, 0, 0x1000)
"""One page, by two cells for the address and two for the size."""


def said(
    root: tuple[int, ...], below: tuple[int, ...], ranges: bool = True,
    reg: tuple[int, ...] = PAIR, status: str = "",
) -> tuple[str, ...]:  # fmt: skip
    """What is said of a tree with these cells of address and size."""
    found = fdt.FDT()
    parent, node = fdt.Node("reserved-memory"), fdt.Node("mailbox@1000")
    for one, cells in ((found.root, root), (parent, below)):
        for name, value in zip(("#address-cells", "#size-cells"), cells, strict=False):
            one.append(fdt.PropWords(name, value))
    if ranges:
        parent.append(fdt.Property("ranges"))
    node.append(fdt.PropWords("reg", *reg))
    if status:
        node.append(fdt.PropStrings("status", status))
    parent.append(node)
    found.root.append(parent)
    return ignored(read_tree(found.to_dtb(version=17)))


WHOLE = "Linux ignores /reserved-memory whole, with mailbox@1000: "


@pytest.mark.parametrize(
    ("root", "below", "ranges", "why"),
    [
        ((2, 2), (2, 1), True, "its #size-cells is 1, the root's 2"),
        ((2, 2), (1, 2), True, "its #address-cells is 1, the root's 2"),
        ((2, 2), (2,), True, "its #size-cells is 0, the root's 2"),
        ((), (2, 2), True, "its #address-cells is 2, the root's 1 and its #size-cells is 2, "
                           "the root's 1"),
        ((2, 2), (2, 2), False, "it has no ranges"),
    ],
)  # fmt: skip
def test_a_node_in_another_format_than_the_root_s_is_ignored_whole(
    root: tuple[int, ...], below: tuple[int, ...], ranges: bool, why: str
) -> None:
    assert said(root, below, ranges) == (WHOLE + why,)


@pytest.mark.parametrize("cells", [(2, 2), (2, 1), (1, 1)])
def test_a_node_in_the_root_s_format_is_taken(cells: tuple[int, int]) -> None:
    assert said(cells, cells, reg=tuple(range(sum(cells)))) == ()


def test_a_root_that_does_not_say_has_one_cell_each() -> None:
    assert said((), (1, 1), reg=(0x1000, 0x1000)) == ()


def test_a_node_whose_reg_is_no_pair_is_skipped() -> None:
    assert said((2, 2), (2, 2), reg=PAIR[:3]) == (
        "Linux skips mailbox@1000: 12 bytes of reg are no pairs of 4 cells",
    )


@pytest.mark.parametrize(
    ("status", "skipped"), [("okay", False), ("ok", False), ("fail", True)]
)
def test_a_node_that_is_not_available_is_skipped(status: str, skipped: bool) -> None:
    wanted = ("Linux skips mailbox@1000: its status is fail",) if skipped else ()
    assert said((2, 2), (2, 2), status=status) == wanted


def test_a_tree_that_is_cut_off_says_nothing_of_what_was_left_out() -> None:
    found = fdt.FDT()
    found.root.append(fdt.Node("reserved-memory"))
    blob = bytearray(found.to_dtb(version=17))
    assert ignored(read_tree(bytes(blob))) != ()
    blob[36:40] = (int.from_bytes(blob[36:40], "big") - 8).to_bytes(4, "big")
    assert read_tree(bytes(blob)).broken and ignored(read_tree(bytes(blob))) == ()


def test_a_tree_that_reserves_nothing_is_no_matter() -> None:
    assert ignored(read_tree(fdt.FDT().to_dtb(version=17))) == ()
    assert ignored(read_tree(b"")) == ()
