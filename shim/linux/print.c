/* Lines on COM1, with the time since power-on. */
#include "arch.h"
#include "linux/kernel.h"
#include "tdcall.h"

#define COM1 0x3F8

void out_byte(uint16_t port, uint8_t value)
{
    if (is_td)
        tdvmcall_out(port, value, 1);
    else
        out8(port, value);
}

void put(const char *text)
{
    while (*text)
        out_byte(COM1, (uint8_t)*text++);
}

void put_number(uint64_t value, uint32_t width, char pad)
{
    char digits[21];
    uint32_t first = sizeof(digits) - 1;
    digits[first] = 0;
    do {
        digits[--first] = (char)('0' + value % 10);
        value /= 10;
    } while (value);
    while (sizeof(digits) - 1 - first < width)
        digits[--first] = pad;
    put(digits + first);
}

/* `[    0.012345] ` */
void stamp(void)
{
    uint64_t now = rdtsc();
    put("[");
    put_number(now / tsc_hz, 5, ' ');
    put(".");
    put_number(now % tsc_hz * 1000000 / tsc_hz, 6, '0');
    put("] ");
}

void printk(const char *text)
{
    stamp();
    put(text);
    put("\n");
}

void udelay(uint64_t microseconds)
{
    uint64_t end = rdtsc() + microseconds * tsc_hz / 1000000;
    while (rdtsc() < end)
        cpu_pause();
}

