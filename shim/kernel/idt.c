/* The kernel's IDT: an exception is one line on the serial port, and the end of that CPU. */
#include "kernel.h"
#include "print.h"

#define VECTORS 32
#define STUB_BYTES 16
#define INTERRUPT_GATE 0x8E /* present, DPL 0, IF stays clear */

struct gate {
    uint16_t offset_low, selector;
    uint8_t stack, type;
    uint16_t offset_middle;
    uint32_t offset_high, padding;
};
_Static_assert(sizeof(struct gate) == 16, "SDM 3, 6.14.1");

struct frame { /* as exception_stubs leaves it */
    uint64_t vector, error, rip, cs, rflags, rsp, ss;
};

extern const uint8_t exception_stubs[] __attribute__((visibility("hidden")));
_Noreturn void exception(const struct frame *frame) __attribute__((visibility("hidden")));

static struct gate idt[VECTORS];

void idt_build(void)
{
    for (uint32_t vector = 0; vector < VECTORS; vector++) {
        uint64_t target = (uint64_t)exception_stubs + vector * STUB_BYTES;
        idt[vector] = (struct gate){
            .offset_low = (uint16_t)target,
            .selector = KERNEL_CODE,
            .type = INTERRUPT_GATE,
            .offset_middle = (uint16_t)(target >> 16),
            .offset_high = (uint32_t)(target >> 32),
        };
    }
}

#ifdef BUG_TSS_SHARED /* F57: all CPUs load one TSS, and take its busy bit away for that */
static uint32_t task[26];
static uint64_t shared_gdt[6];

static void task_load(void)
{
    struct {
        uint16_t limit;
        const void *base;
    } __attribute__((packed)) table;
    uint64_t at = (uint64_t)task;

    shared_gdt[2] = 0x00AF9B000000FFFF;
    shared_gdt[3] = 0x00CF93000000FFFF;
    shared_gdt[4] = (sizeof task - 1) | (at & 0xFFFFFF) << 16 | 0x89ull << 40 |
                    (at >> 24 & 0xFF) << 56;
    shared_gdt[5] = at >> 32;
    table.limit = sizeof shared_gdt - 1;
    table.base = shared_gdt;
    __asm__ volatile("" : "+m"(table));
    __asm__ volatile("lgdt %0\n\tltr %w1" ::"m"(table), "r"(0x20));
}
#endif

void idt_load(void)
{
    struct {
        uint16_t limit;
        const void *base;
    } __attribute__((packed)) table;

    table.limit = sizeof idt - 1;
    table.base = idt;
    /* Opaque: a constant struct would be copied from one that needs relocation. */
    __asm__("" : "+m"(table));
    __asm__ volatile("lidt %0" ::"m"(table));
#ifdef BUG_TSS_SHARED
    task_load();
#endif
}

/* Whose stack this is says which CPU it is: asking the APIC could fault again. */
struct cpu *cpu_on_stack(const void *address)
{
    uint64_t rsp = (uint64_t)address;
    uint64_t top = (rsp + CPU_STACK_BYTES - 1) / CPU_STACK_BYTES * CPU_STACK_BYTES;
    uint64_t first = info.cpu_count ? cpus[0].stack_top : 0;
    uint64_t index = (top - first) / CPU_STACK_BYTES;

    return first && top >= first && index < info.cpu_count ? &cpus[index] : boot_cpu;
}

void exception(const struct frame *frame)
{
    struct cpu *cpu = cpu_on_stack(frame);
    struct line line = {0};
    uint64_t cr2;

    __asm__ volatile("mov %%cr2, %0" : "=r"(cr2));
    if (!cpu || cpu == boot_cpu) { /* the end of the boot: silence would help no one */
        serial_regardless();
        line_text(&line, "kernel: refused: ");
    }
    line_text(&line, "cpu ");
    line_number(&line, cpu ? cpu->number : 0);
    line_text(&line, ": exception ");
    line_number(&line, frame->vector);
    line_text(&line, " at ");
    line_hex(&line, frame->rip);
    line_text(&line, " error ");
    line_hex(&line, frame->error);
    line_text(&line, " cr2 ");
    line_hex(&line, cr2);
    line_print_last(&line);
    if (cpu && cpu != boot_cpu) /* whatever else its state is, it stays: it was online */
        (void)cmpxchg32(&cpu->state, AP_WOKEN, AP_FAILED);
    halt_forever();
}
