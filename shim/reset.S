/* The reset page of a TD: mailbox, trampoline context and code in one 4 KiB page.
 *
 * Every vCPU of a TD begins at 0xFFFFFFF0 in 32-bit protected mode.  The BSP follows the
 * trampoline context to its loader's entry point.  An AP takes the page tables, stack and IDT
 * of its own record, learns its APIC id from the host, and waits in the mailbox loop.  With no
 * records (openhcl_boot does not know them) all APs share the context's page tables.
 *
 * The context is only read here: once the OS owns the mailbox, its half of the page is its.
 */
#include "abi.h"
#include "tdcall.inc"

#define CTX(field) (RESET_PAGE + (field))
#define NO_RECORD 0 /* the BSP, and all CPUs of an image without records */
#define STRAY 1     /* a vCPU with an index beyond the records */

/* The registers that the context gives to whoever leaves the page without a record. */
.macro context_registers
    mov     TC_RSP(%r15), %rsp
    mov     TC_RBP(%r15), %rbp
    mov     TC_RSI(%r15), %rsi
    mov     TC_R8(%r15), %r8
    mov     TC_R9(%r15), %r9
    mov     TC_R10(%r15), %r10
    mov     TC_R11(%r15), %r11
.endm

    .section .reset, "awx", @progbits
    .globl  mailbox_page
mailbox_page:
    .org    TC_STATIC_GDT_LIMIT
    .word   0xF
    .long   CTX(TC_STATIC_GDT)
    .org    TC_STATIC_GDT
    .quad   0
    .quad   0x00AF9B000000FFFF          # selector 8: 64-bit code, base 0
    .org    TC_BYTES

/* Arrives in:  32-bit protected mode, paging off, flat segments, EFER.LME and NXE set.
 *              ESI = vCPU index (the BSP is 0).  All vCPUs come here, at any time.
 * Placed by:   the TDX module, at 0xFFFFFFF0, when the host first runs the vCPU.
 * Leaves by:   reset_long, with EDI = this AP's record, NO_RECORD or STRAY. */
    .code32
    .globl  reset_entry
reset_entry:
    lgdtl   CTX(TC_STATIC_GDT_LIMIT)
    mov     $NO_RECORD, %edi
    mov     CTX(TC_TRANSITION_CR3), %ebx
    mov     CTX(TC_CR0), %ecx
    test    %esi, %esi
    jz      1f                          # the BSP
    cmpl    $0, CTX(RF_AP_RECORDS)
    je      1f
    mov     $STRAY, %edi
    cmp     CTX(RF_AP_COUNT), %esi
    ja      1f
    lea     -1(%esi), %edi
    imul    CTX(RF_STRIDE), %edi
    add     CTX(RF_AP_RECORDS), %edi
    mov     AR_CR3(%edi), %ebx
    or      $CR0_WP, %ecx               # an AP's read-only pages are read-only
1:  mov     CTX(TC_CR4), %eax
    mov     %eax, %cr4
    mov     %ebx, %cr3
    mov     %ecx, %cr0                  # paging on: with LME set this is long mode
    ljmp    $8, $CTX(reset_long - mailbox_page)

/* Arrives in:  64-bit mode on the tables just loaded; ESI = vCPU index, EDI as above. */
    .code64
    .globl  reset_long
reset_long:
    mov     %esi, %ebp
    mov     %edi, %ebx
    mov     $RESET_PAGE, %r15d          # zero-extends: the page lies below 4 GiB
    cmp     $STRAY, %ebx
    je      ap_failed
    ja      ap_with_record
    mov     TC_CR3(%r15), %rax
    mov     %rax, %cr3
    cmpw    $0, TC_GDTR_LIMIT(%r15)
    je      2f                          # openhcl_boot clears it for APs: keep the static GDT
    lgdt    TC_GDTR_LIMIT(%r15)
    lidt    TC_IDTR_LIMIT(%r15)
    movzwl  TC_DATA_SELECTOR(%r15), %eax
    mov     %eax, %ds
    mov     %eax, %es
    mov     %eax, %fs
    mov     %eax, %gs
    mov     %eax, %ss
    movzwl  TC_TASK_SELECTOR(%r15), %eax
    test    %eax, %eax
    jz      2f
    ltr     %ax
2:  mov     $RESET_PAGE, %r13d          # where an AP without a record writes the mailbox
    test    %ebp, %ebp
    jnz     ap_ready
    context_registers
    cmpw    $0, TC_CODE_SELECTOR(%r15)
    je      3f
    ljmpq   *TC_INITIAL_RIP(%r15)       # initial_rip, code_selector
3:  jmp     *TC_INITIAL_RIP(%r15)

/* An AP with a record: its tables are loaded already. */
ap_with_record:
    mov     AR_IDT(%rbx), %rax
    test    %rax, %rax
    jz      4f
    lidt    (%rax)
