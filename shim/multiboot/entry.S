/* What the small programs for `qemu -kernel` begin with: a stack, flat segments, and APs.
 *
 * Arrives in:  32-bit protected mode without paging, EAX = the boot loader's magic
 *              (Multiboot 0.6.96, 3.2); an AP in real mode in page LOW.
 * Leaves by:   main(), then its answer to the debug-exit port: 0 is exit code 1 in QEMU.
 */
#include "small.h"

    .section .multiboot, "a"
    .balign 4
    .long   0x1BADB002, 2, -(0x1BADB002 + 2)

    .text
    .code32
    .globl  start, secondary_start, low_start, low_end, load_idt
start:
    cmp     $0x2BADB002, %eax
    jne     stopped
    mov     $stack_top, %esp
    lgdt    gdt_pointer
    ljmp    $CODE32, $1f
1:  mov     $DATA32, %eax
    mov     %eax, %ds
    mov     %eax, %es
    mov     %eax, %ss
    call    main
    out     %eax, $DEBUG_EXIT
stopped:
    cli
    hlt
    jmp     stopped

secondary_start:
    mov     $DATA32, %eax
    mov     %eax, %ds
    mov     %eax, %es
    mov     %eax, %ss
    mov     $1, %eax
    lock xadd %eax, next_stack              # 0, 1, ... in the order of arrival
    inc     %eax
    imul    $STACK_BYTES, %eax
    lea     ap_stacks(%eax), %esp
    call    secondary_main
    jmp     stopped

load_idt:
    lidt    idt_pointer
    ret

/* Gates lead here: which one it was is the number that is pushed. */
    .globl  nmi_gate, ipi_gate
nmi_gate:
    pusha
    call    nmi_handler
    popa
    iret
ipi_gate:
    pusha
    call    ipi_handler
    popa
    iret

#include "low.inc"
idt_pointer:
    .word   256 * 8 - 1
    .long   idt
    .balign 4
next_stack:
    .long   0
    .bss
    .balign 16
    .skip   STACK_BYTES
stack_top:
ap_stacks:
    .skip   CPUS_MAX * STACK_BYTES
