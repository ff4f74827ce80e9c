"""The order in which CPUs have had a lock is the one that they have noted under it themselves;
and what only looks like a part of a lock is none."""

from typing import Final

import pytest

from emu.profile.locks import Lock, Locks, locks
from emu.timeline.timeline import Timeline
from tests.guest import DATA, SHARED, word
from tests.profile.lock_guests import VARIANTS, ended, timeline_of
from tests.profile.queue_guests import QSPINLOCK
from tests.profile.seen import basis_of

ROUNDS: Final = """
start:
    mov ebx, {SHARED}
    mov ebp, ROUNDS
    lea r12d, [edi * 8 + SEED]
next_round:
    imul r12d, r12d, 1103515245
    add r12d, 12345
    mov ecx, r12d
    shr ecx, 16
    and ecx, MASK
    inc ecx
delay:
    dec ecx
    jnz delay
LOCK
end_round:
    dec ebp
    jnz next_round
    hlt
"""
NOTES: Final = """
    mov r13d, [{DATA}]
    mov byte ptr [{DATA} + 64 + r13], dil
    mov ecx, 2000
inside:
    dec ecx
    jnz inside
    inc r13d
    mov [{DATA}], r13d
"""
"""Who has the lock notes that, and has it 2 us: longer than a slice."""
HELD_LEAST_PS: Final = 2_000_000
AGAIN: Final = {
    "clh": (
        ("mov esi, edi\n    shl esi, 8\n    lea esi, [esi + {SHARED} + 0x100]", """
    test r14d, r14d
    jnz kept
    mov r14d, edi
    shl r14d, 8
    lea r14d, [r14d + {SHARED} + 0x100]
kept:
    mov rsi, r14"""),
        ("got:\n", "got:\n    mov r14d, {SHARED} + 0xF00\n    test rax, rax\n"
                   "    cmovnz r14, rax\n"),
    ),
    "cells": (
        ("shl eax, 6\n", "mov r15d, eax\n    and eax, 7\n    shl eax, 6\n"),
        ("test eax, eax\n", "test r15d, r15d\n"),
        ("mov dword ptr [rsi + 64], 1", "lea eax, [r15d + 1]\n    and eax, 7\n    shl eax, 6\n"
         "    mov dword ptr [rax + {SHARED} + 0x400], 1"),
    ),
}  # fmt: skip
"""What it takes to have a lock again: a CPU's next record is that of who was before it."""
SHAPES: Final = ((3, 6, 2, 8191), (6, 4, 9, 1023))
"""CPUs, rounds, seed, and how much they wait at most between two rounds: in the first some come
when nobody has the lock."""
UNCONTENDED: Final = {("cells", 3)}
"""Cells in lines that only one CPU has touched; see limits.md."""


def rounds_of(name: str, shape: tuple[int, int, int, int]) -> Timeline:
    """CPUs that take a lock again and again."""
    cpus, rounds, seed, mask = shape
    code = (
        VARIANTS[name].code.replace("{work}", NOTES).replace("    hlt\n", "    jmp end_round\n")
    )
    for old, new in AGAIN.get(name, ()):
        assert old in code
        code = code.replace(old, new)
    text = ROUNDS.replace("SEED", str(seed)).replace("MASK", str(mask)).replace("LOCK\n", code)
    return ended(text.replace("ROUNDS", str(rounds)), cpus)


def found(timeline: Timeline) -> Locks:
    return locks(basis_of(timeline))


def noted(timeline: Timeline) -> tuple[int, ...]:
    """Who has had the lock, as they have noted it."""
    board = timeline.machine.board
    return tuple(board.ram.guest_bytes(DATA + 64, word(board, DATA, 4)) or b"")


def alone(timeline: Timeline) -> Lock:
    (one,) = found(timeline).locks
    return one


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", VARIANTS)
def test_the_order_is_the_one_that_they_note(
    name: str, shape: tuple[int, int, int, int]
) -> None:
    timeline = rounds_of(name, shape)
    order = noted(timeline)
    assert len(order) == shape[0] * shape[1]
    if (name, shape[0]) in UNCONTENDED:
        return
    lock = alone(timeline)
    assert lock.order == order[lock.unseen :] and lock.unseen < 3
    times = [one.to_ps - one.from_ps for one in lock.held]
    assert all(HELD_LEAST_PS < one < HELD_LEAST_PS + 60_000 for one in times)
    assert all(one.to_tick is not None for one in lock.held)
    assert lock.gpa == SHARED and lock.kind == VARIANTS[name].kind


QUEUE: Final = VARIANTS["queue"].code
SECOND: Final = QUEUE.replace("[rbx]", "[rbx + 64]").replace("{work}", NOTES)


def test_two_locks_with_one_record_taken_by_one_function() -> None:
    """Linux has one record for each CPU: what it waits for at the second lock is no wait for
    the first."""
    body = QUEUE[: QUEUE.index("    hlt")].replace("{work}", NOTES)
    text = ROUNDS.replace("SEED", "3").replace("MASK", "4095").replace("ROUNDS", "6")
    turn = "    xor ebx, 64\n" + body + "    jmp end_round\n"
    timeline = ended(text.replace("LOCK\n", turn), 3)
    both = found(timeline).locks
    assert {one.gpa for one in both} == {SHARED, SHARED + 64}
    for one in both:
        times = [some.to_ps - some.from_ps for some in one.held]
        assert len(times) == 9 and min(times) > HELD_LEAST_PS
        assert max(times) < HELD_LEAST_PS + 60_000, "what it waits for at the other is not held"


LATE_LINK: Final = QUEUE.replace("    mov [rax], rsi\n", """
    mov ecx, 60000
link:
    dec ecx
    jnz link
    mov [rax], rsi
""")  # fmt: skip


def test_who_gives_back_waits_for_the_next_to_be_linked() -> None:
    """CPU 0 has had the lock when CPU 1 has come and not yet said where its record is: that
    wait is not for the lock, and CPU 0 has had it all the time."""
    text = ROUNDS.replace("SEED", "0").replace("MASK", "0").replace("ROUNDS", "1")
    timeline = ended(text.replace("LOCK\n", LATE_LINK.replace("{work}", NOTES)), 2)
    lock = alone(timeline)
    assert lock.order == noted(timeline) == (0, 1)
    first = lock.held[0]
    assert first.to_ps - first.from_ps > 55_000 * 1_000, "until it is linked"
    assert [one.cpu for one in lock.waits] == [1]


FLAG: Final = """
    cmp edi, 0
    jne quick
    mov dword ptr [{DATA} + 0x1000], 1
wait:
    cmp dword ptr [{DATA} + 0x1000], 2
    je quick
    pause
    jmp wait
quick:
"""
FLAGGED: Final = """
    cmp edi, 1
    jne willing
other:
    pause
    cmp dword ptr [{DATA} + 0x1000], 1
    jne other
    mov ecx, 30000
slowly_on:
    dec ecx
    jnz slowly_on
    mov dword ptr [{DATA} + 0x1000], 2
willing:
"""


@pytest.mark.parametrize("name", [one for one in VARIANTS if one != "cells"])
def test_what_is_waited_for_under_a_lock_is_no_wait_for_it(name: str) -> None:
    """CPU 0 has the lock and waits for a flag that CPU 1 sets before it wants the lock itself;
    CPU 2 wants it meanwhile."""
    code = VARIANTS[name].code.replace("{work}", FLAG + NOTES)
    code = code.replace("    hlt\n", "    jmp end_round\n")
    text = ROUNDS.replace("SEED", "0").replace("MASK", "0").replace("ROUNDS", "1")
    timeline = ended(text.replace("LOCK\n", FLAGGED + code), 3)
    lock = alone(timeline)
    assert lock.order == noted(timeline) and lock.order[0] == 0
    first = lock.held[0]
    assert 32_000_000 < first.to_ps - first.from_ps < 33_000_000
    assert 0 not in [one.cpu for one in lock.waits]


UNDONE: Final = """
    cmp edi, 2
    jne prompt
    mov ecx, 3000
slowly:
    dec ecx
    jnz slowly
prompt:
"""


def test_a_pending_bit_that_is_taken_back_is_only_an_attempt() -> None:
    """CPU 2 sees the lock taken and nobody behind it, and sets the pending bit when others are
    in the queue already (kernel/locking/qspinlock.c: it is not the one to wait there). It has
    asked since then."""
    more = NOTES.replace("2000", "9000")
    code = (
        QSPINLOCK.replace("{late}", UNDONE)
        .replace("{work}", more)
        .replace("    hlt\n", "    jmp end_round\n")
    )
    text = ROUNDS.replace("SEED", "0").replace("MASK", "0").replace("ROUNDS", "1")
    come = "    imul ecx, edi, 1000\n    inc ecx\ncome:\n    dec ecx\n    jnz come\n"
    timeline = ended(text.replace("LOCK\n", come + code), 5)
    lock = alone(timeline)
    assert lock.order == noted(timeline)
    assert sorted(lock.order) == [0, 1, 2, 3, 4], "each has had it once"


COMMAND: Final = """
cpu0:
    mov ebx, {SHARED}
    mov eax, 1
    {counts} [rbx], eax
    mov ecx, 9000
busy:
    dec ecx
    jnz busy
    mov dword ptr [rbx + {at}], 1
    hlt
cpu1:
    mov ebx, {SHARED}
    mov ecx, 900
early:
    dec ecx
    jnz early
    mov eax, 1
    {counts} [rbx], eax
look:
    cmp dword ptr [rbx + {at}], 1
    je out
    pause
    jmp look
out:
    mov dword ptr [rbx + {at}], 0
    hlt
"""


@pytest.mark.parametrize("at", ["8", "64"])
@pytest.mark.parametrize("counts", ["lock xadd", "lock or", "lock add", "xchg"])
def test_a_command_that_is_waited_for_behind_a_count_is_no_lock(counts: str, at: str) -> None:
    """CPU 0 has counted itself, CPU 1 does, waits for a command, and acknowledges it."""
    timeline = ended(COMMAND.replace("{counts}", counts).replace("{at}", at), 2)
    assert found(timeline).lines() == ("nobody waited for a lock",)


READERS: Final = """
start:
    mov ebx, {SHARED}
    mov ecx, 2000
    imul ecx, edi
    inc ecx
late:
    dec ecx
    jnz late
    cmp edi, 2
    je writes
reads:
    mov eax, 4
    lock xadd [rbx], eax
    test eax, 1
    jz inside
    lock sub dword ptr [rbx], 4
    pause
    jmp reads
inside:
    mov ecx, 9000
reading:
    dec ecx
    jnz reading
    lock sub dword ptr [rbx], 4
    hlt
writes:
    xor eax, eax
    mov edx, 1
    lock cmpxchg [rbx], edx
    je has
    pause
    jmp writes
has:
    mov ecx, 9000
writing:
    dec ecx
    jnz writing
    lock and dword ptr [rbx], 0xFFFFFFFE
    hlt
"""
"""The crate `spin`, src/rwlock.rs: readers count in fours, a writer is the lowest bit."""


def test_a_lock_that_readers_have_at_once_is_not_told() -> None:
    """Neither as a lock, for two have it, nor as a barrier. (limits.md)"""
    found_ = found(ended(READERS, 4))
    assert (found_.locks, found_.barriers) == ((), ())


WRITERS: Final = READERS.replace("cmp edi, 2\n    je writes", "jmp writes")


def test_writers_have_a_lock_one_after_the_other() -> None:
    lock = alone(ended(WRITERS, 3))
    assert lock.kind == "test-and-set" and set(lock.order) == {0, 1, 2} and lock.order[0] == 0
    assert all(one.to_ps - one.from_ps == 500 * (2 + 2 * 9000 + 1) for one in lock.held)


@pytest.mark.parametrize("name", ["two-words", "halves", "queue", "windows", "qspinlock"])
def test_a_lock_that_is_never_given_back_is_told_and_who_has_it(name: str) -> None:
    """CPU 1 gives it to CPU 0, which stops with it; the others wait for ever."""
    stuck = "    cmp edi, 0\n    jne fine\n    hlt\nfine:\n"
    lock = alone(timeline_of(name, more=stuck))
    assert lock.order == (1, 0) and lock.held[1].to_tick is None
    assert [one.cpu for one in lock.waits] == [0] and lock.waiting == (2, 3)
    assert lock.lines()[-2:] == (
        f"    cpu 0 still has it, since tick {lock.held[1].from_tick:,}",
        "    still waiting: cpu 2, 3",
    )
