"""Random small guests that open and close the ways of an interrupt, against the manual's rules
applied to the same course without the interrupt; and however somebody runs, the same."""

import random
from collections.abc import Iterable
from typing import Final

import pytest

from tests import shard
from tests.guest import Guest, Program, assembled
from tests.machine import test_windows as windows

LENGTH: Final = 60
PROGRAMS: Final = 25
TICKS: Final = 2
DAILY: Final = 10
MORE: Final = 200
TPR: Final = 0x808
BLOCKS: Final = (
    "sti", "cli", "nop", "sti\n nop\n cli", "sti\n cli", "nop\n nop", "pause", "rdtsc",
    "pushfq\n popfq", "pushfq\n or dword ptr [rsp], 0x200\n popfq",
    "pushfq\n and dword ptr [rsp], 0xfffffdff\n popfq", "sti\n mov [{DATA}], eax",
    "nop\n mov ss, ebx\n nop", "mov cr8, rsi", "mov cr8, r8", "call low", "call high", "int3",
    "mov r13d, ebx\n cpuid\n mov ebx, r13d", "mov ecx, 2\n mov edi, {DATA}\n rep stosb",
    "in al, 0x80", "mov cr3, rbp",
    "sti\n lea rax, [rip + 3f]\n jmp rax\n cli\n3:", "jmp 3f\n3:",
)  # fmt: skip
END: Final = """
    jmp again
low: sti
    ret
high: pushfq
    cli
    popfq
    ret
handler3: nop
    sti
    nop
    iretq
handler64: hlt
"""


def source(draw: random.Random) -> str:
    """A program that goes round for ever, and never comes back as it was."""
    blocks = "\n".join(draw.choice(BLOCKS) for _ in range(draw.randrange(3, 14)))
    setup = "mov ebx, ss\n mov rbp, cr3\n mov esi, 4\n xor r8d, r8d\n"
    return f"start: {setup}again: inc r12\n{blocks}{END}"


def by_the_manual(code: Program) -> tuple[list[bool], set[int]]:
    """Whether the interrupt may come before each of LENGTH instructions (SDM 2B, STI and MOV;
    SDM 3, 6.8.1 and 11.8.3.1), and before which of them stands an STI that found IF set."""
    machine = Guest(code).machine()
    board, cpu = machine.board, machine.board.cpus[0]
    found: list[bool] = []
    needless: set[int] = set()
    held = False
    while board.tick < LENGTH:
        tick, enabled = board.tick, bool(cpu.registers.get("rflags") & 0x200)
        priority = board.vmm.msrs.get((0, TPR), 0) >> 4
        instruction = board.ram.guest_bytes(cpu.registers.rip, 2)
        machine.steps(cpu)
        assert cpu.activity == "running", "it goes round for ever"
        if board.tick == tick:
            held = False  # the delivery of an exception
            continue
        found.append(enabled and priority < 4 and not held)
        sti = instruction[:1] == b"\xfb"
        held = (sti and not enabled) or instruction == b"\x8e\xd3"
        if sti and enabled:
            needless.add(board.tick)
    return found, needless


def check(code: Program, tick: int) -> None:
    """One guest, with an interrupt that arrives at a tick."""
    may, needless = by_the_manual(code)
    if tick in needless:
        return  # see limits.md
    wanted = next((at for at in range(tick, LENGTH) if may[at]), None)
    courses = []
    for way in (windows.through, windows.by_steps, windows.by_pieces):
        session = Guest(code, max_ticks=MORE).boot()
        session.do(f"inject interrupt 0 0x40 at tick {tick}")
        way(session)
        courses.append(windows.course(session))
        events = session.machine.board.logs.events
        taken = [one.tick for one in events if one.text.startswith("interrupt 0x40 at")]
        if wanted is not None:
            assert taken == [wanted]
        else:
            assert all(one >= LENGTH for one in taken)
    assert courses[1:] == courses[:1] * 2


@pytest.mark.parametrize("chunk", range(2))
def test_it_comes_where_the_manual_says_however_somebody_runs(chunk: int) -> None:
    _check_all(range(PROGRAMS * chunk, PROGRAMS * chunk + PROGRAMS))


@pytest.mark.breadth
@pytest.mark.parametrize("chunk", range(DAILY))
def test_a_day_s_share_comes_where_the_manual_says(chunk: int) -> None:
    seeds = shard.seeds(PROGRAMS * DAILY)
    _check_all(seeds[PROGRAMS * chunk : PROGRAMS * chunk + PROGRAMS])


def _check_all(seeds: Iterable[int]) -> None:
    """Their programs, all by one run of the assembler."""
    draws = [random.Random(seed) for seed in seeds]
    codes = assembled(*(source(draw) for draw in draws))
    for draw, code in zip(draws, codes, strict=True):
        for _ in range(TICKS):
            check(code, draw.randrange(1, LENGTH))
