/* The kernel's device tree, read once: CPUs, the wakeup mailbox, serial line and isolation. */
#include "../fdt.h"
#include "../tdcall.h"
#include "kernel.h"

#define SETUP_CHAIN_MAX 16
#define TOKENS_MAX 200000 /* a broken tree must not keep us here */

struct machine_info info;
struct cpu *cpus;

enum parent { OTHER, CHOSEN, CPUS, RESERVED_MEMORY, OPENHCL };

/* What has been seen of the node that the cursor is in. */
struct reader {
    enum parent parent; /* which child of the root it is in */
    struct cpu *cpu;
    bool is_mailbox;
    const uint8_t *reg;
    uint32_t reg_bytes;
    uint64_t reset_vector;
    bool failed;
    const char *reason;
};

static enum parent parent_of(const char *name)
{
    if (fdt_name_is(name, "chosen"))
        return CHOSEN;
    if (fdt_name_is(name, "cpus"))
        return CPUS;
    if (fdt_name_is(name, "reserved-memory"))
        return RESERVED_MEMORY;
    return fdt_name_is(name, "openhcl") ? OPENHCL : OTHER;
}

static void begin_node(struct reader *in, const struct fdt_token *token)
{
    if (token->depth == 1)
        *in = (struct reader){.parent = parent_of(token->name)};
    else if (token->depth == 2)
        *in = (struct reader){.parent = in->parent};
    if (fdt_name_is(token->name, "serial"))
        info.has_serial = true;
    if (token->depth == 2 && in->parent == CPUS && fdt_name_is(token->name, "cpu") &&
        info.cpu_count < CPU_MAX) {
        in->cpu = &cpus[info.cpu_count];
        zero_words(in->cpu, sizeof *in->cpu);
        in->cpu->number = info.cpu_count++;
    }
}

/* The number behind a word of the command line. */
static void read_option(const struct fdt_token *token, const char *word, uint32_t *number)
{
    for (uint32_t at = 0; at < token->size; at++) {
        uint32_t end = at;
        while (word[end - at] && end < token->size && token->value[end] == word[end - at])
            end++;
        if (word[end - at] || (at && token->value[at - 1] != ' '))
            continue;
        *number = 0;
        for (; end < token->size && token->value[end] - '0' < 10u; end++)
            *number = *number * 10 + (token->value[end] - '0');
        return;
    }
}

static void read_property(struct reader *in, const struct fdt_token *token)
{
    if (token->depth == 1) {
        if (in->parent == OPENHCL && fdt_name_is(token->name, "isolation-type"))
            info.is_tdx = fdt_value_is(token, "tdx");
        if (in->parent == CHOSEN && fdt_name_is(token->name, "bootargs"))
            read_option(token, "offline=", &info.offline);
        return;
    }
    if (token->depth != 2 || (!in->cpu && in->parent != RESERVED_MEMORY))
        return;
    if (fdt_name_is(token->name, "reg")) {
        in->reg = token->value;
        in->reg_bytes = token->size;
    } else if (fdt_name_is(token->name, "status")) {
        in->failed = !fdt_value_is(token, "okay");
    } else if (fdt_name_is(token->name, "apdbg,reason")) {
        in->reason = (const char *)token->value;
    } else if (fdt_name_is(token->name, "compatible")) {
        in->is_mailbox = fdt_value_is(token, "intel,wakeup-mailbox");
    } else if (fdt_name_is(token->name, "apdbg,reset-vector") && token->size == 8) {
        in->reset_vector = fdt_u64(token->value);
    }
}

/* The checks of Linux's dtb_wakeup_mailbox_setup, and why a node fails them.  The address has
 * two cells; the size has one in openhcl_boot's tree and two in ours. */
static const char *mailbox_fault(const struct reader *in)
{
    if (!in->reg || (in->reg_bytes != 12 && in->reg_bytes != 16))
        return "mailbox ignored: bad reg";
    if (fdt_u64(in->reg) % PAGE_BYTES)
        return "mailbox ignored: not page aligned";
    uint64_t size = in->reg_bytes == 12 ? fdt_u32(in->reg + 8) : fdt_u64(in->reg + 8);
    return size == PAGE_BYTES ? 0 : "mailbox ignored: not one page";
}

static void end_node(struct reader *in, const struct fdt_token *token)
{
    if (token->depth != 2)
        return;
    if (in->cpu) {
        in->cpu->apic_id = in->reg && in->reg_bytes == 4 ? fdt_u32(in->reg) : ~0u;
        if (in->failed)
            in->cpu->failure = in->reason ? in->reason : "no reason given";
    } else if (in->parent == RESERVED_MEMORY && in->is_mailbox && !info.mailbox) {
        info.mailbox_fault = mailbox_fault(in);
        if (!info.mailbox_fault) {
            info.mailbox = fdt_u64(in->reg);
            info.reset_vector = in->reset_vector;
        }
    }
}

static const struct setup_data *find_tree(const uint8_t *boot_params)
{
    const struct setup_data *data;

    copy_bytes(&data, boot_params + BP_SETUP_DATA, sizeof data);
    for (int link = 0; data && link < SETUP_CHAIN_MAX; link++) {
        if (data->type == SETUP_DTB)
            return data;
        data = (const struct setup_data *)data->next;
    }
    return 0;
}

bool tree_read(const uint8_t *boot_params)
{
    const struct setup_data *data = find_tree(boot_params);
    struct fdt tree;
    struct fdt_cursor cursor = {0};
    struct reader in = {0};

    info.offline = 1;
    if (!data || !fdt_open(&tree, data->data, data->length))
        return false;
    cpus = allocate_pages(CPU_MAX * sizeof(struct cpu));
    if (!cpus)
        return false;
    for (uint32_t count = 0; count < TOKENS_MAX; count++) {
        struct fdt_token token = fdt_next(&tree, &cursor);
        if (token.kind == FDT_NODE)
            begin_node(&in, &token);
        else if (token.kind == FDT_PROPERTY)
            read_property(&in, &token);
        else if (token.kind == FDT_NODE_END)
            end_node(&in, &token);
        else
            return token.kind == FDT_DONE && info.cpu_count;
    }
    return false;
}

/* The last words of a boot go out whatever the tree says, and though it may never have been
 * read: that this is a TD, CPUID tells as well. */
void serial_regardless(void)
{
    info.has_serial = true;
    info.is_tdx = info.is_tdx || is_trust_domain();
}
