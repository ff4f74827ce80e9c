"""A lock held 10 us by CPU 1 while the others wait: exact to the picosecond by construction."""

from typing import Final

import pytest

from emu.profile.locks import Locks, locks
from emu.timeline.timeline import Timeline
from tests.guest import SHARED, Guest, finish, label
from tests.profile.lock_guests import HELD_PS, VARIANTS, timeline_of
from tests.profile.seen import basis_of


def found(timeline: Timeline) -> Locks:
    return locks(basis_of(timeline))


@pytest.mark.parametrize("name", VARIANTS)
def test_a_lock_held_ten_microseconds(name: str) -> None:
    timeline = timeline_of(name)
    board = timeline.machine.board
    (lock,) = found(timeline).locks
    assert (lock.kind, lock.gpa) == (VARIANTS[name].kind, SHARED)
    first = lock.held[0]
    assert (first.cpu, first.to_ps - first.from_ps) == (1, HELD_PS)
    assert lock.order[0] == 1 and sorted(lock.order) == [0, 1, 2, 3]
    assert lock.longest_queue == 3 and len(lock.waits) == 3
    assert lock.taken_at.startswith("taking") and label(board, "taking")


@pytest.mark.parametrize("name", VARIANTS)
def test_each_wait_is_told_for_whom(name: str) -> None:
    """CPU 0 asks when CPU 1 has had the lock for so long; what it waits for is the rest of the
    10 us, then those before it, and the way of the lock."""
    (lock,) = found(timeline_of(name)).locks
    held = {one.cpu: one for one in lock.held}
    for wait in lock.waits:
        others = {part.cpu: part.ps for part in wait.waited_for}
        assert others[1] == held[1].to_ps - wait.from_ps
        assert wait.to_ps == held[wait.cpu].from_ps
        before = lock.order[: lock.order.index(wait.cpu)]
        assert wait.by == before[-1] and set(others) <= set(before)
        assert wait.by_tick == held[wait.by].to_tick
        assert sum(others.values()) <= wait.to_ps - wait.from_ps
    if lock.kind != "test-and-set":
        assert lock.order == (1, 0, 2, 3), "first come, first served"


@pytest.mark.parametrize("name", ["ticket", "queue"])
def test_the_lock_s_share_of_the_critical_path(name: str) -> None:
    """From when the first waits to when the last has it the path is the lock's: who is on it
    has it while others wait, or waits. Before, CPU 1 has it alone; behind, nobody waits."""
    timeline = timeline_of(name)
    (lock,) = found(timeline).locks
    first, last = min(one.from_ps for one in lock.waits), max(one.to_ps for one in lock.waits)
    assert lock.critical_ps == last - first
    assert lock.critical_ps < lock.whole_ps <= timeline.machine.board.now_ps()


TURNS: Final = """
start:
    mov ebx, {SHARED}
    mov esi, 5
    mov ecx, 3000
    imul ecx, edi
    inc ecx
late:
    dec ecx
    jnz late
round:
    mov eax, 1
    lock xadd [rbx], eax
look:
    cmp eax, [rbx + 4]
    je got
    pause
    jmp look
got:
    inc qword ptr [rbx + 64]
    mov ecx, 5000
work:
    dec ecx
    jnz work
    inc dword ptr [rbx + 4]
    dec esi
    jnz round
    hlt
"""


def test_a_lock_that_two_take_again_and_again() -> None:
    timeline = Guest(TURNS, 2).timeline()
    finish(timeline.driver)
    (lock,) = found(timeline).locks
    assert lock.order == (0, 1) * 5
    assert {one.to_ps - one.from_ps for one in lock.held[1:]} == {500 * (1 + 2 + 10_000 + 1)}
    assert len(lock.waits) == 9, "all but the first"


