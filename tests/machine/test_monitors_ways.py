"""Guests whose CPUs wait by MWAIT come to the same on every way (tests.ways)."""

import random
from typing import Any, Final

import pytest
from msgspec.structs import replace

from tests import ways
from tests.guest import DATA, Guest, Program, program
from tests.machine.mwaits import DEPTHS
from tests.small import Block, Small

TURNS: Final = 4


class Ring(Small, frozen=True):
    """CPUs that hand a token on: each waits for its turn by MWAIT."""

    def guest(self, code: Program, **more: Any) -> Guest:
        return replace(super().guest(code, **more), mwait=DEPTHS)


def ring(seed: int) -> Ring:
    """Of 2 to 4 CPUs, at depths, delays and speeds of chance. A CPU stores the token to each
    other's line, all of which may be one."""
    draw = random.Random(seed)
    cpus = draw.choice((2, 3, 4))
    apart = draw.choice((4, 64, 0x1000))
    others = "".join(f"mov [{DATA + apart * cpu:#x}], ebp\n" for cpu in range(cpus))
    blocks = []
    for cpu in range(cpus):
        hint, extension = draw.choice((0, 0x20)), draw.choice((0, 1))
        text = f"""
            mov ebp, {cpu}
        8:  mov rax, {DATA + apart * cpu:#x}
            xor ecx, ecx
            xor edx, edx
            monitor
            cmp [rax], ebp
            je 7f
            mov eax, {hint}
            mov ecx, {extension}
            mwait
            jmp 8b
        7:  mov ecx, {draw.choice((1, 9, 300, 900))}
        9:  dec ecx
            jnz 9b
            inc ebp
            {others}
            add ebp, {cpus - 1}
            cmp ebp, {TURNS * cpus}
            jb 8b
        """
        blocks.append(Block(cpu, text))
    speeds = (1.0, draw.choice((1.0, 0.7, 1.4)))
    return Ring(seed, "settled", cpus, tuple(blocks), speeds=speeds)


@pytest.mark.parametrize("seed", range(8))
def test_every_way_through_it_is_the_same(seed: int) -> None:
    """Plainly, with a checkpoint everywhere and to and fro, step by step, looked at, and with
    no CPU put to sleep in a loop."""
    one = ring(seed)
    code = program(one.source)
    assert ways.differences(one, code) == []
    assert ways.plainly(one, code).halted


def test_going_back_over_a_wake_up_and_on_again_is_the_same() -> None:
    one = ring(1)
    session = ways.opened(one, program(one.source))
    ways.run(session)
    digests = {session.timeline.now.tick: session.digest()}
    assert session.machine.board.logs.woken
    for woken in list(session.machine.board.logs.woken):
        for tick in (woken.tick, woken.tick + 1):
            ways.run(session, f"goto {tick}")
            digests[tick] = session.digest()
    for tick in sorted(digests, reverse=True):
        ways.run(session, f"goto {tick}")
        assert session.digest() == digests[tick]
