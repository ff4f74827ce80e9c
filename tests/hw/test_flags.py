"""The guest's flags are those of its program, whatever the host does in the middle of it.

The reference is bare Unicorn without a hook, a count or a page table, run to each instruction
in turn. What the debugger runs takes faults at every first store to a page, at every store to
the watched mailbox page, at the guest's own missing pages, and exits at PAUSE and OUT.
"""

from typing import Any, Final

import pytest
import unicorn
from unicorn import x86_const as x86

from emu import Session
from emu.timeline.moment import START
from tests import shard
from tests.guest import (
    BASE,
    CODE,
    DATA,
    MAILBOX,
    MEMORY_BYTES,
    SHARED,
    STACKS,
    WINDOW,
    Program,
    assembled,
    boot,
    read,
)
from tests.straight import FREE_PAGES, REGISTERS, Straight, straight

PROGRAMS: Final = 60
NAMES: Final = (*REGISTERS, "rsi", "rdi", "rsp", "r14", "r15")
_PAGE: Final = 4096
_WINDOW_PAGES: Final = DATA + 0x80000
State = tuple[tuple[int, ...], int, bytes]
"""General registers, the defined arithmetic flags, and memory behind all the addresses."""


class Bare:
    """One engine for all programs."""

    def __init__(self) -> None:
        self.uc: Any = unicorn.Uc(unicorn.UC_ARCH_X86, unicorn.UC_MODE_64)
        self.uc.mem_map(BASE, MEMORY_BYTES + _PAGE * (FREE_PAGES + 1))

    def run_to(self, code: Program, end: int) -> None:
        """From the first instruction up to an address, from fresh memory and registers."""
        uc = self.uc
        uc.ctl_flush_tb()
        uc.mem_write(BASE, bytes(MEMORY_BYTES + _PAGE * (FREE_PAGES + 1)))
        uc.mem_write(CODE, code.code)
        for name in NAMES:
            uc.reg_write(getattr(x86, f"UC_X86_REG_{name.upper()}"), 0)
        for number in range(16):
            uc.reg_write(x86.UC_X86_REG_XMM0 + number, 0)
        uc.reg_write(x86.UC_X86_REG_RSP, STACKS + _PAGE)
        uc.reg_write(x86.UC_X86_REG_RFLAGS, 2)
        uc.emu_start(CODE, end)

    def state(self, flags: int) -> State:
        """What the program has made."""
        get = self.uc.reg_read
        registers = tuple(get(getattr(x86, f"UC_X86_REG_{name.upper()}")) for name in NAMES)
        memory = b"".join(
            bytes(self.uc.mem_read(at, count))
            for at, count in (
                (DATA, _PAGE * (FREE_PAGES + 1)), (WINDOW, _PAGE * (FREE_PAGES + 1)),
                (MAILBOX, _PAGE),
            )
        )  # fmt: skip
        return registers, get(x86.UC_X86_REG_RFLAGS) & flags, memory


def state_of(session: Session, flags: int) -> State:
    """The same of CPU 0 of a machine."""
    registers, ram = session.machine.board.cpus[0].registers, session.machine.board.ram
    parts = [
        ram.guest_bytes(at, count) or b""
        for at, count in (
            (DATA, _PAGE * (FREE_PAGES + 1)), (_WINDOW_PAGES, _PAGE * (FREE_PAGES + 1)),
            (MAILBOX, _PAGE),
        )
    ]  # fmt: skip
    values = tuple(registers.get(name) for name in NAMES)
    return values, registers.get("rflags") & flags, b"".join(parts)


def told(state: State) -> str:
    """A state in which a difference can be read."""
    values, flags, memory = state
    words = " ".join(f"{name}={value:x}" for name, value in zip(NAMES, values, strict=True))
    return f"{words} flags={flags:x} memory={hash(memory) & 0xFFFF_FFFF:x}"


def run(session: Session, ticks: int) -> None:
    """So many ticks, with nobody looking."""
    session.begin(f"run {ticks}")
    while session.pump(60.0):
        pass


