/* The small kernel that stays: its CPUs come, and then come and go as the host says. */
#include "firmware/absent.h"
#include "hotplug.h"
#include "../kernel/kernel.h"
#include "../kernel/print.h"
#include "../kernel/work.h"

_Noreturn void kernel_main(const uint8_t *boot_params) __attribute__((visibility("hidden")));

static const uint8_t *parameters;

/* All that boots is up: from here on the host has the word. */
__attribute__((noinline)) void kernel_done(void)
{
    serve_notices(parameters);
    check_work();
    print("kernel: no more notices to serve");
    power_off();
    halt_forever();
}

static bool is_absent(const struct cpu *cpu)
{
    const char *said = cpu->failure, *words = NOT_THERE;

    while (said && *said && *said == *words) {
        said++;
        words++;
    }
    return said && !*said && !*words;
}

/* CPUs that may come stand behind all others: nobody wakes them yet, or counts them as lost. */
static void wake_present(void)
{
    uint32_t all = info.cpu_count;

    while (info.cpu_count && is_absent(&cpus[info.cpu_count - 1]))
        info.cpu_count--;
    wake_aps();
    info.cpu_count = all;
}

void kernel_main(const uint8_t *boot_params)
{
    idt_build();
    idt_load();
    memory_init(boot_params);
    if (!tree_read(boot_params) || !smp_prepare()) {
        serial_regardless(); /* silence helps no one */
        print("kernel: refused: no usable device tree, no memory, or an unknown boot cpu");
        halt_forever();
    }
    parameters = boot_params;
    wake_present();
    kernel_done();
}
