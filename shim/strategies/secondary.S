/* Where a CPU of many that come at once comes to the kernel's own tables. */
#include "linux/kernel.h"

/* Arrives in:  64-bit mode on the kernel's tables, with the trampoline's lock taken: until it
 *              is given back, the stack below belongs to this CPU.
 * Leaves by:   secondary(cpu) on a stack of its own, found by its APIC id. */
    .text
    .globl  secondary_startup_64
secondary_startup_64:
    lea     finding_stack_top(%rip), %rsp
    call    own_number
    mov     %eax, %edi
    call    stack_of
    mov     %rax, %rsp
    movl    $0, tr_lock_place
    xor     %ebp, %ebp
    call    *secondary(%rip)
6:  pause
    jmp     6b

    .data
    .globl  secondary
    .hidden secondary
    .balign 8
secondary:
    .quad   start_secondary                     # unless a way has its CPUs do something else

    .bss
    .balign 16
    .skip   512
finding_stack_top:
