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
    mov     $MSR_GS_BASE, %ecx          # GS base 0 says "BSP" to the exception handler
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
.Lexceptions:
/* Exceptions.  Each stub leaves vector and error code (0 where there is none) on the stack. */
#define PUSHES_ERROR 0x60227D00 /* vectors 8, 10-14, 17, 21, 29, 30 */
    .altmacro
.macro stub vector
exception_\vector:
    .if (PUSHES_ERROR >> \vector & 1) == 0
    push    $0
    .endif
    push    $\vector
    jmp     exception_common
.endm
    .set i, 0
    .rept 32
    stub    %i
    .set i, i + 1
    .endr

/* Arrives in:  any exception of a CPU that runs shim code; vector and error code pushed.
 * Placed by:   load_idt() in idt.c, through exception_stubs.
 * Leaves by:   exception(vector, error, rip, cr2) on the BSP; an AP notes it in its record,
 *              whatever state that is in, and sleeps. */
exception_common:
    mov     $MSR_GS_BASE, %ecx
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
    mov     $(REASON_EXCEPTION_VALUE << 32 | AP_FAILED_VALUE), %rcx
    mov     AR_STATE(%rbx), %rax
2:  lock cmpxchg %rcx, AR_STATE(%rbx)   # who else writes here does so once
    jne     2b
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
