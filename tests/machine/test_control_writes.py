"""A guest writes its control registers: what is refused it sees as #GP(0), with the register as
it was; what is allowed costs what any instruction costs."""

from typing import Final

import pytest

from emu.hw.exit import Exit, ExitKind
from emu.hw.vmcb import EXIT_MSR
from emu.machine import control_writes
from emu.machine.board import Board
from tests.guest import CODE, DATA, PML4, PT, SHARED, Guest, finish, label, word

SEEN: Final = """
handler13:
    pop qword ptr [{SHARED} + 8]
    pop qword ptr [{SHARED} + 16]
    mov qword ptr [{SHARED}], 13
    jmp tell
handler6:
    mov qword ptr [{SHARED}], 6
tell:
    mov rax, cr0
    mov [{SHARED} + 24], rax
    mov rax, cr3
    mov [{SHARED} + 32], rax
    mov rax, cr4
    mov [{SHARED} + 40], rax
    mov ecx, 0xc0000080
    rdmsr
    mov [{SHARED} + 48], rax
    hlt
"""
"""The vector, the error code, RIP, and then CR0, CR3, CR4, EFER."""
CR0: Final = "mov rax, cr0\n mov rbx, {}\n {} rax, rbx\n at: mov cr0, rax"
CR4: Final = "mov rax, cr4\n mov rbx, {}\n {} rax, rbx\n at: mov cr4, rax"
EFER: Final = "mov ecx, 0xc0000080\n rdmsr\n {} eax, {}\n at: wrmsr"
XSETBV: Final = "mov rax, cr4\n or eax, 0x40000\n mov cr4, rax\n mov ecx, {}\n mov eax, {}\n"


def state(board: Board) -> tuple[int, ...]:
    """CR0, CR3, CR4 and EFER, as the guest has told."""
    return tuple(word(board, SHARED + at) for at in (24, 32, 40, 48))


def told(source: str, platform: str = "none") -> Board:
    """A guest after it has told what it saw."""
    return finish(Guest(source + SEEN, platform=platform).driver())


BEFORE: Final = state(told("start: jmp tell\n"))

REFUSED = {
    "2.5: CR0[63:32]": CR0.format("1 << 32", "or"),
    "PG=1 with PE=0": CR0.format("~1", "and"),
    "CD=0 with NW=1": CR0.format("1 << 29", "or"),
    "clear PG in 64-bit mode": CR0.format("0x7fffffff", "and"),
    "CR3[63:MAXPHYADDR]": "mov rax, cr3\n bts rax, 40\n at: mov cr3, rax",
    "CR3[63:MAXPHYADDR], by R9": "mov r9, cr3\n bts r9, 51\n at: mov cr3, r9",
    "leave IA-32e mode by PAE": CR4.format("~0x20", "and"),
    "reserved: CR4[15]": CR4.format("1 << 15", "or"),
    "reserved: CR4[63:32]": CR4.format("1 << 33", "or"),
    "VMXE is not offered": CR4.format("1 << 13", "or"),
    "PCIDE is not offered": CR4.format("1 << 17", "or"),
    "LA57 is not offered": CR4.format("1 << 12", "or"),
    "LME with PG": EFER.format("and", "~0x100"),
    "SVME is not offered": EFER.format("or", "0x1000"),
    "FFXSR is not offered": EFER.format("or", "0x4000"),
    "EFER[63:32]": "mov ecx, 0xc0000080\n rdmsr\n inc edx\n at: wrmsr",
}
"""SDM 2B, MOV to control registers, in 64-bit mode; SDM 4, table 2-2: each is #GP(0)."""


@pytest.mark.parametrize("platform", ["none", "vbs", "sipi"])
@pytest.mark.parametrize("rule", REFUSED)
def test_a_refused_write_is_a_gp_and_changes_nothing(rule: str, platform: str) -> None:
    board = told(f"start: {REFUSED[rule]}\n mov dword ptr [{{SHARED}}], 1\n hlt", platform)
    assert (word(board, SHARED), word(board, SHARED + 8)) == (13, 0)
    assert word(board, SHARED + 16) == label(board, "at")
    assert state(board) == BEFORE


