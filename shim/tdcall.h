/* Calls to the TDX module, and through it to the host (Intel GHCI, TDX Module ABI). */
#ifndef SHIM_TDCALL_H
#define SHIM_TDCALL_H

#include "abi.h"

struct tdcall_regs {
    uint64_t rcx, rdx, r8, r9, r10, r11, r12, r13, r14, r15;
};

/* Executes TDCALL with these registers and stores what came back.  Every other register is
 * zero meanwhile: a host that reads more than the mask says still learns nothing. */
uint64_t tdcall(uint64_t leaf, struct tdcall_regs *regs);

enum { TDG_VP_VMCALL = 0, TDG_MEM_PAGE_ACCEPT = 6 };
enum {
    VMCALL_HLT = 0xC,
    VMCALL_IO = 0x1E,
    VMCALL_RDMSR = 0x1F,
    VMCALL_WRMSR = 0x20,
    VMCALL_MAPGPA = 0x10001,
};
#define VMCALL_OK 0
#define VMCALL_RETRY 1
#define TDCALL_STATUS(rax) ((rax) >> 32)
#define ACCEPT_ALREADY 0x00000B0A
#define ACCEPT_SIZE_MISMATCH 0xC0000B0B
#define OPERAND_BUSY 0x80000200
#define TDVMCALL_FATAL_BYTES 64

/* What CPUID says, for whoever has not been told. */
bool is_trust_domain(void);

/* R10 after a standard VMCALL, or all ones when the module itself refused. */
uint64_t tdvmcall(struct tdcall_regs *regs, uint64_t mask);

bool tdvmcall_rdmsr(uint32_t msr, uint64_t *value);
bool tdvmcall_wrmsr(uint32_t msr, uint64_t value);
bool tdvmcall_out(uint16_t port, uint32_t value, uint32_t bytes);
bool tdvmcall_in8(uint16_t port, uint8_t *value);
void tdvmcall_hlt(void);
/* Ends the TD, unless the host goes on with it; the host shows the text (GHCI 3.4). */
void tdvmcall_fatal(uint64_t code, const char text[TDVMCALL_FATAL_BYTES]);
/* The status of the Hyper-V call; all ones when the module refused it. */
uint64_t tdvmcall_hypercall(uint64_t control, uint64_t input, uint64_t output);
/* Changes [gpa, gpa+bytes) to the view that bit 47 of gpa asks for; honours RETRY. */
bool tdvmcall_mapgpa(uint64_t gpa, uint64_t bytes);

#endif
