"""A mailbox for each CPU against one for all."""

from typing import Final

import pytest

from emu.boot.linux.parked import LOOP
from emu.debug.what_if import ApLoad, taken
from emu.debug.what_if_ways import BY_NAME
from emu.hw.address import Gpa
from tests.documents.lines import lines_moved, run_with_profile

US: Final = 10**6
"""Picoseconds."""


def ps(way: str, cpus: int, own: int = 0) -> int:
    return taken(BY_NAME[way], cpus, ApLoad(own), ends=False).online.ps


def test_who_waits_at_its_own_mailbox_waits_as_it_did_at_the_firmware_s() -> None:
    """So the mailboxes are what differs, and not the loop."""
    session, _ = run_with_profile("mailbox-each", 3)
    board = session.machine.board
    hpa = board.ram.hpa(Gpa(0x9000))
    assert hpa is not None
    assert LOOP in board.memory.read(hpa, 256)


def test_one_by_one_there_is_nothing_to_be_gained() -> None:
    """Who waits until each is online has waited for its acknowledgement by then."""
    assert ps("mailbox-each", 8) == pytest.approx(ps("mailbox", 8), rel=0.05)


def test_behind_the_trampoline_s_lock_nothing_is_gained_either() -> None:
    """Every CPU finds its stack there, one at a time: to read its APIC id is an exit."""
    assert ps("mailbox-each-parallel", 16) == pytest.approx(
        ps("mailbox-parallel", 16), rel=0.05
    )


def test_without_lock_and_acknowledgement_a_further_cpu_takes_some_instructions() -> None:
    """The boot CPU's, to write a mailbox and to look at a flag: 100 take 50 ns. By one mailbox
    each further CPU takes its exit, 1 us, at least."""
    each = [ps("mailbox-each-direct", cpus, 500) for cpus in (8, 24)]
    one = [ps("mailbox-parallel", cpus, 500) for cpus in (8, 24)]
    assert 0 < each[1] - each[0] < 16 * US // 10
    assert one[1] - one[0] > 16 * US


@pytest.mark.parametrize("cpus", [4, 8])
def test_a_line_of_one_s_own_moves_as_often_however_many_there_are(cpus: int) -> None:
    """By MESI, by hand. Of one mailbox each wake-up moves the line to all who wait there (they
    look again behind each store) and back. An own one moves to its CPU as it is told where to
    wait and back to the boot CPU, that sees it come; then to the CPU as it is woken: 3. If it
    has looked in between that is one more."""
    found = lines_moved(cpus)
    assert all(3 <= one <= 4 for one in found.own)
    assert max(found.shared) > cpus
    assert min(found.shared) <= 4, "the last is alone there"
