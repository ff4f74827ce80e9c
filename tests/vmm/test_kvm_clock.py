"""KVM's clock: what a guest reckons by its pages is the time that its host has.

The oracle is the recipe of Documentation/virt/kvm/x86/msr.rst, MSR_KVM_SYSTEM_TIME_NEW.
"""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emu.vmm.cpuid import read_cpuid
from emu.vmm.effects import Effects, HostWrite, SetMsr
from emu.vmm.msr import read_msr, write_msr
from emu.vmm.msrs.kvm import scale
from tests.vmm.builder import RAM, Guest

WALL, TIME, TSC, ADJUST = 0x4B56_4D00, 0x4B56_4D01, 0x10, 0x3B
SECONDS_OF_2026 = 1_767_225_600
"""1 January 2026, 0:00, by `date -u -d 2026-01-01 +%s`: what the CMOS clock begins with."""


def kvm(**changes: object) -> Guest:
    return Guest(hyperv=False, kvm=True, **changes)


def write(guest: Guest, msr: int, value: int) -> None:
    """WRMSR, and what follows is done to the guest's memory."""
    effects = write_msr(guest.caller(), msr, value)
    assert effects is not None
    carry_out(guest, effects)


def carry_out(guest: Guest, effects: Effects) -> None:
    for effect in effects:
        if isinstance(effect, HostWrite):
            guest.memory.write(effect.gpa, effect.data)
        else:
            assert isinstance(effect, SetMsr)
            guest.vmm.msrs[effect.cpu, effect.msr] = effect.value


def reckoned(guest: Guest, page: int) -> int:
    """What the document tells guests to do, in nanoseconds."""
    data = bytes(guest.memory.data[RAM][page - RAM : page - RAM + 32])
    version, stamp, system, multiplier = struct.unpack_from("<I4xQQI", data)
    shift = struct.unpack_from("<b", data, 28)[0]
    assert version % 2 == 0
    tsc = read_msr(guest.caller(), TSC)
    assert tsc is not None
    time = tsc - stamp
    time = time << shift if shift >= 0 else time >> -shift
    return (time * multiplier >> 32) + system


@given(st.integers(1_000_000, 10_000_000_000), st.integers(0, 10**12), st.integers(0, 10**12))
def test_time_by_the_page_is_the_time(hz: int, named: int, later: int) -> None:
    guest = kvm(tsc_hz=hz)
    guest.nanoseconds = named
    write(guest, TIME, RAM + 0x40 | 1)
    guest.nanoseconds += later
    off = abs(reckoned(guest, RAM + 0x40) - guest.nanoseconds)
    counts = 2 * -(-(10**9) // hz)
    assert off <= counts + (later >> 29), "two counts, and a multiplier of 32 bits"


def test_at_2_ghz_it_is_exact() -> None:
    assert scale(2_000_000_000) == (1 << 31, 0)
    guest = kvm()
    guest.nanoseconds = 123_456_789
    write(guest, TIME, RAM | 1)
    guest.nanoseconds = 987_654_321
    assert reckoned(guest, RAM) == 987_654_321


@pytest.mark.parametrize(("msr", "value"), [(ADJUST, 5_000_000), (TSC, 77), (TSC, 1 << 50)])
def test_who_moves_its_tsc_keeps_its_time(msr: int, value: int) -> None:
    guest = kvm()
    guest.nanoseconds = 1_000_000
    write(guest, TIME, RAM | 1)
    write(guest, msr, value)
    guest.nanoseconds = 3_000_000
    assert reckoned(guest, RAM) == 3_000_000


def test_the_wall_clock_is_that_of_the_moment_of_power_on() -> None:
    guest = kvm()
    guest.memory.write(RAM, struct.pack("<I", 7))
    guest.nanoseconds = 5_000_000_000
    write(guest, WALL, RAM)
    version, seconds, nanoseconds = struct.unpack_from("<3I", guest.memory.data[RAM])
    assert (version, seconds, nanoseconds) == (10, SECONDS_OF_2026, 0)
    guest.cpu = 1
    assert read_msr(guest.caller(), WALL) == RAM, "one for all CPUs"


def test_each_cpu_has_its_page_and_may_give_it_back() -> None:
    guest = kvm()
    write(guest, TIME, RAM | 1)
    guest.cpu = 1
    assert read_msr(guest.caller(), TIME) == 0
    guest.cpu = 0
    write(guest, TIME, RAM)
    guest.memory.write(RAM, bytes(32))
    write(guest, ADJUST, 99)
    assert bytes(guest.memory.data[RAM][:32]) == bytes(32)


def test_a_flag_of_the_guests_stays_and_the_version_grows() -> None:
    guest = kvm()
    guest.memory.write(RAM, struct.pack("<I", 0xFFFF_FFFF))
    guest.memory.write(RAM + 29, b"\xff")
    write(guest, TIME, RAM | 1)
    assert bytes(guest.memory.data[RAM][:4]) == struct.pack("<I", 2)
    assert guest.memory.data[RAM][29] == 0b11, "paused stays, and all clocks are one"


@pytest.mark.parametrize("msr", [WALL, TIME])
def test_a_page_where_no_memory_is_stays_untouched(msr: int) -> None:
    guest = kvm()
    assert write_msr(guest.caller(), msr, 0xF000_0001) is not None
    write(guest, msr, 0xF000_0001)
    assert read_msr(guest.caller(), msr) == 0xF000_0001


FEATURES = [
    (kvm(), 1 << 1 | 1 << 3 | 1 << 24, 1),
    (Guest("tdx", hyperv=False, kvm=True), 1 << 1, 0),
    (Guest(), int.from_bytes(b"Hv#1", "little"), 0),
]  # fmt: skip
"""Documentation/virt/kvm/x86/cpuid.rst: no delay at ports, the clock, one clock; CPUID.7:EBX
bit 1, IA32_TSC_ADJUST."""


@pytest.mark.parametrize(("guest", "features", "adjust"), FEATURES)
def test_what_is_offered_is_there(guest: Guest, features: int, adjust: int) -> None:
    caller = guest.caller()
    assert read_cpuid(caller, 0x4000_0001, 0)[0] == features
    assert read_cpuid(caller, 7, 0)[1] >> 1 & 1 == adjust
    there = bool(features >> 3 & 1) and not guest.platform.hyperv
    assert (read_msr(caller, TIME) is not None) == there
    assert (write_msr(caller, WALL, 0) is not None) == there
