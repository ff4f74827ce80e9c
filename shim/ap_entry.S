/* Application processors that the shim starts itself (vbs, none, sipi): they end up in the
 * same mailbox loop as a TD's, in the shim's own text and with a mailbox page of its own. */
#include "abi.h"

    .section .text.ap, "ax", @progbits

/* Arrives in:  64-bit mode, IF = 0, on this AP's own tables (WP set), the shim's GDT and IDT;
 *              RSP = its stack, with the address of its record on top.
 * Placed by:   StartVirtualProcessor's context, or the real-mode trampoline.
 * Leaves by:   the mailbox loop. */
    .globl  ap_entry64
ap_entry64:
    pop     %rbx
ap_prepare:
    mov     $0xC0000101, %ecx           # GS base = record: how the exception handler finds it
    mov     %ebx, %eax
    mov     %rbx, %rdx
    shr     $32, %rdx
    wrmsr
    mov     $MSR_APIC_BASE, %ecx        # x2APIC, or the id below would be eight bits
    rdmsr
    or      $0xC00, %eax
    wrmsr
    mov     $MSR_X2APIC_ID, %ecx
    rdmsr
    mov     %eax, %r11d
    cmp     AR_APIC_ID(%rbx), %r11d
    jne     1f
    mov     AR_VP_INDEX(%rbx), %ebp
    mov     AR_MAILBOX(%rbx), %r13
    mov     $AP_STARTING_VALUE, %eax
    mov     $AP_WAIT_FOR_WAKEUP_VALUE, %ecx
    lock cmpxchg %ecx, AR_STATE(%rbx)
    jne     ap_failed                   # too late: the BSP has given this AP up

#include "mailbox_loop.inc"
#include "scrub.inc"
    jmp     *%r14

1:  mov     %r11, AR_STATUS(%rbx)
    movl    $REASON_APIC_ID_VALUE, AR_REASON(%rbx)
    mov     $AP_STARTING_VALUE, %eax
    mov     $AP_FAILED_VALUE, %ecx
    lock cmpxchg %ecx, AR_STATE(%rbx)

/* Sleep for good; the BSP goes on without this CPU. */
    .globl  ap_failed
ap_failed:
    cli
    hlt
    jmp     ap_failed

/* The OS gives a CPU back (ACPI 6.6 ResetVector).
 *
 * Arrives in:  64-bit mode, IF = 0, on any tables that map the shim and the records at their
 *              own addresses.
 * Leaves by:   the mailbox loop, on the CPU's own tables, stack and IDT. */
    .globl  mailbox_reset_vector
mailbox_reset_vector:
    cli
    mov     $MSR_X2APIC_ID, %ecx
    rdmsr
    mov     ap_records(%rip), %rbx
    mov     ap_count(%rip), %edx
    mov     ap_record_stride(%rip), %esi
2:  test    %edx, %edx
    jz      ap_failed                   # not one of ours
    cmp     AR_APIC_ID(%rbx), %eax
    je      3f
    add     %rsi, %rbx
    dec     %edx
    jmp     2b
3:  mov     $AP_WOKEN_VALUE, %eax
    mov     $AP_STARTING_VALUE, %ecx
    lock cmpxchg %ecx, AR_STATE(%rbx)
    lgdt    ap_shared(%rip)             # its first field
    mov     AR_IDT(%rbx), %rax
    lidt    (%rax)
    mov     AR_STACK_TOP(%rbx), %rsp
    mov     AR_CR3(%rbx), %rax
    mov     %rax, %cr3
    mov     %cr0, %rax
    or      $0x10000, %rax              # WP: its read-only pages are read-only
    mov     %rax, %cr0
    jmp     ap_prepare

/* The real-mode trampoline, copied to a page below 640 KiB; one AP at a time uses it.
 *
 * Arrives in:  real mode, CS = page >> 4, IP = 0, IF = 0.
 * Placed by:   sipi.c, which fills in the words at the end for the AP it is about to start.
 * Leaves by:   ap_entry64 on the AP's own tables and stack. */
#define T(label) (label - ap_trampoline)
    .globl  ap_trampoline, ap_trampoline_end, trampoline_words
    .balign 16
    .code16
ap_trampoline:
    cli
    cld
    mov     %cs, %ax
    mov     %ax, %ds
    movzwl  %ax, %ebx
    shl     $4, %ebx                    # EBX = where this page lies
    lgdtl   T(trampoline_gdtr)
    mov     %cr4, %eax
    or      $0x20, %eax                 # PAE
    mov     %eax, %cr4
    mov     T(trampoline_cr3), %eax
    mov     %eax, %cr3
    mov     $0xC0000080, %ecx
    rdmsr
    or      $0x900, %eax                # LME, NXE
    wrmsr
    mov     %cr0, %eax
    and     $0x9FFFFFFF, %eax           # caches on
    or      $0x80010021, %eax           # PG, WP, NE, PE
    mov     %eax, %cr0
    ljmpl   *T(trampoline_far)
    .code64
trampoline_64:
    mov     %ebx, %ebx                  # the upper half is undefined after the switch
    mov     T(trampoline_stack)(%rbx), %rsp
    mov     T(trampoline_idtr)(%rbx), %rax
    lidt    (%rax)
    jmp     *T(trampoline_entry)(%rbx)
    .balign 8
trampoline_words:
trampoline_far:    .long 0              # linear address of trampoline_64
                   .word 0x10
                   .word 0
trampoline_gdtr:   .word 31
                   .long 0              # linear address of the shim's GDT
                   .word 0
trampoline_cr3:    .quad 0
trampoline_stack:  .quad 0
trampoline_idtr:   .quad 0
trampoline_entry:  .quad 0
ap_trampoline_end:
    .section .rodata.trampoline, "a", @progbits
    .globl  trampoline_offsets
    .balign 8
trampoline_offsets:
    .quad   trampoline_64 - ap_trampoline
    .quad   trampoline_words - ap_trampoline

    .section .bss.mailbox, "aw", @nobits
    .globl  mailbox_page
    .balign 4096
mailbox_page:
    .skip   4096
