"""Every picosecond of a CPU's clock has a cause that is logged: instructions, exits' prices,
and what it slept."""

import pytest

from emu import open_session
from emu.machine.machine import Machine
from emu.profile.basis import Basis
from emu.profile.times import Spent, times
from emu.timeline.chooser import Random
from emu.timeline.root import Root
from tests.guest import boot
from tests.machine.elsewhere import FOREVER, Place

PLATFORMS = ("tdx", "vbs", "sipi", "none")
INJECTED = (
    Place("sipi", ("late-ipi sipi 2 5ms", "late-ipi init 3 1ms")),
    Place(
        "vbs",
        (
            "vector32 2",
            "nmi 1 at secondary_online cpu 1",
            "stall 2 5us at mailbox command=wakeup",
        ),
    ),
    Place("none", ("late-stores 0 300us", "late-stores 1 3us at kernel_start", "stall 0 9us")),
    Place("tdx", ("late . 5us 3", "flip-register 3 r13 40 at time 200us")),
    Place("tdx", ("command-before-vector 1",)),
    Place("none", ("late-start 1 400us",)),
    Place("tdx", ("vp-index 2 3",)),
)


def accounted(machine: Machine) -> dict[int, int]:
    """What each CPU's clock is by what was logged."""
    logs = machine.board.logs
    clocks = {cpu.id: cpu.ticks * cpu.ps_per_instruction for cpu in machine.board.cpus}
    for cpu, _, price_ps in logs.exits.prices():
        clocks[cpu] += price_ps
    for one in logs.woken:
        clocks[one.cpu] += one.to_ps - one.from_ps
    return clocks


def clocks(machine: Machine) -> dict[int, int]:
    return {cpu.id: cpu.clock_ps for cpu in machine.board.cpus}


@pytest.mark.parametrize("platform", PLATFORMS)
def test_a_whole_boot_is_accounted_for(platform: str) -> None:
    driver = Place(platform, cpus=5).driver()
    driver.drive(FOREVER)
    assert accounted(driver.machine) == clocks(driver.machine)
    root = Root(Place(platform).bare().machine)
    for seed in range(3):
        root.run(Random(200_000, seed), FOREVER.tick)
        assert accounted(root.machine) == clocks(root.machine)


@pytest.mark.parametrize("place", INJECTED, ids=lambda one: one.inject[0])
def test_with_injections_too(place: Place) -> None:
    driver = place.driver()
    driver.drive(FOREVER)
    assert accounted(driver.machine) == clocks(driver.machine)


def test_an_exit_has_the_price_of_its_platform() -> None:
    driver = Place("tdx").driver()
    driver.drive(FOREVER)
    machine = driver.machine
    costs = machine.board.platform.costs
    prices = {type(asked).__name__: ps for _, asked, ps in machine.board.logs.exits.prices()}
    assert prices["PauseHint"] == 20_000 and prices["Rdtsc"] == 10_000
    found = [
        ps
        for _, asked, ps in machine.board.logs.exits.prices()
        if type(asked).__name__ == "Tdcall"
    ]
    assert min(found) == 1000 * costs.tdcall_ns


WAKES = """
    cpu0: mov ecx, 9000
    more: loop more
      mov dword ptr [{SHARED}], 1
      hlt
    cpu1: pause
      cmp dword ptr [{SHARED}], 0
      je cpu1
      hlt
"""


def test_who_wakes_a_loop_is_noted_and_goes_back_with_the_logs() -> None:
    session = boot(WAKES, cpus=2)
    session.do("run")
    (one,) = session.machine.board.logs.woken
    assert (one.cpu, one.by, one.why) == (1, 0, "memory")
    assert one.to_ps > one.from_ps
    end = session.timeline.now
    session.do("goto 100")
    assert len(session.machine.board.logs.woken) == 0
    session.do("run")
    assert session.timeline.now == end and list(session.machine.board.logs.woken) == [one]


def test_starts_interrupts_and_timers_are_told_apart() -> None:
    driver = Place("sipi", ("nmi 1 at kernel_start",)).driver()
    driver.drive(FOREVER)
    why = {(one.why, one.cpu, one.by) for one in driver.machine.board.logs.woken}
    assert ("started", 3, 0) in why
    assert any(one[0] == "memory" and one[2] == 0 for one in why)
    assert any(one[0] == "clock" for one in why)


@pytest.mark.parametrize("platform", PLATFORMS)
def test_a_profile_adds_up_to_each_clock(platform: str) -> None:
    session = open_session(platform=platform, cpus=3)
    session.do("run 90000")
    machine = session.machine
    for cpu, time in zip(machine.board.cpus, times(Basis(machine)).cpus, strict=True):
        assert time.executed_ps == cpu.ticks * cpu.ps_per_instruction
        spent = sum(one.ps for one in (*time.exits, *time.still))
        assert time.executed_ps + spent == time.clock_ps == machine.waits.clock_of(cpu)
    rows = session.do("profile cpus").reply
    assert rows[3].startswith("cpu 0: ") and "% in " in rows[3]
    assert any(row.startswith("    woken: ") for row in rows)


@pytest.mark.parametrize(
    ("inject", "cpu", "what"),
    [
        ("take-away 2 at mailbox_ack cpu 2", 2, "shut down"),
        ("never-starts 2", 2, "off"),
        ("stop 1 at mailbox_wait cpu 1", 1, "shut down"),
    ],
)
def test_who_stands_still_for_good_is_told_until_now(inject: str, cpu: int, what: str) -> None:
    session = open_session(platform="tdx", cpus=4, inject=[inject])
    session.do("run")
    machine = session.machine
    own, now = machine.board.cpus[cpu].clock_ps, machine.board.now_ps()
    assert now - own > 100_000_000_000  # the guest has waited for it, 200 ms at least
    time = times(Basis(machine)).cpus[cpu]
    assert time.still[0] == Spent(what, 1, now - own)
    assert time.executed_ps + sum(one.ps for one in (*time.exits, *time.still)) == now


def test_a_guest_s_halted_ap_has_slept_until_now() -> None:
    session = open_session("linux/bzImage", cpus=2)
    session.do("run")
    machine = session.machine
    assert machine.board.cpus[1].activity == "halted"
    slept = {one.what: one.ps for one in times(Basis(machine)).cpus[1].still}["asleep"]
    assert slept == machine.board.now_ps() - machine.board.cpus[1].clock_ps
