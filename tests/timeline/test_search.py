"""Questions to the past have the answer that looking all the way from power-on gives."""

import random

import pytest

from emu.hw.address import Hpa
from emu.machine.probe import Access, CodeProbe, MemoryProbe
from emu.timeline import search
from emu.timeline.digest import Digest
from emu.timeline.moment import Moment
from emu.timeline.search import (
    last_access,
    last_changes,
    last_visit,
    probe_for,
    trace,
    visits,
)  # fmt: skip
from emu.timeline.timeline import Timeline
from emu.words.place import MemoryPlace, RegisterPlace
from tests.guest import FOREVER, PT, SHARED, Guest, label, program

CODE = program("""
start: mov ebx, {SHARED}
    mov ecx, 120
1:  mov [rbx + rdi * 8], ecx
again: mov eax, [rbx + 8]
    test ecx, 31
    jnz 2f
    mov r9, rcx
    mov eax, 0
    cpuid
    mov ebx, {SHARED}
    mov rcx, r9
    mov dword ptr [rbx + 64], ecx
2:  dec ecx
    jnz 1b
    hlt
""")
CPUS = 3


def guest(spacing: int = 4) -> Timeline:
    """A guest that has come to its end, with many checkpoints."""
    timeline = Guest(CODE, CPUS).timeline()
    timeline.spacing = spacing
    timeline.driver.drive(Moment(300))
    timeline.enter(f"set gpa:{SHARED + 128:#x}/4=7")
    timeline.driver.drive(FOREVER)
    return timeline


def place(timeline: Timeline, gpa: int, size: int = 4) -> MemoryPlace:
    """Bytes of the guest."""
    hpa = timeline.machine.board.ram.hpa(gpa)
    assert hpa is not None
    return MemoryPlace("it", "gpa", gpa, Hpa(hpa), size)


def everything(gpa: int) -> list[Access]:
    """All accesses to four bytes, from power-on to the end."""
    timeline = guest(10**9)
    where = place(timeline, gpa)
    probe = MemoryProbe(where.hpa, where.size, reads=True)
    search.all_accesses(timeline, probe)
    return probe.found


PLACES = [SHARED, SHARED + 8, SHARED + 16, SHARED + 64, SHARED + 128, SHARED + 0x400]


@pytest.mark.parametrize("gpa", PLACES, ids=[f"+{gpa - SHARED}" for gpa in PLACES])
@pytest.mark.parametrize("reads", [False, True])
def test_the_last_access_is_the_last_of_all_from_anywhere(gpa: int, reads: bool) -> None:
    timeline, known = guest(), everything(gpa)
    draw, end = random.Random(gpa), timeline.end.tick
    for tick in (end, *draw.sample(range(end), 6)):
        timeline.goto(Moment(tick, 0, tick >= 300))
        now = timeline.now
        before = [
            one for one in known
            if one.tick <= now.tick and (reads or one.doing != "read")
        ]  # fmt: skip
        found = last_access(timeline, place(timeline, gpa), lambda _: True, reads=reads)
        assert found == (before[-1] if before else None), tick
        assert timeline.now == now


@pytest.mark.parametrize("gpa", PLACES, ids=[f"+{gpa - SHARED}" for gpa in PLACES])
def test_the_first_load_is_the_first_of_all_reads(gpa: int) -> None:
    timeline = guest(spacing=4)
    home = timeline.now
    found = search.first_load(timeline, place(timeline, gpa))
    reads = [one for one in everything(gpa) if one.doing == "read"]
    assert (None if found is None else found[1][:3]) == (reads[0][:3] if reads else None)
    assert timeline.now == home


def test_only_what_is_accepted_counts() -> None:
    timeline = guest()
    where = place(timeline, SHARED + 8)
    for cpu in range(CPUS):
        found = last_access(timeline, where, lambda one, cpu=cpu: one.cpu == cpu, reads=True)
        assert found is not None and found.cpu == cpu
        assert found.doing == ("write" if cpu == 1 else "read") or cpu == 1
    assert last_access(timeline, where, lambda one: one.cpu == 99) is None


