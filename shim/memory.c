/* Memory: what the loader populated, what must be accepted, and pages for the shim. */
#include "shim.h"

uint64_t take_pages(uint64_t count, uint64_t alignment)
{
    uint64_t start = (shim.next_page + alignment - 1) & ~(alignment - 1);
    if (start > shim.memory.end || count > (shim.memory.end - start) / PAGE_BYTES)
        refuse("out of memory: pages wanted", count);
    shim.next_page = start + count * PAGE_BYTES;
    return start;
}

#define IMPORTED_MAX ((PAGE_BYTES - 48) / sizeof(struct imported_region))

/* Calls for each piece of `within` that the loader did not import.  The list is in order. */
void for_each_not_imported(struct range within, void (*call)(uint64_t gpa, uint64_t pages))
{
    uint64_t parameters = shim.base + (uint64_t)shim.params->parameter_region_offset;
    const struct imported_region *region =
        (const struct imported_region *)(parameters + PARAMETER_IMPORTED_OFFSET + 48);
    uint64_t at = within.start;
    for (uint32_t i = 0; i < IMPORTED_MAX && region[i].page_count; i++) {
        uint64_t start = region[i].base_page * PAGE_BYTES;
        uint64_t end = start + region[i].page_count * PAGE_BYTES;
        if (end <= at || start >= within.end)
            continue;
        if (start > at)
            call(at, (start - at) / PAGE_BYTES);
        at = end;
    }
    if (at < within.end)
        call(at, (within.end - at) / PAGE_BYTES);
}

__attribute__((noinline)) void accept_memory(void)
{
    if (shim.isolation == ISOLATION_TDX)
        for_each_not_imported(shim.memory, tdx_accept);
    else if (shim.isolation == ISOLATION_VBS)
        for_each_not_imported(shim.memory, hv_accept);
}
