"""Breakpoints against single steps: wherever they are set, a run stops before each of them
that a walk through the same code comes by, after as many instructions."""

import random
from typing import Final

import pytest

from emu.hw.exit import ExitKind
from emu.hw.selftest import OffsetProbe

_CODE: Final = 0x10000
_PROGRAM: Final = bytes.fromhex(
    "b907000000"  # mov ecx, 7
    "01c8 d1c2 31d0 488904250090 0000 01c8"  # add, rol, xor, mov [0x9000], rax, add
    "57 bf00a00000 51 b905000000 f3aa 59 5f"  # rep stosb of five bytes at 0xa000
    "ffc6 e80a000000"  # inc esi; call the last lines
    "ffc9 75d7"  # dec ecx; jnz to the add
    "0fa2 9090 9090"  # cpuid: the end
    "83fe03 7503 83c702 ffc7 c3"  # cmp esi, 3; jne +3; add edi, 2; inc edi; ret
)
STEPS_MAX: Final = 400


def walked(probe: OffsetProbe) -> list[int]:
    """Every address of the program's course, by single steps."""
    context, exit_ = probe.run(_PROGRAM, 1)
    found = [_CODE, context.rip]
    while exit_.kind is ExitKind.BUDGET and len(found) < STEPS_MAX:
        exit_ = probe.engine.run(context, 1)
        found.append(context.rip)
    assert exit_.kind is ExitKind.INTERCEPT
    return found[:-1]


def stops(probe: OffsetProbe, dice: random.Random, at: set[int]) -> list[int]:
    """The course's instructions, by number, before which runs of any length stopped."""
    context, exit_ = probe.run(_PROGRAM, 1)
    done, found = exit_.executed, []
    if exit_.kind is ExitKind.BREAKPOINT:
        found.append(0)
    while exit_.kind is not ExitKind.INTERCEPT:
        skip = context.rip if exit_.kind is ExitKind.BREAKPOINT else None
        exit_ = probe.engine.run(context, dice.choice((1, 3, 20, 1000)), skip)
        done += exit_.executed
        if exit_.kind is ExitKind.BREAKPOINT:
            assert exit_.code == context.rip
            found.append(done)
        if dice.random() < 0.1:
            probe.engine.breakpoints.replace(())
            probe.engine.flush_tlb()
            probe.engine.breakpoints.replace(at)
    return found


@pytest.mark.parametrize("seed", range(40))
def test_a_run_stops_wherever_a_walk_comes_by(seed: int) -> None:
    dice = random.Random(seed)
    probe = OffsetProbe()
    course = walked(probe)
    places = sorted(set(course))
    at = set(dice.sample(places, dice.randrange(1, 8)))
    probe.engine.breakpoints.replace(at)
    assert stops(probe, dice, at) == [n for n, rip in enumerate(course) if rip in at]


def test_quiet_ones_do_not_stop() -> None:
    probe = OffsetProbe()
    course = walked(probe)
    inside = course[3]
    probe.engine.breakpoints.replace(set(course))
    probe.engine.breakpoints.quiet = {inside}
    dice = random.Random(1)
    assert stops(probe, dice, set(course)) == [n for n, a in enumerate(course) if a == inside]


def test_a_block_without_a_breakpoint_calls_nobody() -> None:
    """A thousand of them elsewhere, and one that is passed by, are not asked about."""
    probe = OffsetProbe()
    course = walked(probe)
    elsewhere = {0x20000 + 3 * number for number in range(1000)}
    probe.engine.breakpoints.replace(elsewhere)
    assert stops(probe, random.Random(1), elsewhere) == []
    assert not probe.engine.breakpoints.blocks
    probe.engine.breakpoints.replace({course[4]})
    assert stops(probe, random.Random(1), {course[4]}) != []
    assert probe.engine.breakpoints.blocks
    probe.engine.breakpoints.replace(())
    assert stops(probe, random.Random(1), set()) == []
    assert not probe.engine.breakpoints.blocks
