/* Starting a CPU that is as at power-on: by hypercall, or by INIT and SIPI.
 *
 * With a mailbox its first instructions are the firmware's: it comes in by the reset vector, as
 * one does that is handed back, and is woken like all others.  Without one it comes to the
 * kernel itself.
 */
#include "hotplug.h"
#include "../kernel/kernel.h"
#include "../kernel/print.h"

static uint64_t first_instruction(void)
{
    return info.reset_vector ? info.reset_vector : (uint64_t)secondary_start;
}

#define hypercall_start start_by_hypercall
#define secondary_start first_instruction()
#include "../kernel/hypercall.c"
#undef hypercall_start
#undef secondary_start

#define LEAP_PAGE 0x8000ull
#define ICR_INIT_ASSERT 0xC500
#define ICR_INIT_DEASSERT 0x8500
#define ICR_STARTUP 0x600
#define SIPI_US 10 /* Linux since 2015 on family 6, and no wait behind INIT */

struct leap_words { /* at leap_far, in trampoline.S */
    uint32_t far_offset;
    uint16_t far_selector;
    uint16_t gdt_limit;
    uint64_t gdt_base;
    uint64_t cr3, to;
} __attribute__((packed));

extern const uint8_t leap[] __attribute__((visibility("hidden")));
extern const uint8_t leap_far[] __attribute__((visibility("hidden")));
extern const uint8_t leap_end[] __attribute__((visibility("hidden")));

static bool is_ram(const uint8_t *boot_params, uint64_t page)
{
    for (uint32_t index = 0; index < boot_params[BP_E820_COUNT]; index++) {
        struct e820_entry entry;
        copy_bytes(&entry, boot_params + BP_E820_TABLE + index * sizeof entry, sizeof entry);
        if (entry.type == E820_RAM && entry.base <= page &&
            entry.base + entry.size >= page + PAGE_BYTES)
            return true;
    }
    return false;
}

static void prepare_leap(void)
{
    struct leap_words *words = (struct leap_words *)(LEAP_PAGE + (uint64_t)(leap_far - leap));
    struct table_register gdt;

    __asm__ volatile("sgdt %0" : "=m"(gdt));
    copy_bytes((void *)LEAP_PAGE, leap, (uint64_t)(leap_end - leap));
    words->far_offset += (uint32_t)LEAP_PAGE;
    words->gdt_limit = gdt.limit;
    words->gdt_base = gdt.base;
    words->cr3 = read_cr3();
    words->to = first_instruction();
}

static bool start_by_ipi(const struct cpu *cpu)
{
    uint64_t to = (uint64_t)cpu->apic_id << 32;

    wrmsr(MSR_X2APIC_ICR, to | ICR_INIT_ASSERT);
    wrmsr(MSR_X2APIC_ICR, to | ICR_INIT_DEASSERT);
    for (int sipi = 0; sipi < 2; sipi++) { /* the second finds it awake, and is lost */
        wrmsr(MSR_X2APIC_ICR, to | ICR_STARTUP | LEAP_PAGE >> 12);
        uint64_t end = rdtsc() + tsc_hz / 1000000 * SIPI_US;
        while (rdtsc() < end)
            cpu_pause();
    }
    return true;
}

static enum { UNKNOWN, BY_HYPERCALL, BY_IPI, NOT_AT_ALL } way;

void find_way_to_start(const uint8_t *boot_params)
{
    if (hypercall_page || hypercall_prepare()) {
        way = BY_HYPERCALL;
    } else if (!info.is_tdx && is_ram(boot_params, LEAP_PAGE)) {
        prepare_leap();
        way = BY_IPI;
    } else {
        way = NOT_AT_ALL;
    }
}

bool hypercall_start(struct cpu *cpu)
{
    if (way == BY_IPI)
        return start_by_ipi(cpu);
    return way != NOT_AT_ALL && start_by_hypercall(cpu);
}
