/* Waking the other CPUs: by the shim's mailbox, or by hypercall where there is none. */
#include "kernel.h"
#include "print.h"

#define ACK_MS 1000
#define ONLINE_MS 10000

struct cpu *boot_cpu;
volatile uint32_t settled_count;

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
        if (cpus[index].apic_id == own)
            boot_cpu = &cpus[index];
    }
    if (!boot_cpu)
        return false;
    boot_cpu->state = AP_ONLINE;
    return true;
}

/* Sends one command and waits for the ack; a command that no one takes is withdrawn. */
bool mailbox_command(uint16_t command, uint32_t apic_id, uint64_t vector, uint64_t ms)
{
    struct deadline deadline = boot_deadline_in(ms);

    mailbox()->apic_id = apic_id;
    mailbox()->wakeup_vector = vector;
    store_release16(&mailbox()->command, command); /* last: it makes the rest valid */
    while (load_acquire16(&mailbox()->command) != MAILBOX_NOOP) {
        if (!expired(&deadline))
            continue;
        store_release16(&mailbox()->command, MAILBOX_NOOP);
        return false;
    }
    return true;
}

static void report(const struct cpu *cpu, const char *what)
{
    struct line line = {0};

    line_text(&line, "cpu ");
    line_number(&line, cpu->number);
    line_text(&line, ": ");
    line_text(&line, what);
    line_print(&line);
}

/* True once the CPU is on its way.  A CPU that answers after we gave up finds its state
 * changed and goes no further (secondary_start). */
bool wake_cpu(struct cpu *cpu)
{
    cmpxchg32(&cpu->state, cpu->state, AP_STARTING);
    bool good = info.mailbox ? mailbox_command(MAILBOX_WAKEUP, cpu->apic_id,
                                               (uint64_t)secondary_start, ACK_MS)
                             : hypercall_start(cpu);
    if (good || !cmpxchg32(&cpu->state, AP_STARTING, AP_FAILED))
        return true;
    report(cpu, info.mailbox ? "no ack" : "start refused");
    return false;
}

void wait_until_settled(uint32_t target)
{
    struct deadline deadline = boot_deadline_in(ONLINE_MS);

    while (load_acquire32(&settled_count) != target)
        if (expired(&deadline))
            return;
}

/* Gives up whoever said nothing; one look at each CPU. */
static void report_missing(void)
{
    for (uint32_t index = 0; index < info.cpu_count; index++) {
        struct cpu *cpu = &cpus[index];
        if (cmpxchg32(&cpu->state, AP_STARTING, AP_FAILED) ||
            cmpxchg32(&cpu->state, AP_WOKEN, AP_FAILED))
            report(cpu, "acked, but not online");
    }
}

__attribute__((noinline)) void wake_aps(void)
{
    uint32_t woken = 0;

    if (!info.mailbox && info.cpu_count > 1 && !hypercall_prepare()) {
        print("no mailbox and no hypercalls: one cpu");
        return;
    }
    for (uint32_t index = 0; index < info.cpu_count; index++) {
        struct cpu *cpu = &cpus[index];
        if (cpu == boot_cpu)
            continue;
        if (cpu->failure)
            report(cpu, cpu->failure);
        else
            woken += wake_cpu(cpu);
    }
    wait_until_settled(woken);
    report_missing();
}
