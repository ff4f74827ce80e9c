/* Exceptions: one stub per vector brings them all to one frame and one C function. */
#define VECTORS 32
#define HAS_ERROR_CODE 0x60227D00   /* bits 8, 10-14, 17, 21, 29, 30 */

/* exception_stubs: VECTORS entries of 16 bytes.
 *
 * Arrives in:   64-bit mode on the interrupted stack, IF=0; the CPU has pushed SS, RSP,
 *               RFLAGS, CS, RIP, and for some vectors an error code.
 * Leaves by:    exception(frame), which does not return.
 */
    .text
    .balign 16
    .globl  exception_stubs
    .hidden exception_stubs
    .type   exception_stubs, @function
exception_stubs:
    .set    vector, 0
    .rept   VECTORS
    .balign 16
    .if     ((HAS_ERROR_CODE >> vector) & 1) == 0
    push    $0                              /* so that every frame looks the same */
    .endif
    push    $vector
    jmp     1f
    .set    vector, vector + 1
    .endr
    .balign 16
1:  cld
    mov     %rsp, %rdi
    and     $-16, %rsp
    call    exception
    ud2
    .size   exception_stubs, . - exception_stubs
