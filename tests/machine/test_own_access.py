"""The processor's own writes to page tables: which bits an instruction sets, and through what.

The oracle is SDM 3, 4.8: A in every entry that a translation used, D in the leaf of a page that
is written; 4.6.1: descriptors, gates and the TSS are reached as the supervisor; and APM 2,
15.25.6: a table is read as if it were written.
"""

from typing import Final

import pytest

from emu.hw.nested_walk import ACCESSED, DIRTY
from emu.machine.board import Board
from emu.machine.own_access import OwnAccess
from tests.guest import (
    BASE,
    DATA,
    GDT,
    IDT,
    PD,
    PDPT,
    PML4,
    PT,
    PT2,
    WINDOW,
    Guest,
    finish,
    word,
)

NONE, READ, WRITTEN = 0, ACCESSED, ACCESSED | DIRTY
RW: Final = 3
OTHER: Final = DATA + 0x3000
BIG: Final = PD + 24
"""The entry of the 2 MiB at WINDOW."""
BITS: Final[dict[str, tuple[str, int]]] = {
    "a load": ("mov eax, [rbx]", READ),
    "a store": ("mov [rbx], eax", WRITTEN),
    "a load and a store": ("inc dword ptr [rbx]", WRITTEN),
    "TEST": ("test [rbx], eax", READ),
    "XCHG": ("xchg [rbx], eax", WRITTEN),
    "XADD": ("lock xadd [rbx], eax", WRITTEN),
    "CMPXCHG that succeeds": ("xor eax, eax\n lock cmpxchg [rbx], ecx", WRITTEN),
    "CMPXCHG that fails": ("mov eax, 9\n lock cmpxchg [rbx], ecx", WRITTEN),
    "CMPXCHG16B that fails": ("mov eax, 9\n lock cmpxchg16b [rbx]", WRITTEN),
    "BTS": ("bts dword ptr [rbx], 3", WRITTEN),
    "BT": ("bt dword ptr [rbx], 3", READ),
    "REP MOVSB from": (f"mov rsi, rbx\n mov edi, {OTHER}\n mov ecx, 4\n rep movsb", READ),
    "REP MOVSB to": (f"mov rdi, rbx\n mov esi, {OTHER}\n mov ecx, 4\n rep movsb", WRITTEN),
    "REP STOSB of nothing": ("mov rdi, rbx\n xor ecx, ecx\n rep stosb", NONE),
    "PUSH": ("lea rsp, [rbx + 64]\n push rax", WRITTEN),
    "POP": ("lea rsp, [rbx + 64]\n pop rax", READ),
    "CALL": ("lea rsp, [rbx + 64]\n call 1f\n 1: nop", WRITTEN),
    "LEA": ("lea rax, [rbx + 8]", NONE),
    "INVLPG": ("invlpg [rbx]", NONE),
    "a fetch": ("mov byte ptr [{DATA}], 0xf4\n jmp rbx", READ),
    "FXSAVE": ("fxsave [rbx]", WRITTEN),
    "MOVAPS from": ("movaps xmm0, [rbx]", READ),
    "LGDT": ("lgdt [rbx]", READ),
    "SIDT": ("sidt [rbx]", WRITTEN),
}  # fmt: skip
"""What is executed with RBX at a page that no translation has used, and that page's A and D."""
SIZES: Final = {
    "4 KiB": (f"mov rax, {DATA | RW}\n mov [{PT2}], rax", WINDOW, PT2),
    "2 MiB": (f"mov rax, {BASE | RW | 0x80}\n mov [{BIG}], rax", WINDOW + DATA - BASE, BIG),
    "1 GiB": (f"mov rax, {RW | 0x80}\n mov [{PDPT + 8}], rax", (1 << 30) + DATA, PDPT + 8),
}  # fmt: skip


def bits(board: Board, place: int) -> int:
    """A and D of an entry."""
    return word(board, place) & (ACCESSED | DIRTY)


@pytest.mark.parametrize("what", BITS)
def test_an_instruction_sets_the_bits_of_the_page_that_it_touches(what: str) -> None:
    code, wanted = BITS[what]
    source = f"start: mov rax, {DATA | RW}\n mov [{PT2}], rax\n mov ebx, {WINDOW}\n{code}\n hlt"
    board = finish(Guest(source).driver())
    assert board.cpus[0].activity == "halted", board.crash
    assert bits(board, PT2) == wanted


@pytest.mark.parametrize("size", SIZES)
def test_the_leaf_of_a_page_of_any_size_has_the_bits_and_tables_have_only_a(size: str) -> None:
    code, gva, leaf = SIZES[size]
    source = (
        f"start: {code}\n mov rbx, {gva}\n mov eax, [rbx]\n mov [{DATA + 0x8000}], eax\n hlt"
    )
    board = finish(Guest(source).driver())
    assert bits(board, leaf) == READ
    board = finish(Guest(source.replace("mov eax, [rbx]", "mov [rbx], eax")).driver())
    assert bits(board, leaf) == WRITTEN
    assert bits(board, PML4) == READ


def of_page(page: int) -> int:
    """Where the entry of a page of the identity mapping lies."""
    return PT + 8 * (page - BASE >> 12)


