/* The other CPUs, in the order and by the way that the command line asks for.
 *
 *   start=serial    one after the other, each waited for until it is online
 *   start=kick      all are kicked, then each is taken online in turn (Linux, since 6.5)
 *   start=parallel  all are kicked, and come online by themselves
 *   start=fan-out   each CPU that is online kicks two more
 *   delay=legacy    10 ms behind INIT and 200 us behind each SIPI (MP specification 1.4, B.4);
 *                   without it none and 10 us, as Linux waits today
 *   own=US          what an AP does before it reports (microcode, calibration)
 *   online=US       what it does when it is taken online
 *   mailbox=each    by a mailbox for each (each.c)
 *   accept=WHEN     beside memory that is to be accepted (accept.c)
 *
 * Between POST codes 1 and 2 they are brought up. */
#include "abi.h"
#include "arch.h"
#include "strategies/ways.h"
#include "tdcall.h"

#define LEGACY_INIT_US 10000
#define LEGACY_SIPI_US 200
#define MODERN_SIPI_US 10

uint64_t initial_stack; /* of nobody: each finds its own */
uint32_t smpboot_control;
uint32_t own_number(void) __attribute__((visibility("hidden")));
uint64_t stack_of(uint32_t cpu) __attribute__((visibility("hidden")));

static uint8_t stacks[CPUS_MAX][STACK_BYTES] __attribute__((aligned(16)));
struct one_cpu cpus[CPUS_MAX];
uint64_t own_us, online_us;
static uint32_t numbers[CPUS_MAX]; /* place in the MADT, by number: the boot CPU has 0 */
static uint32_t mailbox_lock;
static bool legacy, fan_out;

/* What stands behind a word of the command line, or 0. */
static const char *behind(const char *line, const char *word)
{
    for (; *line; line++) {
        uint32_t same = 0;
        while (word[same] && line[same] == word[same])
            same++;
        if (!word[same])
            return line + same;
    }
    return 0;
}

uint64_t number_behind(const char *line, const char *word)
{
    const char *digit = behind(line, word);
    uint64_t value = 0;

    for (; digit && *digit >= '0' && *digit <= '9'; digit++)
        value = value * 10 + (uint64_t)(*digit - '0');
    return value;
}

bool is_said(const char *line, const char *word) { return behind(line, word) != 0; }

uint32_t own_number(void)
{
    uint32_t own = own_apic_id(), cpu = 0;

    while (apic_ids[numbers[cpu]] != own)
        cpu++;
    return cpu;
}

uint32_t apic_id_of(uint32_t cpu) { return apic_ids[numbers[cpu]]; }

uint64_t stack_of(uint32_t cpu) { return (uint64_t)stacks[cpu] + STACK_BYTES; }

/* ACPI 6.6, 5.2.12.19: one command at a time, whoever sends it. */
__attribute__((noinline)) void acpi_wakeup_cpu(uint32_t apic_id, uint64_t vector)
{
    while (__atomic_exchange_n(&mailbox_lock, 1, __ATOMIC_ACQUIRE))
        while (load_acquire32(&mailbox_lock))
            cpu_pause();
    acpi_mp_wake_mailbox->wakeup_vector = vector;
    acpi_mp_wake_mailbox->apic_id = apic_id;
    store_release16(&acpi_mp_wake_mailbox->command, MAILBOX_WAKEUP);
    while (load_acquire16(&acpi_mp_wake_mailbox->command))
        cpu_pause();
    store_release32(&mailbox_lock, 0);
}

__attribute__((noinline)) static void wakeup_secondary_cpu_via_init(uint32_t apic_id)
{
    send_ipi(apic_id, ICR_INIT);
    if (legacy)
        udelay(LEGACY_INIT_US);
    for (int sipi = 0; sipi < 2; sipi++) {
        send_ipi(apic_id, ICR_STARTUP | TRAMPOLINE / PAGE_BYTES);
        udelay(legacy ? LEGACY_SIPI_US : MODERN_SIPI_US);
    }
}

void kick(uint32_t cpu)
{
    uint32_t apic_id = apic_ids[numbers[cpu]];

    if (acpi_mp_wake_mailbox)
        acpi_wakeup_cpu(apic_id,
                        TRAMPOLINE + (uint64_t)(trampoline_start64 - trampoline_start));
    else
        wakeup_secondary_cpu_via_init(apic_id);
}

static void kick_children(uint32_t cpu)
{
    for (uint32_t child = 2 * cpu + 1; child <= 2 * cpu + 2; child++)
        if (child < cpu_count)
            kick(child);
}

void wait_for(volatile uint32_t *cell)
{
    while (!load_acquire32(cell))
        cpu_pause();
}

void take_online(uint32_t cpu)
{
    wait_for(&cpus[cpu].alive);
    store_release32(&cpus[cpu].go, 1);
    wait_for(&cpus[cpu].online);
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

void come_online(uint32_t cpu)
{
    store_release32(&cpus[cpu].alive, 1);
    wait_for(&cpus[cpu].go);
    if (online_us)
        udelay(online_us);
    store_release32(&cpus[cpu].online, 1);
}

_Noreturn void start_secondary(uint32_t cpu)
{
    if (fan_out)
        kick_children(cpu);
    if (own_us)
        udelay(own_us);
    come_online(cpu);
    cpu_startup_entry();
}

/* The boot CPU first, the others as the MADT has them. */
static void number_cpus(void)
{
    uint32_t own = own_apic_id(), cpu = 0;

    for (uint32_t i = 0; i < cpu_count; i++)
        if (apic_ids[i] == own)
            numbers[0] = i;
        else
            numbers[++cpu] = i;
}

static void read_line(const char *line)
{
    legacy = is_said(line, "delay=legacy");
    fan_out = is_said(line, "start=fan-out");
    own_us = number_behind(line, "own=");
    online_us = number_behind(line, "online=");
    bool wait = is_said(line, "start=serial") || is_said(line, "start=kick");
    for (uint32_t cpu = 1; cpu < cpu_count; cpu++)
        cpus[cpu].go = !wait;
}

static void start_all(const char *line)
{
    bool serial = is_said(line, "start=serial");

    if (fan_out)
        kick_children(0);
    for (uint32_t cpu = 1; cpu < cpu_count && !fan_out; cpu++) {
        kick(cpu);
        if (serial)
            take_online(cpu);
    }
    for (uint32_t cpu = 1; cpu < cpu_count; cpu++)
        take_online(cpu);
}

uint32_t bringup_nonboot_cpus(const char *line)
{
    copy_bytes((void *)TRAMPOLINE, trampoline_start,
               (uint64_t)(trampoline_end - trampoline_start));
    number_cpus();
    read_line(line);
    if (bring_up_by_own_mailboxes(line) || bring_up_and_accept(line))
        return cpu_count;
    out_byte(POST, POST_BEGIN);
    start_all(line);
    out_byte(POST, POST_ONLINE);
    return cpu_count;
}
