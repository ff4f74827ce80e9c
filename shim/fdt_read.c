/* Reading a device tree that nobody has checked: every step is bounded by the header, and the
 * header by the room.  No recursion; compiles for the host too. */
#include "fdt.h"

#define MAGIC 0xD00DFEED
#define VERSION 17
#define BEGIN_NODE 1
#define END_NODE 2
#define PROPERTY 3
#define NOP 4
#define END 9

uint32_t fdt_u32(const uint8_t *v)
{
    return (uint32_t)v[0] << 24 | (uint32_t)v[1] << 16 | (uint32_t)v[2] << 8 | v[3];
}

uint64_t fdt_u64(const uint8_t *v) { return (uint64_t)fdt_u32(v) << 32 | fdt_u32(v + 4); }

static uint32_t header(const struct fdt *tree, uint32_t index)
{
    return fdt_u32(tree->blob + 4 * index);
}

bool fdt_open(struct fdt *tree, const void *blob, uint32_t room)
{
    tree->blob = blob;
    if (room < 40 || header(tree, 0) != MAGIC || header(tree, 5) < VERSION)
        return false;
    tree->total = header(tree, 1);
    tree->structs = header(tree, 2);
    tree->strings = header(tree, 3);
    uint32_t strings_bytes = header(tree, 8), structs_bytes = header(tree, 9);
    if (tree->total > room || tree->structs > tree->total || tree->strings > tree->total ||
        structs_bytes > tree->total - tree->structs ||
        strings_bytes > tree->total - tree->strings || tree->structs % 4)
        return false;
    tree->structs_end = tree->structs + structs_bytes;
    tree->strings_end = tree->strings + strings_bytes;
    return true;
}

/* The offset behind the NUL that ends a string within [at, end), or 0. */
static uint32_t string_end(const struct fdt *tree, uint32_t at, uint32_t end)
{
    while (at < end)
        if (!tree->blob[at++])
            return at;
    return 0;
}

static struct fdt_token broken(void) { return (struct fdt_token){.kind = FDT_BROKEN}; }

static struct fdt_token property(const struct fdt *tree, struct fdt_cursor *cursor)
{
    if (tree->structs_end - cursor->at < 8 || !cursor->depth)
        return broken();
    uint32_t size = fdt_u32(tree->blob + cursor->at);
    uint32_t name = fdt_u32(tree->blob + cursor->at + 4);
    cursor->at += 8;
    if (size > tree->structs_end - cursor->at || name >= tree->strings_end - tree->strings ||
        !string_end(tree, tree->strings + name, tree->strings_end))
        return broken();
    struct fdt_token token = {FDT_PROPERTY, (const char *)tree->blob + tree->strings + name,
                              tree->blob + cursor->at, size, cursor->depth - 1};
    cursor->at += (size + 3) & ~3u;
    return token;
}

static struct fdt_token begin(const struct fdt *tree, struct fdt_cursor *cursor)
{
    uint32_t end = string_end(tree, cursor->at, tree->structs_end);
    if (!end)
        return broken();
    struct fdt_token token = {.kind = FDT_NODE,
                              .name = (const char *)tree->blob + cursor->at,
                              .depth = cursor->depth++};
    cursor->at = (end + 3) & ~3u;
    return token;
}

struct fdt_token fdt_next(const struct fdt *tree, struct fdt_cursor *cursor)
{
    if (!cursor->at)
        cursor->at = tree->structs;
    while (cursor->at <= tree->structs_end && tree->structs_end - cursor->at >= 4) {
        uint32_t kind = fdt_u32(tree->blob + cursor->at);
        cursor->at += 4;
        switch (kind) {
        case BEGIN_NODE:
            return begin(tree, cursor);
        case END_NODE:
            if (!cursor->depth)
                return broken();
            return (struct fdt_token){.kind = FDT_NODE_END, .depth = --cursor->depth};
        case PROPERTY:
            return property(tree, cursor);
        case NOP:
            continue;
        case END:
            return (struct fdt_token){.kind = cursor->depth ? FDT_BROKEN : FDT_DONE};
        default:
            return broken();
        }
    }
    return broken();
}

bool fdt_name_is(const char *name, const char *wanted)
{
    while (*wanted && *name == *wanted) {
        name++;
        wanted++;
    }
    return !*wanted && (!*name || *name == '@');
}

bool fdt_value_is(const struct fdt_token *token, const char *text)
{
    uint32_t i = 0;
    while (i < token->size && text[i] && token->value[i] == (uint8_t)text[i])
        i++;
    return i < token->size && !text[i] && !token->value[i];
}
