/* From one mailbox to another, in the same loop.
 *
 * Arrives in:  64-bit mode, from the loop, on its tables, with its registers.
 * Leaves by:   jumping to the loop's first instruction with the new mailbox in RBX; all other
 *              registers but RAX are the loop's.
 */
    .text
    .globl  move_start, move_mailbox, move_loop
    .hidden move_start, move_mailbox, move_loop
    .type   move_start, @function
move_start:
    mov     move_mailbox(%rip), %rbx
    mov     move_loop(%rip), %rax
    jmp     *%rax
    .size   move_start, . - move_start

    .balign 8
move_mailbox:
    .quad   0
move_loop:
    .quad   0
