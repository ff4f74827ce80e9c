"""What a TD's CPU may not execute is a #VE, seen from inside the guest.

The oracle is Intel's: exit reasons of SDM 3, appendix C; exit qualifications of table 28-5 and
the instruction information of table 28-8 for ports, table 28-7 for EPT violations; which
instruction is a #VE, #UD or #GP in a TD: intel/tdx-module, branch tdx_1.5, `tdx_td_dispatcher`.
"""

from typing import Final

import pytest

from emu.hw.address import Gpa
from emu.machine import apply, ipi
from emu.machine.board import Board
from emu.vmm.effects import VeInfo
from tests.guest import DATA, SHARED, Guest, finish, label, step_to, word

TDCALL: Final = ".byte 0x66, 0x0f, 0x01, 0xcc\n"
HALT: Final = f"""
    xor eax, eax
    mov ecx, 0x1c00
    xor r10d, r10d
    mov r11d, 12
    mov r12d, 1
    {TDCALL}
"""
"""TDG.VP.VMCALL<Instruction.HLT> with interrupts blocked: the end."""
SKIPPED: Final = f"""
handler20:
    push rax
    push rcx
    push rdx
    push r8
    push r9
    push r10
    push r11
    mov eax, 3
    {TDCALL}
    mov r11, qword ptr [{{SHARED}}]
    mov qword ptr [{{SHARED}} + r11 + 8], rcx
    mov qword ptr [{{SHARED}} + r11 + 16], rdx
    mov qword ptr [{{SHARED}} + r11 + 24], r8
    mov qword ptr [{{SHARED}} + r11 + 32], r9
    mov qword ptr [{{SHARED}} + r11 + 40], r10
    add qword ptr [{{SHARED}}], 40
    mov r10d, r10d
    add qword ptr [rsp + 56], r10
    pop r11
    pop r10
    pop r9
    pop r8
    pop rdx
    pop rcx
    pop rax
    iretq
"""
"""A handler that reads the information, notes it, and steps over the instruction."""
FAULTS: Final = """
handler6:
    mov qword ptr [{SHARED} + 0x800], 6
    jmp over
handler13:
    mov qword ptr [{SHARED} + 0x800], 13
    add rsp, 8
over:
    lea rcx, [rip + after]
    mov qword ptr [rsp], rcx
    iretq
"""
"""#UD and #GP are noted, and the program goes on at `after`."""


def told(board: Board) -> list[VeInfo]:
    """What VEINFO.GET gave, one after the other."""
    found = []
    for at in range(SHARED + 8, SHARED + 8 + word(board, SHARED), 40):
        reason, qualification, gla, gpa, length = (word(board, at + 8 * n) for n in range(5))
        found.append(
            VeInfo(reason, qualification, gla, gpa, length & 0xFFFF_FFFF, length >> 32)
        )
    return found


def run(source: str) -> Board:
    """A TD that ends by halting."""
    whole = f"start:\n{source}\nafter:\n{HALT}{SKIPPED}{FAULTS}"
    board = finish(Guest(whole, 1, "tdx").driver())
    assert not board.crash and board.cpus[0].activity == "halted", board.crash
    return board


PLAIN: Final = (
    ("hlt", 12, 1),
    ("invd", 13, 2),
    ("wbinvd", 54, 2),
    (".byte 0x66\n wbinvd", 54, 3),
    (".byte 0xf3\n wbinvd", 54, 3),  # WBNOINVD, which exits as WBINVD does
    (".byte 0x66\n invd", 13, 3),
    ("vmcall", 18, 3),
    ("mov eax, 0x40000000\n cpuid", 10, 2),
    ("mov eax, 0x4fffffff\n cpuid", 10, 2),
    ("mov eax, 2\n cpuid", 10, 2),
    ("mov eax, 0xb\n xor ecx, ecx\n cpuid", 10, 2),
    ("mov eax, 0x80000002\n .byte 0x48\n cpuid", 10, 3),
    ("mov ecx, 0x1b\n rdmsr", 31, 2),
    ("mov ecx, 0x3b\n rdmsr", 31, 2),
    ("mov ecx, 0xc0000083\n rdmsr", 31, 2),
    ("mov ecx, 0x1b\n wrmsr", 32, 2),
    ("mov ecx, 0x10\n wrmsr", 32, 2),
    ("mov ecx, 0x1a0\n wrmsr", 32, 2),
    ("mov ecx, 0xc0000083\n wrmsr", 32, 2),
    ("mov ecx, 0xc0000080\n rdmsr\n btr eax, 11\n wrmsr", 32, 2),
)
"""(instructions, exit reason, bytes of the last one)"""


@pytest.mark.parametrize(("source", "reason", "size"), PLAIN)
def test_an_instruction_that_only_the_host_could_do(
    source: str, reason: int, size: int
) -> None:
    assert told(run(source)) == [VeInfo(reason, 0, 0, 0, size)]


