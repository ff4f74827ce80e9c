/* What the kernel gets: E820, the device tree, boot_params; then the jump. */
#include "shim.h"

#define TREE_BYTES 0x60000

static uint8_t boot_params[PAGE_BYTES] __attribute__((aligned(PAGE_BYTES)));
static uint32_t e820_count;

static void add_e820(uint64_t start, uint64_t end, uint32_t type)
{
    if (start >= end)
        return;
    if (e820_count == BP_E820_MAX)
        refuse("E820 is full", start);
    struct e820_entry *table = (struct e820_entry *)(boot_params + BP_E820_TABLE);
    table[e820_count++] = (struct e820_entry){start, end - start, type};
}

/* Everything that somebody still uses is reserved: a late AP must find its tables
 * (openvmm #970), the kernel its tree.  In order of address. */
static void fill_e820(struct range tree)
{
    uint64_t free = shim.memory.start + LARGE_BYTES;
    if (shim.trampoline) {
        add_e820(0, shim.trampoline, E820_RAM);
        add_e820(shim.trampoline, LOW_MEMORY_END, E820_RESERVED);
    }
    add_e820(shim.memory.start, free, E820_RESERVED); /* persisted state */
    if (shim.bounce.end > free) {
        add_e820(free, shim.bounce.end, E820_RAM); /* private again */
        free = shim.bounce.end;
    }
    add_e820(free, shim.used.end, E820_RESERVED); /* images, parameters, the loader's tables */
    free = shim.used.end;
    if (shim.ap_area.end) {
        add_e820(free, shim.ap_area.start, E820_RAM);
        add_e820(shim.ap_area.start, shim.ap_area.end, E820_RESERVED);
        free = shim.ap_area.end;
    }
    add_e820(free, tree.start, E820_RAM);
    add_e820(tree.start, tree.end, E820_RESERVED);
    add_e820(tree.end, shim.memory.end, E820_RAM);
    if (shim.start == START_RESET_VECTOR)
        add_e820(RESET_PAGE, (uint64_t)RESET_PAGE + PAGE_BYTES, E820_RESERVED);
    boot_params[BP_E820_COUNT] = (uint8_t)e820_count;
}

static void put32(uint32_t offset, uint64_t value)
{
    *(uint32_t *)(boot_params + offset) = (uint32_t)value;
}

__attribute__((noinline)) _Noreturn void enter_kernel(void)
{
    uint64_t tree = take_pages(TREE_BYTES / PAGE_BYTES, PAGE_BYTES);
    struct setup_data *data = (struct setup_data *)tree;
    *data = (struct setup_data){0, SETUP_DTB, TREE_BYTES - sizeof(*data)};
    if (shim.start != START_RESET_VECTOR)
        shim.reset_vector = (uint64_t)mailbox_reset_vector;
#ifdef BUG_VERSION_LIE /* F21: promises a newer mailbox than it has; no code lies there */
    shim.reset_vector = shim.memory.end - PAGE_BYTES;
#endif
#ifdef BUG_PAGE_REUSED /* F9: to the kernel the APs' tables and stacks look like free memory */
    shim.ap_area = (struct range){0, 0};
#endif
    write_device_tree(data->data, data->length);
    fill_e820((struct range){tree, tree + TREE_BYTES});
    boot_params[BP_TYPE_OF_LOADER] = 0xFF;
    put32(BP_RAMDISK_IMAGE, shim.base + (uint64_t)shim.params->initrd_offset);
    put32(BP_RAMDISK_SIZE, shim.params->initrd_size);
    put32(BP_CMDLINE, (uint64_t)shim.cmdline);
    *(uint64_t *)(boot_params + BP_SETUP_DATA) = tree;
    print("shim: entering the kernel\n");
    jump_to_kernel(shim.base + (uint64_t)shim.params->kernel_entry_offset,
                   (uint64_t)boot_params);
}
