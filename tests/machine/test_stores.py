"""Stores that no instruction makes: memory has them, and whoever looks is told."""

import pytest

from emu.hw.address import PAGE_BYTES, Gpa
from emu.hw.exit import ExitKind
from emu.machine.machine import Machine
from emu.machine.stores import Stores
from emu.machine.tracked import PageStore
from tests.guest import CODE, DATA, PT2, WINDOW, Guest, word


class Heard(list[PageStore]):
    """Whoever listens."""

    stored = list.append


def machine(platform: str = "none") -> tuple[Machine, Heard]:
    """A machine, and what its tracked pages tell."""
    one, heard = Guest("start: nop\n nop\n nop\n hlt", 2, platform).machine(), Heard()
    assert isinstance(one.stores, Stores)
    one.tracked.listeners = (*one.tracked.listeners, heard)
    return one, heard


def test_the_host_s_store_is_told_if_it_changes_anything() -> None:
    one, heard = machine()
    one.stores.host_write(DATA + 3, b"\x01\x02")
    one.stores.host_write(DATA + 3, b"\x01\x02")
    (store,) = heard
    assert (store.cpu, store.page, store.before, store.at) == (None, DATA, bytes(2), 0)
    assert word(one.board, DATA + 3, 2) == 0x201


def test_a_store_to_a_td_s_private_page_breaks_the_page_and_not_the_bytes() -> None:
    one, heard = machine("tdx")
    one.stores.host_write(DATA + 3, b"\x01")
    assert word(one.board, DATA) == 0 and not heard
    assert one.board.broken_pages == {DATA} and not one.board.npt.writable(DATA)
    assert one.board.logs.events[-1].kind == "fault"
    one.stores.edit(DATA + 3, b"\x01")  # somebody at the debugger may
    assert word(one.board, DATA + 3, 1) == 1 and len(heard) == 1


def test_code_that_is_stored_is_executed() -> None:
    one, _ = machine()
    cpu = one.board.cpus[0]
    assert one.board.engine.run(cpu.registers, 1).kind is ExitKind.BUDGET
    one.stores.edit(CODE + 1, b"\xb0\x07")  # mov al, 7
    one.board.engine.run(cpu.registers, 1)
    assert cpu.registers.get("rax") & 0xFF == 7


@pytest.mark.parametrize("hole", [False, True])
def test_the_processor_s_own_store_goes_over_borders_of_pages(hole: bool) -> None:
    one, heard = machine()
    cpu = one.board.cpus[1]
    for page, gpa in ((0, DATA + PAGE_BYTES), (1, DATA)):
        leaf = 0 if hole and page else gpa | 3
        one.stores.edit(PT2 + 8 * page, leaf.to_bytes(8, "little"))
    heard.clear()
    done = one.stores.write_virtual(cpu, WINDOW + PAGE_BYTES - 3, bytes(range(1, 9)))
    assert done != hole
    if hole:
        return
    assert word(one.board, DATA + 2 * PAGE_BYTES - 3, 3) == 0x030201
    assert word(one.board, DATA, 5) == 0x0807060504
    assert [(s.cpu, s.page) for s in heard] == [(cpu, DATA + PAGE_BYTES), (cpu, DATA)]
    assert {s.at for s in heard} == {one.board.linear_rip(cpu)}


def test_outside_memory_is_our_bug() -> None:
    one, _ = machine()
    with pytest.raises(AssertionError, match="no memory"):
        one.stores.edit(Gpa(0x1000), b"\x01")