def test_a_walk_s_bit_is_found_at_its_tick() -> None:
    timeline = guest()
    leaf = place(timeline, PT + 8 * ((SHARED >> 12) - 0x400), 8)
    found = last_access(timeline, leaf, lambda _: True)
    assert found is not None and found.doing == "walk"
    timeline.goto(Moment(found.tick))
    assert timeline.machine.board.memory.read(leaf.hpa, 8) == found.after
    timeline.goto(Moment(found.tick - 1))
    assert timeline.machine.board.memory.read(leaf.hpa, 8) == found.before


def test_a_register_s_last_change_is_found() -> None:
    timeline = guest()
    where = RegisterPlace("rcx", 1, "rcx")
    found = last_access(timeline, where, lambda _: True)
    assert found is not None and found.after == bytes(8) and found.cpu == 1
    timeline.goto(Moment(found.tick - 1))
    assert timeline.machine.board.cpus[1].registers.get("rcx") == 1
    assert isinstance(probe_for(place(timeline, SHARED)), MemoryProbe)


def test_the_last_visit_is_the_last_of_all_and_its_state_is_before_it() -> None:
    timeline = guest()
    at = frozenset((label(timeline.machine.board, "again"),))
    whole = guest(10**9)
    probe = CodeProbe(at)
    search.all_accesses(whole, probe)
    known = visits(whole, probe)
    assert len(known) == 120 * CPUS
    draw = random.Random(3)
    for tick in draw.sample(range(timeline.end.tick), 6):
        timeline.goto(Moment(tick, 0, tick >= 300))
        for cpu in (None, 2):
            before = [
                one for one in known
                if one.before < timeline.now and cpu in (None, one.cpu)
            ]  # fmt: skip
            found = last_visit(timeline, at, cpu, lambda _: True)
            assert (found and (found.tick, found.cpu)) == (
                (before[-1].tick, before[-1].cpu) if before else None
            )
    timeline.goto(known[77].before)
    cpu = timeline.machine.board.cpus[known[77].cpu]
    assert cpu.registers.rip in at and timeline.now.tick == known[77].tick - 1


def test_a_trace_is_all_that_a_cpu_has_executed() -> None:
    timeline = guest()
    digest = Digest(timeline.machine)
    before, end = digest.now(), timeline.now
    with search.from_here(timeline):
        parts = list(trace(timeline, 1, end))
    executed = [one for part in reversed(parts) for one in part]
    assert len(executed) == timeline.machine.board.cpus[1].ticks
    assert [one.tick for one in executed] == sorted(one.tick for one in executed)
    assert (digest.now(), timeline.now) == (before, end)


def test_a_search_leaves_everything_as_it_was_also_when_somebody_raises() -> None:
    timeline = guest()
    digest = Digest(timeline.machine)
    timeline.goto(Moment(500))
    before, points = (digest.now(), timeline.now), len(timeline.branch.points)

    def refuse(_: Access) -> bool:
        raise KeyError

    with pytest.raises(KeyError):
        last_access(timeline, place(timeline, SHARED), refuse)
    assert (digest.now(), timeline.now) == before
    assert timeline.machine.board.probes == () and len(timeline.branch.points) == points


def test_the_last_changes_of_many_places_are_those_of_each() -> None:
    timeline = guest()
    wanted = [place(timeline, SHARED + at) for at in (0, 8, 16, 64, 128, 256)]
    found = last_changes(timeline, wanted, 10**9)
    for where in wanted:
        alone = last_access(timeline, where, lambda one: one.before != one.after)
        assert found[where] == alone, where
    assert found[wanted[-1]] is None, "nobody ever touched it"
    assert found[wanted[0]] is not None


def test_changes_that_lie_too_far_back_are_absent_and_not_denied() -> None:
    timeline = guest()
    long_ago, soon = place(timeline, SHARED + 128), place(timeline, SHARED)
    found = last_changes(timeline, [long_ago, soon], 40)
    assert long_ago not in found
