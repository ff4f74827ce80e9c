"""Two CPUs on one stack are seen, as they are when they leave the guest; two stacks are not."""

from typing import Final

import pytest

from emu.machine.stacks import Stack, Stacks
from tests.guest import SHARED, Guest
from tests.machine.seen import shared

TURNS = """
cpu{cpu}: lea rsp, [{{SHARED}} + {top}]
    mov r8d, 30
turns{cpu}: {push}
    xor eax, eax
    cpuid
    {pop}
    xor eax, eax
    cpuid
    dec r8d
    jnz turns{cpu}
    hlt
"""


def turns(cpu: int, top: int, uses: bool = True) -> str:
    """A CPU that leaves the guest again and again, on two levels of its stack."""
    push, pop = ("push rax", "pop rax") if uses else ("nop", "nop")
    return TURNS.format(cpu=cpu, top=top, push=push, pop=pop)


def test_two_cpus_that_push_on_one_stack_are_told_once() -> None:
    (found,) = shared(turns(0, 0x800) + turns(1, 0x800))
    assert found[1] == "stack" and {found[0], found[3]} == {0, 1}
    assert found[2] in (SHARED + 0x800, SHARED + 0x7F8)


@pytest.mark.parametrize(
    ("top", "uses"), [(0x400, True), (0x7F8, True), (0x800, False), (0x1800, True)]
)
def test_stacks_beside_each_other_and_one_that_is_only_carried_along_are_not(
    top: int, uses: bool
) -> None:
    assert shared(turns(0, 0x800) + turns(1, top, uses)) == []


GROWS = """
cpu0: lea rsp, [{{SHARED}} + 0x1010]
    xor eax, eax
    cpuid
    mov r8d, {depth}
grow: push rax
    xor eax, eax
    cpuid
    dec r8d
    jnz grow
    hlt
"""


def test_a_stack_that_grows_down_into_another_s_is_told_as_that() -> None:
    (found,) = shared(GROWS.format(depth=8) + turns(1, 0x1000))
    assert found == (0, "stack-below", SHARED + 0x1000 - 8, 1)


def test_a_stack_that_ends_where_another_begins_is_not() -> None:
    assert shared(GROWS.format(depth=2) + turns(1, 0x1000)) == []


DIPS: Final = """
cpu0: lea rsp, [{SHARED} + 0x1010]
    xor eax, eax
    cpuid
    push rax
    push rax
    push rax
    push rax
    lea rsp, [{SHARED} + 0x1010]
    cpuid
    hlt
"""


def test_a_stack_that_is_left_again_between_two_exits_is_not_seen() -> None:
    assert shared(DIPS + turns(1, 0x1000)) == [], "a limit: docs/limits.md"


def test_who_begins_anew_uses_nothing() -> None:
    machine = Guest(turns(0, 0x800), 1).machine()
    stacks: Stacks = machine.cpu_witness.stacks
    cpu = machine.board.cpus[0]
    cpu.registers.put("rsp", SHARED + 0x800)
    stacks.look(cpu)
    cpu.registers.put("rsp", SHARED + 0x7F0)
    stacks.look(cpu)
    saved = stacks.save()
    assert saved == {0: (Stack(SHARED >> 12, SHARED + 0x7F0, SHARED + 0x800),)}
    stacks.begins(0)
    assert stacks.save() == {}
    stacks.load(saved)
    assert stacks.save() == saved
