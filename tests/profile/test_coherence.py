"""Lines move as a MESI protocol has it, by a table worked out by hand and by brute force."""

from pathlib import Path
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emu.profile.coherence import Coherence, LineUse, coherence
from emu.profile.lines import CacheLines, HostBytes, HowTouched
from emu.timeline.timeline import Timeline
from tests.boot.test_platform import LEAST, written
from tests.guest import DATA, SHARED, Guest, finish
from tests.profile.mesi import Counted, counted
from tests.profile.seen import basis_of

TABLE: Final = [
    # (CPU, stores) -> transfers, invalidations, upgrades
    ([(0, True), (1, True)], (1, 1, 0)),
    ([(0, True), (1, False)], (1, 0, 0)),
    ([(0, False), (1, False), (0, True)], (1, 1, 1)),
    ([(0, False), (1, False), (2, False), (1, True)], (2, 2, 1)),
    ([(0, True), (1, False), (1, True), (0, False)], (2, 1, 1)),
    ([(0, True), (0, False), (0, True)], (0, 0, 0)),
    ([(0, False), (1, True), (0, True), (1, True), (0, True)], (4, 4, 0)),
]
"""SDM 3A, 12.4, table 12-4, by hand: from M and E a line goes to S where another one loads it,
to I where another one stores; a store to S invalidates all other copies."""


def lines_of(accesses: list[tuple[int, bool]]) -> Counted:
    """What the model counts of one line."""
    lines = CacheLines(Guest("hlt", 4).machine())
    for number, (cpu, stores) in enumerate(accesses):
        lines.touch(
            cpu, 0x1000, HostBytes(SHARED, 4), 1000 * number, HowTouched(stores, stores)
        )
    lines.finish(0)
    some = list(lines.shared.values())
    return Counted(
        sum(one.transfers for one in some), sum(one.invalidations for one in some),
        sum(one.upgrades for one in some),
    )  # fmt: skip


@pytest.mark.parametrize(("accesses", "wanted"), TABLE)
def test_the_table(accesses: list[tuple[int, bool]], wanted: tuple[int, int, int]) -> None:
    assert counted(accesses) == Counted(*wanted), "the oracle has it as the table"
    assert lines_of(accesses) == Counted(*wanted)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.booleans()), max_size=60))
def test_any_course_of_accesses_is_that_of_brute_force(
    accesses: list[tuple[int, bool]],
) -> None:
    assert lines_of(accesses) == counted(accesses)


def found(timeline: Timeline) -> Coherence:
    return coherence(basis_of(timeline))


def line_at(found: Coherence, gpa: int) -> LineUse:
    (one,) = (one for one in found.told if one.gpa == gpa)
    return one


BY_TURNS: Final = """
start:
    mov ebx, {SHARED}
    mov esi, {DATA}
    lea edx, [ebx + 8 * edi]
    mov ecx, 7
mine:
    cmp dword ptr [rsi], edi
    jne mine
    inc dword ptr [rdx]
    xor edi, 1
    mov dword ptr [rsi], edi
    xor edi, 1
    dec ecx
    jnz mine
    hlt
"""
"""Two CPUs, each at a word of its own in one line, 7 times each by turns."""


def test_two_words_in_one_line_by_turns() -> None:
    """14 times INC by turns: 13 times the line is the other's, is loaded (and so in both), and
    is made the only one. It is shared falsely; the word by which they take turns is not."""
    timeline = Guest(BY_TURNS, 2).timeline()
    finish(timeline.driver)
    all_ = found(timeline)
    line = line_at(all_, SHARED)
    assert (line.transfers, line.invalidations, line.upgrades) == (13, 13, 13)
    assert line.falsely
    assert [(one.loads, one.stores) for one in line.users] == [("0-3", "0-3"), ("8-11", "8-11")]
    assert all(one.stores_at.startswith("mine+") for one in line.users)
    assert (line.cost.ns, line.cost.low, line.cost.high) == (13 * 51, 13 * 47, 13 * 107)
    turns = line_at(all_, DATA)
    assert not turns.falsely
    assert turns.transfers >= 13, "each turn brings it here, to look, and there"


TOPOLOGIES: Final = {
    "threads = 2": ("smt", 8),
    "clusters = 2\ncores = 1": ("socket", 51),
    "clusters = 2\ncores = 2": ("cluster", 23),
    "packages = 2": ("across", 134),
    "cores = 2": ("socket", 51),
}


@pytest.mark.parametrize("shape", TOPOLOGIES)
def test_a_transfer_costs_what_the_distance_does(tmp_path: Path, shape: str) -> None:
    how, price = TOPOLOGIES[shape]
    platform = written(tmp_path, f"{LEAST}[topology]\n{shape}\n")
    timeline = Guest(BY_TURNS, 2, platform).timeline()
    finish(timeline.driver)
    line = line_at(found(timeline), SHARED)
    assert [(one.distance, one.count) for one in line.moved] == [(how, 13)]
    assert line.cost.ns == 13 * price


