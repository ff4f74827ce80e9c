/* A mailbox for each CPU.
 *
 *   mailbox=each           with start=serial, kick or parallel
 *   mailbox=each-direct    it tells its CPU as well which number, stack and tables it has
 *
 * ACPI 6.6 has one mailbox for all, so the firmware's APs are woken by that one first, each
 * into a loop at a line of its own, before the time begins. What is timed is the second start:
 * a command has a place of its own, and nobody waits for the acknowledgement of the one
 * before it. */
#include "abi.h"
#include "arch.h"
#include "strategies/ways.h"

extern uint8_t park_start[], park_mailbox[], park_apic_id[], park_direct[], park_end[];
uint64_t stack_of(uint32_t cpu) __attribute__((visibility("hidden")));

static bool direct;

static volatile uint8_t *mailbox_of(uint32_t cpu)
{
    return (volatile uint8_t *)(MAILBOXES + cpu * (uint64_t)MAILBOX_BYTES);
}

static uint64_t when_parked(const uint8_t *place)
{
    return PARKED + (uint64_t)(place - park_start);
}

static void park(uint32_t cpu)
{
    volatile uint8_t *own = mailbox_of(cpu);

    *(volatile uint64_t *)when_parked(park_mailbox) = (uint64_t)own;
    *(volatile uint32_t *)when_parked(park_apic_id) = apic_id_of(cpu);
    acpi_wakeup_cpu(apic_id_of(cpu), PARKED);
    wait_for((volatile uint32_t *)(own + OWN_COME));
}

static uint64_t tell_directly(uint32_t cpu)
{
    volatile uint8_t *own = mailbox_of(cpu);

    *(volatile uint32_t *)(own + OWN_CPU) = cpu;
    *(volatile uint64_t *)(own + OWN_CR3) = read_cr3();
    *(volatile uint64_t *)(own + OWN_STACK) = stack_of(cpu);
    *(volatile uint64_t *)(own + OWN_CODE) = (uint64_t)secondary;
    return when_parked(park_direct);
}

__attribute__((noinline)) static void wake_by_own_mailbox(uint32_t cpu)
{
    volatile uint8_t *own = mailbox_of(cpu);

    *(volatile uint64_t *)(own + MB_VECTOR) =
        direct ? tell_directly(cpu)
               : TRAMPOLINE + (uint64_t)(trampoline_start64 - trampoline_start);
    *(volatile uint32_t *)(own + MB_APIC_ID) = apic_id_of(cpu);
    store_release16((volatile uint16_t *)own, MAILBOX_WAKEUP);
}

bool bring_up_by_own_mailboxes(const char *line)
{
    bool serial = is_said(line, "start=serial");

    if (!is_said(line, "mailbox=each"))
        return false;
    direct = is_said(line, "mailbox=each-direct");
    fill_bytes((void *)MAILBOXES, 0, cpu_count * (uint64_t)MAILBOX_BYTES);
    copy_bytes((void *)PARKED, park_start, (uint64_t)(park_end - park_start));
    for (uint32_t cpu = 1; cpu < cpu_count; cpu++)
        park(cpu);
    out_byte(POST, POST_BEGIN);
    for (uint32_t cpu = 1; cpu < cpu_count; cpu++) {
        wake_by_own_mailbox(cpu);
        if (serial)
            take_online(cpu);
    }
    for (uint32_t cpu = 1; cpu < cpu_count; cpu++)
        take_online(cpu);
    out_byte(POST, POST_ONLINE);
    return true;
}
