"""What the OS is told, when it is entered, of the mailbox and of what parked CPUs run on."""

from itertools import groupby
from typing import Final

from emu.boot.dtb import read_tree, wakeup_mailbox_problems
from emu.boot.reserved_memory import ignored
from emu.hw.address import PAGE_BYTES
from emu.machine import handover
from emu.machine.board import Board
from emu.machine.guards import Guards

E820_COUNT: Final = 0x1E8
E820_TABLE: Final = 0x2D0
E820_MAX: Final = 128
"""boot_params (Linux, Documentation/arch/x86/zero-page.rst); entries have 20 bytes."""
_ENTRY: Final = 20
_RAM: Final = 1
RESET_VECTOR: Final = "apdbg,reset-vector"
"""The sample shim's own property: in ACPI 6.6 it is a field of the MADT's structure."""
_CODE_BYTES: Final = 16
SHOWN: Final = 3
"""CPUs whose pages are named one by one."""


def mailbox_problems(board: Board, guards: Guards) -> tuple[str, ...]:
    """What is wrong with the device tree's node and with the page's place in E820; nothing, if
    no CPU waits there."""
    if not guards.pages:
        return ()
    blob, mailbox = handover.kernel_dtb(board), board.mailbox_gpa
    found = [] if blob is None else list(wakeup_mailbox_problems(read_tree(blob)))
    if mailbox is not None:
        found += [
            f"the mailbox page {mailbox:#x} is usable RAM in E820"
            for start, end in _usable(board)
            if start < mailbox + PAGE_BYTES and mailbox < end
        ]
    return tuple(found)


def ignored_nodes(board: Board, guards: Guards) -> tuple[str, ...]:
    """What Linux would not reserve though the tree says so; nothing, if no CPU waits there."""
    blob = handover.kernel_dtb(board)
    return () if blob is None or not guards.pages else ignored(read_tree(blob))


def table_problems(board: Board, guards: Guards) -> tuple[str, ...]:
    """The pages of parked CPUs that E820 gives away, one sentence for each kind."""
    lost = guards.usable(_usable(board))
    found = []
    for kind, group in groupby(
        sorted(lost, key=lambda one: one[1].kind), lambda one: one[1].kind
    ):
        pages = list(group)
        users = sorted({user for _, guard in pages for user in guard.users})
        shown = ", ".join(map(str, users[:SHOWN])) + (", ..." if len(users) > SHOWN else "")
        found.append(
            f"{len(pages)} {kind} pages of cpu {shown} are usable RAM in E820, the first at "
            f"{pages[0][0]:#x}"
        )
    return tuple(found)


def reset_problems(board: Board) -> tuple[str, ...]:
    """What is wrong with the reset vector that the tree promises, if it promises one."""
    blob = handover.kernel_dtb(board)
    tree = None if blob is None else read_tree(blob)
    vector = next(
        (
            int.from_bytes(found.value, "big")
            for node, _ in (tree.all() if tree is not None else ())
            if (found := node.get(RESET_VECTOR)) is not None
        ),
        0,
    )
    if not vector:
        return ()
    code = board.ram.guest_bytes(vector, _CODE_BYTES)
    if code is None:
        return (f"the reset vector {vector:#x} lies outside memory",)
    problems = [f"no code lies at the reset vector {vector:#x}"] if not any(code) else []
    if any(start <= vector < end for start, end in _usable(board)):
        problems.append(f"the reset vector {vector:#x} lies in usable RAM in E820")
    return tuple(problems)


def _usable(board: Board) -> list[tuple[int, int]]:
    """(start, end) of the usable RAM in boot_params."""
    base = board.boot_params
    count = None if base is None else board.ram.guest_bytes(base + E820_COUNT, 1)
    if base is None or count is None:
        return []
    entries = min(count[0], E820_MAX)
    data = board.ram.guest_bytes(base + E820_TABLE, entries * _ENTRY) or b""
    number = int.from_bytes
    rows = (data[at : at + _ENTRY] for at in range(0, len(data), _ENTRY))
    return [
        (number(row[:8], "little"), number(row[:8], "little") + number(row[8:16], "little"))
        for row in rows
        if number(row[16:], "little") == _RAM
    ]
