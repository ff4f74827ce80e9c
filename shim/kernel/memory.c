/* Pages for the kernel: taken downwards from the highest usable part of the E820 map. */
#include "kernel.h"

#define KEEP_MAX 64 /* page tables, image, boot data */
#define TABLE_ENTRIES 512
#define ENTRY_PRESENT 1
#define ENTRY_LARGE 0x80
#define ENTRY_ADDRESS 0x000FFFFFFFFFF000ull
#define SHARED_BIT (1ull << 47)
#define SETUP_CHAIN_MAX 16

struct range {
    uint64_t start, end;
};

static struct range keep[KEEP_MAX];
static uint32_t keep_count;
static uint64_t pool_start, pool_next;

extern uint8_t __ehdr_start[] __attribute__((visibility("hidden")));
extern uint8_t _end[] __attribute__((visibility("hidden")));

static void keep_range(uint64_t start, uint64_t bytes)
{
    if (keep_count < KEEP_MAX)
        keep[keep_count++] = (struct range){start, start + bytes};
}

/* The loader's tables are ordinary RAM in the map, but the BSP still walks them. */
static void keep_tables(uint64_t table, int level)
{
    const uint64_t *entries = (const uint64_t *)table;

    keep_range(table, PAGE_BYTES);
    if (level == 1)
        return;
    for (int index = 0; index < TABLE_ENTRIES; index++) {
        uint64_t entry = entries[index];
        if ((entry & ENTRY_PRESENT) && !(entry & ENTRY_LARGE))
            keep_tables(entry & ENTRY_ADDRESS & ~SHARED_BIT, level - 1);
    }
}

static uint64_t read64(const uint8_t *at)
{
    uint64_t value;
    copy_bytes(&value, at, sizeof value);
    return value;
}

static void keep_boot_data(const uint8_t *boot_params)
{
    uint64_t at = read64(boot_params + BP_SETUP_DATA);

    keep_range((uint64_t)boot_params, PAGE_BYTES);
    for (int link = 0; at && link < SETUP_CHAIN_MAX; link++) {
        const struct setup_data *data = (const struct setup_data *)at;
        keep_range(at, sizeof *data + data->length);
        at = data->next;
    }
}

void memory_init(const uint8_t *boot_params)
{
    struct range best = {0, 0};

    for (uint32_t index = 0; index < boot_params[BP_E820_COUNT]; index++) {
        struct e820_entry entry;
        copy_bytes(&entry, boot_params + BP_E820_TABLE + index * sizeof entry, sizeof entry);
        /* The shim may cut RAM into several pieces: the largest one has room for all. */
        if (entry.type == E820_RAM && entry.size > best.end - best.start)
            best = (struct range){entry.base, entry.base + entry.size};
    }
    pool_start = (best.start + PAGE_BYTES - 1) & ~(uint64_t)(PAGE_BYTES - 1);
    pool_next = best.end & ~(uint64_t)(PAGE_BYTES - 1);
    keep_range((uint64_t)__ehdr_start, (uint64_t)(_end - __ehdr_start));
    keep_tables(read_cr3() & ENTRY_ADDRESS, 4);
    keep_boot_data(boot_params);
}

/* Page-aligned and not zeroed; 0 when there is no room. */
void *allocate_pages(uint64_t bytes)
{
    uint64_t size = (bytes + PAGE_BYTES - 1) & ~(uint64_t)(PAGE_BYTES - 1);
    uint64_t start = pool_next - size;

    for (uint32_t index = 0; index < keep_count; index++) {
        if (start >= keep[index].end || keep[index].start >= start + size)
            continue;
        start = (keep[index].start & ~(uint64_t)(PAGE_BYTES - 1)) - size;
        index = ~0u; /* lower down it may meet another range: look at all again */
    }
    if (start < pool_start || start >= pool_next)
        return 0;
    pool_next = start;
    return (void *)start;
}
