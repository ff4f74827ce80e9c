"""`Engine.steps` against single runs with an empty TLB before each: the same registers, the
same memory, the same exits, however it is cut."""

import random
from typing import Final

import pytest

from emu import Session
from emu.hw.exit import Exit, ExitKind
from tests.guest import boot

STORES: Final = """
start: mov ecx, 9
    lea rdi, [{DATA}]
    cmp rcx, 5
1:  setb byte ptr [rdi]
    adc rax, rcx
    mov [rdi + 0xffc], rax
    push rax
    add rdi, 0x1000
    pop rdx
    dec ecx
    jnz 1b
    sbb rbx, rbx
    hlt
"""
"""First stores to ten pages, some of them across two, whose flags are used behind the fault."""
OWN: Final = """
start: lea rbx, [rip + 3f]
    cmp rsp, rbx
    mov dword ptr [rbx + 1], 0x2fc51a90
3:  mov eax, 7
    setb byte ptr [{SHARED}]
    mov [{SHARED} + 8], eax
    mov ecx, 3
    lea rdi, [{DATA}]
    rep stosb
    hlt
"""
"""A store to its own block, and a string instruction."""
COUNT_MAX: Final = 200
Course = list[tuple[int, bytes]]
"""(instructions retired, all registers) at the ends of runs."""


def single(session: Session) -> tuple[Course, Exit]:
    """One instruction after the other."""
    machine = session.machine
    registers, found = machine.board.cpus[0].registers, []
    for number in range(1, COUNT_MAX):
        machine.board.engine.flush_tlb()
        exit_ = machine.board.engine.run(registers, 1)
        if exit_.kind is not ExitKind.BUDGET:
            return found, exit_
        found.append((number, registers.architectural()))
    raise AssertionError("it never ends")


@pytest.mark.parametrize("source", [STORES, OWN])
@pytest.mark.parametrize("seed", range(8))
def test_steps_are_single_runs(source: str, seed: int) -> None:
    dice = random.Random(seed)
    one, many = boot(source), boot(source)
    course, last = single(one)
    machine = many.machine
    registers, done = machine.board.cpus[0].registers, 0
    states = dict(course)
    while True:
        exit_ = machine.board.engine.steps(registers, dice.choice((1, 2, 5, 50)))
        done += exit_.executed
        if exit_.kind is not ExitKind.BUDGET:
            break
        assert states[done] == registers.architectural()
    assert done == len(course)
    assert exit_._replace(executed=0) == last
    assert registers.architectural() == one.machine.board.cpus[0].registers.architectural()
    assert many.digest() == one.digest()


@pytest.mark.parametrize("seed", range(8))
def test_steps_stop_at_breakpoints(seed: int) -> None:
    dice = random.Random(seed)
    session = boot(STORES)
    registers, engine = session.machine.board.cpus[0].registers, session.machine.board.engine
    places = [registers.rip]
    other = boot(STORES).machine.board
    while (exit_ := other.engine.run(other.cpus[0].registers, 1)).kind is ExitKind.BUDGET:
        places.append(other.cpus[0].registers.rip)
    at = set(dice.sample(sorted(set(places)), 3))
    engine.breakpoints.replace(at)
    found, done, exit_ = [], 0, Exit(ExitKind.BUDGET, 0)
    while exit_.kind in (ExitKind.BUDGET, ExitKind.BREAKPOINT):
        skip = registers.rip if exit_.kind is ExitKind.BREAKPOINT else None
        exit_ = engine.steps(registers, dice.choice((1, 7, 100)), skip)
        done += exit_.executed
        if exit_.kind is ExitKind.BREAKPOINT:
            found.append(done)
    assert found == [number for number, place in enumerate(places) if place in at]
