/* The local APIC, in the mode that firmware left it in. */
#include "abi.h"
#include "arch.h"
#include "linux/kernel.h"
#include "tdcall.h"

#define APIC_PAGE 0xFEE00000
#define APIC_EXTENDED 0x400

static bool x2apic(void) { return rdmsr(MSR_APIC_BASE) & APIC_EXTENDED; }

static volatile uint32_t *apic_register(uint32_t offset)
{
    return (volatile uint32_t *)(uint64_t)(APIC_PAGE + offset);
}

uint32_t own_apic_id(void)
{
    uint64_t value = 0;
    if (is_td)
        tdvmcall_rdmsr(MSR_X2APIC_ID, &value);
    else
        value = x2apic() ? rdmsr(MSR_X2APIC_ID) : *apic_register(0x20) >> 24;
    return (uint32_t)value;
}

void send_ipi(uint32_t apic_id, uint32_t low)
{
    if (x2apic()) {
        wrmsr(MSR_X2APIC_ICR, (uint64_t)apic_id << 32 | low);
        return;
    }
    *apic_register(0x310) = apic_id << 24;
    *apic_register(0x300) = low;
    while (*apic_register(0x300) & 1 << 12)
        cpu_pause();
}

