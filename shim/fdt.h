/* Flattened device trees (Devicetree Specification 0.4, chapter 5): reading and writing. */
#ifndef SHIM_FDT_H
#define SHIM_FDT_H

#include <stdbool.h>
#include <stdint.h>

struct fdt {
    const uint8_t *blob;
    uint32_t total, structs, structs_end, strings, strings_end;
};

/* One token of the structure block, as fdt_next gives it. */
enum fdt_kind { FDT_NODE, FDT_NODE_END, FDT_PROPERTY, FDT_DONE, FDT_BROKEN };
struct fdt_token {
    enum fdt_kind kind;
    const char *name;     /* of a node or property */
    const uint8_t *value; /* of a property */
    uint32_t size;
    uint32_t depth; /* of the node that begins, ends, or has the property; the root is 0 */
};
struct fdt_cursor {
    uint32_t at, depth;
};

/* False if the header does not describe a tree within `room` bytes. */
bool fdt_open(struct fdt *tree, const void *blob, uint32_t room);
struct fdt_token fdt_next(const struct fdt *tree, struct fdt_cursor *cursor);

uint32_t fdt_u32(const uint8_t *value);
uint64_t fdt_u64(const uint8_t *value);
bool fdt_name_is(const char *name, const char *wanted);             /* unit address aside */
bool fdt_value_is(const struct fdt_token *token, const char *text); /* its first string */

/* Writing, front to back into one buffer.  `full` says that something did not fit. */
struct fdt_writer {
    uint8_t *buffer;
    uint32_t room, at;
    bool full;
    uint32_t strings;      /* bytes of string_buffer in use */
    char string_buffer[1024];
};

struct fdt_reservation {
    uint64_t base, size;
};

void fdt_begin(struct fdt_writer *w, void *buffer, uint32_t room,
               const struct fdt_reservation *reservations, uint32_t count);
void fdt_node(struct fdt_writer *w, const char *name);
void fdt_node_at(struct fdt_writer *w, const char *name, uint64_t unit);
void fdt_node_end(struct fdt_writer *w);
void fdt_bytes(struct fdt_writer *w, const char *name, const void *value, uint32_t size);
void fdt_text(struct fdt_writer *w, const char *name, const char *text);
void fdt_cells(struct fdt_writer *w, const char *name, const uint32_t *cells, uint32_t count);
void fdt_cell(struct fdt_writer *w, const char *name, uint32_t value);
void fdt_wide(struct fdt_writer *w, const char *name, uint64_t value);
void fdt_empty(struct fdt_writer *w, const char *name);
/* The size of the finished tree, 0 if it did not fit. */
uint32_t fdt_finish(struct fdt_writer *w, uint32_t boot_cpu);

#endif