def test_a_line_comes_from_the_nearest_that_has_it(tmp_path: Path) -> None:
    """CPUs 0 and 1 are threads of a core, 2 lies in the same package, 4 in another."""
    platform = written(tmp_path, f"{LEAST}[topology]\npackages = 2\ncores = 2\nthreads = 2\n")
    lines = CacheLines(Guest("hlt", 8, platform).machine())
    for cpu in (4, 2, 0, 1, 5):
        lines.touch(cpu, 0x1000, HostBytes(SHARED, 4), 0, HowTouched(False, False))
    lines.finish(0)
    (line,) = lines.shared.values()
    assert line.moved == {"across": 1, "socket": 1, "smt": 2}


SLEEPERS: Final = """
start:
    mov ebx, {SHARED}
wait:
    cmp dword ptr [rbx], 5
    je out
    pause
    jmp wait
out:
    hlt
cpu0:
    mov ebx, {SHARED}
    mov esi, 5
round:
    mov ecx, 20000
late:
    dec ecx
    jnz late
    inc dword ptr [rbx]
    dec esi
    jnz round
    hlt
"""


@pytest.mark.parametrize("waiting", [True, False])
def test_who_sleeps_looks_as_if_it_were_awake(waiting: bool) -> None:
    """Three CPUs look at a word that a fourth increments 5 times. Two come for it, which the
    third has; CPU 0 comes for it once, for it keeps a copy when others look; and behind each of
    its stores all three come again. Awake or asleep, it is the same."""
    timeline = Guest(SLEEPERS, 4, waiting=waiting).timeline()
    finish(timeline.driver)
    line = line_at(found(timeline), SHARED)
    assert (line.transfers, line.invalidations) == (2 + 1 + 3 * 5, 3 * 5)


SPINNERS: Final = """
start:
    mov ebx, {SHARED}
    mov ecx, 3000
    imul ecx, edi
    inc ecx
late:
    dec ecx
    jnz late
again:
    mov eax, 1
    xchg [rbx], eax
    test eax, eax
    jz got
    pause
    jmp again
got:
    cmp edi, 0
    jne out
    mov ecx, 9000
work:
    dec ecx
    jnz work
out:
    mov dword ptr [rbx], 0
    hlt
"""


def test_one_that_tries_alone_has_the_line() -> None:
    """CPU 1 takes it when it comes, and CPU 0 for giving the lock back; CPU 1 once more."""
    for waiting in (True, False):
        timeline = Guest(SPINNERS, 2, waiting=waiting).timeline()
        finish(timeline.driver)
        assert line_at(found(timeline), SHARED).transfers == 3


LAP_NS: Final = 23
"""Of `again`: MOV, XCHG, TEST, JZ, PAUSE, JMP; see the next test."""


def test_two_that_try_take_it_from_each_other_lap_by_lap() -> None:
    """While CPU 0 has the lock, CPUs 1 and 2 come and try. From when CPU 2 does, each of the
    laps of both takes the line; most of them are slept through."""
    timeline = Guest(SPINNERS, 3).timeline()
    finish(timeline.driver)
    basis = basis_of(timeline)
    seen, line = basis.accesses, line_at(coherence(basis), SHARED)
    (first,) = (one for one in seen.asks.found if one.cpu == 2)
    (held,) = (one for one in seen.asks.found if one.cpu == 0)
    (given,) = held.stores.values()
    both = 2 * (given.when[1] - first.asked[1]) // (1000 * LAP_NS)
    assert 250 < both < 270
    # Before: one for CPU 1. Behind: CPU 0 gives it back, each takes it once more and gives it
    # back.
    assert both <= line.transfers - 1 <= both + 6 and both - 6 <= line.spun <= both


IN_STEP: Final = """
start:
    mov ebx, {SHARED}
    lea edx, [ebx + 8 * edi]
    mov eax, [rdx]
    mov ecx, 9000
late:
    dec ecx
    jnz late
    mov ecx, 1000
round:
    inc dword ptr [rdx]
    dec ecx
    jnz round
    hlt
"""


def test_two_cpus_at_once_take_a_line_at_every_store() -> None:
    """They run at once, though the emulator lets one of them go on alone for a while. CPU 1
    comes for the line; then each INC takes it but the first, which has a copy."""
    timeline = Guest(IN_STEP, 2).timeline()
    finish(timeline.driver)
    line = line_at(found(timeline), SHARED)
    assert (line.transfers, line.falsely) == (1 + 1_999, True)


