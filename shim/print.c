/* Text for people: the memory log (always), and the serial line where the host has one. */
#include "hyperv.h"
#include "shim.h"
#include "tdcall.h"

#define COM3 0x3E8
#define LINE_STATUS 5
#define READY 0x20
#define FATAL_CODE 1 /* the host only shows it */
#define READY_ROUNDS 1000 /* a UART that is never ready costs text, not the boot */

struct memory_log {
    uint16_t capacity, used, dropped; /* openhcl_boot's layout; we drop bytes, not lines */
    char text[];
};
static struct memory_log *log;

static bool refusing; /* what is printed now is why the boot ends */
static struct {
    char text[TDVMCALL_FATAL_BYTES];
    uint32_t used;
} said;

void print_open(void)
{
    uint64_t size = shim.params->log_size;
    if (size < PAGE_BYTES)
        return;
    log = (struct memory_log *)(shim.base + (uint64_t)shim.params->log_offset);
    size = size < UINT16_MAX ? size : UINT16_MAX;
    log->capacity = (uint16_t)(size - sizeof(*log));
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

static void log_byte(char byte)
{
    if (log->used < log->capacity)
        log->text[log->used++] = byte;
    else if (log->dropped < UINT16_MAX)
        log->dropped++;
}

void print(const char *text)
{
    for (; *text; text++) {
        if (refusing && said.used < sizeof(said.text))
            said.text[said.used++] = *text;
        if (log)
            log_byte(*text);
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

/* The host may know no serial line, but it always knows how to be told of a crash.  It cannot
 * read the memory of an isolated guest. */
static void tell_host(uint64_t value)
{
    if (shim.isolation == ISOLATION_TDX) {
        tdvmcall_fatal(FATAL_CODE, said.text);
        return;
    }
    if (shim.start != START_HYPERCALL)
        return;
    bool readable = shim.isolation == ISOLATION_NONE;
    wrmsr(HV_MSR_CRASH_P0, 0x4D494853544F4F42); /* "BOOTSHIM", as openhcl_boot */
    wrmsr(HV_MSR_CRASH_P1, value);
    wrmsr(HV_MSR_CRASH_P3, (uint64_t)said.text);
    wrmsr(HV_MSR_CRASH_P4, said.used);
    wrmsr(HV_MSR_CRASH_CONTROL, HV_CRASH_NOTIFY | (readable ? HV_CRASH_MESSAGE : 0));
}

static _Noreturn void halt_forever(void)
{
    for (;;) {
        if (shim.isolation == ISOLATION_TDX)
            tdvmcall_hlt();
        else
            __asm__ volatile("cli; hlt");
    }
}

/* What goes wrong early goes wrong before the image's kind is known. */
static void know_td(void)
{
    if (shim.isolation == ISOLATION_NONE && is_trust_domain())
        shim.isolation = ISOLATION_TDX;
}

_Noreturn void refuse(const char *what, uint64_t value)
{
    know_td();
    if (refusing) /* telling failed itself */
        halt_forever();
    shim.serial = true; /* the host's tree may not be read yet: say it all the same */
    print("shim: refused: ");
    refusing = true;
    print(what);
    print(" (");
    print_hex(value);
    print(")\n");
    tell_host(value);
    halt_forever();
}

/* An exception of the BSP; an AP's is noted in its record by assembly. */
_Noreturn void exception(uint64_t vector, uint64_t error, uint64_t rip, uint64_t cr2)
{
    know_td();
    if (refusing)
        halt_forever();
    print("shim: exception ");
    print_number(vector);
    print(" error ");
    print_hex(error);
    print(" at ");
    print_hex(rip);
    print(" cr2 ");
    print_hex(cr2);
    print("\n");
    refuse("an exception at", rip);
}
