/* An NMI goes through the IDT, with interrupts off, too, and another one waits for IRET. */
#include "small.h"

static volatile uint32_t nmis, depth, deepest, own;

void ipi_handler(void) {}

void nmi_handler(void)
{
    uint32_t now = __atomic_add_fetch(&depth, 1, __ATOMIC_SEQ_CST);

    if (now > deepest)
        deepest = now;
    if (apic_id() == 0 && !own++) /* a second one, while the first is being handled */
        apic_send(0, ICR_NMI);
    for (uint32_t left = 1000; left; left--)
        cpu_pause();
    __atomic_fetch_add(&nmis, 1, __ATOMIC_SEQ_CST);
    __atomic_fetch_sub(&depth, 1, __ATOMIC_SEQ_CST);
}

void secondary_main(void)
{
    load_idt();
    apic_begin();
    __atomic_fetch_add(&arrived, 1, __ATOMIC_SEQ_CST);
    for (;;)
        __asm__ volatile("cli; hlt");
}

int main(void)
{
    uint32_t count = cpu_count();

    gate_to(2, nmi_gate);
    load_idt();
    apic_begin();
    start_aps(count);
    check(arrived == count - 1, "all CPUs come");
    apic_send(0, ICR_NMI);
    check(comes_to(&nmis, 2), "an NMI that is sent in a handler comes behind it");
    check(deepest == 1, "and not within");
    for (uint32_t id = 1; id < count; id++) {
        apic_send(id, ICR_NMI);
        comes_to(&nmis, 2 + id);
    }
    check(nmis == count + 1, "an NMI wakes a CPU that halts with interrupts off");
    return (int)failures;
}