def test_a_line_that_one_cpu_alone_touches_never_moves() -> None:
    """As there is room for all lines, whatever else it touches. (limits.md)"""
    source = """
        mov ebx, {DATA}
        mov ecx, 4096
    all: mov byte ptr [rbx + 64], 1
        add ebx, 64
        dec ecx
        jnz all
        mov al, [{DATA} + 64]
        hlt
    """
    timeline = Guest(source).timeline()
    finish(timeline.driver)
    all_ = found(timeline)
    assert (all_.shared, all_.transfers, all_.told) == (0, 0, ())


ONE_BY_ONE: Final = """
start:
    mov ebx, {SHARED}
    mov ecx, 20000
    imul ecx, edi
    inc ecx
late:
    dec ecx
    jnz late
    DOES
    hlt
"""
"""CPU 1 comes long behind CPU 0."""
ACCESSES: Final = {
    # what both do, -> of each line from SHARED on: transfers, invalidations, upgrades
    "a store over a line's end": ("mov qword ptr [rbx + 60], 1", [(1, 1, 0)] * 2),
    "a locked one over a line's end": ("lock inc dword ptr [rbx + 62]", [(1, 1, 0)] * 2),
    "16 bytes over a line's end": ("movdqu [rbx + 56], xmm0", [(1, 1, 0)] * 2),
    "an unlocked INC": ("inc dword ptr [rbx]", [(1, 1, 1)]),
    "a locked INC": ("lock inc dword ptr [rbx]", [(1, 1, 0)]),
    "an exchange of what stands there": ("xor eax, eax\n xchg [rbx], eax", [(1, 1, 0)]),
    "a failed CMPXCHG": ("mov eax, 5\n lock cmpxchg [rbx], ecx", [(1, 1, 0)]),
    "a string of two lines": ("mov rdi, rbx\n mov ecx, 128\n rep stosb", [(1, 1, 0)] * 2),
    "a string that is read": ("mov rsi, rbx\n mov ecx, 16\n lea rdi, [rsp - 256]\n rep movsq",
                              [(1, 0, 0)] * 2),
    "a prefetch": ("prefetcht0 [rbx]\n prefetchw [rbx]", []),
}  # fmt: skip
"""SDM 3A, 12.4 and 9.1: a load takes a copy, a store or a locked instruction the line alone."""


@pytest.mark.parametrize("name", ACCESSES)
def test_each_kind_of_access(name: str) -> None:
    source, wanted = ACCESSES[name]
    timeline = Guest(ONE_BY_ONE.replace("DOES", source), 2).timeline()
    finish(timeline.driver)
    lines = {one.gpa: one for one in found(timeline).told}
    moved = [lines[SHARED + 64 * at] for at in range(len(wanted))]
    assert [(one.transfers, one.invalidations, one.upgrades) for one in moved] == wanted
    assert len(lines) == len(wanted), "and no other"


def test_the_first_store_to_a_line_that_one_has_alone_is_seen_by_nobody() -> None:
    """E becomes M in silence: no upgrade, nothing moves (SDM 3A, 12.4, table 12-4)."""
    timeline = Guest(ONE_BY_ONE.replace("DOES", "mov eax, [rdx]\n mov [rdx], eax").replace(
        "mov ecx, 20000", "mov edx, edi\n shl edx, 6\n add edx, ebx\n mov ecx, 20000"), 2,
    ).timeline()  # fmt: skip
    finish(timeline.driver)
    all_ = found(timeline)
    assert (all_.shared, all_.transfers, all_.upgrades) == (0, 0, 0)


FLUSHED: Final = """
cpu0:
    mov dword ptr [{SHARED}], 1
    hlt
start:
    mov ebx, {SHARED}
    mov ecx, 20000
late:
    dec ecx
    jnz late
    clflush [rbx]
    mov eax, [rbx]
    movnti [rbx + 64], eax
    hlt
"""


def test_a_line_that_is_flushed_or_stored_past_the_caches_counts_as_if_it_were_not() -> None:
    """The load comes from memory, not from CPU 0. (limits.md)"""
    timeline = Guest(FLUSHED, 2).timeline()
    finish(timeline.driver)
    assert line_at(found(timeline), SHARED).transfers == 1


APART: Final = """
start:
    mov eax, {PT2}
    mov ecx, {DATA} + 0x5003
    mov [rax], rcx
    mov ecx, 20000
    imul ecx, edi
    inc ecx
late:
    dec ecx
    jnz late
    mov edi, {WINDOW}
    mov [rdi - 4], rax
    hlt
"""


def test_an_access_over_a_page_s_end_is_in_pages_that_lie_in_a_row() -> None:
    """The emulator tells where an access begins; the other page is elsewhere. (limits.md)"""
    timeline = Guest(APART, 2).timeline()
    finish(timeline.driver)
    assert DATA + 0x5000 not in {one.gpa for one in found(timeline).told}
