/* Hot-plug by QEMU's registers (docs/specs/acpi_cpu_hotplug.rst): what an ACPI method would do,
 * and behind it what Linux does when a CPU comes or goes.
 *
 * A notice is an interrupt.  A TD names its vector by TDG.VP.VMCALL<SetupEventNotifyInterrupt>
 * (GHCI 1.5, 3.5).  On hardware it is the SCI, by way of an I/O APIC; this machine has none, so
 * there the vector is written to a register that QEMU's block reserves. */
#include "hotplug.h"
#include "../kernel/kernel.h"
#include "../kernel/print.h"
#include "../tdcall.h"

#define BLOCK 0xCD8
#define SELECTOR (BLOCK + 0) /* written: a CPU */
#define STATUS (BLOCK + 4)   /* read: its bits; written: what is done with it */
#define COMMAND (BLOCK + 5)
#define NOTICE (BLOCK + 6) /* our own: the vector of notices */
#define DATA (BLOCK + 8)

#define INSERTED 2
#define REMOVE 4
#define EJECT 8
#define COMMAND_NEXT_EVENT 0
#define COMMAND_APIC_ID 3

#define VMCALL_SETUP_NOTICE 0x10004
#define MASK_IO 0xFC00
#define MSR_X2APIC_SVR 0x80F
#define SVR_ENABLED 0x1FF
#define GATES (NOTICE_VECTOR + 1)
#define LEAVE_MS 1000
#define SERVED 2

struct gate {
    uint16_t offset_low, selector;
    uint8_t stack, type;
    uint16_t offset_middle;
    uint32_t offset_high, padding;
};

struct table {
    uint16_t limit;
    const void *base;
} __attribute__((packed));

extern const char notice_entry[] __attribute__((visibility("hidden")));

static struct gate gates[GATES];

static void out32(uint16_t port, uint32_t value)
{
    if (info.is_tdx)
        tdvmcall_out(port, value, 4);
    else
        __asm__ volatile("outl %0, %1" ::"a"(value), "Nd"(port));
}

