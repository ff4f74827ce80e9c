/* Where CPUs wait that have a mailbox each; copied to PARKED, below 1 MiB. */
#include "abi.h"
#include "strategies/ways.h"

/* Arrives in:  64-bit mode on the firmware's tables, sent here by the firmware's one mailbox
 *              (ACPI 6.6, 5.2.12.19); park_mailbox and park_apic_id are this CPU's.
 * Leaves by:   the vector in its own mailbox. From the label 1 on it is the firmware's loop
 *              (emu/boot/linux/parked.py), instruction by instruction. */
    .section .data.parked, "aw", @progbits
    .globl  park_start, park_mailbox, park_apic_id, park_direct, park_end
    .hidden park_start, park_mailbox, park_apic_id, park_direct, park_end
    .balign 16
park_start:
    mov     park_mailbox(%rip), %rsi
    mov     park_apic_id(%rip), %edi
    movl    $1, OWN_COME(%rsi)
1:  pause
    cmpw    $1, (%rsi)
    jne     1b
    cmp     %edi, MB_APIC_ID(%rsi)
    jne     1b
    mov     MB_VECTOR(%rsi), %rax
    movw    $0, (%rsi)
    jmp     *%rax

/* A vector in the place of trampoline_start64, for a CPU whose mailbox says what it needs:
 * there is no stack and no number to be found, so there is nothing to be locked.
 *
 * Arrives in:  64-bit mode on the firmware's tables; RSI = its own mailbox.
 * Leaves by:   a call of what the mailbox says, on the kernel's tables. */
    .balign 16
park_direct:
    lgdt    park_gdtr(%rip)
    mov     $0x18, %eax
    mov     %eax, %ss
    mov     OWN_CR3(%rsi), %rax
    mov     %rax, %cr3
    mov     OWN_STACK(%rsi), %rsp
    mov     OWN_CPU(%rsi), %edi
    xor     %ebp, %ebp
    call    *OWN_CODE(%rsi)
2:  pause
    jmp     2b
    .balign 8
park_gdtr:      .word park_gdt_end - park_gdt - 1
                .quad PARKED + (park_gdt - park_start)
                .balign 8
park_gdt:       .quad 0, 0                      # Accessed already: nobody stores here
                .quad 0x00AF9B000000FFFF        # 0x10: 64-bit code
                .quad 0x00CF93000000FFFF        # 0x18: data
park_gdt_end:
park_mailbox:   .quad 0
park_apic_id:   .long 0
park_end:
