/* Text for people: the memory log (always), and the serial line where the host has one. */
#include "shim.h"
#include "tdcall.h"

#define COM3 0x3E8
#define LINE_STATUS 5
#define READY 0x20
#define READY_ROUNDS 1000 /* a UART that is never ready costs text, not the boot */

struct memory_log {
    uint16_t capacity, used, dropped;
    char text[];
};
static struct memory_log *log;

void print_open(void)
{
    if (shim.params->log_size < PAGE_BYTES)
        return;
    log = (struct memory_log *)(shim.base + (uint64_t)shim.params->log_offset);
    log->capacity = (uint16_t)(shim.params->log_size - sizeof(*log));
    log->used = log->dropped = 0;
}

static void serial_byte(char byte)
{
    if (shim.isolation == ISOLATION_TDX) {
        tdvmcall_out(COM3, (uint8_t)byte, 1);
        return;
    }
    for (int round = 0; round < READY_ROUNDS && !(in8(COM3 + LINE_STATUS) & READY); round++)
        cpu_pause();
    out8(COM3, (uint8_t)byte);
}

void print(const char *text)
{
    for (; *text; text++) {
        if (log && log->used < log->capacity)
            log->text[log->used++] = *text;
        else if (log)
            log->dropped = 1;
        if (shim.serial)
            serial_byte(*text);
    }
}

static void print_base(uint64_t value, uint32_t base)
{
    char digits[24];
    uint32_t at = sizeof(digits);
    digits[--at] = 0;
    do {
        digits[--at] = "0123456789abcdef"[value % base];
        value /= base;
    } while (value);
    print(digits + at);
}

void print_hex(uint64_t value)
{
    print("0x");
    print_base(value, 16);
}

void print_number(uint64_t value) { print_base(value, 10); }

#define MSR_CRASH_P0 0x40000100
#define CRASH_NOTIFY (1ull << 63)

/* The host may know no serial line; the crash registers it always knows. */
static void tell_host(uint64_t value)
{
    if (shim.isolation == ISOLATION_TDX) {
        tdvmcall_fatal(value);
        return;
    }
    if (shim.start != START_HYPERCALL)
        return;
    wrmsr(MSR_CRASH_P0, 0x4D494853544F4F42); /* as openhcl_boot: "BOOTSHIM" */
    wrmsr(MSR_CRASH_P0 + 1, value);
    wrmsr(MSR_CRASH_P0 + 5, CRASH_NOTIFY);
}

_Noreturn void refuse(const char *what, uint64_t value)
{
    static bool refused; /* telling may itself fail: then only stop */
    if (!refused) {
        refused = true;
        print("shim: refused: ");
        print(what);
        print(" (");
        print_hex(value);
        print(")\n");
        tell_host(value);
    }
    for (;;)
        __asm__ volatile("cli; hlt");
}

/* An exception of the BSP; an AP's is noted in its record by assembly. */
_Noreturn void exception(uint64_t vector, uint64_t error, uint64_t rip, uint64_t cr2)
{
    print("shim: exception ");
    print_number(vector);
    print(" error ");
    print_hex(error);
    print(" at ");
    print_hex(rip - shim.base);
    print(" cr2 ");
    print_hex(cr2);
    print("\n");
    refuse("exception", vector);
}