static uint32_t in32(uint16_t port)
{
    struct tdcall_regs regs = {.r11 = VMCALL_IO, .r12 = 4, .r14 = port};
    uint32_t value;

    if (info.is_tdx)
        return tdvmcall(&regs, MASK_IO) == VMCALL_OK ? (uint32_t)regs.r11 : ~0u;
    __asm__ volatile("inl %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

/* The gates of exceptions, and one more. */
static void load_notice_gate(void)
{
    struct table table;
    uint64_t target = (uint64_t)notice_entry;

    __asm__ volatile("sidt %0" : "=m"(table));
    copy_bytes(gates, table.base, table.limit + 1u);
    gates[NOTICE_VECTOR] = (struct gate){
        .offset_low = (uint16_t)target,
        .selector = KERNEL_CODE,
        .type = 0x8E, /* present, DPL 0, IF stays clear */
        .offset_middle = (uint16_t)(target >> 16),
        .offset_high = (uint32_t)(target >> 32),
    };
    table.limit = sizeof gates - 1;
    table.base = gates;
    __asm__ volatile("lidt %0" ::"m"(table));
}

static void ask_for_notices(void)
{
    struct tdcall_regs regs = {.r11 = VMCALL_SETUP_NOTICE, .r12 = NOTICE_VECTOR};

    load_notice_gate();
    if (!info.is_tdx) {
        wrmsr(MSR_X2APIC_SVR, SVR_ENABLED);
        out8(NOTICE, NOTICE_VECTOR);
        return;
    }
    tdvmcall_wrmsr(MSR_X2APIC_SVR, SVR_ENABLED);
    if (tdvmcall(&regs, 0x1C00) != VMCALL_OK)
        print("hotplug: the host takes no vector for notices");
}

/* Arrives with interrupts off, leaves with them on.  A notice that has come since ends the
 * wait: STI holds it back for one instruction, and a TD's host is told that one may (R12). */
static void wait_for_notice(void)
{
    struct tdcall_regs regs = {.r11 = VMCALL_HLT};

    if (info.is_tdx) {
        tdvmcall(&regs, 0x1C00);
        __asm__ volatile("sti" ::: "memory");
    } else {
        __asm__ volatile("sti; hlt" ::: "memory");
    }
}

static struct cpu *cpu_of_apic_id(uint32_t apic_id)
{
    for (uint32_t index = 0; index < info.cpu_count; index++)
        if (cpus[index].apic_id == apic_id)
            return &cpus[index];
    return 0;
}

/* Out of the kernel, through the firmware's reset vector, and by Test proved to be gone. */
__attribute__((noinline)) static bool hand_back(struct cpu *cpu)
{
    if (!info.reset_vector || cpu == boot_cpu || cpu->state != AP_ONLINE)
        return false;
    store_release32(&cpu->command, CPU_GO_OFFLINE);
    if (!wait_for_state(cpu, AP_PARKED, tsc_after(LEAVE_MS)) ||
        !mailbox_command(MAILBOX_TEST, cpu->apic_id, 0))
        return false;
    store_release32(&cpu->command, CPU_STAY);
    return true;
}

/* It may have left by the reset vector before, or never have been there.  In a TD it goes on,
 * or begins, by itself; elsewhere it is as at power-on, and is sent to the firmware, if that
 * takes CPUs back.  It may not be in the loop yet: only a Test that it answers says that it can
 * be woken. */
__attribute__((noinline)) static bool bring_in(struct cpu *cpu)
{
    if ((cpu->state != AP_PARKED && cpu->state != AP_NOT_STARTED) ||
        (info.mailbox && !info.reset_vector))
        return false;
    if (info.mailbox && ((!info.is_tdx && !hypercall_start(cpu)) ||
                         !mailbox_command(MAILBOX_TEST, cpu->apic_id, 0)))
        return false;
    return wake_cpu(cpu) && wait_until_online(cpu, tsc_after(ONLINE_MS));
}

static void serve(struct cpu *cpu, uint8_t events)
{
    if (events & INSERTED) {
        port_out8(STATUS, INSERTED);
        cpu_report(cpu, bring_in(cpu) ? "plugged in" : "plugged in, and not to be had");
        return;
    }
    port_out8(STATUS, REMOVE);
    if (!hand_back(cpu)) {
        cpu_report(cpu, "is kept");
        return;
    }
    port_out8(STATUS, EJECT);
    cpu_report(cpu, "ejected");
}

/* What is the matter with the CPU that is selected then; 0: nothing with any. */
static uint8_t next_events(void)
{
    out32(SELECTOR, 0);
    port_out8(COMMAND, COMMAND_NEXT_EVENT);
    return port_in8(STATUS) & (INSERTED | REMOVE);
}

static void serve_selected(uint8_t events)
{
    port_out8(COMMAND, COMMAND_APIC_ID);
    struct cpu *cpu = cpu_of_apic_id(in32(DATA));
    if (cpu)
        serve(cpu, events);
    else
        port_out8(STATUS, events); /* none of ours: not to be asked again */
}

static uint32_t number_behind(const char *text, const char *word)
{
    uint32_t number = 0;

    for (; *text; text++) {
        uint32_t end = 0;
        while (word[end] && text[end] == word[end])
            end++;
        if (word[end])
            continue;
        for (text += end; *text >= '0' && *text <= '9'; text++)
            number = number * 10 + (uint32_t)(*text - '0');
        return number;
    }
    return SERVED;
}

void serve_notices(const uint8_t *boot_params)
{
    uint32_t command_line;

    copy_bytes(&command_line, boot_params + BP_CMDLINE, sizeof command_line);
    uint32_t left = number_behind((const char *)(uint64_t)command_line, "hotplug=");
    find_way_to_start(boot_params);
    ask_for_notices();
    print("kernel: CPUs may come and go");
    while (left) {
        __asm__ volatile("cli" ::: "memory");
        uint8_t events = next_events();
        if (!events) {
            wait_for_notice();
            continue;
        }
        __asm__ volatile("sti" ::: "memory");
        serve_selected(events);
        left--;
    }
    __asm__ volatile("cli" ::: "memory");
}
