"""What the OS is told of the mailbox and of what parked CPUs run on is held against E820."""

import struct

import fdt
import pytest

from emu.hw.address import Gpa
from emu.machine import entry_checks
from emu.machine.entry_checks import E820_COUNT, E820_MAX, E820_TABLE, RESET_VECTOR
from emu.machine.guards import Guard
from emu.machine.handover import SETUP_DATA, SETUP_DTB
from emu.machine.machine import Machine
from tests.guest import BASE, CODE, DATA, MAILBOX, MEMORY_BYTES, PML4, STACKS, Guest

PARAMS = DATA
RAM, RESERVED = 1, 2


def handed(*ranges: tuple[int, int, int], tree: fdt.FDT | None = None) -> Machine:
    """A machine whose boot_params have these (start, end, kind) in E820, and a tree."""
    machine = Guest("start: hlt", 4, mailbox=True).machine()
    rows = b"".join(
        struct.pack("<QQI", start, end - start, kind) for start, end, kind in ranges
    )
    machine.board.boot_params = PARAMS
    machine.stores.edit(PARAMS + E820_COUNT, bytes((len(ranges),)))
    machine.stores.edit(PARAMS + E820_TABLE, rows or b"\0")
    if tree is not None:
        blob = tree.to_dtb(version=17)
        node = DATA + 0x2000
        machine.stores.edit(PARAMS + SETUP_DATA, node.to_bytes(8, "little"))
        machine.stores.edit(node, struct.pack("<QII", 0, SETUP_DTB, len(blob)) + blob)
    machine.guards.pages = {
        Gpa(PML4): Guard("table", frozenset((1, 2, 3))),
        Gpa(CODE): Guard("code", frozenset((1,))),
        Gpa(STACKS): Guard("stack", frozenset((2,))),
    }
    return machine


def tree(vector: int | None) -> fdt.FDT:
    """A tree that promises a reset vector, or none."""
    found = fdt.FDT()
    if vector is not None:
        found.root.append(fdt.PropWords(RESET_VECTOR, vector >> 32, vector & 0xFFFF_FFFF))
    return found


@pytest.mark.parametrize(
    ("ranges", "kinds"),
    [
        ([], []),
        ([(BASE, BASE + MEMORY_BYTES, RAM)], ["code", "stack", "table"]),
        ([(BASE, BASE + MEMORY_BYTES, RESERVED)], []),
        ([(PML4 + 0x1000, CODE, RAM)], ["stack"]),
        ([(PML4 + 0xFFF, PML4 + 0x1000, RAM)], ["table"]),
        ([(BASE, PML4, RAM), (CODE + 0x1000, DATA, RAM)], []),
    ],
)
def test_pages_that_are_given_away_are_named_by_kind(
    ranges: list[tuple[int, int, int]], kinds: list[str]
) -> None:
    machine = handed(*ranges)
    found = entry_checks.table_problems(machine.board, machine.guards)
    assert [one.split()[1] for one in found] == kinds
    for one in found:
        if "table" in one:
            assert "cpu 1, 2, 3 are" in one and f"{PML4:#x}" in one


@pytest.mark.parametrize(
    ("start", "end", "kind", "given"),
    [(MAILBOX, MAILBOX + 0x1000, RAM, True), (MAILBOX + 0xFFF, DATA, RAM, True),
     (MAILBOX + 0x1000, DATA, RAM, False), (BASE, MAILBOX, RAM, False),
     (BASE, DATA, RESERVED, False)],
)  # fmt: skip
def test_the_mailbox_must_not_be_usable_memory(
    start: int, end: int, kind: int, given: bool
) -> None:
    machine = handed((start, end, kind))
    found = entry_checks.mailbox_problems(machine.board, machine.guards)
    assert any("usable RAM" in one for one in found) == given
    machine.guards.pages = {}  # nobody waits there: it is nobody's loss
    assert entry_checks.mailbox_problems(machine.board, machine.guards) == ()


def test_a_tree_without_a_mailbox_is_told() -> None:
    machine = handed(tree=tree(None))
    (said,) = entry_checks.mailbox_problems(machine.board, machine.guards)
    assert "no node is compatible" in said


@pytest.mark.parametrize(
    ("vector", "ram", "said"),
    [(None, False, []), (CODE, False, []), (CODE, True, ["usable RAM"]),
     (DATA + 0x8000, False, ["no code"]), (DATA + 0x8000, True, ["no code", "usable RAM"]),
     (1 << 38, True, ["outside memory"])],
)  # fmt: skip
def test_a_reset_vector_that_is_promised_leads_to_code_that_stays(
    vector: int | None, ram: bool, said: list[str]
) -> None:
    ranges = [(BASE, BASE + MEMORY_BYTES, RAM)] if ram else []
    found = entry_checks.reset_problems(handed(*ranges, tree=tree(vector)).board)
    assert len(found) == len(said)
    assert all(part in one for part, one in zip(said, found, strict=True))


def test_no_more_rows_than_boot_params_have_room_for() -> None:
    machine = handed()
    machine.stores.edit(PARAMS + E820_COUNT, b"\xff")
    row = struct.pack("<QQI", PML4, 0x1000, RAM)
    machine.stores.edit(PARAMS + E820_TABLE + 20 * E820_MAX, row)
    assert entry_checks.table_problems(machine.board, machine.guards) == ()
    machine.stores.edit(PARAMS + E820_TABLE + 20 * (E820_MAX - 1), row)
    assert entry_checks.table_problems(machine.board, machine.guards)
