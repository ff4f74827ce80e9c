"""The processor's own writes to descriptors: which instruction sets which bit, through what.

The oracle is the SDM. 3A, 3.4.5.1: the processor sets the Accessed bit whenever it loads a
segment register; 7.2.2: LTR and task switches set Busy; volume 2: LTR of a busy TSS is #GP,
and LAR, LSL, VERR and VERW load nothing; 3A, 4.6.1: the store is a supervisor's, whatever
executes.
"""

import random
from typing import Final

import pytest

from emu.boot import disasm
from emu.machine.board import Board
from emu.machine.descriptor_loads import DescriptorLoads
from emu.machine.own_access import OwnAccess
from emu.machine.stores import Stores
from tests.guest import BASE, DATA, IDT, PT, Guest, finish, label, word

TSS: Final = DATA + 0x1000
OWN_GDT: Final = DATA + 0x2000
STACK: Final = DATA + 0x3800
DATA_NEW, CODE_NEW, TASK, TABLE, USER_DATA, USER_CODE, NARROW, SHORT = (
    0x20, 0x28, 0x30, 0x40, 0x50, 0x58, 0x60, 0x68,
)  # fmt: skip
SETUP: Final = f"""
    lea rsi, [rip + gdt]
    mov edi, {OWN_GDT}
    mov ecx, 0x70
    rep movsb
    lgdt [rip + gdtr]
    mov esp, {STACK}
    jmp over
    .balign 8
gdt: .quad 0, 0x00CF93000000FFFF, 0x00AF9B000000FFFF, 0x00CF93000000FFFF
    .quad 0x00CF92000000FFFF, 0x00AF9A000000FFFF
    .quad {0x0000_8900_0000_0067 | (TSS & 0xFFFFFF) << 16}, 0
    .quad {0x0000_8200_0000_0067 | (TSS & 0xFFFFFF) << 16}, 0
    .quad 0x00CFF2000000FFFF, 0x00AFFA000000FFFF, 0x00CF9A000000FFFF, 0x008F9B000000FFFF
gdtr: .word 0x6f
    .quad {OWN_GDT}
over:
"""
TO: Final = f"lea rax, [rip + to]\n mov [{DATA}], eax\n mov word ptr [{DATA + 4}], {{}}\n"


def back(ss: int, cs: int) -> str:
    """An IRETQ to `to`."""
    words = f"push {ss}\n push {STACK}\n push 2\n push {cs}\n lea rax, [rip + to]\n push rax\n"
    return f"{words} here: iretq\n to: hlt"


LOADS: Final[dict[str, tuple[str, dict[int, int]]]] = {
    "MOV DS": (f"mov eax, {DATA_NEW}\n here: mov ds, eax", {DATA_NEW: 3}),
    "MOV ES of code": (f"mov eax, {CODE_NEW}\n here: mov es, eax", {CODE_NEW: 0xB}),
    "MOV SS": (f"mov eax, {DATA_NEW}\n here: mov ss, eax", {DATA_NEW: 3}),
    "POP FS": (f"push {DATA_NEW}\n here: pop fs", {DATA_NEW: 3}),
    "LSS": (TO.format(DATA_NEW) + f"here: lss eax, [{DATA}]\n to:", {DATA_NEW: 3}),
    "LGS": (TO.format(DATA_NEW) + f"here: lgs eax, [{DATA}]\n to:", {DATA_NEW: 3}),
    "JMP m16:32": (TO.format(CODE_NEW) + f"here: jmp fword ptr [{DATA}]\n to:",
                   {CODE_NEW: 0xB}),
    "CALL m16:32": (TO.format(CODE_NEW) + f"here: call fword ptr [{DATA}]\n to:",
                    {CODE_NEW: 0xB}),
    "RETF": (f"push {CODE_NEW}\n lea rax, [rip + to]\n push rax\n here: retfq\n to:",
             {CODE_NEW: 0xB}),
    "RETF n": (f"push {CODE_NEW}\n lea rax, [rip + to]\n push rax\n"
               "here: .byte 0x48, 0xca, 8, 0\n to:", {CODE_NEW: 0xB}),
    "IRETQ": (back(DATA_NEW, CODE_NEW), {DATA_NEW: 3, CODE_NEW: 0xB}),
    "JMP into 32-bit code": (TO.format(NARROW) + f"here: jmp fword ptr [{DATA}]\n to:",
                             {NARROW: 0xB}),
    "JMP of a pointer, in 16-bit code": (
        TO.format(CODE_NEW) + "mov [rip + place], eax\n lea rax, [rip + here]\n"
        f"mov [{DATA}], eax\n mov word ptr [{DATA + 4}], {SHORT}\n jmp fword ptr [{DATA}]\n"
        f"here: .byte 0x66, 0xea\n place: .long 0\n .word {CODE_NEW}\n to:", {CODE_NEW: 0xB},
    ),
    "LTR": (f"mov eax, {TASK}\n here: ltr ax", {TASK: 0xB}),
    "LLDT": (f"mov eax, {TABLE}\n here: lldt ax", {TABLE: 2}),
    "LAR": (f"mov ecx, {DATA_NEW}\n here: lar eax, ecx", {DATA_NEW: 2}),
    "LSL": (f"mov ecx, {DATA_NEW}\n here: lsl eax, ecx", {DATA_NEW: 2}),
    "VERR": (f"mov ecx, {DATA_NEW}\n here: verr cx", {DATA_NEW: 2}),
    "MOV DS of nothing": ("xor eax, eax\n here: mov ds, eax", {DATA_NEW: 2}),
    "a near jump": ("here: jmp to\n to:", {CODE_NEW: 0xA}),
}  # fmt: skip
"""What is executed, and the types of descriptors behind it."""
WRITES: Final = tuple(
    what for what, (_, types) in LOADS.items() if any(kind & 1 for kind in types.values())
)
"""Those that write at all."""


def guest(code: str, before: str = "") -> Guest:
    """The GDT is set up, then `before`, then the code."""
    return Guest(f"start: {SETUP}\n{before}\n{code}\n hlt")


def types(board: Board, selectors: dict[int, int]) -> dict[int, int]:
    """The types of descriptors."""
    return {one: word(board, OWN_GDT + one) >> 40 & 0xF for one in selectors}


@pytest.mark.parametrize("what", LOADS)
def test_an_instruction_sets_the_bits_of_the_descriptors_that_it_loads(what: str) -> None:
    code, wanted = LOADS[what]
    board = finish(guest(code).driver())
    assert board.cpus[0].activity == "halted", board.crash
    assert types(board, wanted) == wanted


READ_ONLY: Final = f"""
    mov rax, cr0
    or rax, {{wp}}
    mov cr0, rax
    and qword ptr [{PT + 8 * (OWN_GDT - BASE >> 12)}], ~2
    invlpg [{OWN_GDT}]
"""


@pytest.mark.parametrize("what", WRITES)
def test_a_read_only_descriptor_table_is_a_page_fault_of_the_load(what: str) -> None:
    code, wanted = LOADS[what]
    board = finish(guest(code, READ_ONLY.replace("{wp}", "0x10000")).driver())
    faults = [event.text for event in board.logs.events if event.kind == "fault"]
    place = OWN_GDT + min(wanted, key=lambda one: one != CODE_NEW) + 4
    assert faults[0] == f"#PF writing {place:#x} at here: L1 has W=0 and CR0.WP is 1"
    assert all(kind & 0xF in (2, 9, 0xA) for kind in types(board, wanted).values())


@pytest.mark.parametrize("what", WRITES)
def test_without_cr0_wp_the_store_goes_through(what: str) -> None:
    code, wanted = LOADS[what]
    board = finish(guest(code, READ_ONLY.replace("{wp}", "0")).driver())
    assert board.cpus[0].activity == "halted", board.crash
    assert types(board, wanted) == wanted


@pytest.mark.parametrize("what", WRITES)
def test_a_descriptor_table_that_the_nested_table_protects_is_a_nested_fault(what: str) -> None:
    driver = guest(LOADS[what][0], "protect:").driver()
    machine, cpu = driver.machine, driver.machine.board.cpus[0]
    board = machine.board
    while cpu.registers.rip != label(board, "protect"):
        machine.steps(cpu)
    hpa = board.npt.hpa_of(OWN_GDT)
    assert hpa is not None
    board.npt.map(OWN_GDT, hpa, 1, write=False)  # type: ignore[arg-type]
    board.tables_changed()
    finish(driver)
    assert board.crash.startswith("cpu 0 at here: writing GPA 0x432"), board.crash
    assert board.crash.endswith("read-only at L1")


@pytest.mark.parametrize("what", WRITES)
def test_what_is_loaded_again_writes_nothing(what: str) -> None:
    code, wanted = LOADS[what]
    marked = "\n".join(f"or byte ptr [{OWN_GDT + one + 5}], 1" for one in wanted if one != TASK)
    board = finish(guest(code, marked + READ_ONLY.replace("{wp}", "0x10000")).driver())
    assert (board.cpus[0].activity == "halted") == (what != "LTR"), "LTR always writes"


def test_ltr_of_a_busy_tss_is_general_protection() -> None:
    board = finish(guest(f"mov eax, {TASK}\n ltr ax\n here: ltr ax").driver())
    faults = [event.text for event in board.logs.events if event.kind == "fault"]
    assert faults[0] == f"#GP at here: selector {TASK:#x} is a busy TSS"


def test_a_return_to_user_code_marks_both_segments_though_its_fetch_faults() -> None:
    board = finish(guest(back(USER_DATA + 3, USER_CODE + 3)).driver())
    assert types(board, {USER_DATA: 0, USER_CODE: 0}) == {USER_DATA: 3, USER_CODE: 0xB}


