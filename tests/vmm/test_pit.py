"""The 8254 counts in virtual time, as Intel's data sheet (231164) has modes 0, 2 and 3."""

import pytest

from tests.vmm.builder import Guest
from tests.vmm.builder import inp as read
from tests.vmm.builder import out as write

HZ = 1_193_182
CONTROL, SPEAKER = 0x43, 0x61


def after(guest: Guest, ticks: int) -> None:
    """So many ticks of the timer later, and half a one more."""
    guest.nanoseconds += (2 * ticks + 1) * 10**9 // (2 * HZ)


def loaded(mode: int, count: int, channel: int = 0) -> Guest:
    """A channel that counts, both bytes at a time."""
    guest = Guest(hyperv=False)
    write(guest, SPEAKER, 1)
    write(guest, CONTROL, channel << 6 | 0x30 | mode << 1)
    write(guest, 0x40 + channel, count & 0xFF)
    write(guest, 0x40 + channel, count >> 8)
    return guest


def latched(guest: Guest, channel: int = 0) -> int:
    write(guest, CONTROL, channel << 6)
    return read(guest, 0x40 + channel) | read(guest, 0x40 + channel) << 8


@pytest.mark.parametrize(
    ("mode", "count", "ticks", "left"),
    [
        (0, 1000, 1, 999), (0, 1000, 1000, 0), (0, 1000, 1001, 0xFFFF),
        (2, 1000, 1, 999), (2, 1000, 999, 1), (2, 1000, 1000, 1000), (2, 0, 1, 0xFFFF),
        (3, 1000, 1, 998), (3, 1000, 500, 1000), (6, 1000, 999, 1), (7, 1000, 1, 998),
    ],
)  # fmt: skip
def test_a_counter_has_what_its_mode_makes_of_the_time(
    mode: int, count: int, ticks: int, left: int
) -> None:
    """Mode 0 goes on below 0; mode 2 reloads at 1; 3 counts by two; 6 and 7 are 2 and 3."""
    guest = loaded(mode, count)
    after(guest, ticks)
    assert latched(guest) == left


def test_what_is_latched_stands_until_it_is_read() -> None:
    guest = loaded(2, 1000)
    after(guest, 10)
    write(guest, CONTROL, 0)
    after(guest, 500)
    assert read(guest, 0x40) | read(guest, 0x40) << 8 == 990
    assert latched(guest) < 500


@pytest.mark.parametrize(("access", "byte"), [(1, 0x34), (2, 0x12)])
def test_one_byte_alone_is_the_one_that_was_chosen(access: int, byte: int) -> None:
    guest = Guest(hyperv=False)
    write(guest, CONTROL, access << 4)
    write(guest, 0x40, byte)
    assert read(guest, 0x40) == byte


@pytest.mark.parametrize("mode", [0, 3])
def test_the_output_of_channel_2_is_seen_at_port_61(mode: int) -> None:
    guest = loaded(mode, 1000, channel=2)
    first = read(guest, SPEAKER) & 0x20
    after(guest, 700)
    half = read(guest, SPEAKER) & 0x20
    after(guest, 400)
    whole = read(guest, SPEAKER) & 0x20
    assert [bool(one) for one in (first, half, whole)] == {
        0: [False, False, True],
        3: [True, False, True],
    }[mode]


def test_a_gate_that_is_low_stops_channel_2() -> None:
    guest = loaded(0, 1000, channel=2)
    write(guest, SPEAKER, 0)
    after(guest, 2000)
    assert latched(guest, 2) == 1000 and not read(guest, SPEAKER) & 0x20
    write(guest, SPEAKER, 1)
    after(guest, 10)
    assert latched(guest, 2) == 990


def test_the_status_is_read_back() -> None:
    guest = loaded(2, 1000)
    write(guest, CONTROL, 0xE2)
    assert read(guest, 0x40) == 0x80 | 0x30 | 2 << 1
    write(guest, CONTROL, 0xD2)
    assert read(guest, 0x40) | read(guest, 0x40) << 8 == 1000


def test_with_hyper_v_there_is_none() -> None:
    guest = Guest(hyperv=True)
    write(guest, 0x40, 5)
    write(guest, SPEAKER, 1)
    assert read(guest, 0x40) == read(guest, SPEAKER) == 0xFF