NO_LOCKS: Final = {
    "a counter that another one waits for": """
        cpu0: mov ebx, {SHARED}
        look: pause
            cmp dword ptr [rbx], 3
            jne look
            hlt
        start: mov ebx, {SHARED}
            mov ecx, 3000
            imul ecx, edi
        late: dec ecx
            jnz late
            lock inc dword ptr [rbx]
            hlt
    """,
    "a barrier": """
        start: mov ebx, {SHARED}
            mov ecx, 3000
            imul ecx, edi
            inc ecx
        late: dec ecx
            jnz late
            mov eax, 1
            lock xadd [rbx], eax
            cmp eax, 3
            je last
        look: pause
            cmp dword ptr [rbx + 64], 0
            je look
            hlt
        last: mov dword ptr [rbx + 64], 1
            hlt
    """,
    "a semaphore that two have": """
        start: mov ebx, {SHARED}
            cmp edi, 0
            jne go
            mov dword ptr [rbx], 2
        go: mov ecx, 3000
            imul ecx, edi
            inc ecx
        late: dec ecx
            jnz late
        look: mov eax, [rbx]
            test eax, eax
            jz look
            lea edx, [eax - 1]
            lock cmpxchg [rbx], edx
            jne look
            mov ecx, 20000
        work: dec ecx
            jnz work
            lock inc dword ptr [rbx]
            hlt
    """,
    "what one does for all": """
        start: mov ebx, {SHARED}
            xor eax, eax
            mov edx, 1
            lock cmpxchg [rbx], edx
            je first
        look: cmp dword ptr [rbx], 2
            je out
            pause
            jmp look
        first: mov ecx, 9000
        work: dec ecx
            jnz work
            mov dword ptr [rbx], 2
        out: hlt
    """,
    "a counter by CMPXCHG": """
        start: mov ebx, {SHARED}
            mov ebp, 500
        next: mov eax, [rbx]
        again: lea edx, [eax + 1]
            lock cmpxchg [rbx], edx
            jne again
            dec ebp
            jnz next
            hlt
    """,
    "a list that is taken from and given to by CMPXCHG": """
        start: mov ebx, {SHARED}
            mov ebp, 300
            cmp edi, 0
            jne take
            mov qword ptr [{SHARED} + 0x100], {SHARED} + 0x140
            mov qword ptr [rbx], {SHARED} + 0x100
        take: mov rax, [rbx]
            test rax, rax
            jz take
            mov rdx, [rax]
            lock cmpxchg [rbx], rdx
            jne take
            mov rsi, rax
            inc dword ptr [rsi + 16]
        give: mov rax, [rbx]
            mov [rsi], rax
            lock cmpxchg [rbx], rsi
            jne give
            dec ebp
            jnz take
            hlt
    """,
    "a lock for which nobody waits": """
        start: mov ebx, {SHARED}
            mov ecx, 9000
            imul ecx, edi
            inc ecx
        late: dec ecx
            jnz late
            mov eax, 1
            xchg [rbx], eax
            mov dword ptr [rbx], 0
            hlt
    """,
}


@pytest.mark.parametrize("name", NO_LOCKS)
def test_what_is_no_lock_is_not_told(name: str) -> None:
    timeline = Guest(NO_LOCKS[name], 4).timeline()
    finish(timeline.driver)
    assert found(timeline).lines()[0] == "nobody waited for a lock"


def test_a_lock_that_is_never_given_back() -> None:
    """Whoever has it at the end has it still, and those who wait have not had it."""
    source = """
        start: mov ebx, {SHARED}
            mov ecx, 3000
            imul ecx, edi
            inc ecx
        late: dec ecx
            jnz late
        look: mov eax, 1
            xchg [rbx], eax
            test eax, eax
            jz got
            pause
            jmp look
        got: cmp edi, 1
            je stuck
            mov ecx, 9000
        work: dec ecx
            jnz work
            mov dword ptr [rbx], 0
        stuck: hlt
    """
    timeline = Guest(source, 3).timeline()
    finish(timeline.driver)
    (lock,) = found(timeline).locks
    assert lock.order == (0, 1) and lock.held[1].to_tick is None
