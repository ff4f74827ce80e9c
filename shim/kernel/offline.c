/* Taking one CPU offline and back: ACPI 6.6's hand-back to the firmware's reset vector. */
#include "kernel.h"
#include "print.h"

#define LEAVE_MS 1000
#define TEST_MS 1000 /* as long as Linux waits (acpi_mp_cpu_die) */

static struct cpu *last_online(void)
{
    for (uint32_t index = info.cpu_count; index-- > 0;)
        if (&cpus[index] != boot_cpu && cpus[index].state == AP_ONLINE)
            return &cpus[index];
    return 0;
}

static void say(const struct cpu *cpu, const char *what)
{
    struct line line = {0};

    line_text(&line, "cpu ");
    line_number(&line, cpu->number);
    line_text(&line, what);
    line_print(&line);
}

static bool has_left(struct cpu *cpu)
{
    struct deadline deadline = boot_deadline_in(LEAVE_MS);

    while (load_acquire32(&cpu->state) != AP_PARKED)
        if (expired(&deadline))
            return false;
    return true;
}

/* Only the TEST ack proves that the CPU runs no code of ours any more. */
__attribute__((noinline)) void offline_ap(void)
{
    struct cpu *cpu = info.mailbox && info.reset_vector ? last_online() : 0;

    if (!cpu)
        return;
    store_release32(&cpu->command, CPU_GO_OFFLINE);
    if (!has_left(cpu)) {
        say(cpu, " did not go offline");
        return;
    }
    if (!mailbox_command(MAILBOX_TEST, cpu->apic_id, 0, TEST_MS)) {
        say(cpu, " not handed back: no answer");
        return;
    }
    say(cpu, " offline (handed back)");
    store_release32(&cpu->command, CPU_STAY);
    uint32_t settled = settled_count;
    if (wake_cpu(cpu))
        wait_until_settled(settled + 1);
}
