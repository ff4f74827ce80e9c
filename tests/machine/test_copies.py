"""Code that runs as a copy has its original's name and nobody else's."""

from typing import Final

from hypothesis import given
from hypothesis import strategies as st

from emu.hw.address import PAGE_BYTES
from emu.machine.copies import LEAST
from emu.machine.machine import Machine
from tests.guest import CODE, DATA, Guest, label

RUNS: Final = f"""
start: lea rsi, [rip + original]
    mov edi, {DATA + 0x123}
    mov ecx, 0x20
    rep movsb
    mov eax, {DATA + 0x123}
    jmp rax
original:
    mov ebx, 7
    lea rcx, [rbx + 0x1234]
here: mov [{{SHARED}}], ecx
    hlt
    .byte 0x0f, 0x0b
.quad 0x1122334455667788, 0x99aabbccddeeff00
"""


def copied() -> tuple[Machine, int]:
    """A guest that runs in a copy of its own code, there; and how far the copy is away."""
    machine = Guest(RUNS).machine()
    cpu, board = machine.board.cpus[0], machine.board
    while not DATA <= cpu.registers.rip < DATA + PAGE_BYTES:
        machine.steps(cpu)
    return machine, DATA + 0x123 - label(board, "original")


def test_a_cpu_in_a_copy_stands_at_the_originals_symbol() -> None:
    machine, _ = copied()
    board, cpu = machine.board, machine.board.cpus[0]
    seen = []
    for _ in range(3):
        seen.append(board.place(cpu))
        machine.steps(cpu)
    assert seen == ["original", "original+0x5", "here"]


def test_every_byte_of_a_copy_leads_to_its_original() -> None:
    machine, away = copied()
    board = machine.board
    context = board.cpus[0].registers
    first = label(board, "original") + away
    for address in range(first, first + 20):
        assert board.copies.original(context, address) == address - away


def test_what_the_image_itself_holds_is_no_copy() -> None:
    board = Guest(RUNS).machine().board
    assert board.copies.around(board.cpus[0].registers, CODE) is None


def test_a_copy_that_is_overwritten_is_one_no_longer() -> None:
    machine, away = copied()
    board, context = machine.board, machine.board.cpus[0].registers
    at = label(board, "original") + away
    assert board.copies.around(context, at) is not None
    machine.stores.edit(at, bytes(range(100, 164)))
    assert board.copies.around(context, at) is None


def test_filler_is_nobodys_copy() -> None:
    machine = Guest("hlt\n .fill 256, 1, 0xcc").machine()
    machine.stores.edit(DATA, b"\xcc" * 64)
    context = machine.board.cpus[0].registers
    assert machine.board.copies.around(context, DATA + 8) is None


def test_bytes_that_stand_twice_have_no_one_original() -> None:
    body = "mov eax, 1\n mov ebx, 2\n mov ecx, 3\n mov edx, 4\n"
    machine = Guest(f"start: hlt\n one: {body} .byte 1\n two: {body} .byte 2\n").machine()
    board = machine.board
    data = board.virtual.read(board.cpus[0].registers, label(board, "one"), 20)
    assert data is not None
    context = board.cpus[0].registers
    machine.stores.edit(DATA + 64, data)
    assert board.copies.around(context, DATA + 64) is None, "it may be either"
    machine.stores.edit(DATA + 64, data + b"\x02")
    assert board.copies.original(context, DATA + 64) == label(board, "two")


BLOB: Final = Guest(
    "start: hlt\n" + "\n".join(f".quad {hash((1, n)) & (1 << 64) - 1}" for n in range(64))
)


@given(
    st.integers(1, 400), st.integers(LEAST, 100), st.integers(0, PAGE_BYTES - 100), st.data()
)
def test_a_piece_of_an_image_is_found_wherever_it_lies(
    start: int, size: int, place: int, data: st.DataObject
) -> None:
    machine = Guest(BLOB.source).machine()
    board, context = machine.board, machine.board.cpus[0].registers
    piece = board.virtual.read(context, CODE + start, size)
    assert piece is not None
    machine.stores.edit(DATA + place, piece)
    offset = data.draw(st.integers(0, size - 1))
    assert board.copies.original(context, DATA + place + offset) == CODE + start + offset
