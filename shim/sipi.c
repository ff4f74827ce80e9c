/* The classic way: INIT, wait, SIPI, wait, SIPI (MP specification 1.4, B.4), x2APIC. */
#include "shim.h"

#define X2APIC_ENABLE 0xC00
#define ICR_INIT_ASSERT 0xC500
#define ICR_INIT_DEASSERT 0x8500
#define ICR_STARTUP 0x600
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
    if (shim.low_memory_end < LOW_MEMORY_END)
        refuse("no memory for the SIPI trampoline below", LOW_MEMORY_END);
    shim.trampoline = LOW_MEMORY_END - PAGE_BYTES;
    copy_bytes((void *)shim.trampoline, ap_trampoline,
               (uint64_t)(ap_trampoline_end - ap_trampoline));
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

static void fill_trampoline(const struct ap_record *ap)
{
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
        .idtr = ap->idt,
        .entry = (uint64_t)ap_entry64,
    };
}

/* Puts an AP back to where it waits for a SIPI.  It may have arrived just before; if it had
 * not, or had given itself up, its state is left alone. */
static void stop(struct ap_record *ap, uint64_t wait)
{
    send(ap->apic_id, ICR_INIT_ASSERT);
    wait_us(wait);
    (void)cmpxchg32(&ap->state, AP_WAIT_FOR_WAKEUP, AP_STARTING);
    send(ap->apic_id, ICR_INIT_DEASSERT);
}

/* One AP at a time: they share the trampoline.  One that is late must not come at all, or it
 * would take the stack of the next. */
void sipi_start(struct ap_record *ap)
{
    fill_trampoline(ap);
    stop(ap, shim.sipi_modern && ap->attempts == 1 ? 0 : INIT_US);
    for (int sipi = 0; sipi < 2; sipi++) { /* the second finds most APs awake, and is lost */
        send(ap->apic_id, ICR_STARTUP | (uint32_t)(shim.trampoline >> 12));
#ifdef BUG_START_PAGE_WRITTEN /* F52: the next AP's words are written while this one comes */
        return;
#endif
        wait_us(shim.sipi_modern ? MODERN_SIPI_US : SIPI_US);
    }
    if (!ap_arrived(ap, deadline_after_us(ARRIVAL_US)))
        stop(ap, INIT_US);
}
