"""The critical path is exact: of guests whose path is known by construction, and of every boot
it adds up to the whole time."""

from itertools import groupby, pairwise
from pathlib import Path

import pytest

from emu import Session, open_session
from emu.debug.profiling import profile_of
from emu.profile.critical_view import CriticalPath
from emu.profile.profile import chosen
from emu.profile.waterfall_view import ApLine, Waterfall
from tests.guest import X2APIC, boot
from tests.machine.elsewhere import Place
from tests.machine.test_clocks import INJECTED

HANDED_ON = """
    cpu0: mov ecx, 9000
    count0: loop count0
    give0: mov dword ptr [{SHARED}], 1
    wait0: pause
      cmp dword ptr [{SHARED} + 64], 0
      je wait0
      mov ecx, 100
    rest0: loop rest0
    end0: hlt
    cpu1: pause
      cmp dword ptr [{SHARED}], 0
      je cpu1
      mov ecx, 5000
    count1: loop count1
    give1: mov dword ptr [{SHARED} + 64], 1
      hlt
    cpu2: mov ecx, 12000
    count2: loop count2
      hlt
"""
"""CPU 0 counts, CPU 1 waits for it and counts, CPU 0 waits for that. CPU 2 is in nobody's way.
An instruction takes 500 ps here and PAUSE's exit 20 ns, so a lap of a loop takes 21.5 ns."""
STEP, PAUSE, HALT = 500, 20_000, 1_000_000
LAP = 3 * STEP + PAUSE


def path(session: Session, section: str = "critical") -> CriticalPath:
    found = profile_of(session.desk, chosen([section])).sections[section]
    assert isinstance(found, CriticalPath)
    return found


def fall(session: Session) -> tuple[ApLine, ...]:
    found = profile_of(session.desk, chosen(["waterfall"])).sections["waterfall"]
    assert isinstance(found, Waterfall)
    return found.aps


def up(moment: int, since: int = 0) -> int:
    """The first lap at or after a moment, of a loop that was begun at another."""
    return since - (since - moment) // LAP * LAP


def parts(found: CriticalPath) -> list[tuple[int, str, int]]:
    """(CPU, what passes, picoseconds), neighbours that are alike as one."""
    rows: list[tuple[int, str, int]] = []
    for one in found.parts:
        if rows and rows[-1][:2] == (one.cpu, one.why):
            rows[-1] = (one.cpu, one.why, rows[-1][2] + one.ps)
        else:
            rows.append((one.cpu, one.why, one.ps))
    return rows


def test_a_path_that_is_known_by_construction_is_found_to_the_picosecond() -> None:
    session = boot(HANDED_ON, cpus=3)
    session.do("run")
    given = 9002 * STEP  # MOV, 9,000 LOOPs and the store
    woken = up(given)
    back = woken + LAP + 5002 * STEP
    again = up(back, since=given)  # CPU 0 waits from behind its store on
    assert parts(path(session)) == [
        (0, "runs", given),
        (1, "sees the store", woken - given),
        (1, "pause", PAUSE),
        (1, "runs", 3 * STEP + 5002 * STEP),
        (0, "sees the store", again - back),
        (0, "pause", PAUSE),
        (0, "runs", 3 * STEP + 101 * STEP),
        (0, "hlt", HALT),
        (0, "runs", STEP),
    ]
    assert sum(ps for _, _, ps in parts(path(session))) == path(session).whole_ps


BY_MWAIT = """
    cpu0: mov ecx, 9000
    count0: loop count0
      mov dword ptr [{DATA}], 1
      hlt
    cpu1: mov eax, {DATA}
      xor ecx, ecx
      xor edx, edx
      monitor
      mov eax, 0x20
      mwait
      mov ecx, 4000
    count1: loop count1
      hlt
"""
LEAVES_C6 = 290_000_000
"""intel_idle, Sapphire Rapids."""


def test_the_way_out_of_mwait_is_on_the_path() -> None:
    session = boot(BY_MWAIT, cpus=2, mwait=("C1", "C6"))
    session.do("run")
    assert parts(path(session)) == [
        (0, "runs", 9002 * STEP),
        (1, "leaves MWAIT", LEAVES_C6),
        (1, "runs", 4001 * STEP),
        (1, "hlt", HALT),
        (1, "runs", STEP),
    ]


def test_so_is_the_share_of_each_function() -> None:
    session = boot(HANDED_ON, cpus=3)
    session.do("run")
    shares = {one.what: one.ps for one in path(session, "lines").shares["function"]}
    assert shares["count0"] == 9000 * STEP
    assert shares["give0"] == STEP
    assert shares["count1"] == 5000 * STEP
    assert shares["rest0"] == 100 * STEP
    assert shares["end0"] == HALT + STEP
    assert "count2" not in shares


