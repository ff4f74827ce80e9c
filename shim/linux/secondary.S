/* Where a CPU comes to the kernel's own tables. */
#include "linux/kernel.h"

/* Arrives in:  64-bit mode on the kernel's tables, with the trampoline's lock taken.
 * Leaves by:   start_secondary(cpu) on the stack that do_boot_cpu chose. */
    .text
    .globl  secondary_startup_64
secondary_startup_64:
    mov     initial_stack(%rip), %rsp
    mov     smpboot_control(%rip), %edi
    movl    $0, tr_lock_place
    xor     %ebp, %ebp
    call    start_secondary
6:  pause
    jmp     6b

