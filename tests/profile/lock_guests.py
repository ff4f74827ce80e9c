"""Locks of the field as tiny guests: CPU 1 has each of them 10 us while the others wait.

Each has a label `taking` at the instruction that takes it first, and `giving` at the one by
which CPU 1 gives it back.
"""

from typing import Final, NamedTuple

from emu.profile.turns import LockKind
from emu.timeline.timeline import Timeline
from tests.guest import Guest, finish
from tests.profile.queue_guests import CELLS, CLH, K42, QSPINLOCK, QUEUE, WINDOWS

HELD_PS: Final = 10_000_000
INSTRUCTION_PS: Final = 500
"""Platform `none`: two instructions in a ns."""

HEAD: Final = """
start:
    mov ebx, {SHARED}
    mov ecx, 40
    cmp edi, 1
    je late
early:
    mov ecx, 1000
    imul ecx, edi
    add ecx, 4000
late:
    dec ecx
    jnz late
"""
"""CPU 1 comes first, then 0, 2 and 3, each well before CPU 1 gives it back."""
WORK: Final = """
    mov ecx, 10
    mov edx, {n}
    cmp edi, 1
    cmove ecx, edx
work:
    dec ecx
    jnz work
"""
"""4 + 2 n instructions of CPU 1."""
TEST_AND_SET: Final = """
again:
    mov eax, 1
taking:
    xchg [rbx], eax
    test eax, eax
    jz got
look:
    pause
    cmp dword ptr [rbx], 0
    jne look
    jmp again
got:
{work}
giving:
    mov dword ptr [rbx], 0
    hlt
"""
EXCHANGE: Final = """
again:
    mov eax, 1
taking:
    lock bts dword ptr [rbx], 0
    jnc got
    pause
    jmp again
got:
{work}
    nop
giving:
    lock btr dword ptr [rbx], 0
    hlt
"""
TICKET: Final = """
    mov eax, 1
taking:
    lock xadd [rbx], eax
look:
    cmp eax, [rbx + 4]
    je got
    pause
    jmp look
got:
{work}
    nop
    nop
giving:
    inc dword ptr [rbx + 4]
    hlt
"""
HALVES: Final = """
    mov eax, 0x10000
taking:
    lock xadd [rbx], eax
    mov edx, eax
    shr edx, 16
    cmp ax, dx
    je got
look:
    cmp word ptr [rbx], dx
    je got
    pause
    jmp look
got:
{work}
giving:
    {give}
    hlt
"""
"""Linux, include/asm-generic/spinlock.h: the next number above, the one whose turn it is below;
with a plain store, or locked, as arch/x86 had it for guests of a hypervisor. Who waits looks at
its half, or at the whole."""
TWO_WORDS: Final = TICKET.replace("    inc dword", "    lock inc dword")
"""The crate `spin`, src/mutex/ticket.rs: it gives back by a locked instruction, too."""
RUST_SPIN: Final = """
again:
    xor eax, eax
    mov edx, 1
taking:
    lock cmpxchg byte ptr [rbx], dl
    je got
look:
    cmp byte ptr [rbx], 0
    je again
    pause
    jmp look
got:
{work}
giving:
    mov byte ptr [rbx], 0
    hlt
"""
"""The crate `spin`, src/mutex/spin.rs."""


class Variant(NamedTuple):
    """A lock, what it is, and CPU 1's instructions from the one that has it to the one that
    gives it back, without `work`."""

    code: str
    kind: LockKind
    more: int


VARIANTS: Final = {
    "test-and-set": Variant(TEST_AND_SET, "test-and-set", 2 + 1),
    "exchange": Variant(EXCHANGE, "test-and-set", 1 + 2),
    "rust-spin": Variant(RUST_SPIN, "test-and-set", 1 + 1),
    "ticket": Variant(TICKET, "ticket", 2 + 3),
    "two-words": Variant(TWO_WORDS, "ticket", 2 + 3),
    "halves": Variant(HALVES.replace("{give}", "inc word ptr [rbx]"), "ticket", 4 + 1),
    "halves-locked": Variant(
        HALVES.replace("{give}", "lock inc word ptr [rbx]"), "ticket", 4 + 1
    ),
    "halves-whole": Variant(
        HALVES.replace("cmp word ptr [rbx], dx", "mov eax, [rbx]\n    cmp ax, dx").replace(
            "{give}", "inc word ptr [rbx]"
        ),
        "ticket",
        4 + 1,
    ),
    "cells": Variant(CELLS, "ticket", 5 + 1),
    "queue": Variant(QUEUE, "queue", 2 + 9),
    "windows": Variant(WINDOWS, "queue", 2 + 9),
    "clh": Variant(CLH, "queue", 2 + 1),
    "k42": Variant(K42, "queue", 1 + 5),
    "qspinlock": Variant(QSPINLOCK.replace("{late}", ""), "queue", 1 + 2),
}


def timeline_of(name: str, cpus: int = 4, more: str = "") -> Timeline:
    """The guest at its end; with more for all to do while they have the lock."""
    variant = VARIANTS[name]
    n, odd = divmod(HELD_PS // INSTRUCTION_PS - variant.more - 4, 2)
    work = WORK.replace("{n}", str(n)) + "    nop\n" * odd + more
    return ended(HEAD + variant.code.replace("{work}", work), cpus)


def ended(source: str, cpus: int) -> Timeline:
    """A guest at its end."""
    timeline = Guest(source, cpus).timeline()
    finish(timeline.driver)
    return timeline
