/* All CPUs come, each with an id of its own, and each takes an interrupt that is sent to it. */
#include "small.h"

#define VECTOR 0x40

static volatile uint32_t seen, taken, ready;

void nmi_handler(void) {}

void ipi_handler(void)
{
    __atomic_fetch_add(&taken, 1, __ATOMIC_SEQ_CST);
    apic_end();
}

void secondary_main(void)
{
    load_idt();
    apic_begin();
    __atomic_fetch_or(&seen, 1u << apic_id(), __ATOMIC_SEQ_CST);
    __atomic_fetch_add(&arrived, 1, __ATOMIC_SEQ_CST);
    __atomic_fetch_add(&ready, 1, __ATOMIC_SEQ_CST);
    for (;;)
        __asm__ volatile("sti; hlt");
}

int main(void)
{
    uint32_t count = cpu_count();

    out8(0x21, 0xFF); /* whoever booted us may have left its clock running */
    out8(0xA1, 0xFF);
    gate_to(VECTOR, ipi_gate);
    load_idt();
    apic_begin();
    start_aps(count);
    check(arrived == count - 1, "all CPUs come");
    check(seen == (1u << count) - 2, "each has an id of its own");
    comes_to(&ready, count - 1);
    for (uint32_t id = 1; id < count; id++)
        apic_send(id, ICR_FIXED | VECTOR);
    check(comes_to(&taken, count - 1), "each takes an interrupt");
    __asm__ volatile("sti");
    apic_send(apic_id(), ICR_FIXED | VECTOR);
    check(comes_to(&taken, count), "so does the one that sends it");
    return (int)failures;
}
