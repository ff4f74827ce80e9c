//! The first and the last instructions, and the relocation of the image.
use core::arch::global_asm;

// Arrives in:  64-bit mode on the loader's tables; RSI = offset of the ShimParams from
//              __ehdr_start. No stack, no IDT. BSP only.
// Leaves by:   shim_main(params, base) on the shim's own stack.
global_asm!(
    ".section .text.entry, \"ax\", @progbits",
    ".globl _start",
    "_start:",
    "cld",
    "lea rbx, [rip + __ehdr_start]",
    "lea r12, [rbx + rsi]",
    "mov rax, cr4",
    "or rax, 0x600", // OSFXSR and OSXMMEXCPT: the compiler uses vector registers
    "mov cr4, rax",
    "lea rdi, [rip + __bss_start]",
    "lea rcx, [rip + __bss_end]",
    "sub rcx, rdi",
    "xor eax, eax",
    "rep stosb",
    "lea rsp, [rip + STACK_TOP]",
    "lea rdi, [rip + __rela_start]",
    "lea rsi, [rip + __rela_end]",
    "mov rdx, rbx",
    "call relocate",
    "mov rdi, r12",
    "mov rsi, rbx",
    "call shim_main",
    "ud2",
    // Arrives in: C, RDI = the kernel's entry, RSI = boot_params. Leaves with RDI = 0.
    ".globl jump_to_kernel",
    "jump_to_kernel:",
    "mov rax, rdi",
    "xor edi, edi",
    "jmp rax",
    ".section .bss.stack, \"aw\", @nobits",
    ".balign 4096",
    ".skip 65536",
    ".globl STACK_TOP",
    "STACK_TOP:",
);

unsafe extern "C" {
    pub fn jump_to_kernel(entry: u64, boot_params: u64) -> !;
}

const R_X86_64_RELATIVE: u64 = 8;

#[repr(C)]
struct Rela {
    offset: u64,
    info: u64,
    addend: u64,
}

/// Every address in the image's data was linked for base 0. Until this has run nothing may be
/// read through one.
#[no_mangle]
unsafe extern "C" fn relocate(mut at: *const Rela, end: *const Rela, base: u64) {
    while at < end {
        let row = unsafe { &*at };
        if row.info != R_X86_64_RELATIVE {
            unsafe { core::arch::asm!("ud2", options(noreturn)) }
        }
        unsafe {
            ((base + row.offset) as *mut u64).write(base + row.addend);
            at = at.add(1);
        }
    }
}
