/* The shim's first and last instructions, and the exception stubs. */
#include "abi.h"

    .section .text.entry, "ax", @progbits

/* Arrives in:  64-bit mode, IF = 0, on the loader's tables and GDT; RSI = offset of the
 *              ShimParams from __ehdr_start.  No stack, no IDT.  BSP only.
 * Placed by:   the loader, as openhcl_boot's entry point.
 * Leaves by:   shim_main(params) on the shim's own stack.  Never returns. */
    .globl  _start
_start:
    lea     __ehdr_start(%rip), %rbx
    add     %rsi, %rbx                  # RBX = params: the fill needs RDI and RCX
    lea     __bss_start(%rip), %rdi
    lea     __bss_end(%rip), %rcx
    sub     %rdi, %rcx
    shr     $3, %rcx
    xor     %eax, %eax
    cld
    rep stosq
    lea     stack_top(%rip), %rsp
    mov     $0xC0000101, %ecx           # GS base 0 says "BSP" to the exception handler
    xor     %eax, %eax
    xor     %edx, %edx
    wrmsr
    mov     %rbx, %rdi
    call    shim_main
    ud2

/* Arrives in:  C, RDI = kernel entry, RSI = boot_params.
 * Leaves by:   the kernel, with RDI = 0 and RSI = boot_params. */
    .globl  jump_to_kernel
jump_to_kernel:
    mov     %rdi, %rax
    xor     %edi, %edi
    xor     %ebx, %ebx
    xor     %ecx, %ecx
    xor     %edx, %edx
    xor     %ebp, %ebp
    jmp     *%rax

/* Exceptions.  Each stub leaves vector and error code (0 where there is none) on the stack. */
.macro stub vector, has_error
exception_\vector:
    .if \has_error == 0
    push    $0
    .endif
    push    $\vector
    jmp     exception_common
.endm

    .altmacro
.macro stub_number n
    /* #DF, #TS to #PF, #AC and #CP push an error code themselves. */
    .if (\n == 8) || ((\n >= 10) && (\n <= 14)) || (\n == 17) || (\n == 21)
    stub %\n, 1
    .else
    stub %\n, 0
    .endif
.endm
    .set i, 0
    .rept 32
    stub_number %i
    .set i, i + 1
    .endr

/* Arrives in:  any exception of a CPU that runs shim code; vector and error code pushed.
 * Leaves by:   exception(vector, error, rip, cr2) on the BSP; an AP notes it in its record. */
exception_common:
    mov     $0xC0000101, %ecx
    rdmsr
    shl     $32, %rdx
    or      %rdx, %rax
    jnz     1f
    pop     %rdi
    pop     %rsi
    pop     %rdx
    mov     %cr2, %rcx
    and     $-16, %rsp
    call    exception
1:  mov     %rax, %rbx                  # an AP: it may touch its record and nothing else
    pop     %rax
    mov     %rax, AR_STATUS(%rbx)
    movl    $REASON_EXCEPTION_VALUE, AR_REASON(%rbx)
    movl    $AP_FAILED_VALUE, %eax
    lock xchg %eax, AR_STATE(%rbx)
    jmp     ap_failed

    .section .rodata.stubs, "a", @progbits
    .globl  exception_stubs
    .balign 8
exception_stubs:                        # offsets, so that nothing needs relocation
    .set i, 0
.macro entry_of n
    .quad   exception_\n - exception_stubs
.endm
    .rept 32
    entry_of %i
    .set i, i + 1
    .endr

    .section .bss
    .balign 4096
stack_bottom:
    .skip   32768
stack_top:
