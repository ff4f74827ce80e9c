/* The classic way: INIT, wait, SIPI, wait, SIPI (MP specification 1.4, B.4), x2APIC. */
#include "shim.h"

#define X2APIC_ENABLE 0xC00
#define ICR_INIT_ASSERT 0xC500
#define ICR_INIT_DEASSERT 0x8500
#define ICR_STARTUP 0x600
#define LOW_MEMORY_END 0x9F000
#define INIT_US 10000
#define SIPI_US 200
#define MODERN_SIPI_US 10 /* Linux since 2015 on family 6: no wait after INIT */
#define ARRIVAL_US 10000

extern const uint64_t trampoline_offsets[2];

/* The words behind the trampoline's code; assembly reads them by its own labels. */
struct trampoline_words {
    uint32_t far_offset;
    uint16_t far_selector, padding;
    uint16_t gdt_limit;
    uint32_t gdt_base;
    uint16_t padding_2;
    uint64_t cr3, stack, idtr, entry;
} __attribute__((packed));

void sipi_open(void)
{
    wrmsr(MSR_APIC_BASE, rdmsr(MSR_APIC_BASE) | X2APIC_ENABLE);
    shim.trampoline = LOW_MEMORY_END - PAGE_BYTES;
    uint64_t size = (uint64_t)(ap_trampoline_end - ap_trampoline);
    copy_bytes((void *)shim.trampoline, ap_trampoline, size);
}

static void wait_us(uint64_t microseconds)
{
    uint64_t deadline = deadline_after_us(microseconds);
    while (!expired(deadline))
        cpu_pause();
}

static void send(uint32_t apic_id, uint32_t low)
{
    wrmsr(MSR_X2APIC_ICR, (uint64_t)apic_id << 32 | low);
}

/* One AP at a time: they share the trampoline. */
bool sipi_start(uint32_t index)
{
    const struct ap_record *ap = ap_record(index);
    struct trampoline_words *words =
        (struct trampoline_words *)(shim.trampoline + trampoline_offsets[1]);
    *(uint64_t *)(ap->stack_top - 8) = (uint64_t)ap;
    *words = (struct trampoline_words){
        .far_offset = (uint32_t)(shim.trampoline + trampoline_offsets[0]),
        .far_selector = 0x10,
        .gdt_limit = ap_shared.gdtr.limit,
        .gdt_base = (uint32_t)ap_shared.gdtr.base,
        .cr3 = ap->cr3,
        .stack = ap->stack_top - 8,
        .idtr = (uint64_t)&ap_shared.idtr,
        .entry = (uint64_t)ap_entry64,
    };
    uint32_t sipi_us = shim.sipi_modern ? MODERN_SIPI_US : SIPI_US;
    send(ap->apic_id, ICR_INIT_ASSERT);
    if (!shim.sipi_modern)
        wait_us(INIT_US);
    send(ap->apic_id, ICR_INIT_DEASSERT);
    for (int sipi = 0; sipi < 2; sipi++) {
        send(ap->apic_id, ICR_STARTUP | (uint32_t)(shim.trampoline >> 12));
        wait_us(sipi_us);
    }
    return ap_arrived(index, deadline_after_us(ARRIVAL_US));
}
