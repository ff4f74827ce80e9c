/* Application processors that the shim starts itself (vbs, none, sipi): they end up in the
 * same mailbox loop as a TD's, in the shim's own text and with a mailbox page of its own. */
#include "abi.h"
#include "tdcall.inc"

    .section .text.ap, "ax", @progbits

/* Arrives in:  64-bit mode, IF = 0, on this AP's own tables (WP set), the shim's GDT and IDT;
 *              RSP = its stack, with the address of its record on top.
 * Placed by:   StartVirtualProcessor's context, or the real-mode trampoline.
 * Leaves by:   the mailbox loop. */
    .globl  ap_entry64
ap_entry64:
    pop     %rbx
ap_prepare:
    mov     $MSR_GS_BASE, %ecx          # how the exception handler finds the record
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
    jne     ap_give_up
    mov     AR_VP_INDEX(%rbx), %ebp
    mov     AR_MAILBOX(%rbx), %r13
    mov     $AP_STARTING_VALUE, %eax
    mov     $AP_WAIT_FOR_WAKEUP_VALUE, %ecx
    lock cmpxchg %ecx, AR_STATE(%rbx)
    jne     ap_failed                   # too late: the BSP has given this AP up

#include "mailbox_loop.inc"
#include "scrub.inc"
    jmp     *%r14

/* The host runs another CPU here than the one the record is for.  R11 = its id. */
ap_give_up:
    mov     %r11, AR_STATUS(%rbx)
    mov     $(REASON_APIC_ID_VALUE << 32 | AP_FAILED_VALUE), %rdx
    mov     $AP_STARTING_VALUE, %eax    # with no reason yet
    lock cmpxchg %rdx, AR_STATE(%rbx)   # given up already: it sleeps all the same

/* Sleep for good; the boot goes on without this CPU.  A TD's APs come here by an exception. */
    .globl  ap_failed
ap_failed:
    cli
    cmpw    $0, ap_shared+AS_ON_TDX(%rip)
    jne     3f
2:  hlt
    jmp     2b
3:  tdvmcall_halt

/* The OS gives a CPU back (ACPI 6.6 ResetVector; by a device tree our own: kernel/offline.c).
 *
 * Arrives in:  64-bit mode on any tables that map the shim and the records at their own
 *              addresses.  Nothing else is expected.
 * Placed by:   the OS, by a jump, on the CPU that it does not want any more.
 * Leaves by:   the mailbox loop, on the CPU's own tables, stack and IDT. */
    .globl  mailbox_reset_vector
mailbox_reset_vector:
    cli
    mov     $MSR_X2APIC_ID, %ecx
    rdmsr
    mov     ap_records(%rip), %rbx
    mov     ap_count(%rip), %edx
    mov     ap_record_stride(%rip), %esi
4:  test    %edx, %edx
    jz      ap_failed                   # not one of ours
    cmp     AR_APIC_ID(%rbx), %eax
    je      5f
    add     %rsi, %rbx
    dec     %edx
    jmp     4b
5:  lgdt    ap_shared+AS_GDTR(%rip)
    mov     $CR4_PAE, %eax              # first, without PGE: no global entry of the OS stays
    mov     %rax, %cr4
    mov     AR_CR3(%rbx), %rax
    mov     %rax, %cr3
    mov     %cr0, %rax
    or      $CR0_WP, %rax               # its read-only pages are read-only
    mov     %rax, %cr0
    mov     AR_STACK_TOP(%rbx), %rsp
    mov     AR_IDT(%rbx), %rax
    lidt    (%rax)
    mov     $AP_WOKEN_VALUE, %eax
    mov     $AP_STARTING_VALUE, %ecx
    lock cmpxchg %ecx, AR_STATE(%rbx)
    jne     ap_failed                   # the mailbox never let this CPU go
    jmp     ap_prepare

    .section .bss.mailbox, "aw", @nobits
    .globl  mailbox_page
    .balign 4096
mailbox_page:
    .skip   4096
