/* Taking one CPU offline and back: ACPI 6.6's hand-back to the firmware's reset vector. */
#include "kernel.h"
#include "print.h"

#define LEAVE_MS 1000

static struct cpu *last_online(void)
{
    for (uint32_t index = info.cpu_count; index-- > 0;)
        if (&cpus[index] != boot_cpu && cpus[index].state == AP_ONLINE)
            return &cpus[index];
    return 0;
}

static void report_offline(const struct cpu *cpu)
{
    struct line line = {0};

    line_text(&line, "cpu ");
    line_number(&line, cpu->number);
    line_text(&line, " offline (handed back)");
    line_print(&line);
}

/* Only the TEST ack proves that the CPU runs no code of ours any more. */
__attribute__((noinline)) void offline_ap(void)
{
    struct cpu *cpu = info.mailbox && info.reset_vector ? last_online() : 0;

    if (!cpu)
        return;
    store_release32(&cpu->command, CPU_GO_OFFLINE);
    if (!wait_for_state(cpu, AP_PARKED, tsc_after(LEAVE_MS))) {
        cpu_report(cpu, "did not go offline");
        return;
    }
#ifndef BUG_LEFT_WITHOUT_TEST /* F51: whether it has left our code is anyone's guess */
    if (!mailbox_command(MAILBOX_TEST, cpu->apic_id, 0)) {
        cpu_report(cpu, "not handed back: no answer");
        return;
    }
#endif
    report_offline(cpu);
    store_release32(&cpu->command, CPU_STAY);
    if (wake_cpu(cpu))
        wait_until_online(cpu, tsc_after(ONLINE_MS));
}
