/* Where a woken CPU enters the kernel, and where it leaves it when it is handed back. */
#include "kernel.h"

/* secondary_start
 *
 * Arrives in:   64-bit mode, IF=0, on the page tables of whoever started it: the shim's (this
 *               image readable and executable, nothing of the kernel writable) or, started by
 *               hypercall, the kernel's.  RSP belongs to the shim and is not touched.
 * Placed by:    the vector that wake_cpu puts into the mailbox, or the start context.
 * Leaves by:    secondary_main(cpu) on this CPU's own stack.  Never returns.
 */
    .text
    .balign 64
    .globl  secondary_start
    .type   secondary_start, @function
secondary_start:
    cli
    cld
    mov     secondary_cr3(%rip), %rax
    mov     %rax, %cr3                      # from here on, all of the kernel's memory
    cmpl    $0, secondary_is_tdx(%rip)
    jne     2f
    mov     $MSR_APIC_BASE, %ecx
    rdmsr
    mov     %eax, %esi
    or      $0xC00, %eax                    # x2APIC mode, else 0x802 does not exist
    cmp     %eax, %esi
    je      1f
    wrmsr
1:  mov     $MSR_X2APIC_ID, %ecx
    rdmsr
    mov     %eax, %ebx
    jmp     3f
2:  mov     $0x1C00, %ecx                   # a TD asks its host: R10, R11, R12 cross
    xor     %eax, %eax
    xor     %r10d, %r10d
    mov     $TDVMCALL_RDMSR, %r11d
    mov     $MSR_X2APIC_ID, %r12d
    tdcall
    or      %r10, %rax
    jnz     secondary_lost
    mov     %r11d, %ebx

/* EBX = APIC id: the same hash and probe as table_insert in smp.c. */
3:  imul    $HASH_FACTOR, %ebx, %eax
    mov     secondary_shift(%rip), %ecx
    shr     %cl, %eax
    mov     secondary_table(%rip), %rsi
4:  mov     (%rsi,%rax,8), %rdi
    test    %rdi, %rdi
    jz      secondary_lost                  # not a CPU of this kernel
    cmp     %ebx, CPU_APIC_ID(%rdi)
    je      5f
    inc     %eax
    and     secondary_mask(%rip), %eax
    jmp     4b
5:  mov     $AP_STARTING_VALUE, %eax        # whoever lies about its id gets no stack twice,
    mov     $AP_WOKEN_VALUE, %ecx           # and who comes too late gets none
    lock cmpxchg %ecx, CPU_STATE(%rdi)
    jne     secondary_lost
    mov     CPU_STACK_TOP(%rdi), %rsp
    xor     %ebp, %ebp
    call    load_gdt
    mov     %cr4, %rax
    or      $0x600, %rax                    # as kernel_start does on the BSP
    mov     %rax, %cr4
    mov     %cr0, %rax
    or      $0x10000, %rax
    mov     %rax, %cr0
    call    secondary_main
    ud2
    .size   secondary_start, . - secondary_start

/* No stack and no name: all that is left is not to disturb the others. */
    .type   secondary_lost, @function
secondary_lost:
    pause
    jmp     secondary_lost
    .size   secondary_lost, . - secondary_lost

/* Written by the BSP through the loader's tables before it wakes anyone; read by APs whose own
 * tables map this page without W.  The branch above jumps around them. */
    .balign 8
    .globl  secondary_cr3, secondary_table, secondary_shift, secondary_mask, secondary_is_tdx
    .hidden secondary_cr3, secondary_table, secondary_shift, secondary_mask, secondary_is_tdx
    .type   secondary_cr3, @object
secondary_cr3:
    .quad   0
    .size   secondary_cr3, 8
    .type   secondary_table, @object
secondary_table:
    .quad   0
    .size   secondary_table, 8
    .type   secondary_shift, @object
secondary_shift:
    .long   0
    .size   secondary_shift, 4
    .type   secondary_mask, @object
secondary_mask:
    .long   0
    .size   secondary_mask, 4
    .type   secondary_is_tdx, @object
secondary_is_tdx:
    .long   0
    .size   secondary_is_tdx, 4

/* leave_for_firmware(RDI = reset vector)
 *
 * Arrives in:   64-bit mode, IF=0, kernel's identity tables, this CPU's kernel stack.
 * Leaves by:    the firmware's reset vector, with nothing of the kernel in a register.
 */
    .globl  leave_for_firmware
    .hidden leave_for_firmware
    .type   leave_for_firmware, @function
leave_for_firmware:
    mov     %rdi, %rax
    xor     %ebx, %ebx
    xor     %ecx, %ecx
    xor     %edx, %edx
    xor     %esi, %esi
    xor     %edi, %edi
    xor     %ebp, %ebp
    xor     %esp, %esp                      # the firmware has its own stack
    xor     %r8d, %r8d
    xor     %r9d, %r9d
    xor     %r10d, %r10d
    xor     %r11d, %r11d
    xor     %r12d, %r12d
    xor     %r13d, %r13d
    xor     %r14d, %r14d
    xor     %r15d, %r15d
    jmp     *%rax
    .size   leave_for_firmware, . - leave_for_firmware