def test_a_fault_of_the_transfer_itself_marks_nothing() -> None:
    code = TO.format(DATA_NEW) + f"here: jmp fword ptr [{DATA}]\n to:"
    board = finish(guest(code).driver())
    faults = [event.text for event in board.logs.events if event.kind == "fault"]
    assert faults[0].startswith("#GP at here")
    assert types(board, {DATA_NEW: 0}) == {DATA_NEW: 2}


def loads() -> DescriptorLoads:
    """Of a machine that runs nothing."""
    board = Guest("hlt").machine().board
    return DescriptorLoads(
        board, OwnAccess(board, Stores(board, Guest("hlt").machine().tracked))
    )


TRANSFERS: Final = {
    "long": (
        "cf",
        "48cf",
        "cb",
        "48cb",
        "ca0800",
        "ff2d00000000",
        "48ff28",
        "41ff2c24",
        "ff18",
    ),
    "protected": (
        "cf",
        "66cf",
        "cb",
        "ca0400",
        "ea000041001000",
        "9a000041001000",
        "ff2d00104000",
    ),
    "real": ("cf", "66cf", "ea00000008", "66ea000041001000", "66ff2e6800", "cb"),
}
"""Machine code of far transfers (SDM 2, CALL, IRET, JMP, RET)."""
NEAR: Final = (
    "c3",
    "e900000000",
    "ffe0",
    "ff2500000000",
    "ff1500000000",
    "c20800",
    "ebfe",
    "74fe",
)


@pytest.mark.parametrize("mode", TRANSFERS)
def test_a_block_that_ends_with_a_far_transfer_is_known_by_its_bytes(mode: str) -> None:
    one, draw = loads(), random.Random(mode)
    plain = ["90", "89d8", "01c8", "31c0", "f7d8"]
    for code in TRANSFERS[mode]:
        block = bytes.fromhex("".join(draw.choices(plain, k=draw.randrange(6))) + code)
        assert one.may_end(block) and one.ends(block, mode) == len(code) // 2, code
    for code in NEAR:
        assert one.ends(bytes.fromhex(f"90{code}"), mode) == 0, code


def test_no_far_transfer_is_missed_by_the_first_look() -> None:
    one, draw = loads(), random.Random(7)
    for _ in range(20_000):
        code = draw.randbytes(draw.randrange(1, 12))
        if draw.randrange(2):
            code = code[:-1] + draw.choice((b"\xcf", b"\xcb", b"\xff\x2d\1\2\3\4", b"\xca\1\2"))
        if disasm.decode(code, 0, "long") is not None and one.ends(code, "long"):
            assert one.may_end(code), code.hex()


GATE: Final = f"mov word ptr [{IDT + 3 * 16 + 2}], {CODE_NEW}\n here: int3\n handler3: nop"
"""A gate whose code segment nobody has loaded."""


def test_a_delivery_marks_the_code_segment_of_its_gate() -> None:
    board = finish(guest(GATE).driver())
    assert board.cpus[0].activity == "halted", board.crash
    assert types(board, {CODE_NEW: 0}) == {CODE_NEW: 0xB}


def test_a_delivery_through_a_read_only_descriptor_table_reaches_no_handler() -> None:
    board = finish(guest(GATE, READ_ONLY.replace("{wp}", "0x10000")).driver())
    assert board.cpus[0].activity == "shutdown"
    assert types(board, {CODE_NEW: 0}) == {CODE_NEW: 0xA}


REWRITTEN: Final = f"""
    mov ebx, {{laps}}
    xor r8d, r8d
lap:
    {{store}}
    and byte ptr [{OWN_GDT + CODE_NEW + 5}], 0xFE
    push {DATA_NEW}
    push {STACK}
    push 2
    push {CODE_NEW}
    lea rax, [rip + to]
    push rax
    jmp last
last:
    inc r9
pad: .byte 0x66, 0x90                   # one NOP, or two
    inc r9
    iretq
to: bt word ptr [{OWN_GDT + CODE_NEW + 5}], 0
    adc r8d, 0
    dec ebx
    jnz lap
"""


@pytest.mark.parametrize(
    ("store", "alike"),
    [("xor byte ptr [rip + pad], 0xF6", False), ("mov byte ptr [rip + pad], 0x66", True)],
)
def test_code_that_is_translated_anew_each_time_still_loads_alone(
    store: str, alike: bool
) -> None:
    board = finish(guest(REWRITTEN.format(laps=40, store=store)).driver())
    assert board.cpus[0].registers.get("r8") == 40, "the bit was set in each lap"
    assert board.cpus[0].registers.get("r9") == 80
    block = board.engine.breakpoints.blocks[label(board, "last")]
    assert block.blocks > 20 and block.alike == alike
