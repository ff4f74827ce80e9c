"""Whatever a guest has made of its stack, its registers and its call frame information, a
backtrace ends, within its limit, and changes nothing."""

import random
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emu.boot.dwarf_frames import CfaRule, FrameRow, FrameRule, FrameTable
from emu.hw.context import GENERAL
from emu.unwind.cfi import by_cfi
from emu.unwind.frame import FRAMES_MAX
from emu.unwind.step import NoCaller, Standing
from emu.unwind.unwinder import Unwinder
from tests.guest import CODE, STACKS, Guest, label

SOURCE: Final = """
start:
    call first
    hlt
first:
    push rbp
    mov rbp, rsp
    call second
    leave
    ret
second:
    sub rsp, 0x40
    call third
    add rsp, 0x40
    ret
third:
    push rbx
    call rax
back:
    pop rbx
    ret
handler3:
    push rax
    call third
    pop rax
    iretq
"""
NUMBERS = st.one_of(
    st.integers(0, 2**64 - 1),
    st.integers(CODE, CODE + 0x60),
    st.integers(STACKS, STACKS + 0xFFF).map(lambda at: at & ~7),
    st.sampled_from((0, 1, 7, 0x10, 0x202, 2**47, 2**63, 2**64 - 1, 2**64 - 8)),
)
REGISTERS = st.fixed_dictionaries(dict.fromkeys(GENERAL, NUMBERS))
RULES = st.one_of(
    st.builds(FrameRule, st.sampled_from(("at", "is")), st.integers(-(2**63), 2**63)),
    st.builds(FrameRule, st.just("register"), st.integers(-3, 40)),
    st.builds(FrameRule, st.sampled_from(("same", "undefined"))),
    st.builds(
        FrameRule, st.sampled_from(("at expression", "is expression")), st.just(0),
        st.binary(max_size=24),
    ),
)  # fmt: skip
ROWS = st.builds(
    FrameRow, st.just(0),
    st.one_of(
        st.builds(CfaRule, st.integers(-2, 40), st.integers(-(2**63), 2**63)),
        st.builds(CfaRule, expression=st.binary(min_size=1, max_size=24)),
    ),
    st.dictionaries(st.integers(-2, 40), RULES, max_size=6),
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(registers=REGISTERS, words=st.lists(NUMBERS, max_size=64), at=st.integers(0, 0x60))
def test_a_random_stack_ends_within_the_limit_and_nothing_changes(
    registers: dict[str, int], words: list[int], at: int
) -> None:
    session = Guest(SOURCE).boot()
    board, cpu = session.machine.board, session.machine.board.cpus[0]
    for name, value in registers.items():
        cpu.registers.put(name, value)
    cpu.registers.put("rip", CODE + at)
    data = b"".join(word.to_bytes(8, "little") for word in words)
    board.memory.write(board.ram.hpa(STACKS + 0x400), data)  # type: ignore[arg-type]
    if not registers["rsp"] & 1:
        cpu.registers.put("rsp", STACKS + 0x400)
    before = session.digest()
    found = Unwinder(board).frames(cpu)
    assert 1 <= len(found.frames) <= FRAMES_MAX
    assert found.ending
    assert session.digest() == before


@settings(max_examples=300, deadline=None)
@given(row=ROWS, registers=REGISTERS, signal=st.booleans(), back=st.integers(-2, 40))
def test_random_call_frame_information_has_a_caller_or_none(
    row: FrameRow, registers: dict[str, int], signal: bool, back: int
) -> None:
    memory = random.Random(1)
    table = FrameTable(0, 100, signal, back, (row,))
    standing = Standing(10, True, registers)
    found = by_cfi(table, row, standing, lambda at: memory.getrandbits(64) if at & 8 else None)
    if found is not None and not isinstance(found, NoCaller):
        assert 0 <= found.standing.address < 2**64
        assert 0 <= found.standing.rsp < 2**64


@settings(max_examples=30, deadline=None)
@given(row=ROWS)
def test_frames_by_call_frame_information_that_never_ends_end(row: FrameRow) -> None:
    machine = Guest(SOURCE).machine()
    unwinder, cpu = Unwinder(machine.board), machine.board.cpus[0]
    table = FrameTable(0, 2**64 - 1, False, 16, (row,))

    class Everywhere:
        """The same row for every address."""

        def row(self, _: int) -> tuple[FrameTable, FrameRow]:
            return table, row

    unwinder._tables["guest"] = Everywhere()  # type: ignore[assignment]
    found = unwinder.frames(cpu)
    assert 1 <= len(found.frames) <= FRAMES_MAX
    assert found.ending


def test_a_recursion_that_ran_away_is_cut_off_in_words() -> None:
    machine = Guest("start:\n push rbp\n mov rbp, rsp\n call start\n hlt").machine()
    cpu = machine.board.cpus[0]
    for _ in range(3 * (FRAMES_MAX // 8)):
        machine.steps(cpu)
    few = Unwinder(machine.board).frames(cpu, 5)
    assert len(few.frames) == 5
    assert few.ending == "there are more: these are the first 5"


def test_a_ring_of_frame_pointers_is_left() -> None:
    machine = Guest(SOURCE).machine()
    board, cpu = machine.board, machine.board.cpus[0]
    back = label(board, "back").to_bytes(8, "little")
    for at, other in ((STACKS + 0x100, STACKS + 0x200), (STACKS + 0x200, STACKS + 0x100)):
        board.memory.write(board.ram.hpa(at), other.to_bytes(8, "little") + back)  # type: ignore[arg-type]
    cpu.registers.put("rbp", STACKS + 0x100)
    cpu.registers.put("rsp", STACKS + 0x80)
    cpu.registers.put("rip", label(board, "back"))
    found = Unwinder(board).frames(cpu)
    assert len(found.frames) <= FRAMES_MAX


@pytest.mark.parametrize("rsp", [0, 1, 2**47, 2**64 - 8, 2**64 - 1])
def test_a_stack_pointer_to_nowhere_is_said(rsp: int) -> None:
    machine = Guest(SOURCE).machine()
    cpu = machine.board.cpus[0]
    cpu.registers.put("rsp", rsp)
    cpu.registers.put("rip", label(machine.board, "third"))
    found = Unwinder(machine.board).frames(cpu)
    assert len(found.frames) == 1
    assert found.ending == f"the stack at {rsp:#x} cannot be read"
