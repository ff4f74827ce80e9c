/* Writing a device tree front to back.  Compiles for the host too. */
#include "fdt.h"

#define HEADER_BYTES 40

static void store32(uint8_t *at, uint32_t value)
{
    at[0] = (uint8_t)(value >> 24);
    at[1] = (uint8_t)(value >> 16);
    at[2] = (uint8_t)(value >> 8);
    at[3] = (uint8_t)value;
}

static void put32(struct fdt_writer *w, uint32_t value)
{
    if (w->full || w->room - w->at < 4) {
        w->full = true;
        return;
    }
    store32(w->buffer + w->at, value);
    w->at += 4;
}

/* Bytes, then zeros up to the next multiple of four. */
static void put(struct fdt_writer *w, const void *bytes, uint32_t count)
{
    uint32_t padded = (count + 3) & ~3u;
    if (w->full || padded < count || w->room - w->at < padded) {
        w->full = true;
        return;
    }
    const uint8_t *source = bytes;
    for (uint32_t i = 0; i < padded; i++)
        w->buffer[w->at + i] = i < count ? source[i] : 0;
    w->at += padded;
}

static uint32_t length(const char *text)
{
    uint32_t n = 0;
    while (text[n])
        n++;
    return n;
}

/* The offset of a property name in the strings block; names are few, so a scan will do. */
static uint32_t name_offset(struct fdt_writer *w, const char *name)
{
    uint32_t count = length(name) + 1, at = 0;
    while (at < w->strings) {
        uint32_t i = 0;
        while (i < count && w->string_buffer[at + i] == name[i])
            i++;
        if (i == count)
            return at;
        at += length(w->string_buffer + at) + 1;
    }
    if (count > sizeof(w->string_buffer) - w->strings) {
        w->full = true;
        return 0;
    }
    for (uint32_t i = 0; i < count; i++)
        w->string_buffer[w->strings + i] = name[i];
    w->strings += count;
    return at;
}

void fdt_begin(struct fdt_writer *w, void *buffer, uint32_t room,
               const struct fdt_reservation *reservations, uint32_t count)
{
    w->buffer = buffer;
    w->room = room;
    w->at = HEADER_BYTES;
    w->strings = 0;
    w->full = room < HEADER_BYTES;
    for (uint32_t i = 0; i <= count; i++) {
        uint64_t base = i < count ? reservations[i].base : 0;
        uint64_t size = i < count ? reservations[i].size : 0;
        put32(w, (uint32_t)(base >> 32));
        put32(w, (uint32_t)base);
        put32(w, (uint32_t)(size >> 32));
        put32(w, (uint32_t)size);
    }
    if (!w->full)
        store32(w->buffer + 8, w->at); /* off_dt_struct, found again by fdt_finish */
}

void fdt_node(struct fdt_writer *w, const char *name)
{
    put32(w, 1);
    put(w, name, length(name) + 1);
}

void fdt_node_at(struct fdt_writer *w, const char *name, uint64_t unit)
{
    char full[64], digits[16];
    uint32_t n = 0, d = 0;
    for (; name[n] && n < 40; n++)
        full[n] = name[n];
    full[n++] = '@';
    do {
        digits[d++] = "0123456789abcdef"[unit & 15];
        unit >>= 4;
    } while (unit);
    while (d)
        full[n++] = digits[--d];
    full[n] = 0;
    fdt_node(w, full);
}

void fdt_node_end(struct fdt_writer *w) { put32(w, 2); }

void fdt_bytes(struct fdt_writer *w, const char *name, const void *value, uint32_t size)
{
    put32(w, 3);
    put32(w, size);
    put32(w, name_offset(w, name));
    put(w, value, size);
}

void fdt_text(struct fdt_writer *w, const char *name, const char *text)
{
    fdt_bytes(w, name, text, length(text) + 1);
}

void fdt_cells(struct fdt_writer *w, const char *name, const uint32_t *cells, uint32_t count)
{
    put32(w, 3);
    put32(w, 4 * count);
    put32(w, name_offset(w, name));
    for (uint32_t i = 0; i < count; i++)
        put32(w, cells[i]);
}

void fdt_cell(struct fdt_writer *w, const char *name, uint32_t value)
{
    fdt_cells(w, name, &value, 1);
}

void fdt_wide(struct fdt_writer *w, const char *name, uint64_t value)
{
    uint32_t cells[2] = {(uint32_t)(value >> 32), (uint32_t)value};
    fdt_cells(w, name, cells, 2);
}

void fdt_empty(struct fdt_writer *w, const char *name) { fdt_bytes(w, name, "", 0); }

uint32_t fdt_finish(struct fdt_writer *w, uint32_t boot_cpu)
{
    put32(w, 9);
    uint32_t strings = w->at;
    put(w, w->string_buffer, w->strings);
    if (w->full)
        return 0;
    uint32_t structs = (uint32_t)w->buffer[8] << 24 | (uint32_t)w->buffer[9] << 16 |
                       (uint32_t)w->buffer[10] << 8 | w->buffer[11];
    const uint32_t header[10] = {0xD00DFEED, w->at,    structs,    strings,
                                 HEADER_BYTES, 17,     16,         boot_cpu,
                                 w->strings,   strings - structs};
    for (uint32_t i = 0; i < 10; i++)
        store32(w->buffer + 4 * i, header[i]);
    return w->at;
}
