"""A mailbox that no image names is the one of the tree that the OS is handed."""

import fdt
import pytest

from emu.boot.roles import NamedPoint
from emu.hw.address import Gpa
from emu.machine.arrivals import Passed
from emu.machine.handover import SETUP_DATA, SETUP_DTB
from emu.machine.lap import Loop
from emu.machine.machine import Machine
from emu.machine.mailbox_search import MailboxSearch
from emu.timeline.moment import Moment
from tests.guest import BASE, DATA, MAILBOX, MEMORY_BYTES, SHARED, Guest

SOURCE = """
cpu0: mov ecx, 100000
1:  dec ecx
    jnz 1b
    hlt
cpu2: pause
    cmp dword ptr [{SHARED}], 0
    je cpu2
    hlt
start: pause
    cmp word ptr [{MAILBOX}], 1
    jne start
    hlt
"""
ENTERED = Passed(0x1000, reached=NamedPoint("os", "enters the kernel", ("os-entry",)))


def tree(mailbox: int) -> bytes:
    """A device tree that names a mailbox."""
    above, node, root = fdt.Node("reserved-memory"), fdt.Node("wakeup_table@0"), fdt.Node("")
    above.append(fdt.PropWords("#address-cells", 2))
    above.append(fdt.PropWords("#size-cells", 1))
    node.append(fdt.PropStrings("compatible", "intel,wakeup-mailbox"))
    node.append(fdt.PropWords("reg", 0, mailbox, 0x1000))
    above.append(node)
    root.append(above)
    whole = fdt.FDT()
    whole.root = root
    return bytes(whole.to_dtb(17))


def waiting(mailbox: int) -> tuple[Machine, MailboxSearch, list[tuple[int, Loop]]]:
    """CPUs 1 and 2 wait, of whom only the first does at the mailbox, and CPU 0 has a tree."""
    driver = Guest(SOURCE, 3).driver()
    driver.drive(Moment(20_000))
    machine, told = driver.machine, list[tuple[int, Loop]]()
    board, blob = machine.board, tree(mailbox)
    assert set(machine.waits.waiting) == {1, 2} and board.mailbox_gpa is None
    node = (0).to_bytes(8, "little") + SETUP_DTB.to_bytes(4, "little")
    node += len(blob).to_bytes(4, "little") + blob
    board.boot_params = DATA
    machine.stores.edit(DATA + SETUP_DATA, (DATA + 0x1000).to_bytes(8, "little"))
    machine.stores.edit(DATA + 0x1000, node)
    search = MailboxSearch(
        board, machine.tracked, machine.waits, lambda cpu, loop: told.append((cpu.id, loop))
    )
    return machine, search, told


def test_it_is_found_when_the_os_is_entered_and_who_waits_is_told_of_once() -> None:
    machine, search, told = waiting(MAILBOX)
    board, cpu = machine.board, machine.board.cpus[0]
    search.passed(cpu, Passed(0x1000))
    search.passed(cpu, Passed(0x1000, reached=NamedPoint("other", "does something")))
    assert board.mailbox_gpa is None and not told
    search.passed(cpu, ENTERED)
    assert board.mailbox_gpa == MAILBOX
    assert told == [(index, machine.waits.waiting[index].loop) for index in (1, 2)]
    assert machine.tracked.why(Gpa(MAILBOX)) == {"mailbox", "wait"}
    assert machine.tracked.why(Gpa(SHARED)) == {"wait"}
    search.passed(cpu, ENTERED)
    assert len(told) == 2


@pytest.mark.parametrize("mailbox", [BASE + MEMORY_BYTES, MAILBOX + 8])
def test_one_outside_memory_or_one_that_linux_would_not_use_is_none(mailbox: int) -> None:
    machine, search, told = waiting(mailbox)
    search.passed(machine.board.cpus[0], ENTERED)
    assert machine.board.mailbox_gpa is None and not told


def test_one_that_is_known_is_not_looked_for() -> None:
    machine, search, told = waiting(MAILBOX)
    machine.board.mailbox_gpa = Gpa(SHARED)
    search.passed(machine.board.cpus[0], ENTERED)
    assert machine.board.mailbox_gpa == SHARED and not told
