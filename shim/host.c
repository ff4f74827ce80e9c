/* The host's device tree: how many CPUs, and whether there is a serial line.
 *
 * The host is not trusted: every number is checked before it is used as one.
 */
#include "fdt.h"
#include "shim.h"

#define COM3 0x3E8

/* What one pass over the tree needs to remember of the node it is in. */
struct scan {
    bool in_cpus, enabled;
    uint64_t apic_id;
    bool has_reg;
};

static void add_cpu(const struct scan *scan)
{
    if (!scan->enabled)
        return;
    if (!scan->has_reg || scan->apic_id >= 0xFFFFFFFE)
        refuse("host tree: a cpu without a valid reg", scan->apic_id);
    if (shim.cpu_count == CPU_MAX)
        refuse("host tree: more cpus than there is room for", CPU_MAX);
    shim.cpus[shim.cpu_count++] = (struct host_cpu){(uint32_t)scan->apic_id, 0};
}

static void cpu_property(struct scan *scan, const struct fdt_token *token)
{
    if (fdt_name_is(token->name, "status"))
        scan->enabled = fdt_value_is(token, "okay");
    else if (fdt_name_is(token->name, "reg") && token->size == 4) {
        scan->apic_id = fdt_u32(token->value);
        scan->has_reg = true;
    } else if (fdt_name_is(token->name, "reg") && token->size == 8) {
        scan->apic_id = fdt_u64(token->value);
        scan->has_reg = true;
    }
}

static void property(struct scan *scan, const struct fdt_token *token)
{
    if (scan->in_cpus && token->depth == 2)
        cpu_property(scan, token);
    /* COM3, wherever it is: reg is always 2+2 cells on an x86-pio-bus. */
    if (fdt_name_is(token->name, "reg") && token->size == 16 && fdt_u64(token->value) == COM3)
        shim.serial = true;
}

/* Duplicates would make two APs answer to one id; ids are checked through a small hash. */
static void check_unique(void)
{
    static uint16_t table[2 * CPU_MAX];
    for (uint32_t i = 0; i < shim.cpu_count; i++) {
        uint32_t slot = shim.cpus[i].apic_id * 2654435761u >> 20;
        while (table[slot]) {
            if (shim.cpus[table[slot] - 1].apic_id == shim.cpus[i].apic_id)
                refuse("host tree: two cpus with one APIC id", shim.cpus[i].apic_id);
            slot = (slot + 1) % (2 * CPU_MAX);
        }
        table[slot] = (uint16_t)(i + 1);
    }
}

void read_host_tree(void)
{
    uint64_t region = shim.base + (uint64_t)shim.params->parameter_region_offset;
    const void *blob = (const void *)(region + PARAMETER_DT_OFFSET);
    struct fdt tree;
    if (!fdt_open(&tree, blob, PARAMETER_DT_BYTES))
        refuse("host tree: no device tree", *(const uint32_t *)blob);
    struct fdt_cursor cursor = {0};
    struct scan scan = {0};
    struct fdt_token token;
    while ((token = fdt_next(&tree, &cursor)).kind != FDT_DONE) {
        if (token.kind == FDT_BROKEN)
            refuse("host tree: broken at offset", cursor.at);
        if (token.kind == FDT_NODE && token.depth == 1)
            scan.in_cpus = fdt_name_is(token.name, "cpus");
        if (token.kind == FDT_NODE && token.depth == 2 && scan.in_cpus)
            scan = (struct scan){.in_cpus = true};
        if (token.kind == FDT_NODE_END && token.depth == 2 && scan.in_cpus)
            add_cpu(&scan);
        if (token.kind == FDT_PROPERTY)
            property(&scan, &token);
    }
    if (!shim.cpu_count)
        refuse("host tree: no cpus", 0);
    check_unique();
}
