/* Lines of text for the serial port: built by one CPU, printed whole. */
#ifndef KERNEL_PRINT_H
#define KERNEL_PRINT_H

#include <stdint.h>

#define LINE_BYTES 116

struct line {
    uint32_t used;
    char text[LINE_BYTES];
};

#pragma GCC visibility push(hidden)
void line_text(struct line *line, const char *text); /* what does not fit is dropped */
void line_number(struct line *line, uint64_t value);
void line_hex(struct line *line, uint64_t value);
void line_print(struct line *line); /* with a line end, under the print lock */
/* The last line of a CPU that crashed, perhaps while it was printing: frees the lock then. */
void line_print_last(struct line *line);
void print(const char *text);
#pragma GCC visibility pop

#endif
