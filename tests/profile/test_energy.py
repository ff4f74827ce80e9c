"""What CPUs spend, and which way of waiting takes least: worked out by hand."""

from pathlib import Path
from typing import Final

import pytest

from emu import open_session
from emu.debug.profiling import profile_of
from emu.profile.doings import CpuDoing
from emu.profile.energy import Energy, energy_by
from emu.profile.profile import chosen
from emu.profile.ways import Waiting, envelope
from emu.timeline.timeline import Timeline
from tests.boot.test_platform import LEAST, written
from tests.guest import Guest, finish

WORK_PS: Final = 10_000_000
GUEST: Final = """
cpu0:
    mov ebx, {SHARED}
    mov ecx, 9998
work:
    dec ecx
    jnz work
    nop
    mov dword ptr [rbx], 1
    hlt
cpu1:
    mov ebx, {SHARED}
look:
    pause
    cmp dword ptr [rbx], 0
    je look
    hlt
cpu2:
    mov ebx, {SHARED}
spin:
    cmp dword ptr [rbx], 0
    je spin
    hlt
cpu3:
    hlt
"""
"""CPU 0 works for 10 us: 2 + 2 x 9,998 + 2 instructions of half a ns."""


def ran(source: str, cpus: int, platform: str = "none") -> Timeline:
    timeline = Guest(source, cpus, platform).timeline()
    finish(timeline.driver)
    return timeline


def ps_of(found: Energy, cpu: int) -> dict[CpuDoing, int]:
    return {one.doing: one.ps for one in found.spent if one.cpu == cpu}


def test_each_picosecond_is_told() -> None:
    timeline = ran(GUEST, 4)
    found, now_ps = energy_by(timeline.machine, {}), timeline.machine.board.now_ps()
    for cpu in range(4):
        assert sum(ps_of(found, cpu).values()) == now_ps
    rest = now_ps - WORK_PS
    hlt = ps_of(found, 3)["running"]  # the instruction and its exit
    assert ps_of(found, 0) == {"running": WORK_PS + min(rest, hlt), "halted": rest - hlt} or (
        rest <= hlt and ps_of(found, 0) == {"running": now_ps}
    )
    assert ps_of(found, 3) == {"running": hlt, "halted": now_ps - hlt}
    one, two = ps_of(found, 1), ps_of(found, 2)
    assert one["pausing"] > WORK_PS - 500_000 and "spinning" not in one
    assert two["spinning"] > WORK_PS - 4_000_000 and "pausing" not in two


