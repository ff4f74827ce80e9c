"""Steps of an AP are remembered with when they were taken and by whom, and put back."""

from emu.machine.aps import STEPS_MAX, ApStep, LiveAps
from emu.mailbox.layout import Head

IDLE = Head(0, 0, 0, 0)


def wakeup(apic_id: int) -> Head:
    """A command for one CPU."""
    return Head(1, 0, apic_id, 0x1000)


def woken() -> LiveAps:
    """CPU 1 (APIC id 4) waits and is woken by CPU 0; CPU 2 does nothing."""
    aps = LiveAps((0, 4, 6))
    assert aps.waited(1, 0x700, tick=5, virtual_ns=50)
    assert not aps.waited(1, 0x700, tick=6, virtual_ns=60)
    assert not aps.commanded(0, IDLE, wakeup(4), tick=7, virtual_ns=70)  # not its own state
    return aps


def test_a_step_says_when_and_by_whose_doing() -> None:
    aps = woken()
    assert aps.commanded(1, wakeup(4), IDLE, tick=8, virtual_ns=80)
    assert aps.reached(1, ("own-stack", "arrived"), tick=9, virtual_ns=90)
    assert aps.history == {
        1: (ApStep("parked", 5, 50, 1), ApStep("woken", 7, 70, 0), ApStep("acked", 8, 80, 1),
            ApStep("arrived", 9, 90, 1))
    }  # fmt: skip
    assert [aps.of(cpu) for cpu in range(3)] == ["starting", "arrived", "starting"]


def test_who_is_called_has_not_arrived_and_who_is_parked_may_be_woken() -> None:
    aps = woken()
    assert (aps.is_called(1), aps.is_parked(1)) == (True, True)
    aps.commanded(1, wakeup(4), IDLE, 8, 80)
    assert (aps.is_called(1), aps.is_parked(1)) == (True, False)
    aps.reached(1, ("arrived",), 9, 90)
    assert (aps.is_called(1), aps.is_parked(1)) == (False, False)
    assert not aps.is_called(2) and not aps.is_parked(2)


def test_only_the_newest_steps_are_kept() -> None:
    aps = LiveAps((0, 4))
    for tick in range(STEPS_MAX):
        aps.reached(1, ("parked",), 2 * tick, 0)
        aps.reached(1, ("left",), 2 * tick + 1, 0)
    assert [one.tick for one in aps.history[1]] == list(range(STEPS_MAX, 2 * STEPS_MAX))


def test_what_is_saved_is_put_back_and_shares_nothing() -> None:
    aps = woken()
    saved, history = aps.save(), dict(aps.history)
    aps.started(1)
    aps.waited(2, 0x800, 9, 90)
    assert aps.of(1) == "starting" and aps.of(2) == "parked"
    aps.load(saved)
    assert (aps.of(1), aps.of(2), aps.history) == ("woken", "starting", history)
    assert aps.save() == saved
