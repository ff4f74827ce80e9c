/* The kernel's serial lines: every character is an exit, so there are few of them. */
#include "print.h"
#include "kernel.h"

#define COM3 0x3E8
#define FIFO_BYTES 16 /* what a 16550 takes once its transmit register is empty */
#define LINE_STATUS 5
#define TRANSMIT_EMPTY 0x20
#define UART_POLLS_MAX 4096 /* a port that never gets ready must not stop the boot */

static struct queue_lock print_lock;
static struct lock_place *print_holder; /* 0: free; written by the holder only */

static void line_char(struct line *line, char c)
{
    if (line->used < LINE_BYTES - 1)
        line->text[line->used++] = c;
}

void line_text(struct line *line, const char *text)
{
    while (*text)
        line_char(line, *text++);
}

static void line_digits(struct line *line, uint64_t value, uint32_t base)
{
    char digits[20];
    uint32_t count = 0;

    do {
        uint32_t digit = (uint32_t)(value % base);
        digits[count++] = (char)(digit < 10 ? '0' + digit : 'a' + digit - 10);
        value /= base;
    } while (value);
    while (count)
        line_char(line, digits[--count]);
}

void line_number(struct line *line, uint64_t value) { line_digits(line, value, 10); }

void line_hex(struct line *line, uint64_t value)
{
    line_text(line, "0x");
    line_digits(line, value, 16);
}

static bool wait_for_uart(void)
{
    for (uint32_t poll = 0; poll < UART_POLLS_MAX; poll++) {
        if (port_in8(COM3 + LINE_STATUS) & TRANSMIT_EMPTY)
            return true;
        cpu_pause();
    }
    return false;
}

static void line_send(struct line *line)
{
    if (!info.has_serial)
        return;
    line->text[line->used] = '\n';
    for (uint32_t at = 0; at <= line->used; at++) {
        if (at % FIFO_BYTES == 0 && !wait_for_uart())
            return;
        port_out8(COM3, (uint8_t)line->text[at]);
    }
}

void line_print(struct line *line)
{
    struct lock_place place;

    lock_take(&print_lock, &place);
    print_holder = &place;
    line_send(line);
    print_holder = 0;
    lock_give(&print_lock, &place);
}

void line_print_last(struct line *line)
{
    struct lock_place *holder = print_holder;

    if (!holder || cpu_on_stack(holder) != cpu_on_stack(&holder)) {
        line_print(line);
        return;
    }
    line_send(line);
    print_holder = 0;
    lock_give(&print_lock, holder);
}

void print(const char *text)
{
    struct line line = {0};

    line_text(&line, text);
    line_print(&line);
}