@pytest.mark.parametrize("section", ["critical", "lines"])
@pytest.mark.parametrize("platform", ["tdx", "vbs", "none", "sipi"])
def test_its_parts_join_and_add_up_to_the_whole_time(platform: str, section: str) -> None:
    session = open_session(platform=platform, cpus=4)
    session.do("run")
    found = path(session, section)
    assert found.ends == "cpu 0 switches the machine off"
    assert found.parts[0].begin_ps == 0
    assert found.parts[-1].end_ps == found.whole_ps == session.machine.board.cpus[0].clock_ps
    assert all(a.end_ps == b.begin_ps and a.ps > 0 for a, b in pairwise(found.parts))
    for some in found.shares.values():
        assert sum(one.ps for one in some) == found.whole_ps
    assert len({one.cpu for one in found.parts}) > 1


def test_the_last_one_online_is_no_end_while_one_that_was_called_is_lost() -> None:
    session = open_session(platform="tdx", cpus=4, inject=["take-away 2 at mailbox_ack cpu 2"])
    session.do("run 137000")
    found = path(session)
    assert [one.last for one in fall(session)] == ["online", "seen", "online"]
    assert found.ends == "cpu 0 executes last"
    assert found.whole_ps == session.machine.board.now_ps()


def test_what_came_behind_the_end_is_told_beside_it() -> None:
    session = open_session("gallery/one-stack", platform="tdx", cpus=4)
    session.do("run")
    found = path(session)
    assert found.ends == "cpu 3 is the last to come online"
    assert found.whole_ps + found.since_ps == session.machine.board.now_ps()
    assert found.since_ps > 9_000_000_000_000, "it hangs for ten seconds"
    assert f"{found.since_ps / 1e6:,.3f} us came behind that" in found.lines()[0]


def test_an_end_with_aps_that_nobody_called_says_how_many_are_not_online() -> None:
    loop = str(Path(__file__).parents[2] / "samples/loops/one-load.elf")
    session = open_session(platform="tdx", cpus=4, ap_loop=loop, loop_plan="wake 2")
    while "online" not in {one.last for one in fall(session)}:
        session.do("run 500")
    assert [one.last for one in fall(session)] == ["parked", "online", "parked"]
    assert path(session).ends == "cpu 2 is the last of 1 to come online, 2 are not"


@pytest.mark.parametrize("place", INJECTED, ids=lambda one: one.inject[0])
def test_so_they_do_with_injections(place: Place) -> None:
    session = open_session(platform=place.platform, cpus=4, inject=place.inject)
    session.do("run")
    found = path(session)
    assert (found.parts[0].begin_ps, found.parts[-1].end_ps) == (0, found.whole_ps)
    assert all(a.end_ps == b.begin_ps and a.ps > 0 for a, b in pairwise(found.parts))


@pytest.mark.parametrize("seed", range(3))
def test_and_by_any_schedule(seed: int) -> None:
    session = open_session(platform="sipi", cpus=4, schedule=f"random {seed}")
    session.do("run")
    found = path(session)
    assert (found.parts[0].begin_ps, found.parts[-1].end_ps) == (0, found.whole_ps)
    assert all(a.end_ps == b.begin_ps and a.ps > 0 for a, b in pairwise(found.parts))


SHORT = """
    cpu0: mov ecx, 60
    count0: loop count0
      mov dword ptr [{SHARED}], 1
      hlt
    cpu1: pause
      cmp dword ptr [{SHARED}], 0
      je cpu1
      mov ecx, 5000
    count1: loop count1
      hlt
"""


def test_a_wait_of_a_lap_or_two_is_no_wait_on_the_path() -> None:
    session = boot(SHORT, cpus=2)
    session.do("run")
    assert {one.cpu for one in path(session).parts} == {1}


CALLED = f"""
    cpu0: {X2APIC}
      mov ecx, 3000
    count0: loop count0
      mov ecx, 0x830
      mov edx, 1
      mov eax, 0x40
    calls: wrmsr
      cli
      hlt
    cpu1: {X2APIC}
      sti
    sleeps: hlt
      cli
      hlt
    handler64: mov ecx, 2000
    works: loop works
      iretq
"""
"""CPU 1 halts until CPU 0 sends it an interrupt (x2APIC ICR, MSR 0x830; SDM 3A, 11.12.9)."""


def test_a_halted_cpu_waits_for_who_interrupts_it() -> None:
    session = boot(CALLED, cpus=2)
    session.do("run")
    found = path(session, "lines")
    assert [cpu for cpu, _ in groupby(one.cpu for one in found.parts)] == [0, 1]
    shares = {(one.cpu, one.function): 0 for one in found.parts}
    for one in found.parts:
        shares[one.cpu, one.function] += one.ps
    assert shares[0, "count0"] == 3003 * STEP  # three MOVs have no label of their own
    assert shares[1, "works"] == 2001 * STEP  # with IRET
    assert (1, "cpu1") not in shares  # whatever it did before it slept is on nobody's way
    assert found.parts[0].begin_ps == 0
