"""ACPI's power management timer: 3.579545 MHz of virtual time, 32 bits, at one port."""

import pytest

from tests.vmm.builder import Guest
from tests.vmm.test_ports import read, write

PORT = 0xB008
SECOND = 10**9
COUNTS = [
    # ACPI 6.6, 4.8.3.3: 3.579545 MHz; it counts on from all ones to 0
    (0, 0), (279, 0), (280, 1), (SECOND, 3_579_545), (2 * SECOND - 1, 7_159_089),
    (1_199 * SECOND, 3_579_545 * 1_199), (1_200 * SECOND, 3_579_545 * 1_200 - 2**32),
]  # fmt: skip


@pytest.mark.parametrize(("nanoseconds", "count"), COUNTS)
def test_it_counts_virtual_time(nanoseconds: int, count: int) -> None:
    guest = Guest()
    guest.nanoseconds = nanoseconds
    assert read(guest, PORT, 4) == count


def test_it_cannot_be_set_and_is_read_whole() -> None:
    guest = Guest()
    guest.nanoseconds = SECOND
    write(guest, PORT, 0, 4)
    assert read(guest, PORT, 4) == 3_579_545
    assert read(guest, PORT, 1) == 0xFF, "a byte of it is nothing"
