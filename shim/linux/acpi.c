/* The CPUs and the mailbox, as the MADT tells of them. */
#include "abi.h"
#include "arch.h"
#include "linux/kernel.h"

#define BP_RSDP 0x70
#define MADT_APIC 0
#define MADT_X2APIC 9
#define MADT_WAKEUP 16

volatile struct mailbox *acpi_mp_wake_mailbox;
uint32_t apic_ids[CPUS_MAX], cpu_count;

uint64_t at(const void *place, uint32_t bytes)
{
    uint64_t value = 0; /* tables have fields at odd addresses */
    copy_bytes(&value, place, bytes);
    return value;
}

static bool is_name(const void *table, const char *name)
{
    return (uint32_t)at(table, 4) == (uint32_t)at(name, 4);
}

/* Behind a shim boot_params has no RSDP, and the command line says where it is. */
const uint8_t *find_rsdp(const uint8_t *boot_params, const char *line)
{
    static const char word[] = "acpi_rsdp=0x";
    uint64_t found = at(boot_params + BP_RSDP, 8);
    for (; !found && *line; line++) {
        uint32_t same = 0;
        while (word[same] && line[same] == word[same])
            same++;
        for (const char *digit = line + same; !word[same] && *digit > ' '; digit++)
            found = found << 4 | (uint64_t)(*digit > '9' ? (*digit | 32) - 'a' + 10 : *digit & 15);
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

void find_cpus(const uint8_t *rsdp)
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

