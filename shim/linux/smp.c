/* The other CPUs, one after the other. */
#include "abi.h"
#include "arch.h"
#include "linux/kernel.h"
#include "tdcall.h"

#define ALIVE_US 1000000

uint64_t initial_stack;
uint32_t smpboot_control;
static uint8_t stacks[CPUS_MAX][STACK_BYTES] __attribute__((aligned(16)));
static volatile uint32_t alive[CPUS_MAX];

static uint64_t in_trampoline(const uint8_t *place)
{
    return TRAMPOLINE + (uint64_t)(place - trampoline_start);
}

/* ACPI 6.6, 5.2.12.19: vector and id first, the command last; the CPU clears it. */
__attribute__((noinline)) static bool acpi_wakeup_cpu(uint32_t apic_id, uint64_t vector)
{
    uint64_t end = rdtsc() + tsc_hz;
    acpi_mp_wake_mailbox->wakeup_vector = vector;
    acpi_mp_wake_mailbox->apic_id = apic_id;
    store_release16(&acpi_mp_wake_mailbox->command, MAILBOX_WAKEUP);
    while (load_acquire16(&acpi_mp_wake_mailbox->command) && rdtsc() < end)
        cpu_pause();
    return !acpi_mp_wake_mailbox->command;
}

__attribute__((noinline)) static void wakeup_secondary_cpu_via_init(uint32_t apic_id)
{
    send_ipi(apic_id, ICR_INIT);
    for (int sipi = 0; sipi < 2; sipi++) {
        udelay(10);
        send_ipi(apic_id, ICR_STARTUP | TRAMPOLINE / PAGE_BYTES);
    }
}

__attribute__((noinline)) static bool do_boot_cpu(uint32_t cpu, uint32_t apic_id)
{
    uint64_t end = rdtsc() + ALIVE_US * (tsc_hz / 1000000);
    smpboot_control = cpu;
    initial_stack = (uint64_t)stacks[cpu] + STACK_BYTES;
    if (!acpi_mp_wake_mailbox)
        wakeup_secondary_cpu_via_init(apic_id);
    else if (!acpi_wakeup_cpu(apic_id, in_trampoline(trampoline_start64)))
        return false;
    while (!load_acquire32(&alive[cpu]) && rdtsc() < end)
        cpu_pause();
    return alive[cpu];
}

__attribute__((noinline)) _Noreturn void cpu_startup_entry(void)
{
    for (;;) {
        cpu_pause(); /* a host may answer HLT at once */
        if (is_td)
            tdvmcall_hlt();
        else
            __asm__ volatile("hlt");
    }
}

_Noreturn void start_secondary(uint32_t cpu)
{
    store_release32(&alive[cpu], 1);
    cpu_startup_entry();
}

uint32_t bringup_nonboot_cpus(const char *line)
{
    uint32_t own = own_apic_id(), up = 1, cpu = 0;
    (void)line;
    copy_bytes((void *)TRAMPOLINE, trampoline_start, (uint64_t)(trampoline_end - trampoline_start));
    for (uint32_t i = 0; i < cpu_count; i++) {
        if (apic_ids[i] == own)
            continue;
        if (do_boot_cpu(++cpu, apic_ids[i])) {
            up++;
            continue;
        }
        stamp();
        put("CPU");
        put_number(cpu, 0, ' ');
        put(" failed to report alive state\n");
    }
    return up;
}

