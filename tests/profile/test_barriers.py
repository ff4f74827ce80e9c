"""Barriers are told as barriers, with who came last and who waited for it how long; and not as
locks."""

from typing import Final

import pytest

from emu.profile.barriers import Barrier
from emu.profile.locks import locks
from emu.timeline.timeline import Timeline
from tests.guest import DATA, SHARED, word
from tests.profile.lock_guests import ended
from tests.profile.seen import basis_of

INSTRUCTION_PS: Final = 500
"""Platform `none`: two instructions in a ns."""
HEAD: Final = """
start:
    mov ebx, {SHARED}
    mov ebp, ROUNDS
    xor r8d, r8d
round:
    lea ecx, [edi * 4 + edi + 3]
    lea edx, [ebp * 8 + ebp]
    imul ecx, edx
    xor edx, edx
    mov eax, ecx
    mov ecx, 7
    div ecx
    inc edx
    imul ecx, edx, 3000
late:
    dec ecx
    jnz late
BARRIER
    mov rax, rdi
    lock inc dword ptr [{DATA}]
    dec ebp
    jnz round
    hlt
"""
"""In each round CPUs come in another order, 3 us apart at least or at once; CPU 0 looks how
late it is by nothing else."""
KINDS: Final = {
    "counting": """
    inc r8d
    imul r9d, r8d, CPUS
arriving:
    lock inc dword ptr [rbx]
look:
    cmp dword ptr [rbx], r9d
    jae out
    pause
    jmp look
out:
    """,
    "sense-reversing": """
    xor r8d, 1
    mov eax, 1
arriving:
    lock xadd [rbx], eax
    cmp eax, CPUS - 1
    jne look
    mov dword ptr [rbx], 0
    mov dword ptr [rbx + 64], r8d
    jmp out
look:
    cmp dword ptr [rbx + 64], r8d
    je out
    pause
    jmp look
out:
    """,
    "generation": """
    mov r9d, [rbx + 8]
arriving:
    lock dec dword ptr [rbx]
    jnz look
    mov dword ptr [rbx], CPUS
    inc dword ptr [rbx + 8]
    jmp out
look:
    cmp dword ptr [rbx + 8], r9d
    jne out
    pause
    jmp look
out:
    """,
}


def guest(name: str, cpus: int, rounds: int) -> Timeline:
    text = HEAD.replace("BARRIER", KINDS[name]).replace("ROUNDS", str(rounds))
    if name == "generation":
        text = text.replace("start:\n", f"start:\n    mov dword ptr [{{SHARED}}], {cpus}\n")
    return ended(text.replace("CPUS", str(cpus)), cpus)


def barrier_of(timeline: Timeline) -> Barrier:
    found = locks(basis_of(timeline))
    assert found.locks == ()
    (one,) = found.barriers
    return one


def came(cpu: int, left: int) -> int:
    """By how many laps a CPU comes late in a round, of which so many are left."""
    return 3000 * ((5 * cpu + 3) * 9 * left % 7 + 1)


@pytest.mark.parametrize("cpus", [2, 3, 5])
@pytest.mark.parametrize("name", KINDS)
def test_a_barrier_that_is_used_once(name: str, cpus: int) -> None:
    timeline = guest(name, cpus, 1)
    one = barrier_of(timeline)
    assert (one.gpa, one.waiting, len(one.rounds)) == (SHARED, (), 1)
    assert one.arrived_at.startswith("arriving")
    (only,) = one.rounds
    late = {cpu: came(cpu, 1) for cpu in range(cpus)}
    last = max(late, key=lambda cpu: (late[cpu], cpu))
    assert late[only.last] == late[last] and len(only.waits) >= cpus - 2
    for wait in only.waits:
        laps = late[only.last] - late[wait.cpu]
        assert only.ps - wait.from_ps == 2 * laps * INSTRUCTION_PS, "its laps of two more"
        assert wait.to_ps > only.ps


@pytest.mark.parametrize("cpus", [2, 4])
@pytest.mark.parametrize("name", KINDS)
def test_who_came_last_in_each_round(name: str, cpus: int) -> None:
    timeline = guest(name, cpus, 6)
    assert word(timeline.machine.board, DATA, 4) == 6 * cpus
    one = barrier_of(timeline)
    assert [sorted(all_.arrived) for all_ in one.rounds] == [list(range(cpus))] * 6
    for before, round_ in enumerate(one.rounds):
        late = [came(cpu, 6 - before) for cpu in range(cpus)]
        assert late[round_.last] == max(late)
        assert {wait.cpu for wait in round_.waits} <= set(range(cpus)) - {round_.last}
        assert all(wait.to_ps > round_.ps for wait in round_.waits)
    waited = sum(wait.to_ps - wait.from_ps for all_ in one.rounds for wait in all_.waits)
    assert one.waited_ps() == waited
    assert f"    {len(one.rounds)} rounds; last came cpu " in "\n".join(one.lines())


def test_who_still_waits_is_told() -> None:
    """CPU 2 never comes the second time."""
    gone = "    cmp edi, 2\n    jne go\n    cmp ebp, 1\n    je gone\ngo:\n"
    text = HEAD.replace("BARRIER", gone + KINDS["sense-reversing"]).replace("ROUNDS", "2")
    timeline = ended(text.replace("CPUS", "3") + "gone: hlt", 3)
    one = barrier_of(timeline)
    assert len(one.rounds) == 1 and set(one.waiting) == {0, 1}
    assert one.lines()[-1].startswith("    still waiting: cpu ")


ANSWERS: Final = """
cpu0:
    mov ebx, {SHARED}
    mov eax, 1
    xchg [rbx], eax
look:
    cmp dword ptr [rbx], 2
    je out
    pause
    jmp look
start:
    mov ebx, {SHARED}
    mov ecx, 9000
late:
    dec ecx
    jnz late
    mov eax, 2
    xchg [rbx], eax
out:
    hlt
"""


def test_two_that_answer_each_other_are_at_no_barrier() -> None:
    """So a sequentially consistent store of a compiler looks (XCHG), as in the sample shim."""
    found = locks(basis_of(ended(ANSWERS, 2)))
    assert (found.locks, found.barriers) == ((), ())
