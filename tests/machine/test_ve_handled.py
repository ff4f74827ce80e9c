"""A TD that lives off #VE, as Linux does: its handler asks the host for what it may not do."""

from typing import Final

from tests.guest import SHARED, Guest, finish, word

TDCALL: Final = ".byte 0x66, 0x0f, 0x01, 0xcc\n"
LINUX: Final = f"""
start:
    mov edx, 0x3f8
    mov eax, 0x68
    out dx, al
    mov eax, 0x69
    out dx, al
    mov edx, 0x3fd
    xor eax, eax
    in al, dx
    mov dword ptr [{{SHARED}} + 0x900], eax
    mov eax, 0x40000000
    xor ecx, ecx
    cpuid
    mov dword ptr [{{SHARED}} + 0x904], ebx
    mov ecx, 0x1b
    rdmsr
    mov dword ptr [{{SHARED}} + 0x908], eax
    hlt
    ud2
handler20:
    push r15
    push r14
    push r13
    push r12
    push r11
    push r10
    push r9
    push r8
    push rbx
    push rdx
    push rcx
    push rax
    mov eax, 3
    {TDCALL}
    mov r10d, r10d
    add qword ptr [rsp + 96], r10
    mov r11, rcx
    xor eax, eax
    xor r10d, r10d
    mov ecx, 0xfc00
    cmp r11d, 30
    je port
    cmp r11d, 10
    je leaf
    mov r12, qword ptr [rsp + 8]
    {TDCALL}
    mov dword ptr [rsp], r11d
    shr r11, 32
    mov dword ptr [rsp + 16], r11d
    jmp done
port:
    mov r12d, edx
    and r12d, 7
    inc r12d
    mov r13d, edx
    shr r13d, 3
    and r13d, 1
    xor r13d, 1
    mov r14d, edx
    shr r14d, 16
    mov r15, qword ptr [rsp]
    {TDCALL}
    test r13d, r13d
    jnz done
    mov byte ptr [rsp], r11b
    jmp done
leaf:
    mov r12, qword ptr [rsp]
    mov r13, qword ptr [rsp + 8]
    {TDCALL}
    mov qword ptr [rsp], r12
    mov qword ptr [rsp + 24], r13
    mov qword ptr [rsp + 8], r14
    mov qword ptr [rsp + 16], r15
done:
    pop rax
    pop rcx
    pop rdx
    pop rbx
    pop r8
    pop r9
    pop r10
    pop r11
    pop r12
    pop r13
    pop r14
    pop r15
    iretq
"""
"""What arch/x86/coco/tdx/tdx.c of Linux does with a #VE: it asks the host, and steps over the
instruction. HLT goes the way of an MSR here: the host sleeps for it."""


def test_a_td_lives_off_the_exception_as_linux_does() -> None:
    board = finish(Guest(LINUX, 1, "tdx").driver())
    assert board.cpus[0].activity == "halted" and not board.crash
    assert board.vmm.serial == b"hi"
    found = [word(board, SHARED + 0x900 + 4 * n, 4) for n in range(3)]
    assert found[0] & 0x20, "the line is ready"
    assert found[1] == int.from_bytes(b"Micr", "little")
    assert found[2] & 0xC00 == 0xC00, "x2APIC mode"
