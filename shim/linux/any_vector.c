/* Tables of APs for an OS that chooses its vector anywhere.
 *
 * The sample's own kernel has its vector in its image, and its APs' tables lead to nothing else
 * of it.  ACPI promises an OS that any vector's page is mapped one to one (ACPI 6.6,
 * 5.2.12.19), and Linux begins its CPUs below 1 MiB, where they store while they are still on
 * these tables.  So here they map as well:
 *   memory below 1 MiB      RWX
 *   the rest of memory      R-X   as openhcl_boot's do
 */
#define build_ap_tables build_narrow_tables
#include "pagetable.c"
#undef build_ap_tables

#define RWX (P | W | A | D)

static void widen(uint64_t *l2)
{
    for (uint64_t at = shim.memory.start; at < shim.memory.end; at += LARGE_BYTES)
        if (!l2[index_of(at, 21)])
            l2[index_of(at, 21)] = at | R_X | LARGE;
    l2[0] = (uint64_t)low_l1 | TABLE;
}

void build_ap_tables(void)
{
    build_narrow_tables();
    if (shim.memory.start >> 30)
        refuse("memory below 1 MiB is out of reach of the images", shim.memory.start);
    for (uint64_t at = 0; at < LOW_MEMORY_END; at += PAGE_BYTES)
        if (!low_l1[index_of(at, 12)])
            low_l1[index_of(at, 12)] = at | RWX;
    for (uint32_t i = 0; i < ap_count; i++)
        widen((uint64_t *)(shim.ap_area.start + i * (uint64_t)BLOCK_BYTES) + 2 * 512);
}