def walked(session: Session, code: Program, count: int) -> dict[int, int]:
    """Step by step to the end: the tick at which each instruction was first stood before."""
    places = {code.labels[f"i{number}"]: number for number in range(count)}
    found: dict[int, int] = {0: 0}
    cpu = session.machine.board.cpus[0]
    while cpu.activity == "running":
        run(session, 1)
        number = places.get(cpu.registers.rip)
        if number is not None and number not in found:
            found[number] = session.machine.board.tick
    return found


def check(bare: Bare, one: Straight, code: Program, seed: int) -> None:
    """One program three ways, compared before each of its instructions."""
    session = boot(code, mailbox=True)
    ticks = walked(session, code, one.count)
    assert sorted(ticks) == list(range(one.count)), f"seed {seed}: an instruction was left out"
    for number, tick in ticks.items():
        flags = one.defined[number]
        bare.run_to(code, code.labels[f"i{number}"])
        wanted = told(bare.state(flags))
        where = f"seed {seed}, before {one.source.splitlines()[number + 1]}"
        session.timeline.goto(START)
        if tick:
            run(session, tick)
        assert session.machine.board.tick == tick
        assert told(state_of(session, flags)) == wanted, f"{where}, free run"
    session.timeline.goto(START)
    for number in range(1, one.count):
        run(session, ticks[number] - ticks[number - 1])
        bare.run_to(code, code.labels[f"i{number}"])
        flags = one.defined[number]
        wanted, found = told(bare.state(flags)), told(state_of(session, flags))
        assert found == wanted, f"seed {seed}, before i{number}, step by step"


@pytest.mark.parametrize(
    "faults",
    [False, pytest.param(True, marks=pytest.mark.breadth)],
    ids=["plain", "own faults"],
)
def test_a_free_run_steps_and_bare_unicorn_agree_at_every_instruction(faults: bool) -> None:
    seeds = shard.seeds(PROGRAMS)
    programs = [straight(seed, faults=faults) for seed in seeds]
    codes = assembled(*(one.source for one in programs))
    bare = Bare()
    for seed, one, code in zip(seeds, programs, codes, strict=True):
        check(bare, one, code, seed)


CARRY: Final = """
start: mov ecx, 0x200
    mov esi, 0x3600
    cmp rcx, rsi
    mov [{DATA}], rsi
    setc byte ptr [{SHARED}]
    hlt
"""
"""The store is the first to its page, and follows a comparison with CF."""


def test_a_first_store_to_a_page_leaves_the_carry_flag_alone() -> None:
    session = boot(CARRY)
    session.do("run")
    assert read(session, SHARED, 1) == 1


@pytest.mark.parametrize("what", ["rdtsc", "cpuid", "pause", "in al, 0x61", "ud2", "int3"])
def test_an_exit_behind_a_comparison_leaves_the_carry_flag_alone(what: str) -> None:
    code = CARRY.replace("mov [{DATA}], rsi", what)
    skip = "handler6: add qword ptr [rsp], 2\n handler3: iretq\n"
    session = boot(code + skip)
    session.do("run")
    assert read(session, SHARED, 1) == 1


def test_a_single_step_trap_shows_the_flags_of_the_instruction_before_it() -> None:
    """#DB by TF comes behind each instruction (SDM 3, 18.3.1.4), not in the middle of one."""
    session = boot("""
    start: mov ebx, {SHARED}
        mov ecx, 0x200
        mov esi, 0x3600
        pushf
        or dword ptr [rsp], 0x100
        popf
        cmp rcx, rsi
        cmp rsi, rcx
        hlt
    handler1: mov rax, [rsp + 16]
        mov [rbx], rax
        add ebx, 8
        iretq
    """)
    session.do("run")
    found = [read(session, SHARED + 8 * number) & 0x8D5 for number in range(2)]
    assert found == [0x85, 0x04], [hex(flags) for flags in found]
