"""MSRs with which a CPU begins are where the guest reads them, and come out again."""

import pytest

from emu.errors import PlatformError
from emu.machine import start_msrs
from tests.guest import DATA, Guest, finish, word

READS = """
start: mov ecx, {0:#x}
    rdmsr
    mov [{{DATA}}], eax
    mov [{{DATA}} + 4], edx
    hlt
"""
VALUE = 0x1234_5678
NUMBERS = (0x175, 0x176, 0xC000_0082, 0xC000_0083, 0xC000_0102, 0xC000_0100, 0xC000_0101,
           0xC000_0103)  # fmt: skip
"""SYSENTER_ESP and EIP, LSTAR, CSTAR, the three bases, TSC_AUX (SDM 4, table 2-2)."""


@pytest.mark.parametrize("number", NUMBERS)
def test_what_is_put_is_what_the_guest_reads(number: int) -> None:
    driver = Guest(READS.format(number)).driver()
    board = driver.machine.board
    start_msrs.put(board, board.cpus[0], number, VALUE)
    assert word(finish(driver), DATA) == VALUE


def test_the_time_stamp_counter_goes_on_from_there() -> None:
    driver = Guest(READS.format(0x10)).driver()
    board = driver.machine.board
    start_msrs.put(board, board.cpus[0], start_msrs.TSC, 1 << 40)
    assert (1 << 40) <= word(finish(driver), DATA) < (1 << 40) + 100_000


def test_those_that_are_kept_are_taken_again() -> None:
    machine = Guest("start: hlt").machine()
    board, cpu = machine.board, machine.board.cpus[0]
    for number in (0x175, 0xC000_0082, 0xC000_0103):
        start_msrs.put(board, cpu, number, VALUE + number)
    found = start_msrs.kept(board, cpu)
    assert {number: found[number] for number in (0x175, 0xC000_0082, 0xC000_0103)} == {
        number: VALUE + number for number in (0x175, 0xC000_0082, 0xC000_0103)
    }


@pytest.mark.parametrize("number", [0x174, 0x12345])
def test_one_that_nobody_has_is_refused(number: int) -> None:
    board = Guest("start: hlt").machine().board
    with pytest.raises(PlatformError, match=f"there is no MSR {number:#x}$"):
        start_msrs.put(board, board.cpus[0], number, 1)
