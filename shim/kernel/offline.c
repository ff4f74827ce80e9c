/* Taking CPUs offline and back, by the rules of ACPI 6.6 for a reset vector (5.2.12.19).
 *
 * In a device tree there is no such thing: Linux takes no CPU offline whose mailbox it found
 * there, and the binding has no reset vector.  `apdbg,reset-vector` and all that is done with
 * it is an arrangement between our own shim and this kernel. */
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

/* Hands back the last CPU that is online.  Only the TEST ack proves that it runs no code of
 * ours any more: one that gave none keeps its order to go, and is not woken again. */
__attribute__((noinline)) static void offline_ap(void)
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
}

/* So many go offline, and then all of them are woken again, the last that went last. */
void take_offline_and_back(uint32_t count)
{
    for (uint32_t left = count; left; left--)
        offline_ap();
    for (uint32_t index = info.cpu_count; index-- > 0;) {
        struct cpu *cpu = &cpus[index];
        if (cpu->state == AP_PARKED && cpu->command == CPU_STAY && wake_cpu(cpu))
            wait_until_online(cpu, tsc_after(ONLINE_MS));
    }
}
