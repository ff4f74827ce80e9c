"""The APIC timer's registers, as pure decisions: what is armed, counted and disarmed."""

from hypothesis import given
from hypothesis import strategies as st

from emu.vmm import apic_timer
from emu.vmm.clock import APIC_HZ, CRYSTAL_HZ
from emu.vmm.effects import ApicTimer, Effects, SendInterrupt, SetMsr, SetTimer
from emu.vmm.msr import read_msr, write_msr
from emu.vmm.state import WrongClock
from tests.vmm.builder import Guest

BASE, LVT, INITIAL, CURRENT, DIVIDE, DEADLINE = 0x1B, 0x832, 0x838, 0x839, 0x83E, 0x6E0
MASKED, PERIODIC, BY_TSC = 1 << 16, 1 << 17, 2 << 17


def fresh(isolation: str = "none", **changes: object) -> Guest:
    guest = Guest(isolation, **changes)
    guest.vmm.msrs[guest.cpu, BASE] = 0xFEE0_0D00
    guest.vmm.msrs[guest.cpu, 0x80F] = 0x1FF
    return guest


def keep(guest: Guest, effects: Effects | None) -> Effects:
    """What the machine would do of it."""
    assert effects is not None
    for one in effects:
        match one:
            case SetMsr(cpu, msr, value):
                guest.vmm.msrs[cpu, msr] = value
            case SetTimer(cpu, None):
                guest.vmm.timers.pop(cpu, None)
            case SetTimer(cpu, timer) if timer is not None:
                guest.vmm.timers[cpu] = timer
    return effects


def write(guest: Guest, msr: int, value: int) -> None:
    keep(guest, write_msr(guest.caller(), msr, value))


def test_the_input_is_the_crystal_or_what_the_hypervisor_reports() -> None:
    with_hyperv, without = Guest().caller().platform, Guest(hyperv=False).caller().platform
    assert apic_timer.tick_ns(with_hyperv, 0xB) == 1_000_000_000 // APIC_HZ
    assert apic_timer.tick_ns(without, 0xB) == 1_000_000_000 // CRYSTAL_HZ
    rates = [apic_timer.tick_ns(without, code) // 40 for code in (0, 1, 2, 3, 8, 9, 10, 11)]
    assert rates == [2, 4, 8, 16, 32, 64, 128, 1]


@given(count=st.integers(1, 0xFFFF_FFFF), divide=st.sampled_from((0, 1, 3, 8, 11)))
def test_the_count_goes_from_what_was_written_to_nothing(count: int, divide: int) -> None:
    guest = fresh()
    write(guest, DIVIDE, divide)
    write(guest, LVT, 64)
    write(guest, INITIAL, count)
    assert read_msr(guest.caller(), CURRENT) == count
    due = apic_timer.due_ns(guest.caller().platform, guest.vmm, guest.cpu)
    assert due is not None
    tick = apic_timer.tick_ns(guest.caller().platform, divide)
    assert due == guest.caller().nanoseconds + count * tick


def test_reserved_bits_are_refused() -> None:
    guest = fresh()
    assert write_msr(guest.caller(), DIVIDE, 4) is None
    assert write_msr(guest.caller(), INITIAL, 1 << 32) is None
    assert write_msr(guest.caller(), LVT, 1 << 20) is None
    assert write_msr(guest.caller(), CURRENT, 0) is None


def test_modes_that_disarm_and_modes_that_go_on() -> None:
    guest = fresh()
    write(guest, LVT, 64)
    write(guest, INITIAL, 500)
    write(guest, LVT, 64 | PERIODIC)
    assert guest.vmm.timers[guest.cpu].reload == 500
    write(guest, LVT, 64)
    assert guest.vmm.timers[guest.cpu].reload == 0
    write(guest, LVT, 64 | BY_TSC)
    assert guest.cpu not in guest.vmm.timers
    write(guest, INITIAL, 500)
    assert guest.cpu not in guest.vmm.timers
    write(guest, DEADLINE, 12345)
    assert guest.vmm.timers[guest.cpu] == ApicTimer(0, 0, deadline=12345)
    assert read_msr(guest.caller(), DEADLINE) == 12345
    assert read_msr(guest.caller(), CURRENT) == 0
    write(guest, LVT, 64)
    assert guest.cpu not in guest.vmm.timers and read_msr(guest.caller(), DEADLINE) == 0
    assert write_msr(guest.caller(), DEADLINE, 7) == ()


@given(late=st.integers(0, 10_000), count=st.integers(1, 1000))
def test_a_periodic_timer_stays_in_its_raster_however_late_it_is_seen(
    late: int, count: int
) -> None:
    guest = fresh()
    write(guest, DIVIDE, 0xB)
    write(guest, LVT, 64 | PERIODIC)
    write(guest, INITIAL, count)
    first = guest.vmm.timers[guest.cpu].due_ns
    effects = keep(guest, apic_timer.rings(guest.vmm, guest.cpu, first + late))
    after = guest.vmm.timers[guest.cpu].due_ns
    period = 5 * count
    assert (after - first) % period == 0 and first + late < after <= first + late + period
    assert effects[-1] == SendInterrupt(guest.cpu, 64)


def test_an_interrupt_that_still_waits_is_not_doubled() -> None:
    guest = fresh()
    write(guest, LVT, 64)
    write(guest, INITIAL, 10)
    guest.vmm.vps[guest.cpu].request(64)
    assert apic_timer.rings(guest.vmm, guest.cpu, 1 << 40) == (SetTimer(guest.cpu, None),)


@given(
    ahead=st.integers(-(10**6), 10**6),
    ppm=st.integers(-999_999, 10**6),
    since=st.integers(0, 10**6),
    shown=st.integers(0, 10**9),
)
def test_the_moment_of_a_wrong_clock_is_the_first_at_which_it_says_so(
    ahead: int, ppm: int, since: int, shown: int
) -> None:
    clock = WrongClock(ahead, ppm, since)
    moment = clock.moment_of(shown)
    assert clock.shows(moment) >= shown
    assert moment == 0 or clock.shows(moment - 1) < shown


def test_a_clock_that_stands_never_gets_there() -> None:
    assert WrongClock(0, -1_000_000, 5).moment_of(6) >= 1 << 60
