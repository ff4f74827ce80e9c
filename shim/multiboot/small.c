/* The small programs' common half: see small.h. */
#include "small.h"

struct gate idt[256];
volatile uint32_t arrived;
uint32_t failures;

static void text(const char *words)
{
    for (; *words; words++)
        out8(COM1, (uint8_t)*words);
}

void check(bool good, const char *what)
{
    text(good ? "PASS: " : "FAIL: ");
    text(what);
    text("\n");
    failures += !good;
}

uint32_t cpu_count(void)
{
    out16(FW_CFG, NB_CPUS);
    uint32_t low = in8(FW_CFG + 1);
    return low | (uint32_t)in8(FW_CFG + 1) << 8;
}

static bool has_x2apic(void)
{
    uint32_t eax = 1, ebx, ecx = 0, edx;

    __asm__ volatile("cpuid" : "+a"(eax), "=b"(ebx), "+c"(ecx), "=d"(edx));
    return ecx >> 21 & 1;
}

static uint64_t rdmsr(uint32_t msr)
{
    uint64_t value;
    __asm__ volatile("rdmsr" : "=A"(value) : "c"(msr));
    return value;
}

static void wrmsr(uint32_t msr, uint64_t value)
{
    __asm__ volatile("wrmsr" ::"c"(msr), "A"(value) : "memory");
}

static volatile uint32_t *page(uint32_t offset)
{
    return (volatile uint32_t *)(0xFEE00000 + offset);
}

static uint32_t apic_read(uint32_t offset)
{
    return has_x2apic() ? (uint32_t)rdmsr(0x800 + offset / 16) : *page(offset);
}

static void apic_write(uint32_t offset, uint32_t value)
{
    if (has_x2apic())
        wrmsr(0x800 + offset / 16, value);
    else
        *page(offset) = value;
}

void apic_begin(void)
{
    if (has_x2apic())
        wrmsr(APIC_BASE, rdmsr(APIC_BASE) | X2APIC);
    apic_write(APIC_SPURIOUS, 0x1FF);
}

uint32_t apic_id(void)
{
    return has_x2apic() ? apic_read(APIC_ID) : apic_read(APIC_ID) >> 24;
}

void apic_end(void) { apic_write(APIC_EOI, 0); }

void apic_send(uint32_t id, uint32_t command)
{
    if (has_x2apic()) {
        wrmsr(0x800 + APIC_ICR / 16, (uint64_t)id << 32 | command);
        return;
    }
    *page(APIC_ICR + 16) = id << 24;
    *page(APIC_ICR) = command;
    while (*page(APIC_ICR) & 0x1000)
        cpu_pause();
}

bool comes_to(volatile uint32_t *cell, uint32_t wanted)
{
    for (uint32_t left = PATIENCE; left; left--) {
        if (*cell == wanted)
            return true;
        cpu_pause();
    }
    return false;
}

void gate_to(uint32_t vector, void (*handler)(void))
{
    uint32_t at = (uint32_t)handler;
    idt[vector] = (struct gate){at & 0xFFFF, CODE32, 0x8E00, at >> 16};
}

/* One at a time, by the ids that QEMU gives: 0, 1, ... */
void start_aps(uint32_t count)
{
    volatile uint8_t *low = (volatile uint8_t *)LOW;

    for (uint32_t at = 0; &low_start[at] < low_end; at++)
        low[at] = low_start[at];
    for (uint32_t id = 1; id < count; id++) {
        apic_send(id, ICR_INIT);
        apic_send(id, ICR_SIPI | LOW >> 12);
        if (!comes_to(&arrived, id))
            apic_send(id, ICR_SIPI | LOW >> 12);
        comes_to(&arrived, id);
    }
}
