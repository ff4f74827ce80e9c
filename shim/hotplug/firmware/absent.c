/* The host's tree for a firmware that takes CPUs which come later.
 *
 * host.c reads those that are there.  A node that is disabled is a CPU's that is not there and
 * may come (Devicetree 0.4, 2.3.4): a second pass puts these behind the others, as the host
 * numbers them.
 */
#define read_host_tree read_present
#include "host.c"
#undef read_host_tree

#include "hotplug/firmware/absent.h"

uint32_t present_count;

static bool is_known(uint32_t apic_id)
{
    for (uint32_t i = 0; i < shim.cpu_count; i++)
        if (shim.cpus[i].apic_id == apic_id)
            return true;
    return false;
}

static void add_absent(const struct node *node)
{
    if (!node->has_reg || node->reg > APIC_ID_MAX || is_known((uint32_t)node->reg))
        refuse("host tree: a cpu to come without a valid reg", node->reg);
    if (shim.cpu_count == CPU_MAX)
        refuse("host tree: more cpus than there is room for", CPU_MAX);
    shim.cpus[shim.cpu_count++] = (struct host_cpu){(uint32_t)node->reg, node->numa_node};
}

/* The blob is whole: it has been read to its end before. */
static void read_absent(const struct fdt *tree)
{
    struct fdt_cursor cursor = {0};
    struct fdt_token token;
    struct node node = {0};
    bool disabled = false, in_cpus = false;
    while ((token = fdt_next(tree, &cursor)).kind != FDT_DONE) {
        if (token.kind == FDT_PROPERTY) {
            property(&node, &token);
            if (fdt_name_is(token.name, "status"))
                disabled = fdt_value_is(&token, "disabled");
            continue;
        }
        if (node.name && node.depth == 2 && in_cpus && disabled)
            add_absent(&node);
        node = (struct node){0};
        disabled = false;
        if (token.kind == FDT_NODE)
            node = (struct node){.name = token.name, .depth = token.depth};
        if (token.kind == FDT_NODE && token.depth == 1)
            in_cpus = fdt_name_is(token.name, "cpus");
    }
}

void read_host_tree(void)
{
    uint64_t region = shim.base + (uint64_t)shim.params->parameter_region_offset;
    struct fdt tree;

    read_present();
    present_count = shim.cpu_count;
    if (!fdt_open(&tree, (const uint8_t *)(region + PARAMETER_DT_OFFSET), PARAMETER_DT_BYTES))
        return;
    read_absent(&tree);
    if (shim.cpu_count == present_count)
        return;
    print("shim: ");
    print_number(shim.cpu_count - present_count);
    print(" more may be plugged in\n");
}
