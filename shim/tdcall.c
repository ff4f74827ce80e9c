/* The few calls of the TDX module and its host that boot code needs. */
#include "arch.h"
#include "tdcall.h"

#define BIT(n) (1ull << (n))
#define MASK_R10_R12 (BIT(10) | BIT(11) | BIT(12))
#define MASK_R10_R13 (MASK_R10_R12 | BIT(13))
#define MASK_R10_R15 (MASK_R10_R13 | BIT(14) | BIT(15))
#define MASK_HYPERCALL (BIT(2) | BIT(8) | BIT(10) | BIT(11))
#define SHARED_BIT BIT(47)
#define MAPGPA_ROUNDS 1024
#define LEAF_TDX 0x21 /* "IntelTDX    " in EBX, EDX and ECX */

uint64_t tdvmcall(struct tdcall_regs *regs, uint64_t mask)
{
    regs->rcx = mask;
    regs->r10 = 0;
    return tdcall(TDG_VP_VMCALL, regs) ? ~0ull : regs->r10;
}

bool tdvmcall_rdmsr(uint32_t msr, uint64_t *value)
{
    struct tdcall_regs regs = {.r11 = VMCALL_RDMSR, .r12 = msr};
    bool good = tdvmcall(&regs, MASK_R10_R12) == VMCALL_OK;
    *value = regs.r11;
    return good;
}

bool tdvmcall_wrmsr(uint32_t msr, uint64_t value)
{
    struct tdcall_regs regs = {.r11 = VMCALL_WRMSR, .r12 = msr, .r13 = value};
    return tdvmcall(&regs, MASK_R10_R13) == VMCALL_OK;
}

bool tdvmcall_out(uint16_t port, uint32_t value, uint32_t bytes)
{
    struct tdcall_regs regs = {
        .r11 = VMCALL_IO, .r12 = bytes, .r13 = 1, .r14 = port, .r15 = value};
    return tdvmcall(&regs, MASK_R10_R15) == VMCALL_OK;
}

bool tdvmcall_in8(uint16_t port, uint8_t *value)
{
    struct tdcall_regs regs = {.r11 = VMCALL_IO, .r12 = 1, .r13 = 0, .r14 = port};
    bool good = tdvmcall(&regs, MASK_R10_R15) == VMCALL_OK;
    *value = (uint8_t)regs.r11;
    return good;
}

void tdvmcall_hlt(void)
{
    /* R12 = 1: interrupts are blocked, so only an NMI or nothing ends it. */
    struct tdcall_regs regs = {.r11 = VMCALL_HLT, .r12 = 1};
    tdvmcall(&regs, MASK_R10_R12);
}

uint64_t tdvmcall_hypercall(uint64_t control, uint64_t input, uint64_t output)
{
    struct tdcall_regs regs = {
        .rcx = MASK_HYPERCALL, .rdx = input, .r8 = output, .r10 = control};
    return tdcall(TDG_VP_VMCALL, &regs) ? ~0ull : regs.r11;
}

bool tdvmcall_mapgpa(uint64_t gpa, uint64_t bytes)
{
    uint64_t end = gpa + bytes;
    for (int round = 0; round < MAPGPA_ROUNDS; round++) {
        struct tdcall_regs regs = {.r11 = VMCALL_MAPGPA, .r12 = gpa, .r13 = end - gpa};
        uint64_t status = tdvmcall(&regs, MASK_R10_R13);
        if (status == VMCALL_OK)
            return true;
        /* The host says how far it got; believe it only if that is progress. */
        uint64_t next = (regs.r11 & ~SHARED_BIT) | (gpa & SHARED_BIT);
        if (status != VMCALL_RETRY || next < gpa || next >= end)
            return false;
        gpa = next;
    }
    return false;
}

bool is_trust_domain(void)
{
    struct cpuid_result name;

    if (cpuid(0, 0).eax < LEAF_TDX)
        return false;
    name = cpuid(LEAF_TDX, 0);
    return name.ebx == 0x65746E49 && name.edx == 0x5844546C && name.ecx == 0x20202020;
}