ALLOWED = {
    "2.5: reserved bits of CR0[31:0] stay 0": (CR0.format("0x1ffaffc0", "or"), 0, 0),
    "CR0.ET cannot be cleared": (CR0.format("~0x10", "and"), 0, 0),
    "WP": (CR0.format("1 << 16", "xor"), 0, 1 << 16),
    "TS by LMSW": ("smsw ax\n or eax, 8\n lmsw ax", 0, 8),
    "TS by LMSW of memory": (
        "smsw word ptr [{SHARED}]\n or byte ptr [{SHARED}], 8\n lmsw word ptr [{SHARED}]", 0, 8
    ),
    "LMSW cannot clear PE": ("xor eax, eax\n lmsw ax", 0, 1 << 1 & BEFORE[0]),
    "TS by CLTS": (CR0.format("8", "or") + "\n clts", 0, 0),
    "CR3[11:0] without PCIDE": ("mov r15, cr3\n or r15, 0x18\n mov cr3, r15", 1, 0x18),
    "SMEP, SMAP, FSGSBASE": (
        "mov r8, cr4\n or r8, 0x310000\n mov cr4, r8", 2, 0x310000
    ),
    "a prefix that means nothing": ("mov rax, cr4\n .byte 0x66, 0x0f, 0x22, 0xe0", 2, 0),
    "SCE": (EFER.format("or", "1"), 3, 1),
    "LMA is read-only": (EFER.format("and", "~0x400"), 3, 0),
}  # fmt: skip
"""What happens to one of CR0, CR3, CR4 and EFER: number of it, bits that are others."""


@pytest.mark.parametrize("rule", ALLOWED)
def test_an_allowed_write_is_made(rule: str) -> None:
    code, number, changed = ALLOWED[rule]
    after = state(told(f"start: {code}\n jmp tell\n"))
    assert after[number] ^ BEFORE[number] == changed
    assert [a for i, a in enumerate(after) if i != number] == [
        b for i, b in enumerate(BEFORE) if i != number
    ]


def test_a_fetch_that_fails_behind_a_write_is_the_next_instructions() -> None:
    """CR3 leads to tables that map nothing: the write is made, and the fetch is a #PF."""
    source = "start: mov eax, {DATA}\n mov cr3, rax\n behind: hlt"
    board = finish(Guest(source).driver())
    fault = next(event for event in board.logs.events if event.kind == "fault")
    assert board.cpus[0].registers.get("cr3") == DATA and fault.tick == 2
    behind = label(board, "behind")
    assert fault.text == f"#PF fetching {behind:#x} at behind: L4 is not present"


@pytest.mark.parametrize("write", ["mov cr3, rcx", "mov cr0, rdx", "clts"])
def test_flags_outlive_a_write(write: str) -> None:
    """SDM 2B leaves OF, SF, ZF, AF, PF and CF undefined behind MOV CR; processors keep them."""
    source = """start: mov rcx, cr3
        mov rdx, cr0
        mov eax, 0x80000000
        {}
        pushfq
        pop [{{SHARED}}]
        hlt"""
    found = [
        word(finish(Guest(source.format(f"add eax, eax\n {code}")).driver()), SHARED)
        for code in (write, "nop")
    ]
    assert found[0] == found[1] == 0x847, "CF, PF, ZF and OF of the addition"


def test_a_write_costs_one_tick_and_no_exit() -> None:
    with_writes = finish(
        Guest("start: mov rax, cr3\n mov cr3, rax\n clts\n nop\n hlt").driver()
    )
    without = finish(Guest("start: mov rax, cr3\n nop\n nop\n nop\n hlt").driver())
    assert with_writes.tick == without.tick == 5
    assert with_writes.exit_counts == without.exit_counts == {"hlt": 1}
    assert with_writes.cpus[0].clock_ps == without.cpus[0].clock_ps


@pytest.mark.parametrize("exit_", [
    Exit(ExitKind.PORT_OUT, 3, 0x10, 1, 1), Exit(ExitKind.INTERCEPT, 3, EXIT_MSR),
])  # fmt: skip
def test_a_port_of_that_number_and_another_msr_are_left_alone(exit_: Exit) -> None:
    machine = Guest("start: mov cr0, rax\n hlt").machine()
    assert exit_.code in control_writes.CODES
    assert control_writes.go_on(machine.board, machine.board.cpus[0], exit_) is exit_


