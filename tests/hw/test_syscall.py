"""SYSCALL enters a kernel and SYSRET leaves it (SDM 2B)."""

from typing import Final

import pytest

from tests.guest import CODE, PML4, PT, SHARED, STACKS, Guest, finish, label, word

PAGES: Final = (
    PML4, PML4 + 0x1000, PML4 + 0x2010, PT + 8 * (CODE // 4096 % 512),
    PT + 8 * (STACKS // 4096 % 512), PT + 8 * (SHARED // 4096 % 512),
)  # fmt: skip
"""The entries that user code, its stack and its data hang by."""
OPEN: Final = "".join(f"or byte ptr [{page}], 4\n" for page in PAGES)
MSRS: Final = """
    mov ecx, 0xc0000081
    xor eax, eax
    mov edx, 0x00130010
    wrmsr
    mov ecx, 0xc0000082
    lea rax, [rip + kernel]
    mov rdx, rax
    shr rdx, 32
    wrmsr
    mov ecx, 0xc0000084
    mov eax, 0x40700
    xor edx, edx
    wrmsr
    mov ecx, 0xc0000080
    rdmsr
    or eax, 1
    wrmsr
"""
"""STAR: kernel CS 0x10, SYSRET base 0x13; LSTAR; FMASK: TF IF DF AC; EFER.SCE."""
TRIP: Final = f"""
start: {OPEN}
    mov rax, cr3
    mov cr3, rax
    {MSRS}
    lea rcx, [rip + user]
    mov r11d, 0x602
    .byte 0x48
    sysret
user:
    mov [{{SHARED}} + 48], cs
    mov [{{SHARED}} + 56], ss
    mov rbx, rsp
    {{CODE}}
back:
    mov dword ptr [{{SHARED}} + 64], 1
    syscall
kernel:
    cmp dword ptr [{{SHARED}} + 64], 1
    je done
    mov [{{SHARED}}], rcx
    mov [{{SHARED}} + 8], r11
    mov [{{SHARED}} + 16], cs
    mov [{{SHARED}} + 24], ss
    pushfq
    pop qword ptr [{{SHARED}} + 32]
    mov rax, cr0
    cmp rsp, rbx
    sete [{{SHARED}} + 40]
    .byte 0x48
    sysret
done:
    hlt
"""
"""To user mode, into the kernel, back, and into the kernel again, which halts."""


@pytest.mark.parametrize("code", ["syscall", ".byte 0x2e, 0x0f, 0x05"])
def test_the_kernel_is_entered_and_left(code: str) -> None:
    board = finish(Guest(TRIP.replace("{CODE}", code)).driver())
    assert word(board, SHARED) == label(board, "back"), "RCX: behind SYSCALL"
    assert word(board, SHARED + 8) == 0x602, "R11: RFLAGS"
    assert word(board, SHARED + 16, 2) == 0x10 and word(board, SHARED + 24, 2) == 0x18
    assert not word(board, SHARED + 32) & 0x40700, "TF, IF, DF and AC are masked by FMASK"
    assert word(board, SHARED + 40, 1) == 1, "RSP is as it was"
    assert word(board, SHARED + 48, 2) == 0x23 and word(board, SHARED + 56, 2) == 0x1B
    assert word(board, SHARED + 64, 4) == 1, "user code went on behind it"
    assert board.cpus[0].registers.cpl == 0 and board.cpus[0].activity == "halted"
    assert board.exit_counts == {"syscall": 2, "hlt": 1}


def test_it_retires_like_any_instruction() -> None:
    source = f"start: {MSRS}\n syscall\n hlt\n kernel: hlt"
    entered = finish(Guest(source).driver())
    plain = finish(Guest(source.replace("syscall", "nop")).driver())
    assert entered.tick == plain.tick


def test_without_sce_it_is_undefined() -> None:
    source = "start: nop\n at: syscall\n hlt\n handler6: pop [{SHARED}]\n hlt"
    board = finish(Guest(source).driver())
    assert word(board, SHARED) == label(board, "at")
