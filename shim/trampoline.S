/* Application processor start by INIT-SIPI-SIPI: from real mode to ap_entry64.
 *
 * The code is copied to a page below 640 KiB, and one AP at a time uses it.
 */
#include "abi.h"

    .section .text.trampoline, "ax", @progbits

/* Arrives in:  real mode, CS = page >> 4, IP = 0, IF = 0.
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
    or      $CR4_PAE, %eax
    mov     %eax, %cr4
    mov     T(trampoline_cr3), %eax
    mov     %eax, %cr3
trampoline_efer:
    mov     $MSR_EFER, %ecx
    rdmsr
    or      $(EFER_LME | EFER_NXE), %eax
    wrmsr
trampoline_paging:
    mov     %cr0, %eax
    and     $0x9FFFFFFF, %eax           # caches on
    or      $(CR0_PG | CR0_WP | CR0_NE | CR0_PE), %eax
    mov     %eax, %cr0                  # with LME set this is long mode
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

