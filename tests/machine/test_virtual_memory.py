"""Memory by linear address, read past all rights and without a trace in the tables."""

from typing import Final

from hypothesis import given
from hypothesis import strategies as st

from emu.hw.address import PAGE_BYTES
from emu.hw.nested_walk import ACCESSED
from emu.machine.machine import Machine
from emu.machine.virtual_memory import VirtualMemory
from tests.guest import DATA, PT, PT2, WINDOW, Guest, word

HOLE: Final = 2
"""This page of WINDOW is not mapped; the others are, the other way round, to pages at DATA."""
PAGES: Final = 5


def mapped() -> Machine:
    """A machine with pages in WINDOW, each full of its number."""
    machine = Guest("hlt").machine()
    stores = machine.stores
    for page in range(PAGES):
        stores.edit(DATA + PAGE_BYTES * page, bytes((PAGES - page,)) * PAGE_BYTES)
        if page != HOLE:
            leaf = DATA + PAGE_BYTES * (PAGES - 1 - page) | 1  # read-only
            stores.edit(PT2 + 8 * page, leaf.to_bytes(8, "little"))
    return machine


MACHINE: Final = mapped()
SPAN: Final = st.integers(0, PAGES * PAGE_BYTES), st.integers(0, 3 * PAGE_BYTES)


def by_byte(start: int, count: int) -> bytes | None:
    """What is read, by the definition."""
    found = bytearray()
    for at in range(start, start + count):
        page = at // PAGE_BYTES
        if page == HOLE or page >= PAGES:
            return None
        found.append(page + 1)
    return bytes(found)


@given(*SPAN)
def test_bytes_are_read_over_borders_or_not_at_all(start: int, count: int) -> None:
    virtual, registers = MACHINE.board.virtual, MACHINE.board.cpus[0].registers
    assert isinstance(virtual, VirtualMemory)
    wanted = by_byte(start, count)
    assert virtual.read(registers, WINDOW + start, count) == wanted
    pieces = virtual.pieces(registers, WINDOW + start, count)
    if wanted is None:
        assert pieces is None
        return
    assert pieces is not None and all(size <= PAGE_BYTES for _, size in pieces)
    assert b"".join(MACHINE.board.memory.read(*piece) for piece in pieces) == wanted


@given(*SPAN)
def test_most_are_those_up_to_the_first_page_that_is_not_mapped(start: int, count: int) -> None:
    virtual, registers = MACHINE.board.virtual, MACHINE.board.cpus[0].registers
    found = virtual.most(registers, WINDOW + start, count)
    assert found == by_byte(start, len(found))
    at = start + len(found)
    assert len(found) == count or by_byte(at, 1) is None


def test_a_gva_leads_to_the_gpa_and_to_its_byte_and_leaves_no_trace() -> None:
    virtual, registers = MACHINE.board.virtual, MACHINE.board.cpus[0].registers
    assert virtual.gpa(registers, WINDOW + 5) == DATA + PAGE_BYTES * (PAGES - 1) + 5
    assert virtual.hpa(registers, WINDOW + 5) == MACHINE.board.ram.hpa(DATA + 0x4005)
    assert virtual.gpa(registers, WINDOW + HOLE * PAGE_BYTES) is None
    assert not word(MACHINE.board, PT2) & ACCESSED and not word(MACHINE.board, PT) & ACCESSED
