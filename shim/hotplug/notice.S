/* The host has something to say: the interrupt only ends the wait in hotplug.c. */
#define MSR_X2APIC_EOI 0x80B

/* notice_entry
 *
 * Arrives in:   64-bit mode on the BSP's stack, IF=0, by the gate of NOTICE_VECTOR.
 * Leaves by:    IRETQ, with every register as it was.
 */
    .text
    .balign 16
    .globl  notice_entry
    .hidden notice_entry
    .type   notice_entry, @function
notice_entry:
    push    %rax
    push    %rcx
    push    %rdx
    mov     $MSR_X2APIC_EOI, %ecx       # the TDX module takes this one itself
    xor     %eax, %eax
    xor     %edx, %edx
    wrmsr
    pop     %rdx
    pop     %rcx
    pop     %rax
    iretq
    .size   notice_entry, . - notice_entry