UNUSED_STACK: Final = DATA + 0x4000
TSS: Final = DATA + 0x5000
IST_STACK: Final = DATA + 0x6000
OWN_GDT: Final = DATA + 0x7000
DELIVERY: Final = f"""
start: lea rsi, [rip + gdt]
    mov edi, {OWN_GDT}
    mov ecx, 48
    rep movsb
    lgdt [rip + gdtr]
    mov ax, 0x20
    ltr ax
    mov qword ptr [{TSS + 0x24}], {IST_STACK + 0x800}
    mov byte ptr [{IDT + 6 * 16 + 4}], {{ist}}
    mov esp, {UNUSED_STACK + 0x800}
    mov ebx, {PT}
    mov ecx, 512
1:  and qword ptr [rbx], ~0x60
    add ebx, 8
    dec ecx
    jnz 1b
    mov rax, cr3
    mov cr3, rax
    ud2
    .balign 8
gdt: .quad 0, 0, 0x00AF9B000000FFFF, 0x00CF93000000FFFF
    .quad {0x0000_8900_0000_0067 | (TSS & 0xFFFFFF) << 16}, 0
gdtr: .word 47
    .quad {OWN_GDT}
handler6: hlt
"""
"""All bits are clear when the exception comes."""


def delivered(ist: int) -> Board:
    """The machine behind it."""
    return finish(Guest(DELIVERY.replace("{ist}", str(ist))).driver())


def test_a_delivery_marks_the_gate_the_descriptor_and_the_stack() -> None:
    board = delivered(0)
    assert board.cpus[0].activity == "halted", board.crash
    pages = {IDT: READ, OWN_GDT: READ, UNUSED_STACK: WRITTEN, TSS: NONE, IST_STACK: NONE}
    assert {page: bits(board, of_page(page)) for page in pages} == pages


def test_a_delivery_by_ist_marks_the_tss_and_that_stack() -> None:
    board = delivered(1)
    assert board.cpus[0].activity == "halted", board.crash
    pages = {IDT: READ, OWN_GDT: READ, UNUSED_STACK: NONE, TSS: READ, IST_STACK: WRITTEN}
    assert {page: bits(board, of_page(page)) for page in pages} == pages


NO_WRITE: Final = f"""
start: mov rax, cr0
    or rax, {{wp}}
    mov cr0, rax
    mov esp, {DATA + 0x800}
    and qword ptr [{of_page(DATA)}], ~2
    invlpg [{DATA}]
    ud2
handler6: hlt
"""


@pytest.mark.parametrize(("wp", "delivered"), [(0, True), (1 << 16, False)])
def test_a_handlers_stack_obeys_cr0_wp(wp: int, delivered: bool) -> None:
    board = finish(Guest(NO_WRITE.replace("{wp}", str(wp))).driver())
    assert (board.cpus[0].activity == "halted") == delivered
    assert (word(board, DATA + 0x7F8) != 0) == delivered


def machine_with(page: int, write: bool, source: str) -> Board:
    """A guest one of whose pages the nested table lets it only read, or not reach."""
    driver = Guest(source).driver()
    npt = driver.machine.board.npt
    hpa = npt.hpa_of(page)
    assert hpa is not None
    npt.map(page, hpa, 1, write=write)
    driver.machine.board.tables_changed()
    return finish(driver)


def test_a_handlers_stack_obeys_the_nested_table() -> None:
    source = f"start: mov esp, {DATA + 0x800}\n ud2\n handler6: hlt"
    board = machine_with(DATA, False, source)
    assert board.crash and word(board, DATA + 0x7F8) == 0


def test_a_table_that_the_nested_table_lets_only_be_read_refuses_every_walk() -> None:
    source = f"start: mov rax, {DATA | RW}\n mov [{PT2}], rax\n mov al, [{WINDOW}]\n hlt"
    assert not machine_with(BASE + 0x9000, False, source).crash
    board = machine_with(PT2, False, source)
    assert board.crash.startswith("cpu 0 at start") and f"writing GPA {PT2:#x}" in board.crash


def test_a_descriptor_table_in_a_page_that_is_gone_ends_in_a_shutdown_and_no_handler() -> None:
    source = f"""start: and qword ptr [{of_page(GDT)}], ~1
        invlpg [{GDT}]
        ud2
    handler6: hlt"""
    board = finish(Guest(source).driver())
    assert board.cpus[0].activity == "shutdown"


def test_an_access_that_is_remembered_is_forgotten_when_its_tables_change() -> None:
    machine = Guest("hlt").machine()
    board, cpu = machine.board, machine.board.cpus[0]
    own = OwnAccess(board, machine.stores)
    assert own.write(cpu, DATA, b"one") and own.read(cpu, DATA, 3) == b"one"
    machine.stores.edit(of_page(DATA), (OTHER | RW).to_bytes(8, "little"))
    assert own.read(cpu, DATA, 3) == bytes(3)
    assert bits(board, of_page(DATA)) == READ
    machine.stores.edit(of_page(DATA), bytes(8))
    assert own.read(cpu, DATA, 3) is None and not own.write(cpu, DATA, b"two")
    assert own.refused(cpu.registers, DATA, "read").why == "L1 is not present"


def test_an_access_over_a_border_needs_both_pages() -> None:
    machine = Guest("hlt").machine()
    board, cpu = machine.board, machine.board.cpus[0]
    own = OwnAccess(board, machine.stores)
    border = DATA + 0x1000 - 2
    assert own.write(cpu, border, b"four") and own.read(cpu, border, 4) == b"four"
    machine.stores.edit(of_page(DATA + 0x1000), bytes(8))
    assert own.read(cpu, border, 4) is None and not own.write(cpu, border, b"gone")
    assert own.read(cpu, border, 2) == b"fo"
