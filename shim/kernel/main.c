/* The small kernel: memory, device tree, its CPUs, some of them offline and back, power off. */
#include "kernel.h"
#include "print.h"
#include "work.h"

_Noreturn void kernel_main(const uint8_t *boot_params) __attribute__((visibility("hidden")));

static uint32_t count_online(void)
{
    uint32_t count = 0;

    for (uint32_t index = 0; index < info.cpu_count; index++)
        count += cpus[index].state == AP_ONLINE;
    return count;
}

__attribute__((noinline)) void kernel_done(void)
{
    struct line line = {0};

    line_text(&line, "kernel: ");
    line_number(&line, count_online());
    line_text(&line, " of ");
    line_number(&line, info.cpu_count);
    line_text(&line, " cpus online");
    line_print(&line);
    power_off();
    halt_forever();
}

void kernel_main(const uint8_t *boot_params)
{
    idt_build();
    idt_load();
    memory_init(boot_params);
    if (!tree_read(boot_params)) {
        serial_regardless(); /* silence helps no one */
        print("kernel: refused: no usable device tree");
        halt_forever();
    }
    if (info.mailbox_fault)
        print(info.mailbox_fault);
    if (!smp_prepare()) {
        print("kernel: refused: no memory for the cpus, or the boot cpu is not in the tree");
        halt_forever();
    }
    wake_aps();
    take_offline_and_back(info.offline);
    check_work();
    kernel_done();
}
