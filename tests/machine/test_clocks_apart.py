"""Clocks that disagree by more than the platform allows are seen when both have been read."""

from typing import Final

import pytest

from emu.boot.platform import CLOCKS_APART_NS
from emu.machine.clocks_apart import Clocks
from emu.mailbox.observation import ClocksApart
from emu.vmm.state import WrongClock
from tests.guest import Guest, finish
from tests.machine.seen import noted

READS: Final = "start: rdtsc\n mov ecx, 2000\n1: dec ecx\n jnz 1b\n rdtsc\n hlt"
HZ: Final = 2_000_000_000
"""Of the platform `none`."""
ADJUSTS: Final = """
cpu0: rdtsc
    hlt
cpu1: mov ecx, 0x3b
    mov eax, {by}
    mov edx, {high}
    wrmsr
    rdtsc
    hlt
"""


def read(ahead_ns: int, cpu: int = 1, ppm: int = 0) -> list[tuple[object, ...]]:
    """Two CPUs read their clocks, one of which is wrong."""
    driver = Guest(READS, 2).driver()
    driver.machine.board.vmm.clocks[cpu] = WrongClock(ahead_ns=ahead_ns, ppm=ppm)
    found = (one for one in finish(driver).logs.observed if isinstance(one, ClocksApart))
    return [(one.cpu, one.other, one.ahead_ns, one.bound_ns) for one in found]


@pytest.mark.parametrize("ahead_ns", [CLOCKS_APART_NS + 1, 50_000])
def test_a_clock_that_is_ahead_by_more_than_the_bound_is_told_once(ahead_ns: int) -> None:
    (found,) = read(ahead_ns)
    assert found == (1, 0, ahead_ns, CLOCKS_APART_NS)


@pytest.mark.parametrize("ahead_ns", [0, 1, CLOCKS_APART_NS])
def test_within_the_bound_and_without_a_second_reader_nothing_is_told(ahead_ns: int) -> None:
    assert read(ahead_ns) == []
    assert read(50_000, cpu=2) == []


def test_a_clock_that_runs_away_is_told_when_it_is_beyond_the_bound() -> None:
    (found,) = read(0, ppm=3_000_000)
    assert isinstance(found[2], int) and abs(found[2]) > CLOCKS_APART_NS


@pytest.mark.parametrize(
    ("by", "high", "ahead_ns"),
    [(8_000, 0, 4_000), (0xFFFF_E0C0, 0xFFFF_FFFF, -4_000)],
)
def test_a_guest_that_writes_tsc_adjust_is_told_too(by: int, high: int, ahead_ns: int) -> None:
    (found,) = noted(Guest(ADJUSTS.format(by=by, high=high), 2), ClocksApart)
    assert (found.cpu, found.other, found.ahead_ns) == (1, 0, ahead_ns)
    assert noted(Guest(ADJUSTS.format(by=2_000, high=0), 2), ClocksApart) == []


def test_what_is_saved_is_put_back() -> None:
    driver = Guest(ADJUSTS.format(by=8_000, high=0), 2).driver()
    clocks: Clocks = driver.machine.cpu_witness.clocks
    before = clocks.save()
    finish(driver)
    saved = clocks.save()
    assert (saved.readers, saved.adjusted) == (frozenset((0, 1)), frozenset((1,)))
    clocks.load(before)
    assert clocks.save() == before
    clocks.load(saved)
    assert clocks.save() == saved
