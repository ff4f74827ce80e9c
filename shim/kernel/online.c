/* What a CPU does in the kernel: shows its clock, does its share of work, reports, idles. */
#include "kernel.h"
#include "print.h"
#include "work.h"

static void report(const struct cpu *cpu)
{
    struct line line = {0};

    line_text(&line, "cpu ");
    line_number(&line, cpu->number);
    line_text(&line, " (apic id ");
    line_number(&line, cpu->apic_id);
    line_text(&line, ") online");
    line_print(&line);
}

__attribute__((noinline)) void secondary_online(struct cpu *cpu)
{
    cpu->arrival = rdtsc(); /* the BSP compares it with its own clock: see smp.c */
    work();
    report(cpu);
    if (!cmpxchg32(&cpu->state, AP_WOKEN, AP_ONLINE))
        halt_forever(); /* the BSP has given this CPU up and reported it */
}

__attribute__((noinline)) void secondary_idle(struct cpu *cpu)
{
    while (load_acquire32(&cpu->command) != CPU_GO_OFFLINE)
        cpu_pause();
}

void secondary_main(struct cpu *cpu)
{
    idt_load();
    secondary_online(cpu);
    secondary_idle(cpu);
    if (!cmpxchg32(&cpu->state, AP_ONLINE, AP_PARKED))
        halt_forever();
    leave_for_firmware(info.reset_vector);
}
