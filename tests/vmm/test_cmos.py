"""The CMOS clock: registers of the MC146818A, in virtual time."""

import pytest

from emu.vmm.devices import STANDARD
from tests.vmm.builder import Guest
from tests.vmm.test_ports import read, write

HOUR_NS = 3_600 * 10**9


def register(guest: Guest, index: int) -> int:
    write(guest, 0x70, index)
    return read(guest, 0x71)


def date(nanoseconds: int) -> list[int]:
    """Century, year, month, day of the month and of the week, hours, minutes, seconds; as the
    digits that BCD shows."""
    guest = Guest()
    guest.nanoseconds = nanoseconds
    return [int(f"{register(guest, i):x}") for i in (0x32, 9, 8, 7, 6, 4, 2, 0)]


@pytest.mark.parametrize(
    ("nanoseconds", "told"),
    [
        (0, [20, 26, 1, 1, 5, 0, 0, 0]),  # a Thursday; the week begins with Sunday, 1
        (999_999_999, [20, 26, 1, 1, 5, 0, 0, 0]),
        (59 * 10**9, [20, 26, 1, 1, 5, 0, 0, 59]),
        (3 * 24 * HOUR_NS + 23 * HOUR_NS, [20, 26, 1, 4, 1, 23, 0, 0]),
        (365 * 24 * HOUR_NS, [20, 27, 1, 1, 6, 0, 0, 0]),
    ],
)
def test_the_date_is_that_of_virtual_time(nanoseconds: int, told: list[int]) -> None:
    assert date(nanoseconds) == told


@pytest.mark.parametrize(
    ("index", "value"),
    [
        (0x0A, 0x26),  # UIP clear; DV 010: 32,768 Hz; RS 0110: 1,024 Hz
        (0x0B, 0x02),  # 24/12 set, DM clear: 24 hours in BCD; no interrupt is enabled
        (0x0C, 0x00),  # none has come
        (0x0D, 0x80),  # VRT: RAM and time are valid
        (0x01, 0x00),  # the alarm's seconds
        (0x7F, 0x00),
    ],
)
def test_status_registers_say_that_the_clock_is_well(index: int, value: int) -> None:
    assert register(Guest(), index) == value


def test_bit_7_of_the_index_is_none_of_it() -> None:
    assert register(Guest(), 0x8D) == 0x80


def test_the_index_is_not_read_and_data_is_not_written() -> None:
    guest = Guest()
    write(guest, 0x70, 0x0D)
    assert write(guest, 0x71, 0) == ()
    assert (read(guest, 0x70), read(guest, 0x71)) == (0xFF, 0x80)


def test_one_store_of_two_bytes_sets_the_index_and_is_otherwise_ignored() -> None:
    guest = Guest()
    write(guest, 0x70, 0x120D, 2)
    assert read(guest, 0x71) == 0x80
    assert STANDARD.at_port(0x72) is None
