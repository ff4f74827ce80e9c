"""Queue locks of the field in assembly: who waits takes a place first.

RBX is the lock's address, EDI the CPU's number, `{work}` what it does while it has the lock.
"""

from typing import Final

QUEUE: Final = """
    mov esi, edi
    shl esi, 8
    lea esi, [esi + {SHARED} + 0x100]
    mov qword ptr [rsi], 0
    mov qword ptr [rsi + 8], 1
    mov rax, rsi
taking:
    xchg [rbx], rax
    test rax, rax
    jz got
    mov [rax], rsi
look:
    cmp qword ptr [rsi + 8], 0
    je got
    pause
    jmp look
got:
{work}
    nop
    mov rax, rsi
    xor edx, edx
    lock cmpxchg [rbx], rdx
    je done
next:
    mov rax, [rsi]
    test rax, rax
    jz next
giving:
    mov qword ptr [rax + 8], 0
done:
    hlt
"""
CLH: Final = """
    mov esi, edi
    shl esi, 8
    lea esi, [esi + {SHARED} + 0x100]
    mov dword ptr [rsi], 1
    mov rax, rsi
taking:
    xchg [rbx], rax
    test rax, rax
    jz got
look:
    cmp dword ptr [rax], 0
    je got
    pause
    jmp look
got:
{work}
giving:
    mov dword ptr [rsi], 0
    hlt
"""
"""Each waits at the record of who was there before (Craig; Landin and Hagersten)."""
K42: Final = """
    mov esi, edi
    shl esi, 8
    lea esi, [esi + {SHARED} + 0x100]
again:
    mov rax, [rbx]
    test rax, rax
    jnz full
    mov rdx, rbx
taking:
    lock cmpxchg [rbx], rdx
    je got
    jmp again
full:
    mov qword ptr [rsi], 1
    mov qword ptr [rsi + 8], 0
    mov rdx, rsi
    lock cmpxchg [rbx], rdx
    jne again
    mov [rax + 8], rsi
look:
    cmp qword ptr [rsi], 0
    je mine
    pause
    jmp look
mine:
    mov rax, [rsi + 8]
    test rax, rax
    jnz has_next
    mov qword ptr [rbx + 8], 0
    mov rax, rsi
    mov rdx, rbx
    lock cmpxchg [rbx], rdx
    je got
linked:
    mov rax, [rsi + 8]
    test rax, rax
    jz linked
has_next:
    mov [rbx + 8], rax
got:
{work}
    nop
    mov rax, [rbx + 8]
    test rax, rax
    jnz giving
    mov rax, rbx
    xor edx, edx
    lock cmpxchg [rbx], rdx
    je done
follows:
    mov rax, [rbx + 8]
    test rax, rax
    jz follows
giving:
    mov qword ptr [rax], 0
done:
    hlt
"""
"""K42's (Auslander, Edelsohn, Krieger and others; M. Scott, Shared-Memory Synchronization,
4.3.2): the lock itself stands for the record of who has it."""
WINDOWS: Final = QUEUE.replace("cmp qword ptr [rsi + 8], 0\n    je got", """\
test qword ptr [rsi + 8], 1
    jz got""").replace("mov qword ptr [rsi + 8], 1\n", "mov [rsi + 8], rbx\n").replace(
    "mov [rax], rsi\n", "or qword ptr [rsi + 8], 1\n    mov [rax], rsi\n"
).replace("mov qword ptr [rax + 8], 0", "xor qword ptr [rax + 8], 1")  # fmt: skip
"""In-stack queued spin locks: the record has the lock's address, and a bit for waiting."""
CELLS: Final = """
    mov eax, 1
taking:
    lock xadd [rbx], eax
    shl eax, 6
    lea esi, [eax + {SHARED} + 0x400]
    test eax, eax
    jz got
look:
    cmp dword ptr [rsi], 1
    je got
    pause
    jmp look
got:
    mov dword ptr [rsi], 0
{work}
giving:
    mov dword ptr [rsi + 64], 1
    hlt
"""
"""A ticket is the number of a cell (Anderson)."""
QSPINLOCK: Final = """
    mov esi, edi
    shl esi, 8
    lea esi, [esi + {SHARED} + 0x100]
    xor eax, eax
    mov edx, 1
taking:
    lock cmpxchg [rbx], edx
    je got
    cmp eax, 0x100
    jne slow
    mov ecx, 512
passes:
    mov eax, [rbx]
    cmp eax, 0x100
    jne slow
    pause
    dec ecx
    jnz passes
slow:
    test eax, 0xFFFFFF00
    jnz queue
{late}
    lock bts dword ptr [rbx], 8
    setc cl
    movzx ecx, cl
    shl ecx, 8
    mov eax, [rbx]
    and eax, 0xFFFFFEFF
    or eax, ecx
    test eax, 0xFFFFFF00
    jz pending
    test eax, 0x100
    jnz queue
    mov byte ptr [rbx + 1], 0
    jmp queue
pending:
    test al, al
    jz alone
look:
    cmp byte ptr [rbx], 0
    je alone
    pause
    jmp look
alone:
    mov word ptr [rbx], 1
    jmp got
queue:
    mov qword ptr [rsi], 0
    mov dword ptr [rsi + 8], 0
    mov eax, [rbx]
    test eax, eax
    jnz behind
    mov edx, 1
    lock cmpxchg [rbx], edx
    je got
behind:
    lea eax, [rdi * 4 + 4]
    mov r8d, eax
    xchg word ptr [rbx + 2], ax
    movzx eax, ax
    test eax, eax
    jz head
    shr eax, 2
    dec eax
    shl eax, 8
    lea eax, [eax + {SHARED} + 0x100]
    mov [rax], rsi
look_own:
    cmp dword ptr [rsi + 8], 0
    jne head
    pause
    jmp look_own
head:
    mov eax, [rbx]
    test ax, ax
    jz first
    pause
    jmp head
first:
    mov r9d, eax
    shr r9d, 16
    cmp r9d, r8d
    jne more
    mov edx, 1
    lock cmpxchg [rbx], edx
    je got
more:
    mov byte ptr [rbx], 1
linked:
    mov rax, [rsi]
    test rax, rax
    jnz next
    pause
    jmp linked
next:
    mov dword ptr [rax + 8], 1
got:
{work}
    nop
giving:
    mov byte ptr [rbx], 0
    hlt
"""
"""Linux, kernel/locking/qspinlock.c: bytes for `locked` and `pending`, and the tail of an MCS
queue of which the first looks at the word."""
