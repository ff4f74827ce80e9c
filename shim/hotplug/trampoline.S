/* From a start-up IPI to the firmware's reset vector, by the kernel's own tables.
 *
 * The code is copied to a page below 1 MiB (start.c), which fills in the words at its end.
 */
#include "hotplug.h"
#include "../kernel/kernel.h"

/* Arrives in:  real mode, CS = page >> 4, IP = 0, IF = 0.
 * Placed by:   a start-up IPI.
 * Leaves by:   the address in `leap_to`, in 64-bit and x2APIC mode, with no stack. */
#define WORD(label) (label - leap)
    .text
    .balign 16
    .globl  leap, leap_far, leap_end
    .hidden leap, leap_far, leap_end
    .code16
leap:
    cli
    cld
    mov     %cs, %ax
    mov     %ax, %ds
    lgdtl   WORD(leap_gdt)
    mov     $CR4_PAE, %eax
    mov     %eax, %cr4
    mov     WORD(leap_cr3), %eax
    mov     %eax, %cr3
    mov     $MSR_EFER, %ecx
    rdmsr
    or      $(EFER_LME | EFER_NXE), %eax
    wrmsr
    mov     %cr0, %eax
    and     $0x9FFFFFFF, %eax           # caches on
    or      $(CR0_PG | CR0_WP | CR0_NE | CR0_PE), %eax
    mov     %eax, %cr0                  # with LME set this is long mode
    ljmpl   *WORD(leap_far)
    .code64
leap_long:
    mov     $MSR_APIC_BASE, %ecx        # the plain shim, too, asks for its id there
    rdmsr
    or      $0xC00, %eax
    wrmsr
    jmp     *leap_to(%rip)
    .balign 8
leap_far:                               # struct leap_words of start.c
    .long   WORD(leap_long)
    .word   KERNEL_CODE
leap_gdt:
    .word   0
    .long   0
    .long   0
leap_cr3:
    .quad   0
leap_to:
    .quad   0
leap_end:
