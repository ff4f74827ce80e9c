/* Calls to the TDX module that need registers C cannot name. */

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
    tdcall
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

/* void tdvmcall_fatal(uint64_t code, const char text[64])
 *
 * ReportFatalError (GHCI 3.4): the text travels in R14, R15, RBX, RDI, RSI, R8, R9 and RDX.
 *
 * Arrives in:  64-bit mode, System V ABI; RDI = code, RSI = text.
 * Leaves with: nothing; a host that goes on with the TD has its answer ignored.
 */
    .globl  tdvmcall_fatal
    .type   tdvmcall_fatal, @function
tdvmcall_fatal:
    push    %rbx
    push    %rbp
    push    %r12
    push    %r13
    push    %r14
    push    %r15
    mov     %rdi, %r12
    mov     0x00(%rsi), %r14
    mov     0x08(%rsi), %r15
    mov     0x10(%rsi), %rbx
    mov     0x18(%rsi), %rdi
    mov     0x28(%rsi), %r8
    mov     0x30(%rsi), %r9
    mov     0x38(%rsi), %rdx
    mov     0x20(%rsi), %rsi
    xor     %eax, %eax                  # TDG.VP.VMCALL
    mov     $0xFFCC, %ecx               # all but RAX, RCX, RSP and RBP
    xor     %ebp, %ebp
    xor     %r10d, %r10d
    mov     $0x10003, %r11d
    xor     %r13d, %r13d
    tdcall
    pop     %r15
    pop     %r14
    pop     %r13
    pop     %r12
    pop     %rbp
    pop     %rbx
    ret
    .size   tdvmcall_fatal, . - tdvmcall_fatal
