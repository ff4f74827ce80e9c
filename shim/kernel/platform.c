/* What differs between a TD and everything else: ports, the APIC id, and how to stop. */
#include "../tdcall.h"
#include "kernel.h"

#define POWER_PORT 0x604
#define POWER_OFF 0x2000 /* SLP_EN of the ACPI PM1 control register */
#define APIC_X2 0xC00    /* IA32_APIC_BASE: EN and EXTD */

uint64_t tsc_hz;

uint8_t port_in8(uint16_t port)
{
    uint8_t value = 0xFF;

    if (info.is_tdx)
        return tdvmcall_in8(port, &value) ? value : 0xFF;
    return in8(port);
}

void port_out8(uint16_t port, uint8_t value)
{
    if (info.is_tdx)
        tdvmcall_out(port, value, 1);
    else
        out8(port, value);
}

void power_off(void)
{
    if (info.is_tdx)
        tdvmcall_out(POWER_PORT, POWER_OFF, 2);
    else
        out16(POWER_PORT, POWER_OFF);
}

void halt_forever(void)
{
    for (;;) {
        cpu_pause(); /* a host may answer HLT at once */
        if (info.is_tdx)
            tdvmcall_hlt();
        else
            __asm__ volatile("hlt");
    }
}

uint32_t own_apic_id(void)
{
    uint64_t value = ~0ull;

    if (info.is_tdx) {
        tdvmcall_rdmsr(MSR_X2APIC_ID, &value);
        return (uint32_t)value;
    }
    value = rdmsr(MSR_APIC_BASE);
    if ((value & APIC_X2) != APIC_X2)
        wrmsr(MSR_APIC_BASE, value | APIC_X2);
    return (uint32_t)rdmsr(MSR_X2APIC_ID);
}

/* CPUID 0x15: TSC = crystal (ECX) * EBX / EAX. */
static uint64_t tsc_frequency(void)
{
    struct cpuid_result leaf = cpuid(0x15, 0);
    uint64_t crystal = leaf.ecx ? leaf.ecx : 25000000;

    return leaf.eax && leaf.ebx ? crystal * leaf.ebx / leaf.eax : 1000000000;
}

/* A moment of this CPU's clock. */
uint64_t tsc_after(uint64_t milliseconds)
{
    if (!tsc_hz)
        tsc_hz = tsc_frequency();
    return rdtsc() + tsc_hz / 1000 * milliseconds;
}
