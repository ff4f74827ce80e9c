"""The 8259A as far as it is there: its tables are those of Intel's data sheet (231468)."""

import pytest

from tests.vmm.builder import Guest
from tests.vmm.builder import inp as read
from tests.vmm.builder import out as write

INITIALISED = {
    "cascade, ICW4": (0x11, 3), "cascade": (0x10, 2), "single, ICW4": (0x13, 2),
    "single": (0x12, 1),
}  # fmt: skip
"""ICW1 -> how many words follow: ICW2 always, ICW3 where there are two, ICW4 if it says so."""


@pytest.mark.parametrize("base", [0x20, 0xA0])
@pytest.mark.parametrize("how", INITIALISED)
def test_the_mask_is_what_comes_behind_the_set_up(base: int, how: str) -> None:
    guest = Guest(hyperv=False)
    icw1, words = INITIALISED[how]
    write(guest, base + 1, 0x55)
    write(guest, base, icw1)
    assert read(guest, base + 1) == 0, "ICW1 clears the mask"
    for _ in range(words):
        write(guest, base + 1, 0x99)
    assert read(guest, base + 1) == 0
    write(guest, base + 1, 0xFB)
    assert read(guest, base + 1) == 0xFB


@pytest.mark.parametrize("command", [0x20, 0x60, 0x0A, 0x0B, 0x68])
def test_an_end_of_interrupt_and_what_is_to_be_read_change_no_mask(command: int) -> None:
    guest = Guest(hyperv=False)
    write(guest, 0x21, 0x3C)
    write(guest, 0x20, command)
    assert (read(guest, 0x20), read(guest, 0x21)) == (0, 0x3C)


def test_the_two_are_apart() -> None:
    guest = Guest(hyperv=False)
    write(guest, 0x21, 0xAA)
    write(guest, 0xA1, 0x55)
    assert (read(guest, 0x21), read(guest, 0xA1)) == (0xAA, 0x55)


def test_with_hyper_v_there_is_none() -> None:
    guest = Guest(hyperv=True)
    write(guest, 0x21, 0xAA)
    assert read(guest, 0x21) == read(guest, 0x20) == 0xFF