def test_energy_is_power_times_time_by_phase() -> None:
    timeline = ran(GUEST, 4)
    starts = {0: (("first half", 0), ("second half", WORK_PS // 2))}
    found = energy_by(timeline.machine, starts)
    rows = {(one.phase, one.doing): one for one in found.spent if one.cpu == 0}
    assert rows["first half", "running"].ps == WORK_PS // 2
    assert rows["first half", "running"].energy == 5.0, "a CPU that runs for 5 us"
    assert rows["second half", "running"].ps >= WORK_PS // 2
    halted = [one for one in found.spent if one.cpu == 3 and one.doing == "halted"]
    assert [(one.phase, one.energy) for one in halted] == [
        ("boot", pytest.approx(0.3 * halted[0].ps / 1e6))
    ]


WAYS: Final = (
    # name, power, leaving takes (ns), low, high
    ("spin", 1.0, 0, 0, 0), ("pause", 0.6, 40, 20, 40), ("shallow", 0.2, 1_000, 900, 1_100),
    ("deep", 0.1, 100_000, 50_000, 200_000), ("useless", 0.3, 5_000, 5_000, 5_000),
)  # fmt: skip
CROSSINGS: Final = [
    # where two lines meet: (leave_b - leave_a) / (power_a - power_b)
    ("spin", 0, 0, 0),
    ("pause", 40 / 0.4, 20 / 0.4, 40 / 0.4),
    ("shallow", 960 / 0.4, 860 / 0.4, 1_080 / 0.4),
    ("deep", 99_000 / 0.1, 48_900 / 0.1, 199_100 / 0.1),
]


def test_crossover_lengths_by_hand() -> None:
    some = [Waiting(*one, source="") for one in WAYS]
    found = envelope(some)
    assert [one.name for one in found] == [name for name, *_ in CROSSINGS]
    for one, (_, *lengths) in zip(found, CROSSINGS, strict=True):
        assert [one.from_ns, one.low_ns, one.high_ns] == pytest.approx(lengths)


@pytest.mark.parametrize("ns", [1, 50, 101, 2_000, 2_500, 900_000, 1_000_000])
def test_who_wins_takes_least(ns: int) -> None:
    some = [Waiting(*one, source="") for one in WAYS]
    winner = [one for one in envelope(some) if one.from_ns <= ns][-1]
    costs = {one.name: one.power * ns + one.leave_ns for one in some}
    assert costs[winner.name] == min(costs.values())


def test_what_is_no_public_figure_says_so_and_types_of_cores_differ(tmp_path: Path) -> None:
    text = (
        LEAST
        + """
    [[topology.types]]
    name = "big"
    [[topology.types]]
    name = "little"
    speed = 0.5
    prices = { mwait_c1_ns = 2_000, power_pause = 0.9 }
    [topology]
    cores = 4
    """
    )
    found = energy_by(ran(GUEST, 4, written(tmp_path, text)).machine, {})
    assert [one.core for one in found.kinds] == ["big", "little"]
    (big, little) = ({one.name: one.from_ns for one in kind.wins} for kind in found.kinds)
    assert little["MWAIT C1"] > big["MWAIT C1"]
    rows = found.lines()
    assert any("power_pause 0.6 (0.3 to 1): no public figure" in row for row in rows)
    assert any("intel_idle" in row for row in rows)
    assert found.least_waiting <= found.spent_waiting


def test_phases_are_as_long_as_the_ways_of_the_waterfall_and_add_up_to_the_time() -> None:
    session = open_session(platform="tdx", cpus=4, inject=["take-away 2 at mailbox_ack cpu 2"])
    session.do("run")
    sections = profile_of(session.desk, chosen(["waterfall", "energy"])).sections
    found = sections["energy"]
    for ap in sections["waterfall"].aps:
        for step, ns, _ in ap.spans:
            spent = sum(e.ps for e in found.spent if (e.cpu, e.phase) == (ap.cpu, step))
            assert spent == ns * 1000
    now_ps = session.machine.board.now_ps()
    for cpu in range(4):
        assert sum(one.ps for one in found.spent if one.cpu == cpu) == now_ps
    rows = {row.partition(":")[0]: row for row in found.lines()}
    whole = sum(one.energy for one in found.spent if one.doing == "running")
    assert f"({whole:,.3f})" in rows["in all"]
    by_cpu = [sum(one.energy for one in found.spent if one.cpu == cpu) for cpu in range(4)]
    assert rows["of one CPU"].startswith(f"of one CPU: from {min(by_cpu):,.3f} (cpu ")
    assert {"behind rest", "first"} <= rows.keys()


WORKS: Final = """
    mov ebx, {DATA}
    mov ecx, 9998
work:
    dec ecx
    jnz work
    nop
    mov dword ptr [rbx], 1
"""
BY_CONSTRUCTION: Final = f"""
cpu0: {WORKS}    cli
    hlt
cpu1:
    mov eax, {{DATA}}
    xor ecx, ecx
    xor edx, edx
    monitor
    mov eax, HINT
    mwait
    cli
    hlt
"""
"""CPU 0 works for 10 us, half a ns for each of 2 + 2 x 9,998 + 2 instructions, the last of
which ends the MWAIT that CPU 1 has come to after 6 of them."""
ENTERED_PS: Final = 6 * 500


# intel_idle, Sapphire Rapids: leaving C1 takes 1 us, C6 290 us; 0.3 and 0.03 are our guesses.
@pytest.mark.parametrize(
    ("hint", "doing", "leaving_ps", "power"),
    [("0", "MWAIT C1", 1_000_000, 0.3), ("0x20", "MWAIT C6", 290_000_000, 0.03)],
)
def test_a_cpu_that_waits_by_mwait_is_charged_its_depth_and_the_way_out(
    hint: str, doing: CpuDoing, leaving_ps: int, power: float
) -> None:
    source = BY_CONSTRUCTION.replace("HINT", hint)
    timeline = Guest(source, 2, mwait=("C1", "C6")).timeline()
    finish(timeline.driver)
    found = energy_by(timeline.machine, {1: (("parked", 0),)})
    rows = {one.doing: one for one in found.spent if one.cpu == 1}
    assert rows[doing].ps == WORK_PS - ENTERED_PS
    assert rows["leaving"].ps == leaving_ps
    assert rows[doing].energy == pytest.approx(power * (WORK_PS - ENTERED_PS) / 1e6, abs=0)
    assert rows["leaving"].energy == leaving_ps / 1e6, "as much as running"
    assert {one.phase for one in rows.values()} == {"parked"}
    halted = 0.3 * ps_of(found, 0)["halted"] / 1e6 + 2.35 + 2.5  # an IPI, and the way out
    assert found.spent_waiting == pytest.approx(
        rows[doing].energy + rows["leaving"].energy + halted
    )


def test_no_wait_takes_less_than_it_would_in_the_way_that_takes_least() -> None:
    """One that halts for less time than its way out takes."""
    source = BY_CONSTRUCTION.replace("9998", "998").replace(
        "    mov eax, HINT\n    mwait\n", ""
    )
    timeline = Guest(source, 2, mwait=("C1",)).timeline()
    finish(timeline.driver)
    found = energy_by(timeline.machine, {})
    assert found.waits == 1
    assert found.least_waiting < found.spent_waiting


def test_one_that_still_waits_is_charged_up_to_now() -> None:
    source = BY_CONSTRUCTION.replace("HINT", "0x20").replace("mov dword ptr [rbx], 1", "nop")
    timeline = Guest(source, 2, mwait=("C6",)).timeline()
    finish(timeline.driver)
    found, now_ps = energy_by(timeline.machine, {}), timeline.machine.board.now_ps()
    assert ps_of(found, 1) == {"running": ENTERED_PS, "MWAIT C6": now_ps - ENTERED_PS}


THREE: Final = f"""
cpu0: {WORKS}    mov ecx, 0x830
    mov eax, 0xc4040
    xor edx, edx
    wrmsr
    cli
    hlt
cpu1:
    sti
    hlt
    cli
    hlt
cpu2:
    mov eax, {{DATA}}
    xor ecx, ecx
    xor edx, edx
    monitor
    mov eax, 0x20
    mwait
    cli
    hlt
cpu3:
    mov ebx, {{DATA}}
spin:
    cmp dword ptr [rbx], 0
    je spin
    cli
    hlt
handler64:
    iretq
"""


def test_three_ways_to_wait_for_the_same_ten_microseconds() -> None:
    """Halted (C1), in MWAIT C6, and spinning: what is charged is power times time, and who
    spends least of it is told by the same prices."""
    timeline = Guest(THREE, 4, "sipi", mwait=("C1", "C6")).timeline()
    for cpu in timeline.machine.board.cpus:
        msrs = timeline.machine.board.vmm.msrs
        msrs[cpu.id, 0x1B], msrs[cpu.id, 0x80F] = 0xFEE0_0C00, 0x1FF  # x2APIC, and it is on
    finish(timeline.driver)
    found = energy_by(timeline.machine, {})
    deep = next(one for one in found.spent if (one.cpu, one.doing) == (2, "MWAIT C6"))
    assert (deep.ps, deep.energy) == (
        WORK_PS - ENTERED_PS,
        pytest.approx(0.03 * (WORK_PS - ENTERED_PS) / 1e6, abs=0),
    )
    woken = next(one for one in timeline.machine.board.logs.woken if one.cpu == 1)
    halted = next(one for one in found.spent if (one.cpu, one.doing) == (1, "halted"))
    assert woken.from_ps == 2 * 500 + 1_000_000, "STI and HLT, and the exit of that"
    first = woken.to_ps - woken.from_ps
    assert woken.to_ps == WORK_PS + 3 * 500, "three instructions further it sends"
    later = timeline.machine.board.now_ps() - timeline.machine.board.cpus[1].clock_ps
    assert halted.ps == first + later
    assert halted.energy == pytest.approx(0.3 * halted.ps / 1e6, abs=0)
    spun = ps_of(found, 3)
    assert spun["running"] + spun["spinning"] >= WORK_PS
    names = [one.name for one in found.kinds[0].ways]
    assert names == ["spinning", "pausing", "MWAIT C1", "MWAIT C6", "HLT"]
