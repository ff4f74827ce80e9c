/* The host's device tree: the CPUs, whether there is a serial line, and memory below 1 MiB.
 *
 * The host is not trusted: every number is checked before it is used as one.
 */
#include "fdt.h"
#include "shim.h"

#define COM3 0x3E8
#define APIC_ID_MAX 0xFFFFFFFD /* above: broadcast, and what this mailbox calls invalid */

/* What one pass over the tree remembers of a node, until a child or the end shows that all its
 * properties were seen. */
struct node {
    const char *name; /* 0: dealt with */
    uint32_t depth;
    bool enabled, has_reg, uart;
    uint64_t reg, size; /* the first address and, where cells leave room for it, length */
    uint32_t numa_node;
};

static void property(struct node *node, const struct fdt_token *token)
{
    if (fdt_name_is(token->name, "status"))
        node->enabled = fdt_value_is(token, "okay");
    else if (fdt_name_is(token->name, "compatible"))
        node->uart = fdt_value_is(token, "ns16550");
    else if (fdt_name_is(token->name, "numa-node-id") && token->size == 4)
        node->numa_node = fdt_u32(token->value);
    else if (fdt_name_is(token->name, "reg") && (token->size == 4 || token->size >= 8)) {
        node->has_reg = true;
        node->reg = token->size == 4 ? fdt_u32(token->value) : fdt_u64(token->value);
        node->size = token->size >= 16 ? fdt_u64(token->value + 8) : 0;
    }
}

static void add_cpu(const struct node *node)
{
    if (!node->enabled)
        return;
    if (!node->has_reg || node->reg > APIC_ID_MAX)
        refuse("host tree: a cpu without a valid reg", node->reg);
    if (shim.cpu_count == CPU_MAX)
        refuse("host tree: more cpus than there is room for", CPU_MAX);
    shim.cpus[shim.cpu_count++] = (struct host_cpu){(uint32_t)node->reg, node->numa_node};
}

static void add_device(const struct node *node)
{
    /* `reg` has 2+2 cells on an x86-pio-bus, whatever the bus says. */
    if (node->uart && node->has_reg && node->reg == COM3)
        shim.serial = true;
}

static void add_memory(const struct node *node)
{
    if (node->has_reg && node->reg == 0)
        shim.low_memory_end = node->size;
}

/* Two CPUs with one id would both answer to it.  Ids are found again through a small hash. */
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

/* /cpus/<any>, /memory@<any>, and a serial port anywhere else. */
static void add_node(const struct node *node, const char *top)
{
    if (node->depth == 2 && fdt_name_is(top, "cpus"))
        add_cpu(node);
    else if (node->depth == 1 && fdt_name_is(node->name, "memory"))
        add_memory(node);
    else
        add_device(node);
}

static void read_nodes(const struct fdt *tree)
{
    struct fdt_cursor cursor = {0};
    struct fdt_token token;
    struct node node = {0};
    const char *top = ""; /* the child of the root that we are in */
    while ((token = fdt_next(tree, &cursor)).kind != FDT_DONE) {
        if (token.kind == FDT_BROKEN)
            refuse("host tree: broken at offset", cursor.at);
        if (token.kind == FDT_PROPERTY) {
            property(&node, &token);
            continue;
        }
        if (node.name)
            add_node(&node, top);
        node = (struct node){0};
        if (token.kind == FDT_NODE)
            node = (struct node){.name = token.name, .depth = token.depth};
        if (token.kind == FDT_NODE && token.depth == 1)
            top = token.name;
    }
}

void read_host_tree(void)
{
    uint64_t region = shim.base + (uint64_t)shim.params->parameter_region_offset;
    const uint8_t *blob = (const uint8_t *)(region + PARAMETER_DT_OFFSET);
    struct fdt tree;
    if (!fdt_open(&tree, blob, PARAMETER_DT_BYTES))
        refuse("host tree: no device tree", fdt_u32(blob));
    read_nodes(&tree);
    if (!shim.cpu_count)
        refuse("host tree: no cpus", 0);
    check_unique();
}
