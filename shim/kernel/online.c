/* What a CPU does in the kernel: checks its clock, does its share of work, reports, idles. */
#include "kernel.h"
#include "print.h"
#include "work.h"

#define SKEW_PER_SECOND 100000 /* allowed: 1 / 100000 s, that is 10 us */
#define STAMP_MS 100           /* a BSP that waits shows its clock far more often */

/* The BSP's clock, read by the BSP after `previous` was; 0 if the BSP shows none. */
static uint64_t next_stamp(uint64_t previous)
{
    struct deadline deadline = deadline_in(STAMP_MS);

    for (;;) {
        uint64_t stamp = __atomic_load_n(&boot_tsc, __ATOMIC_ACQUIRE);
        if (stamp != previous)
            return stamp;
        if (expired(&deadline))
            return 0;
    }
}

/* TSC ticks by which this CPU's clock differs from the BSP's beyond doubt; 0 if it may agree.
 *
 * The first stamp that is new after `before` may have been read before it and stored late.  The
 * second one was read after the first was stored, so it lies between `before` and `after`. */
static uint64_t clock_check(void)
{
    uint64_t old = __atomic_load_n(&boot_tsc, __ATOMIC_ACQUIRE);
    uint64_t before = rdtsc();
    uint64_t first = next_stamp(old);
    uint64_t stamp = first ? next_stamp(first) : 0;
    uint64_t after = rdtsc();

    if (!stamp)
        return 0;
    uint64_t skew = stamp < before ? before - stamp : stamp > after ? stamp - after : 0;
    return skew > tsc_hz / SKEW_PER_SECOND ? skew : 0;
}

static void report(const struct cpu *cpu)
{
    struct line line = {0};

    line_text(&line, "cpu ");
    line_number(&line, cpu->number);
    line_text(&line, " (apic id ");
    line_number(&line, cpu->apic_id);
    line_text(&line, cpu->skew ? ") online, clock off by " : ") online");
    if (cpu->skew)
        line_number(&line, cpu->skew);
    line_print(&line);
}

__attribute__((noinline)) void secondary_online(struct cpu *cpu)
{
    cpu->skew = clock_check();
    work();
    report(cpu);
    if (!cmpxchg32(&cpu->state, AP_WOKEN, AP_ONLINE))
        halt_forever(); /* the BSP has given this CPU up and reported it */
    __atomic_fetch_add(&settled_count, 1, __ATOMIC_SEQ_CST);
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
