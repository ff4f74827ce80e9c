/* The device tree the kernel gets: CPUs with their fate, and where the mailbox is. */
#include "fdt.h"
#include "shim.h"

static void address_cells(struct fdt_writer *w, uint32_t address, uint32_t size)
{
    fdt_cell(w, "#address-cells", address);
    fdt_cell(w, "#size-cells", size);
}

static void cpus(struct fdt_writer *w)
{
    fdt_node(w, "cpus");
    address_cells(w, 1, 0);
    for (uint32_t i = 0; i < shim.cpu_count; i++) {
        bool lost = i > 0 && i <= ap_count &&
                    load_acquire32(&ap_record(i - 1)->state) == AP_FAILED;
        fdt_node_at(w, "cpu", i + 1);
        fdt_text(w, "device_type", "cpu");
        fdt_cell(w, "reg", shim.cpus[i].apic_id);
        fdt_cell(w, "numa-node-id", shim.cpus[i].numa_node);
        fdt_text(w, "status", lost ? "fail" : "okay");
        if (lost)
            fdt_text(w, "apdbg,reason", reason_words((enum ap_reason)ap_record(i - 1)->reason));
        fdt_node_end(w);
    }
    fdt_node_end(w);
}

static void reserve(struct fdt_writer *w, const char *name, struct range range)
{
    if (range.start >= range.end)
        return;
    const uint64_t size = range.end - range.start;
    const uint32_t reg[4] = {(uint32_t)(range.start >> 32), (uint32_t)range.start,
                             (uint32_t)(size >> 32), (uint32_t)size};
    fdt_node_at(w, name, range.start);
    fdt_cells(w, "reg", reg, 4);
    fdt_node_end(w);
}

/* The binding wants exactly one page.  The reset vector is our addition: ACPI 6.6 has one, the
 * binding has none, and Linux takes no CPU offline that has a mailbox in the device tree. */
static void mailbox(struct fdt_writer *w)
{
    if (!shim.mailbox)
        return;
    const uint64_t gpa = shim.mailbox;
    const uint32_t reg[4] = {(uint32_t)(gpa >> 32), (uint32_t)gpa, 0, PAGE_BYTES};
    fdt_node_at(w, "wakeup_table", gpa);
    fdt_text(w, "compatible", "intel,wakeup-mailbox");
    fdt_cells(w, "reg", reg, 4);
#if !defined DIALECT_OPENHCL && !defined DIALECT_TD_SHIM /* they take no CPU back */
    fdt_wide(w, "apdbg,reset-vector", shim.reset_vector);
#endif
    fdt_node_end(w);
}

static void serial(struct fdt_writer *w)
{
    const uint32_t reg[4] = {0, 0x3E8, 0, 8};
    if (!shim.serial)
        return;
    fdt_node(w, "pio-bus");
    fdt_text(w, "compatible", "x86-pio-bus");
    address_cells(w, 2, 2);
    fdt_empty(w, "ranges");
    fdt_node_at(w, "serial", 0x3E8);
    fdt_text(w, "compatible", "ns16550");
    fdt_cells(w, "reg", reg, 4);
    fdt_cell(w, "current-speed", 115200);
    fdt_node_end(w);
    fdt_node_end(w);
}

static void memory(struct fdt_writer *w)
{
    const uint64_t size = shim.memory.end - shim.memory.start;
    const uint32_t reg[4] = {(uint32_t)(shim.memory.start >> 32), (uint32_t)shim.memory.start,
                             (uint32_t)(size >> 32), (uint32_t)size};
    fdt_node_at(w, "memory", shim.memory.start);
    fdt_text(w, "device_type", "memory");
    fdt_cells(w, "reg", reg, 4);
    fdt_cell(w, "numa-node-id", 0);
    fdt_node_end(w);
}

static void chosen(struct fdt_writer *w)
{
    if (!shim.cmdline[0])
        return;
    fdt_node(w, "chosen");
    fdt_text(w, "bootargs", shim.cmdline);
    fdt_node_end(w);
}

__attribute__((noinline)) void write_device_tree(uint8_t *buffer, uint32_t room)
{
    static struct fdt_writer w;
    const struct fdt_reservation kept = {shim.ap_area.start,
                                         shim.ap_area.end - shim.ap_area.start};
    fdt_begin(&w, buffer, room, &kept, kept.size ? 1 : 0);
    fdt_node(&w, "");
    address_cells(&w, 2, 2);
    fdt_text(&w, "compatible", "microsoft,openvmm");
    fdt_node(&w, "hypervisor");
    fdt_text(&w, "compatible", shim.start == START_SIPI ? "apdbg,none" : "microsoft,hyperv");
    fdt_node_end(&w);
    fdt_node(&w, "reserved-memory");
    address_cells(&w, 2, 2); /* as the root: with others Linux ignores the whole node, and so
                              * it does with openhcl_boot's, which has one cell for sizes */
    fdt_empty(&w, "ranges");
    mailbox(&w);
    reserve(&w, "ap-tables", shim.ap_area);
    reserve(&w, "boot", shim.used);
    fdt_node_end(&w);
    cpus(&w);
    memory(&w);
    serial(&w);
    chosen(&w);
    fdt_node(&w, "openhcl");
    fdt_text(&w, "isolation-type", isolation_name());
    fdt_node_end(&w);
    fdt_node_end(&w);
    if (!fdt_finish(&w, shim.cpus[0].apic_id))
        refuse("the device tree does not fit", room);
}