OUTS: Final = "mov esi, {DATA}\n mov dx, 0x3f8\n "
INS: Final = "mov edi, {DATA}\n mov dx, 0x1f0\n "
PORTS: Final = (
    ("mov dx, 0x3f8\n in al, dx", 0x3F8_0008, 1, 0),
    ("mov dx, 0x3f8\n in ax, dx", 0x3F8_0009, 2, 0),
    ("mov dx, 0x3f8\n in eax, dx", 0x3F8_000B, 1, 0),
    ("in al, 0x71", 0x71_0048, 2, 0),
    ("in eax, 0x71", 0x71_004B, 2, 0),
    ("mov dx, 0x604\n out dx, ax", 0x604_0001, 2, 0),
    ("mov dx, 0xffff\n out dx, al", 0xFFFF_0000, 1, 0),
    ("out 0x80, al", 0x80_0040, 2, 0),
    ("out 0x80, eax", 0x80_0043, 2, 0),
    (OUTS + "outsb", 0x3F8_0010, 1, 2 << 7 | 3 << 15),
    (
        OUTS + "mov ecx, 3\n rep outsb",
        0x3F8_0030,
        2,
        2 << 7 | 3 << 15,
    ),
    (OUTS + ".byte 0x67\n outsd", 0x3F8_0013, 2, 1 << 7 | 3 << 15),
    (OUTS + ".byte 0x64\n outsw", 0x3F8_0011, 3, 2 << 7 | 4 << 15),
    (INS + "insw", 0x1F0_0019, 2, 2 << 7),
    (INS + "mov ecx, 256\n rep insd", 0x1F0_003B, 2, 2 << 7),
)
"""(instructions, exit qualification, bytes, instruction information)"""


@pytest.mark.parametrize(("source", "qualification", "size", "information"), PORTS)
def test_every_form_of_an_access_to_a_port(
    source: str, qualification: int, size: int, information: int
) -> None:
    assert told(run(source)) == [VeInfo(30, qualification, 0, 0, size, information)]


def test_a_port_that_is_not_accessed_changes_nothing() -> None:
    source = """
        movabs rax, 0x1122334455667788
        mov edx, 0x3fd
        mov esi, {DATA}
        mov edi, {DATA}
        mov ecx, 4
        cmp eax, 1
        pushfq
        in al, dx
        pushfq
        rep outsb
        rep insb
        in eax, dx
        mov qword ptr [{SHARED} + 0x900], rax
        mov qword ptr [{SHARED} + 0x908], rsi
        mov qword ptr [{SHARED} + 0x910], rdi
        mov qword ptr [{SHARED} + 0x918], rcx
        pop rax
        pop rbx
        xor rax, rbx
        mov qword ptr [{SHARED} + 0x920], rax
    """
    board = run(source)
    found = [word(board, SHARED + 0x900 + 8 * n) for n in range(5)]
    assert found == [0x1122_3344_5566_7788, DATA, DATA, 4, 0]
    assert board.vmm.serial == b""


@pytest.mark.parametrize(
    ("source", "vector"),
    [("xor ecx, ecx\n rdpmc", 13), ("vmmcall", 6), ("vmxoff", 6), ("rsm", 6), ("getsec", 6),
     ("mov ecx, 0x186\n rdmsr", 13), ("mov ecx, 0x480\n wrmsr", 13)],
)  # fmt: skip
def test_what_the_module_refuses_for_good(source: str, vector: int) -> None:
    board = run(source)
    assert word(board, SHARED + 0x800) == vector
    assert told(board) == []


@pytest.mark.parametrize(
    "source",
    ["mov eax, 0x21\n xor ecx, ecx\n cpuid", "mov eax, 1\n cpuid", "mov eax, 0x15\n cpuid",
     "mov ecx, 0x10\n rdmsr", "mov ecx, 0xc0000080\n rdmsr\n wrmsr", "rdtsc", "pause",
     "mov ecx, 0xc0000082\n rdmsr\n wrmsr", "mov ecx, 0x808\n rdmsr\n wrmsr"],
)  # fmt: skip
def test_what_the_module_lets_through(source: str) -> None:
    board = run(source)
    assert told(board) == [] and word(board, SHARED + 0x800) == 0


def test_sce_of_efer_is_the_td_s() -> None:
    source = """
        mov ecx, 0xc0000080
        rdmsr
        btc eax, 0
        mov ebx, eax
        wrmsr
        rdmsr
        mov dword ptr [{SHARED} + 0x900], ebx
        mov dword ptr [{SHARED} + 0x904], eax
    """
    board = run(source)
    assert told(board) == []
    assert word(board, SHARED + 0x900, 4) == word(board, SHARED + 0x904, 4)


def test_in_a_td_the_initial_apic_id_is_the_index() -> None:
    """`td_cpuid_exit`: CPUID leaf 1, EBX bits 31:24; the id itself only the host knows."""
    source = f"""
    start:
        mov r15, rdi
        mov eax, 1
        cpuid
        shr ebx, 24
        mov dword ptr [{{SHARED}} + 4 * r15], ebx
        {HALT}
    """
    board = finish(Guest(source, 4, "tdx").driver())
    assert [word(board, SHARED + 4 * n, 4) for n in range(4)] == [0, 1, 2, 3]


SHARED_PAGE: Final = DATA + 0x5000
OF_WINDOW: Final = """
    mov rax, {DATA} + 0x5000 + 3
    bts rax, 47
    mov qword ptr [{PT2}], rax
"""
"""The first page of the window is the page at SHARED_PAGE, with the shared bit."""


@pytest.mark.parametrize(
    ("access", "qualification"),
    [("mov al, byte ptr [{WINDOW} + 0x123]", 0x181),
     ("mov byte ptr [{WINDOW} + 0x123], al", 0x182)],
)  # fmt: skip
def test_a_shared_address_that_the_host_shows_nothing_at(
    access: str, qualification: int
) -> None:
    """The guest sees its own address, with bit 47, and the processor tells of no length."""
    source = f"start:\n{OF_WINDOW}\n{access}\nafter:\n{HALT}"
    over = "lea r10, [rip + after]\n mov qword ptr [rsp + 56], r10"
    handler = SKIPPED.replace("add qword ptr [rsp + 56], r10", over)
    board = finish(Guest(source + handler, 1, "tdx").driver())
    (info,) = told(board)
    gla = label(board, "start") & ~0x1F_FFFF | 0x20_0000 | 0x123
    assert info == VeInfo(48, qualification, gla, 1 << 47 | SHARED_PAGE | 0x123, 0)
    (said,) = [event.text for event in board.logs.events if "#VE" in event.text]
    assert f"GPA {1 << 47 | SHARED_PAGE | 0x123:#x}, which is not shared" in said


def test_a_second_exception_before_the_first_is_read_is_a_double_fault() -> None:
    source = f"""
    start:
        hlt
        ud2
    handler20:
        inc dword ptr [{{SHARED}}]
        hlt
    handler8:
        mov dword ptr [{{SHARED}} + 4], 8
        mov eax, 3
        {TDCALL}
        mov dword ptr [{{SHARED}} + 8], ecx
        {HALT}
    """
    board = finish(Guest(source, 1, "tdx").driver())
    assert [word(board, SHARED + 4 * n, 4) for n in range(3)] == [1, 8, 12]


def test_without_a_handler_it_is_the_end_of_the_td() -> None:
    """td-shim issue 561: `sti; hlt` in a TD."""
    board = finish(Guest("start: sti\n hlt", 1, "tdx").driver())
    assert "#VE: HLT in a TD (exit reason 12)" in board.crash and "triple fault" in board.crash


@pytest.mark.parametrize("platform", ["none", "vbs", "sipi"])
def test_elsewhere_ports_and_halts_are_what_they_were(platform: str) -> None:
    source = """
    start:
        mov edx, 0x3f8
        mov eax, 0x68
        out dx, al
        wbinvd
        invd
        hlt
    """
    board = finish(Guest(source, 1, platform).driver())
    assert board.cpus[0].activity == "halted" and board.vmm.serial == b"h"
    names = [exit_.text for exit_ in board.logs.exits]
    assert names[-3:] == ["wbinvd", "invd", "hlt"]


def test_pages_that_are_accepted_at_once_are_one_leaf() -> None:
    """Made so by ACCEPT, and no more when a part of them changes hands."""
    board = Guest("start: hlt", 1, "tdx").machine().board
    board.vmm.large_pages = {DATA & ~0x1F_FFFF}
    apply.set_page_state(board, Gpa(DATA), 1, "shared", zero=False)
    assert not board.vmm.large_pages


def test_an_nmi_waits_until_the_exception_was_read() -> None:
    """`td_nmi_exit` and the dispatcher's end: not while VE_INFO is valid."""
    machine = Guest(f"""
    start: hlt
    here: jmp here
    handler20: add qword ptr [rsp], 1
        nop
        mov eax, 3
        {TDCALL}
    read: nop
        iretq
    handler2: inc dword ptr [{{SHARED}}]
        iretq
    """, 1, "tdx").machine()  # fmt: skip
    board = machine.board
    cpu = board.cpus[0]
    step_to(machine, 0, "handler20")
    ipi.nmi(machine, cpu, cpu)
    assert not ipi.take_interrupt(machine, cpu)
    step_to(machine, 0, "read")
    assert ipi.take_interrupt(machine, cpu)
    assert cpu.registers.rip == label(board, "handler2")
