/* A kernel that is booted as Linux is: its first instructions, and those of its APs.
 *
 * Linked at 0xFFFFFFFF81000000 and loaded at 0x1000000, or whole 2 MiB away from there.
 */
#include "abi.h"
#include "linux/kernel.h"

/* Linux, Documentation/arch/x86/boot.rst, "64-bit boot protocol".
 *
 * Arrives in:  64-bit mode on tables that map the kernel, boot_params and command line one to
 *              one; IF = 0; RSI = boot_params.
 * Leaves by:   start_kernel(boot_params) in the upper half. */
    .section .head.text, "ax", @progbits
    .globl  startup_64
startup_64:
    cli
    cld
    lea     boot_stack_top(%rip), %rsp
    lea     startup_64(%rip), %rbx
    sub     $KERNEL_PLACE, %rbx                 # how far it is from where it is linked
    lea     low_pd(%rip), %rdi                  # 4 GiB one to one
    mov     $LARGE_RWX, %eax
    mov     $2048, %ecx
1:  mov     %rax, (%rdi)
    add     $LARGE_BYTES, %rax
    add     $8, %rdi
    dec     %ecx
    jnz     1b
    lea     high_pd(%rip), %rdi                 # its own image
    lea     LARGE_RWX(%rbx), %rax
    mov     $512, %ecx
2:  mov     %rax, (%rdi)
    add     $LARGE_BYTES, %rax
    add     $8, %rdi
    dec     %ecx
    jnz     2b
    lea     low_pd+TABLE(%rip), %rax
    lea     low_pdpt(%rip), %rdi
    mov     $4, %ecx
3:  mov     %rax, (%rdi)
    add     $PAGE_BYTES, %rax
    add     $8, %rdi
    dec     %ecx
    jnz     3b
    lea     high_pd+TABLE(%rip), %rax
    mov     %rax, high_pdpt+8*510(%rip)
    lea     low_pdpt+TABLE(%rip), %rax
    mov     %rax, init_top_pgt(%rip)
    lea     high_pdpt+TABLE(%rip), %rax
    mov     %rax, init_top_pgt+8*511(%rip)
    lea     init_top_pgt(%rip), %rax
    mov     %rax, %cr3
    mov     %rax, trampoline_cr3(%rip)
    movabs  $4f, %rax
    jmp     *%rax
4:  lea     boot_stack_top(%rip), %rsp          # that of the upper half
    mov     %rsi, %rdi
    call    start_kernel
5:  pause
    jmp     5b

/* Copied to TRAMPOLINE, below 1 MiB. */
#define T(label) (label - trampoline_start)
    .section .data.trampoline, "aw", @progbits
    .globl  trampoline_start, trampoline_start64, trampoline_end, trampoline_cr3, tr_lock_place
    .balign 16
    .code16
trampoline_start:                               # by a start-up IPI, in real mode
    cli
    cld
    mov     %cs, %ax
    mov     %ax, %ds
    lgdtl   T(tr_gdtr)
    mov     $CR4_PAE, %eax
    mov     %eax, %cr4
    mov     T(trampoline_cr3), %eax
    mov     %eax, %cr3
    mov     $MSR_EFER, %ecx
    rdmsr
    or      $(EFER_LME | EFER_NXE), %eax
    wrmsr
    mov     $(CR0_PG | CR0_WP | CR0_NE | CR0_PE), %eax
    mov     %eax, %cr0
    ljmpl   $0x10, $(TRAMPOLINE + T(tr_long))

/* Arrives in:  64-bit mode on the firmware's tables, which map this page one to one (ACPI 6.6,
 *              5.2.12.19). The lock and the Accessed bit of SS are stored through them. */
    .code64
    .balign 16
trampoline_start64:
    lgdt    tr_gdtr64(%rip)
tr_long:
    lock btsl $0, tr_lock(%rip)
    jnc     7f
    pause
    jmp     tr_long
7:  mov     $0x18, %eax
    mov     %eax, %ss
    mov     trampoline_cr3(%rip), %rax
    mov     %rax, %cr3
    movabs  $secondary_startup_64, %rax
    jmp     *%rax
    .balign 8
tr_gdtr:        .word tr_gdt_end - tr_gdt - 1
                .long TRAMPOLINE + T(tr_gdt)
                .word 0
tr_gdtr64:      .word tr_gdt_end - tr_gdt - 1
                .quad TRAMPOLINE + T(tr_gdt)
                .balign 8
tr_gdt:         .quad 0, 0
                .quad 0x00AF9A000000FFFF        # 0x10: 64-bit code, not yet accessed
                .quad 0x00CF92000000FFFF        # 0x18: data, not yet accessed
tr_gdt_end:
tr_lock:        .long 0
    .set    tr_lock_place, TRAMPOLINE + T(tr_lock)
                .balign 8
trampoline_cr3: .quad 0
trampoline_end:

    .bss
    .balign PAGE_BYTES
init_top_pgt:   .skip PAGE_BYTES
low_pdpt:       .skip PAGE_BYTES
high_pdpt:      .skip PAGE_BYTES
low_pd:         .skip 4 * PAGE_BYTES
high_pd:        .skip PAGE_BYTES
                .skip 2 * PAGE_BYTES
boot_stack_top:
