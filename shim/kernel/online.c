/* What a CPU does in the kernel: shows its clock, does its share of work, reports, idles. */
#include "kernel.h"
#include "print.h"
#include "work.h"

#ifdef BUG_BEYOND_STACK
__attribute__((noinline))
#endif
static void report(const struct cpu *cpu)
{
    struct line line = {0};

#ifdef BUG_BEYOND_STACK /* F55: a buffer as large as the whole stack; below lies another's */
    char text[CPU_STACK_BYTES];
    __asm__ volatile("" ::"r"(text) : "memory");
#endif
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
#ifdef BUG_TD_HLT /* F60: idle as on any other machine: in a TD this is the host's to do */
        __asm__ volatile("sti; hlt; cli");
#else
        cpu_pause();
#endif
}

void secondary_main(struct cpu *cpu)
{
    idt_load();
#ifdef BUG_BASE_SHARED /* F53: the per-CPU base is copied from the boot CPU's, and never set */
    wrmsr(MSR_GS_BASE, (uint64_t)boot_cpu);
#endif
#ifdef BUG_EXCEPTION_ONLINE /* F54: only the boot CPU's path sets CR4.OSFXSR */
    uint64_t cr4;
    __asm__ volatile("mov %%cr4, %0" : "=r"(cr4));
    __asm__ volatile("mov %0, %%cr4" ::"r"(cr4 & ~0x200ull));
#endif
    secondary_online(cpu);
#ifdef BUG_EXCEPTION_ONLINE
    __asm__ volatile("movaps %xmm0, %xmm1");
#endif
    secondary_idle(cpu);
    if (!cmpxchg32(&cpu->state, AP_ONLINE, AP_PARKED))
        halt_forever();
    leave_for_firmware(info.reset_vector);
}
