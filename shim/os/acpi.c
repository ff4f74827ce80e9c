/* The multiprocessor wakeup structure of the MADT (ACPI 6.6, 5.2.12.19), by Linux's checks:
 * its mailbox counts in version 0 with 16 bytes, its reset vector from version 1 with 24 on
 * (arch/x86/kernel/acpi/madt_wakeup.c, acpi_parse_mp_wake). */
#include "plan.h"

#define RSDP_XSDT 24
#define TABLE_LENGTH 4
#define TABLE_ENTRIES 36
#define MADT_ENTRIES 44
#define WAKEUP 0x10
#define WAKEUP_V0_BYTES 16
#define WAKEUP_V1_BYTES 24

static uint64_t read(const uint8_t *at, uint32_t bytes)
{
    uint64_t value = 0;

    copy_bytes(&value, at, bytes);
    return value;
}

static bool wakeup_of(const uint8_t *madt, uint64_t *mailbox, uint64_t *reset_vector)
{
    const uint8_t *end = madt + read(madt + TABLE_LENGTH, 4);

    for (const uint8_t *at = madt + MADT_ENTRIES; at + 2 <= end && at[1]; at += at[1]) {
        if (at[0] != WAKEUP || at[1] < WAKEUP_V0_BYTES)
            continue;
        *mailbox = read(at + 8, 8);
        *reset_vector = read(at + 2, 2) && at[1] >= WAKEUP_V1_BYTES ? read(at + 16, 8) : 0;
        return true;
    }
    return false;
}

bool acpi_mailbox(const uint8_t *root, uint64_t *mailbox, uint64_t *reset_vector)
{
    if (!root)
        return false;
    const uint8_t *xsdt = (const uint8_t *)read(root + RSDP_XSDT, 8);
    uint64_t bytes = read(xsdt + TABLE_LENGTH, 4);

    for (uint64_t at = TABLE_ENTRIES; at + 8 <= bytes; at += 8) {
        const uint8_t *table = (const uint8_t *)read(xsdt + at, 8);
        if (read(table, 4) == 0x43495041) /* "APIC" */
            return wakeup_of(table, mailbox, reset_vector);
    }
    return false;
}
