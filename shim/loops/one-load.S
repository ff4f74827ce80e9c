/* A mailbox loop by itself: command and id by one load, Test, and a way back.
 *
 * Arrives in:  64-bit mode, IF = 0, memory mapped one to one, this page writable.
 *              RBX = address of the mailbox, R8D = own APIC id.
 * Leaves by:   jumping to the wakeup vector, with RBX and R8 as they are.  Uses no stack.
 *
 * Under each label is a part that another loop of this folder may have in another way.
 */
#include "abi.h"

#define CPUID_TDX 0x21
#define INTE 0x65746E49 /* the first letters of "IntelTDX    " */

    .text
    .globl  loop_start, loop_wait, loop_ack, loop_jump, loop_reset
loop_start:
    mov     %rbx, loop_mailbox(%rip)    # for those that come back
loop_wait:
    mov     MB_COMMAND(%rbx), %rax      # the command, the reserved word, and the id
    mov     %rax, %rcx
    shr     $32, %rcx                   # the id that came with this command
    cmp     %ecx, %r8d
    jne     .Lloop_pause
    cmp     $MAILBOX_WAKEUP, %ax
    je      .Lloop_woken
    cmp     $MAILBOX_TEST, %ax
    jne     .Lloop_pause
    movw    $MAILBOX_NOOP, MB_COMMAND(%rbx)
.Lloop_pause:
    pause
    jmp     loop_wait
.Lloop_woken:
    mov     MB_VECTOR(%rbx), %rdx       # before the ack: then it is the next CPU's
loop_ack:
    movw    $MAILBOX_NOOP, MB_COMMAND(%rbx)
loop_jump:
    jmp     *%rdx

/* The OS hands a CPU back with nothing in its registers.  Who this is CPUID tells, of which a
 * TD has to ask its host. */
loop_reset:
    cli
    mov     $CPUID_TDX, %eax
    xor     %ecx, %ecx
    cpuid
    cmp     $INTE, %ebx
    je      .Lloop_ask
    mov     $CPUID_TOPOLOGY, %eax
    xor     %ecx, %ecx
    cpuid
    mov     %edx, %r8d
    jmp     .Lloop_back
.Lloop_ask:
    xor     %eax, %eax
    mov     $TDVMCALL_MASK_R10_R15, %ecx
    xor     %r10d, %r10d
    mov     $TDVMCALL_CPUID, %r11d
    mov     $CPUID_TOPOLOGY, %r12d
    xor     %r13d, %r13d
    xor     %r14d, %r14d
    xor     %r15d, %r15d
    tdcall
    or      %r10, %rax
    jnz     loop_lost
    mov     %r15d, %r8d
.Lloop_back:
    mov     loop_mailbox(%rip), %rbx
    jmp     loop_wait

/* Without an id nobody can be woken. */
loop_lost:
    pause
    jmp     loop_lost

    .balign 8
loop_mailbox:
    .quad   0
