/* A multiboot kernel that starts its CPUs by INIT and SIPI and leaves by the debug-exit port.
 *
 * Arrives in:  32-bit protected mode without paging, EAX = the boot loader's magic, EBX = its
 *              information (Multiboot 0.6.96, 3.2).
 * Leaves by:   port 0xF4, with how many CPUs did not come: 0 is exit code 1.
 */
#define MAGIC 0x1BADB002
#define FLAGS 0x2              /* wants to know of memory */
#define LOADED_BY 0x2BADB002
#define LOW 0x8000             /* where APs begin */
#define CODE32 8
#define DATA32 16
#define FW_CFG 0x510
#define NB_CPUS 5
#define DEBUG_EXIT 0xF4
#define APIC_BASE 0x1B
#define X2APIC_ON 0xC00
#define ICR 0x830
#define INIT_OTHERS 0x000C4500 /* all but this one, asserted */
#define SIPI_OTHERS 0x000C4600
#define WAIT 2000000

    .section .multiboot, "a"
    .balign 4
    .long   MAGIC, FLAGS, -(MAGIC + FLAGS)

    .text
    .code32
    .globl  start, wake_aps, secondary_start, secondary_online, kernel_done
start:
    cmp     $LOADED_BY, %eax
    jne     nobody
    mov     $stack_top, %esp
    lgdt    gdt_pointer
    ljmp    $CODE32, $1f
1:  mov     $DATA32, %eax
    mov     %eax, %ds
    mov     %eax, %es
    mov     %eax, %ss
    mov     $FW_CFG, %dx
    mov     $NB_CPUS, %ax
    outw    %ax, %dx
    inc     %dx
    xor     %eax, %eax
    inb     %dx, %al
    movb    %al, %bl
    inb     %dx, %al
    movb    %al, %bh
    movzwl  %bx, %ebx                   # how many CPUs there are
    mov     $low_start, %esi
    mov     $LOW, %edi
    mov     $(low_end - low_start), %ecx
    rep movsb
    mov     $APIC_BASE, %ecx
    rdmsr
    or      $X2APIC_ON, %eax
    wrmsr
wake_aps:
    mov     $ICR, %ecx
    xor     %edx, %edx
    mov     $INIT_OTHERS, %eax
    wrmsr
    mov     $(SIPI_OTHERS | LOW >> 12), %eax
    wrmsr
    mov     $WAIT, %ecx
2:  cmp     %ebx, online
    je      kernel_done
    pause
    dec     %ecx
    jnz     2b
kernel_done:
    sub     online, %ebx
    mov     %ebx, %eax
    out     %eax, $DEBUG_EXIT
nobody:
    cli
    hlt
    jmp     nobody

secondary_start:
    mov     $DATA32, %eax
    mov     %eax, %ds
    lock incl online
secondary_online:
    cli
    hlt
    jmp     secondary_online

#include "low.inc"
    .balign 4
online:
    .long   1
    .bss
    .balign 16
    .skip   4096
stack_top:
