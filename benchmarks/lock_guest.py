"""A tiny guest whose CPUs contend for one lock, for `tests.guest` to boot."""

from typing import Final

TURNS: Final = 3
HOLD: Final = 400
LOCKS: Final = {
    "xchg": ("mov eax, 1\n xchg [rbx], eax\n test eax, eax\n jz 2f", "mov dword ptr [rbx], 0"),
    "cmpxchg": ("xor eax, eax\n mov ecx, 1\n lock cmpxchg [rbx], ecx\n jz 2f",
                "mov dword ptr [rbx], 0"),
    "bts": ("lock bts dword ptr [rbx], 0\n jnc 2f", "lock btr dword ptr [rbx], 0"),
    "xadd": ("xor eax, eax\n lock xadd [rbx], eax\n test eax, eax\n jnz 5f\n"
             "mov eax, 1\n xchg [rbx], eax\n test eax, eax\n jz 2f\n 5:",
             "mov dword ptr [rbx], 0"),
    "attempt": ("mov eax, 1\n lock xadd [rbx], eax\n test eax, eax\n jz 2f\n"
                "lock dec dword ptr [rbx]",
                "lock dec dword ptr [rbx]"),
}  # fmt: skip
"""Kind -> one attempt that goes on to 2: with the lock taken, and how it is given back."""
SLEEPING: Final = tuple(kind for kind in LOCKS if kind != "attempt")
"""An attempt that is taken back is seen by the others: who makes it cannot sleep."""
TAKE: Final = """
start:
    mov ebx, {{SHARED}}
    mov ebp, {turns}
again:
1:  {attempt}
    {pause}
    jmp 1b
2:  mov eax, [rbx + 0x100]
    mov ecx, {hold}
3:  dec ecx
    jnz 3b
    mov [rbx + 0x200 + rax * 4], edi
    inc eax
    mov [rbx + 0x100], eax
    {give}
    mov ecx, 30
4:  dec ecx
    jnz 4b
    dec ebp
    jnz again
    xor eax, eax
    {halt}
"""
HALT_OF_TD: Final = """mov ecx, 0x1c00
    xor r10d, r10d
    mov r11d, 12
    mov r12d, 1
    .byte 0x66, 0x0f, 0x01, 0xcc"""
"""TDG.VP.VMCALL <Instruction.HLT>: HLT itself is a #VE in a TD."""


def source(
    kind: str, pause: bool, turns: int = TURNS, hold: int = HOLD, halt: str = "hlt"
) -> str:
    """CPUs that take a lock so many times each, and note under it who had it."""
    attempt, give = LOCKS[kind]
    return TAKE.format(
        attempt=attempt,
        give=give,
        pause="pause" if pause else "",
        turns=turns,
        hold=hold,
        halt=halt,
    )
