/* A kernel that is booted as Linux is, and brings its CPUs up as Linux does: told of them by
 * the MADT, by INIT and SIPI, or through the mailbox that the MADT names. */
#include "abi.h"
#include "arch.h"
#include "linux/kernel.h"
#include "tdcall.h"

#define BP_RSDP 0x70
#define COM1 0x3F8
#define POWER_PORT 0x604
#define POWER_OFF 0x2000 /* SLP_EN of the ACPI PM1 control register */
#define CPUS_MAX 64
#define STACK_BYTES 4096
#define APIC_PAGE 0xFEE00000
#define APIC_EXTENDED 0x400
#define ICR_INIT 0x4500
#define ICR_STARTUP 0x4600
#define ALIVE_US 1000000
#define MADT_APIC 0
#define MADT_X2APIC 9
#define MADT_WAKEUP 16

uint64_t initial_stack;
uint32_t smpboot_control;
static uint8_t stacks[CPUS_MAX][STACK_BYTES] __attribute__((aligned(16)));
static volatile uint32_t alive[CPUS_MAX];
static uint32_t apic_ids[CPUS_MAX], cpu_count;
static volatile struct mailbox *acpi_mp_wake_mailbox;
static uint64_t tsc_hz;
static bool is_td;

static uint64_t at(const void *place, uint32_t bytes)
{
    uint64_t value = 0; /* tables have fields at odd addresses */
    copy_bytes(&value, place, bytes);
    return value;
}

static void out_byte(uint16_t port, uint8_t value)
{
    if (is_td)
        tdvmcall_out(port, value, 1);
    else
        out8(port, value);
}

static void put(const char *text)
{
    while (*text)
        out_byte(COM1, (uint8_t)*text++);
}

static void put_number(uint64_t value, uint32_t width, char pad)
{
    char digits[21];
    uint32_t first = sizeof(digits) - 1;
    digits[first] = 0;
    do {
        digits[--first] = (char)('0' + value % 10);
        value /= 10;
    } while (value);
    while (sizeof(digits) - 1 - first < width)
        digits[--first] = pad;
    put(digits + first);
}

/* `[    0.012345] ` */
static void stamp(void)
{
    uint64_t now = rdtsc();
    put("[");
    put_number(now / tsc_hz, 5, ' ');
    put(".");
    put_number(now % tsc_hz * 1000000 / tsc_hz, 6, '0');
    put("] ");
}

static void printk(const char *text)
{
    stamp();
    put(text);
    put("\n");
}

static void udelay(uint64_t microseconds)
{
    uint64_t end = rdtsc() + microseconds * tsc_hz / 1000000;
    while (rdtsc() < end)
        cpu_pause();
}

/* The local APIC, in the mode that firmware left it in */

static bool x2apic(void) { return rdmsr(MSR_APIC_BASE) & APIC_EXTENDED; }

static volatile uint32_t *apic_register(uint32_t offset)
{
    return (volatile uint32_t *)(uint64_t)(APIC_PAGE + offset);
}

static uint32_t own_apic_id(void)
{
    uint64_t value = 0;
    if (is_td)
        tdvmcall_rdmsr(MSR_X2APIC_ID, &value);
    else
        value = x2apic() ? rdmsr(MSR_X2APIC_ID) : *apic_register(0x20) >> 24;
    return (uint32_t)value;
}

static void send_ipi(uint32_t apic_id, uint32_t low)
{
    if (x2apic()) {
        wrmsr(MSR_X2APIC_ICR, (uint64_t)apic_id << 32 | low);
        return;
    }
    *apic_register(0x310) = apic_id << 24;
    *apic_register(0x300) = low;
    while (*apic_register(0x300) & 1 << 12)
        cpu_pause();
}

/* The ACPI tables */

static bool is_name(const void *table, const char *name)
{
    return (uint32_t)at(table, 4) == (uint32_t)at(name, 4);
}

/* Behind a shim boot_params has no RSDP, and the command line says where it is. */
static const uint8_t *find_rsdp(const uint8_t *boot_params, const char *line)
{
    static const char word[] = "acpi_rsdp=0x";
    uint64_t found = at(boot_params + BP_RSDP, 8);
    for (; !found && *line; line++) {
        uint32_t same = 0;
        while (word[same] && line[same] == word[same])
            same++;
        for (const char *digit = line + same; !word[same] && *digit > ' '; digit++)
            found = found << 4 | ((uint8_t)*digit & 15) + (*digit > '9' ? 9u : 0u);
    }
    return (const uint8_t *)found;
}

static void read_madt(const uint8_t *madt)
{
    const uint8_t *end = madt + at(madt + 4, 4);
    for (const uint8_t *row = madt + 44; row < end && row[1]; row += row[1]) {
        bool wide = row[0] == MADT_X2APIC;
        if (row[0] == MADT_WAKEUP)
            acpi_mp_wake_mailbox = (volatile struct mailbox *)at(row + 8, 8);
        if ((row[0] != MADT_APIC && !wide) || !(at(row + (wide ? 8 : 4), 4) & 1))
            continue;
        if (cpu_count < CPUS_MAX)
            apic_ids[cpu_count++] = wide ? (uint32_t)at(row + 4, 4) : row[3];
    }
}

static void find_cpus(const uint8_t *rsdp)
{
    if (!rsdp)
        return;
    const uint8_t *xsdt = (const uint8_t *)at(rsdp + 24, 8);
    for (const uint8_t *row = xsdt + 36; row < xsdt + at(xsdt + 4, 4); row += 8) {
        const uint8_t *table = (const uint8_t *)at(row, 8);
        if (is_name(table, "APIC"))
            read_madt(table);
    }
}

/* The other CPUs */

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

__attribute__((noinline)) static uint32_t bringup_nonboot_cpus(void)
{
    uint32_t own = own_apic_id(), up = 1, cpu = 0;
    uint64_t size = (uint64_t)(trampoline_end - trampoline_start);
    copy_bytes((void *)TRAMPOLINE, trampoline_start, size);
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

__attribute__((noinline)) static void native_smp_cpus_done(uint32_t up)
{
    stamp();
    put("smp: Brought up 1 node, ");
    put_number(up, 0, ' ');
    put(up == 1 ? " CPU\n" : " CPUs\n");
}

_Noreturn void start_kernel(const uint8_t *boot_params)
{
    const char *line = (const char *)at(boot_params + BP_CMDLINE, 4);
    struct cpuid_result ratio = cpuid(0x15, 0);
    tsc_hz = ratio.eax ? (uint64_t)ratio.ecx * ratio.ebx / ratio.eax : 0;
    tsc_hz = tsc_hz ? tsc_hz : 1000000000;
    is_td = is_trust_domain();
    printk("Linux version 0.0-sample, which is none");
    stamp();
    put("Command line: ");
    put(line);
    put("\n");
    find_cpus(find_rsdp(boot_params, line));
    printk("smp: Bringing up secondary CPUs ...");
    native_smp_cpus_done(bringup_nonboot_cpus());
    if (is_td)
        tdvmcall_out(POWER_PORT, POWER_OFF, 2);
    else
        out16(POWER_PORT, POWER_OFF);
    cpu_startup_entry();
}
