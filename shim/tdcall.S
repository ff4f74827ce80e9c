/* uint64_t tdcall(uint64_t leaf, struct tdcall_regs *regs)
 *
 * Arrives in:  64-bit mode, System V ABI; RDI = leaf, RSI = registers for the call.
 * Leaves with: RAX = the module's status; *regs holds what the call gave back.
 */
    .section .text.tdcall, "ax", @progbits
    .globl  tdcall
    .type   tdcall, @function
tdcall:
    push    %rbx
    push    %rbp
    push    %r12
    push    %r13
    push    %r14
    push    %r15
    push    %rsi
    mov     %rdi, %rax
    mov     0x00(%rsi), %rcx
    mov     0x08(%rsi), %rdx
    mov     0x10(%rsi), %r8
    mov     0x18(%rsi), %r9
    mov     0x20(%rsi), %r10
    mov     0x28(%rsi), %r11
    mov     0x30(%rsi), %r12
    mov     0x38(%rsi), %r13
    mov     0x40(%rsi), %r14
    mov     0x48(%rsi), %r15
    xor     %ebx, %ebx                  # nothing of ours rides along
    xor     %ebp, %ebp
    xor     %esi, %esi
    xor     %edi, %edi
    .byte   0x66, 0x0f, 0x01, 0xcc      # tdcall
    pop     %rsi
    mov     %rcx, 0x00(%rsi)
    mov     %rdx, 0x08(%rsi)
    mov     %r8,  0x10(%rsi)
    mov     %r9,  0x18(%rsi)
    mov     %r10, 0x20(%rsi)
    mov     %r11, 0x28(%rsi)
    mov     %r12, 0x30(%rsi)
    mov     %r13, 0x38(%rsi)
    mov     %r14, 0x40(%rsi)
    mov     %r15, 0x48(%rsi)
    pop     %r15
    pop     %r14
    pop     %r13
    pop     %r12
    pop     %rbp
    pop     %rbx
    ret
    .size   tdcall, . - tdcall
