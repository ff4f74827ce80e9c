"""The clocks of a guest: exact integers that agree with each other."""

from hypothesis import given
from hypothesis import strategies as st

from emu.vmm import clock
from emu.vmm.effects import SetRegisters
from tests.vmm.builder import Guest

NANOSECONDS = st.integers(0, 1 << 62)
HERTZ = st.integers(1_000_000, 10_000_000_000)


@given(NANOSECONDS, HERTZ)
def test_the_tsc_is_the_frequency_times_the_time(nanoseconds: int, hz: int) -> None:
    platform = Guest(tsc_hz=hz).platform
    assert clock.tsc(platform, nanoseconds) == nanoseconds * hz // 10**9 % (1 << 64)


@given(st.integers(0, 1 << 50), HERTZ, st.integers(0, 1 << 40))
def test_a_deadline_is_the_first_moment_that_meets_it(count: int, hz: int, adjust: int) -> None:
    platform = Guest(tsc_hz=hz).platform
    moment = clock.nanoseconds_at(platform, count, adjust)
    assert clock.tsc(platform, moment, adjust) >= count
    assert moment == 0 or clock.tsc(platform, moment - 1, adjust) < count


def test_each_cpu_may_have_its_own_offset() -> None:
    guest = Guest()
    guest.nanoseconds = 1_000
    guest.vmm.msrs[1, clock.TSC_ADJUST] = 7
    assert clock.tsc_of(guest.caller()) == 2_000
    guest.cpu = 1
    assert clock.tsc_of(guest.caller()) == 2_007


def test_rdtsc_splits_the_counter() -> None:
    assert clock.shown(3 << 32) == SetRegisters((("rax", 0), ("rdx", 3)))
    assert clock.shown(7) == SetRegisters((("rax", 7), ("rdx", 0)))


def test_the_reference_counter_counts_100_ns() -> None:
    assert [clock.reference_time(ns) for ns in (0, 99, 100, 1_234_567)] == [0, 0, 1, 12_345]
