/* The first instructions: from whatever the shim left to C on the kernel's own stack. */
#include "kernel.h"

/* kernel_start
 *
 * Arrives in:   64-bit mode on the loader's identity tables; IF=0; RSI = boot_params; the
 *               stack, GDT and IDT are the shim's and may vanish.
 * Placed by:    the loader; entered by the shim's enter_kernel, on the BSP only.
 * Leaves by:    kernel_main(boot_params).  Never returns.
 */
    .text
    .globl  kernel_start
    .type   kernel_start, @function
kernel_start:
    cli
    cld
    lea     __bss_start(%rip), %rdi
    lea     _end(%rip), %rcx
    sub     %rdi, %rcx
    xor     %eax, %eax
    rep stosb
    lea     kernel_stack_top(%rip), %rsp
    xor     %ebp, %ebp
    mov     %rsi, %rbx                      # the calls below keep RBX
    call    load_gdt
    mov     %cr4, %rax
    or      $0x600, %rax                    # OSFXSR, OSXMMEXCPT: as a kernel would
    mov     %rax, %cr4
    mov     %cr0, %rax
    or      $0x10000, %rax                  # WP: a read-only page is read-only for us too
    mov     %rax, %cr0
    mov     %rbx, %rdi
    call    kernel_main
    ud2
    .size   kernel_start, . - kernel_start

/* load_gdt: the kernel's own GDT and flat selectors; changes RAX only.
 *
 * Arrives in:   64-bit mode on a usable stack; called on every CPU.
 */
    .globl  load_gdt
    .hidden load_gdt
    .type   load_gdt, @function
load_gdt:
    sub     $16, %rsp
    movw    $(gdt_end - gdt - 1), (%rsp)
    lea     gdt(%rip), %rax                 # the base is known at run time only
    mov     %rax, 2(%rsp)
    lgdt    (%rsp)
    add     $16, %rsp
    mov     $KERNEL_DATA, %eax
    mov     %eax, %ds
    mov     %eax, %es
    mov     %eax, %ss
    xor     %eax, %eax
    mov     %eax, %fs
    mov     %eax, %gs
    pop     %rax                            # return with CS reloaded
    push    $KERNEL_CODE
    push    %rax
    lretq
    .size   load_gdt, . - load_gdt

    .section .data.gdt, "aw", @progbits     # the CPU sets accessed bits, so not read-only
    .balign 16
    .globl  gdt
    .hidden gdt
gdt:
    .quad   0
    .quad   0
    .quad   0x00AF9B000000FFFF              # 0x10: 64-bit code
    .quad   0x00CF93000000FFFF              # 0x18: data
gdt_end:

    .bss
    .balign 4096
    .skip   BSP_STACK_BYTES
kernel_stack_top:
