/* Waking the other CPUs: by the shim's mailbox, or by hypercall where there is none. */
#include "kernel.h"
#include "print.h"

#define ACK_MS 1000     /* for a command, and for the first sign of life after it */
#define SKEW_LIMIT_US 10 /* clocks may differ by this beyond what the handshake proves */

struct cpu *boot_cpu;

static volatile struct mailbox *mailbox(void) { return (struct mailbox *)info.mailbox; }

/* Open addressing with at least half of the places empty: a probe finds a CPU or a hole. */
static void table_insert(struct cpu **table, struct cpu *cpu)
{
    uint32_t at = (uint32_t)(cpu->apic_id * HASH_FACTOR) >> secondary_shift;

    while (table[at])
        at = (at + 1) & secondary_mask;
    table[at] = cpu;
}

/* What secondary_start reads; false when memory does not suffice. */
static bool prepare_entry(void)
{
    uint32_t bits = 1;

    while (1u << bits < 2 * info.cpu_count)
        bits++;
    struct cpu **table = allocate_pages((1ull << bits) * sizeof *table);
    if (!table)
        return false;
    zero_words(table, (1ull << bits) * sizeof *table);
    secondary_shift = 32 - bits;
    secondary_mask = (1u << bits) - 1;
    secondary_table = (uint64_t)table;
    secondary_is_tdx = info.is_tdx;
    secondary_cr3 = read_cr3();
    for (uint32_t index = 0; index < info.cpu_count; index++)
        table_insert(table, &cpus[index]);
    return true;
}

bool smp_prepare(void)
{
    uint32_t own = own_apic_id();
    uint8_t *stacks = allocate_pages((uint64_t)info.cpu_count * CPU_STACK_BYTES);

    if (!stacks || !prepare_entry())
        return false;
    for (uint32_t index = 0; index < info.cpu_count; index++) {
        cpus[index].stack_top = (uint64_t)(stacks + (index + 1) * (uint64_t)CPU_STACK_BYTES);
#ifdef BUG_ONE_STACK /* F56: found by half of an id, so two CPUs have one */
        cpus[index].stack_top = (uint64_t)(stacks + (index / 2 + 1) * CPU_STACK_BYTES);
#endif
        if (cpus[index].apic_id == own)
            boot_cpu = &cpus[index];
    }
#ifdef BUG_BASE_SHARED
    wrmsr(MSR_GS_BASE, (uint64_t)boot_cpu);
#endif
    return boot_cpu && cmpxchg32(&boot_cpu->state, AP_NOT_STARTED, AP_ONLINE);
}

/* Sends one command and waits for the ack; a command that no one takes is withdrawn. */
bool mailbox_command(uint16_t command, uint32_t apic_id, uint64_t vector)
{
    uint64_t end = tsc_after(ACK_MS);

    mailbox()->apic_id = apic_id;
    mailbox()->wakeup_vector = vector;
    store_release16(&mailbox()->command, command); /* last: it makes the rest valid */
    while (load_acquire16(&mailbox()->command) != MAILBOX_NOOP) {
        if (rdtsc() > end) {
            store_release16(&mailbox()->command, MAILBOX_NOOP);
            return false;
        }
        cpu_pause();
    }
    return true;
}

static void line_cpu(struct line *line, const struct cpu *cpu, const char *what)
{
    line_text(line, "cpu ");
    line_number(line, cpu->number);
    line_text(line, ": ");
    line_text(line, what);
}

void cpu_report(const struct cpu *cpu, const char *what)
{
    struct line line = {0};

    line_cpu(&line, cpu, what);
    line_print(&line);
}

/* The CPU read its clock after `sent` and before `seen`: what lies outside is a difference. */
static void check_clock(const struct cpu *cpu, uint64_t sent, uint64_t seen)
{
    uint64_t there = cpu->arrival;
    uint64_t skew = there < sent ? sent - there : there > seen ? there - seen : 0;
    struct line line = {0};

    if (skew <= tsc_hz / 1000000 * SKEW_LIMIT_US)
        return;
    line_cpu(&line, cpu, there < sent ? "clock behind by " : "clock ahead by ");
    line_number(&line, skew);
    line_print(&line);
}

/* Nothing said in time is not the end of it: wait_until_online has the last word. */
static void wait_for_arrival(const struct cpu *cpu, uint64_t sent)
{
    uint64_t end = tsc_after(ACK_MS);

    while (!cpu->arrival) {
        if (rdtsc() > end)
            return;
        cpu_pause();
    }
    check_clock(cpu, sent, rdtsc());
}

/* Only a CPU that never ran, or that the firmware has back, can be started. */
static bool begins_to_start(struct cpu *cpu)
{
    return cmpxchg32(&cpu->state, AP_NOT_STARTED, AP_STARTING) ||
           cmpxchg32(&cpu->state, AP_PARKED, AP_STARTING);
}

/* A CPU that answers after we gave up finds its state changed and goes no further
 * (secondary_start). */
bool wake_cpu(struct cpu *cpu)
{
    cpu->arrival = 0;
    if (!begins_to_start(cpu)) {
        cpu_report(cpu, "not woken: it is not where it could start");
        return false;
    }
    uint64_t sent = rdtsc();
    bool good = info.mailbox ? mailbox_command(MAILBOX_WAKEUP, cpu->apic_id,
                                               (uint64_t)secondary_start)
                             : hypercall_start(cpu);
    if (!good && cmpxchg32(&cpu->state, AP_STARTING, AP_FAILED)) {
        cpu_report(cpu, info.mailbox ? "no ack" : "start refused");
        return false;
    }
    wait_for_arrival(cpu, sent);
    return true;
}

bool wait_for_state(struct cpu *cpu, uint32_t wanted, uint64_t end)
{
    uint32_t state;

    while ((state = load_acquire32(&cpu->state)) != wanted && state != AP_FAILED) {
        if (rdtsc() > end)
            return false;
        cpu_pause();
    }
    return state == wanted;
}

bool wait_until_online(struct cpu *cpu, uint64_t end)
{
    if (wait_for_state(cpu, AP_ONLINE, end))
        return true;
    /* It loses the race to AP_ONLINE or AP_WOKEN, or wins it just now. */
    bool gave_up = cmpxchg32(&cpu->state, AP_STARTING, AP_FAILED) ||
                   cmpxchg32(&cpu->state, AP_WOKEN, AP_FAILED);
    if (!gave_up && load_acquire32(&cpu->state) == AP_ONLINE)
        return true;
    cpu_report(cpu, "woken, but not online");
    return false;
}

__attribute__((noinline)) void wake_aps(void)
{
    if (!info.mailbox && info.cpu_count > 1 && !hypercall_prepare()) {
        print("no mailbox and no hypercalls: one cpu");
        return;
    }
    for (uint32_t index = 0; index < info.cpu_count; index++) {
        struct cpu *cpu = &cpus[index];
        if (cpu == boot_cpu)
            continue;
        if (cpu->failure)
            cpu_report(cpu, cpu->failure);
        else
            wake_cpu(cpu);
    }
    uint64_t end = tsc_after(ONLINE_MS);
    for (uint32_t index = 0; index < info.cpu_count; index++)
        if (cpus[index].state == AP_STARTING || cpus[index].state == AP_WOKEN)
            wait_until_online(&cpus[index], end);
}