4:  mov     AR_STACK_TOP(%rbx), %rsp
    mov     $MSR_GS_BASE, %ecx          # how the exception handler finds the record
    mov     %ebx, %eax
    xor     %edx, %edx
    wrmsr
    mov     AR_MAILBOX(%rbx), %r13

/* Ask the host for this CPU's APIC id.  Nothing but the MSR number leaves the TD. */
ap_ready:
    xor     %eax, %eax                  # TDG.VP.VMCALL
.Lap_ask:                               # names a part, as all labels do: see gallery/
    mov     $TDVMCALL_MASK_R10_R12, %ecx
.Lap_asked_with:
    xor     %edx, %edx
    xor     %r8d, %r8d
    xor     %r9d, %r9d
    xor     %r10d, %r10d
    mov     $TDVMCALL_RDMSR, %r11d
    mov     $MSR_X2APIC_ID, %r12d
    tdcall
.Lap_answered:
    or      %r10, %rax
    jnz     ap_no_answer
    test    %ebx, %ebx
    jz      mailbox_wait
    mov     $REASON_APIC_ID_VALUE, %edx
    mov     %r11, %rax
    cmp     AR_APIC_ID(%rbx), %r11d
    jne     ap_give_up
.Lap_known:
    mov     $AP_STARTING_VALUE, %eax
    mov     $AP_WAIT_FOR_WAKEUP_VALUE, %ecx
    lock cmpxchg %ecx, AR_STATE(%rbx)
    jne     ap_failed                   # too late: the BSP has given this AP up

#include "mailbox_loop.inc"
    test    %rbx, %rbx
    jnz     5f
    mov     $RESET_PAGE, %r15d
    context_registers
    jmp     *%r14
5:
#include "scrub.inc"
    jmp     *%r14

/* The host did not say the APIC id: RAX = status of module or host. */
ap_no_answer:
    mov     $REASON_TDCALL_VALUE, %edx
    test    %ebx, %ebx
    jz      ap_failed

/* This AP cannot be used.  EDX = enum ap_reason, RAX = what shows it. */
ap_give_up:
    mov     %rax, AR_STATUS(%rbx)
    shl     $32, %rdx
    or      $AP_FAILED_VALUE, %rdx
    mov     $AP_STARTING_VALUE, %eax    # with no reason yet
    lock cmpxchg %rdx, AR_STATE(%rbx)   # given up already: it sleeps all the same

/* Sleep for good; the boot goes on without this CPU. */
    .globl  ap_failed
ap_failed:
    tdvmcall_halt

/* The OS gives a CPU back (ACPI 6.6 ResetVector; by a device tree our own: kernel/offline.c).
 *
 * Arrives in:  64-bit mode on any tables that map this page and the records at their own
 *              addresses.  Nothing else is expected.
 * Placed by:   the OS, by a jump, on the CPU that it does not want any more.
 * Leaves by:   the mailbox loop, on the CPU's own tables, stack and IDT. */
    .globl  mailbox_reset_vector
mailbox_reset_vector:
    cli
    mov     $TDCALL_VP_INFO, %eax
    tdcall                              # R9 = vCPU index
    test    %rax, %rax
    jnz     ap_failed
    mov     $RESET_PAGE, %r15d
    mov     %r9d, %ebp
    lea     -1(%r9), %ebx
    cmp     RF_AP_COUNT(%r15), %ebx
    jae     ap_failed                   # the BSP has no record either
    imul    RF_STRIDE(%r15), %ebx
    add     RF_AP_RECORDS(%r15), %ebx
    mov     TC_CR4(%r15), %rax          # first, without PGE: no global entry of the OS stays
    mov     %rax, %cr4
    mov     AR_CR3(%rbx), %rax
    mov     %rax, %cr3
    mov     %cr0, %rax
    or      $CR0_WP, %rax
    mov     %rax, %cr0
    mov     AR_STACK_TOP(%rbx), %rsp
    mov     TC_STATIC_GDT_BASE(%r15), %eax
    push    %rax                        # LGDT wants ten bytes; the context has six
    pushw   TC_STATIC_GDT_LIMIT(%r15)
    lgdt    (%rsp)
    mov     $AP_WOKEN_VALUE, %eax
    mov     $AP_STARTING_VALUE, %ecx
    lock cmpxchg %ecx, AR_STATE(%rbx)
    jne     ap_failed                   # the mailbox never let this CPU go
    jmp     ap_with_record

    .org    RF_AP_RECORDS, 0xCC
    .quad   0
    .long   0
    .long   0
    .quad   RESET_PAGE
    .quad   mailbox_reset_vector - mailbox_page

    .code32
    .org    0xFF0, 0xCC
    .globl  reset_vector
reset_vector:                           # every vCPU of a TD begins here
    jmp     reset_entry
    .org    0x1000, 0xCC