@pytest.mark.parametrize("code", ["mov cr0, rax", "mov cr3, rax", "mov cr4, rax", "clts"])
def test_user_mode_may_not(code: str) -> None:
    """SDM 2B: #GP(0) if the current privilege level is not 0."""
    pages = (PML4, PML4 + 0x1000, PML4 + 0x2010, PT + 8 * (CODE // 4096 % 512))
    opened = "".join(f"or byte ptr [{page}], 4\n" for page in pages)
    board = finish(
        Guest(f"""start: {opened}
        mov rax, cr3
        mov cr3, rax
        lgdt [rip + gdtr]
        push 0x1b
        push 0
        push 2
        push 0x13
        lea rbx, [rip + at]
        push rbx
        iretq
    at: {code}
    gdtr: .short 0x1f
        .quad {CODE} + gdt - start
    gdt: .quad 0, 0, 0x00affb000000ffff, 0x00cff3000000ffff
    """).driver()
    )
    faults = [event.text for event in board.logs.events if event.kind == "fault"]
    assert faults[0] == f"#GP at at: `{code}`"


@pytest.mark.parametrize(("code", "vector"), [
    (CR4.format("~0x40000", "and") + "\n xgetbv", 6),
    (CR4.format("~0x40000", "and") + "\n xsetbv", 6),
    (XSETBV.format(0, 3) + "xor edx, edx\n xsetbv\n jmp tell", 0),
    (XSETBV.format(0, 2) + "xor edx, edx\n xsetbv", 13),
    (XSETBV.format(0, 7) + "xor edx, edx\n xsetbv", 13),
    (XSETBV.format(1, 1) + "xor edx, edx\n xsetbv", 13),
    (XSETBV.format(0, 1) + "mov edx, 1\n xsetbv", 13),
])  # fmt: skip
def test_xcr0(code: str, vector: int) -> None:
    """SDM 2D, XSETBV: #UD without CR4.OSXSAVE; #GP(0) of another register than XCR0, with x87
    cleared, and of bits that leaf 0xD does not offer."""
    assert word(told(f"start: xor ecx, ecx\n {code}\n hlt\n"), SHARED) == vector


def test_xcr0_begins_with_x87_alone() -> None:
    """SDM 1, 13.3."""
    code = "mov rax, cr4\n or eax, 0x40000\n mov cr4, rax\n xor ecx, ecx\n xgetbv\n"
    board = finish(Guest(f"start: {code} mov [{{SHARED}}], eax\n hlt").driver())
    assert word(board, SHARED, 4) == 1


DOWN: Final = f"""
start:
    lgdt [rip + gdtr]
    lidt [rip + idtr]
    push 0x28
    lea rax, [rip + narrow]
    push rax
    .byte 0x48, 0xcb  # far return, 64-bit
gdtr: .short 0x37
    .quad {CODE} + gdt - start
idtr: .short 0x7f
    .quad {CODE} + idt - start
    .balign 8
gdt: .quad 0, 0, 0x00af9b000000ffff, 0x00cf93000000ffff, 0, 0x00cf9b000000ffff
    .quad 0x00af9b000000ffff
idt: .fill 13, 8, 0
    .short handler - start, 0x28, 0x8e00, {CODE >> 16}
    .fill 2, 8, 0
    .code32
handler:
    mov dword ptr [{{SHARED}}], 13
    pop dword ptr [{{SHARED}} + 8]
    mov eax, cr0
    mov [{{SHARED}} + 24], eax
    hlt
narrow:
    mov eax, 0x18
    mov ss, eax
    mov ds, eax
    mov eax, cr0
    and eax, 0x7fffffff
    mov cr0, eax
    mov dword ptr [{{SHARED}} + 16], 1
"""
"""Out of long mode to protected mode without paging: SDM 3A, 10.8.5.4."""


@pytest.mark.parametrize(("rule", "code"), [
    ("PG with LME, without PAE", "mov eax, cr4\n and eax, ~0x20\n mov cr4, eax\n"),
    ("PG with LME and CS.L", f""".byte 0xea
        .long {CODE} + wide - start
        .short 0x30
        wide: .code16
    """),
])  # fmt: skip
def test_long_mode_is_not_entered_wrongly(rule: str, code: str) -> None:
    enter = "mov eax, cr0\n or eax, 0x80000000\n at: mov cr0, eax\n hlt\n"
    board = finish(Guest(DOWN + code + enter).driver())
    faults = [event.text for event in board.logs.events if event.kind == "fault"]
    assert faults[0].startswith("#GP: CR0.PG is set with EFER.LME") and faults[0].endswith(
        "at at"
    )
    assert not board.cpus[0].registers.get("cr0") >> 31, rule


def test_long_mode_is_left_and_entered() -> None:
    enter = f"""
        mov ecx, 0xc0000080
        rdmsr
        and eax, ~0x100
        wrmsr
        or eax, 0x100
        wrmsr
        mov eax, {PML4}
        mov cr3, eax
        mov eax, cr0
        or eax, 0x80000000
        mov cr0, eax
        .byte 0xea
        .long {CODE} + wide - start
        .short 0x10
        .code64
    wide: rdmsr
        mov [{{SHARED}} + 48], rax
        hlt
    """
    board = finish(Guest(DOWN + enter).driver())
    assert (word(board, SHARED + 16, 4), word(board, SHARED + 48)) == (1, BEFORE[3])
    assert board.cpus[0].registers.mode == "long"
