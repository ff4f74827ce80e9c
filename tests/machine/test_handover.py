"""What lies in memory for others to read: setup_data, device trees, the shim's AP records."""

import pytest

from emu.machine import handover
from emu.machine.board import Board
from emu.machine.handover import SETUP_DATA, SETUP_DTB
from tests.guest import BASE, DATA, MEMORY_BYTES, Guest, go_on, label
from tests.machine.elsewhere import Place

TREE = b"\xd0\x0d\xfe\xed" + (40).to_bytes(4, "big") + bytes(range(32))
PARAMS, FIRST, SECOND = DATA, DATA + 0x1000, DATA + 0x2000


def linked(*nodes: tuple[int, int, int, bytes], params: int | None = PARAMS) -> Board:
    """A board whose boot_params lead to these nodes: (GPA, next, type, data)."""
    machine = Guest("hlt").machine()
    machine.board.boot_params = params
    if params is not None:
        machine.stores.edit(params + SETUP_DATA, nodes[0][0].to_bytes(8, "little"))
    for at, after, kind, data in nodes:
        head = after.to_bytes(8, "little") + kind.to_bytes(4, "little")
        machine.stores.edit(at, head + len(data).to_bytes(4, "little") + data)
    return machine.board


@pytest.mark.parametrize(
    ("nodes", "at"),
    [
        ([(FIRST, 0, SETUP_DTB, TREE)], FIRST + 16),
        ([(FIRST, SECOND, 1, b"x"), (SECOND, 0, SETUP_DTB, TREE)], SECOND + 16),
        ([(FIRST, 0, 1, TREE)], None),
        ([(FIRST, FIRST, 1, TREE)], None),  # a ring
        ([(FIRST, BASE + MEMORY_BYTES, 1, TREE)], None),
    ],
)
def test_the_kernel_s_tree_is_found_by_the_list_and_no_list_is_endless(
    nodes: list[tuple[int, int, int, bytes]], at: int | None
) -> None:
    board = linked(*nodes)
    assert handover.kernel_dtb_gpa(board) == at
    assert handover.kernel_dtb(board) == (TREE if at is not None else None)


def test_before_the_kernel_is_entered_it_has_no_tree() -> None:
    board = linked((FIRST, 0, SETUP_DTB, TREE), params=None)
    assert handover.kernel_dtb_gpa(board) is None and handover.kernel_dtb(board) is None


@pytest.mark.parametrize(
    "blob", [b"", b"\xd0\x0d\xfe\xee" + TREE[4:], TREE[:4] + b"\x00\x20\x00\x01" + TREE[8:]]
)
def test_what_is_no_tree_is_none(blob: bytes) -> None:
    board = linked((FIRST, 0, SETUP_DTB, blob))
    assert handover.kernel_dtb(board) is None


def at_kernel() -> Board:
    """The sample with three CPUs, its kernel about to be entered."""
    driver = Place("none", cpus=3).bare()
    board = driver.machine.board
    assert handover.ap_record_words(board) == []  # nobody has laid them out yet
    board.addresses.stop(label(board, "kernel_start"), None)
    go_on(driver)
    return board


def test_each_ap_has_a_record_and_no_address_is_in_two() -> None:
    board = at_kernel()
    records = [handover.ap_record(board, cpu) for cpu in board.cpus]
    assert records[0] is None and all(records[1:])
    assert not any(one.failed for one in records if one is not None)
    assert len({one.state for one in records[1:] if one is not None}) == 1
    words = handover.ap_record_words(board)
    assert len(words) == 2
    base = int.from_bytes(board.ram.guest_bytes(label(board, "ap_records"), 8) or b"", "little")
    inside = [
        at - base
        for at in range(base - 64, base + 0x1_0000)
        if handover.in_ap_record(board, at)
    ]
    size = len(inside) // 2
    assert inside[:size] == list(range(size)) and len(inside) == 2 * size
    stride = inside[size]
    assert inside[size:] == list(range(stride, stride + size))
    owners = [handover.record_owner(board, base + at) for at in (-1, 0, size - 1, size, stride)]
    assert owners == [None, 1, 1, None, 2]
    assert board.memory.u64(board.ram.hpa(base) or 0) == words[0]


def test_both_trees_of_a_boot_are_found() -> None:
    board = at_kernel()
    for tree in (handover.host_dtb(board), handover.kernel_dtb(board)):
        assert tree is not None and tree[:4] == TREE[:4]
        assert len(tree) == int.from_bytes(tree[4:8], "big")


def test_an_image_without_records_has_none() -> None:
    board = Guest("hlt", 3).machine().board
    assert handover.ap_record(board, board.cpus[1]) is None
    assert handover.ap_record_words(board) == [] and not handover.in_ap_record(board, DATA)
