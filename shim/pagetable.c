/* Page tables: each AP's own, built before it runs, and one change to the running ones.
 *
 * An AP's tables map what it needs and nothing else, writable or executable but never both:
 *   the kernel's image      R-X   (the wakeup vector lies there), 2 MiB leaves
 *   the shim's text         R-X   (on TDX the loop is in the reset page; handlers are here)
 *   GDT and IDTs            R--
 *   the SIPI trampoline     R-X
 *   the mailbox             RW-   on TDX at an alias; at its own address it is code, R-X
 *   its own stack           RW-   with its record at the top; what lies below is not mapped
 * Its four tables stand right below its stack, so that an overflow hits an unmapped page.
 */
#include "shim.h"

#define P 1ull
#define W 2ull
#define A (1ull << 5)
#define D (1ull << 6)
#define LARGE (1ull << 7)
#define NX (1ull << 63)
#define TABLE (P | W | A)
#define R_X (P | A | D)
#define R__ (P | A | D | NX)
#define RW_ (P | W | A | D | NX)
#define FRAME 0x000FFFFFFFFFF000ull
#define SHARED (1ull << 47)

/* One AP's block: L4, L3, L2, L1, then its stack; a power of two, so none crosses 2 MiB. */
#define BLOCK_PAGES 8
#define BLOCK_BYTES (BLOCK_PAGES * PAGE_BYTES)
#define STACK_PAGE 4

typedef uint64_t table_t[512] __attribute__((aligned(PAGE_BYTES)));

/* Common to all APs: an L2 that each copies, and tables with common leaves only. */
static table_t common_l2, shim_l1, low_l1, reset_l2, reset_l1;

static uint64_t index_of(uint64_t address, uint32_t shift) { return address >> shift & 511; }

static void map_pages(uint64_t *l1, uint64_t start, uint64_t end, uint64_t rights)
{
    for (uint64_t at = start & FRAME; at < end; at += PAGE_BYTES)
        l1[index_of(at, 12)] = at | rights;
}

static void build_common(void)
{
    uint64_t kernel = shim.memory.start + LARGE_BYTES;
    if (shim.bounce.end > kernel)
        kernel = shim.bounce.end;
#ifndef BUG_VECTOR_UNMAPPED /* F8: only the firmware's own code is mapped, no wakeup vector */
    uint64_t end = shim.base & ~(uint64_t)(LARGE_BYTES - 1);
    for (uint64_t at = kernel; at < end; at += LARGE_BYTES)
#ifdef BUG_NX_VECTOR /* F11: the kernel is data */
        common_l2[index_of(at, 21)] = at | R__ | LARGE;
#else
        common_l2[index_of(at, 21)] = at | R_X | LARGE;
#endif
#endif
    if ((uint64_t)__text_end >> 21 != shim.base >> 21 ||
        (uint64_t)mailbox_page >> 21 != shim.base >> 21)
        refuse("the shim does not fit into one large page", shim.base);
    map_pages(shim_l1, (uint64_t)__text_start, (uint64_t)__text_end, R_X);
    map_pages(shim_l1, (uint64_t)&ap_shared, (uint64_t)&ap_shared + 1, R__);
    if (shim.start != START_RESET_VECTOR)
        map_pages(shim_l1, (uint64_t)mailbox_page, (uint64_t)mailbox_page + 1, RW_);
    common_l2[index_of(shim.base, 21)] = (uint64_t)shim_l1 | TABLE;
    if (shim.trampoline) {
        low_l1[index_of(shim.trampoline, 12)] = shim.trampoline | R_X;
        common_l2[0] = (uint64_t)low_l1 | TABLE;
    }
    if (shim.start == START_RESET_VECTOR) {
        reset_l1[index_of(RESET_PAGE, 12)] = RESET_PAGE | R_X;
        reset_l1[index_of(RESET_ALIAS, 12)] = RESET_PAGE | RW_;
        reset_l2[index_of(RESET_PAGE, 21)] = (uint64_t)reset_l1 | TABLE;
    }
}

static void build_block(uint64_t block, uint32_t index)
{
    uint64_t *l4 = (uint64_t *)block, *l3 = l4 + 512, *l2 = l3 + 512, *l1 = l2 + 512;
    zero_words(l4, 2 * PAGE_BYTES);
    copy_words(l2, common_l2, PAGE_BYTES);
    zero_words(l1, PAGE_BYTES);
    l4[0] = (uint64_t)l3 | TABLE;
    l3[index_of(block, 30)] = (uint64_t)l2 | TABLE;
    if (shim.start == START_RESET_VECTOR)
        l3[index_of(RESET_PAGE, 30)] = (uint64_t)reset_l2 | TABLE;
    l2[index_of(block, 21)] = (uint64_t)l1 | TABLE;
    map_pages(l1, block + STACK_PAGE * PAGE_BYTES, block + BLOCK_BYTES, RW_);
#ifdef BUG_STACK_SHARED /* F33: the first AP's stack is everybody's */
    map_pages(l1, shim.ap_area.start + STACK_PAGE * PAGE_BYTES,
              shim.ap_area.start + BLOCK_BYTES, RW_);
#endif
    struct ap_record *record = ap_record(index);
    bool reset = shim.start == START_RESET_VECTOR;
    *record = (struct ap_record){
        .apic_id = shim.cpus[index + 1].apic_id,
        .vp_index = index + 1,
        .cr3 = block,
#ifdef BUG_STACK_SHARED
        .stack_top = (uint64_t)ap_record(0),
#else
        .stack_top = (uint64_t)record,
#endif
        .idt = reset ? (uint64_t)&ap_shared.ap_idtr : (uint64_t)&ap_shared.idtr,
        .mailbox = reset ? RESET_ALIAS : shim.mailbox,
    };
}

/* The tables above name one L3 entry for all images and blocks, and one for the reset page; a
 * TD's AP loads its CR3 in 32-bit mode. */
static void check_reach(void)
{
    uint64_t gib = shim.memory.start >> 30;
    if (gib > 2 || gib != (shim.ap_area.end - 1) >> 30)
        refuse("the APs' tables are out of reach of the images", shim.ap_area.end);
    if (shim.trampoline && gib)
        refuse("the SIPI trampoline is out of reach of the images", shim.memory.start);
}

__attribute__((noinline)) void build_ap_tables(void)
{
    uint32_t count = shim.cpu_count - 1;
#ifdef BUG_PAGE_REUSED /* F9: the kernel's first pages, the CPU table, go on top of memory */
    uint64_t first = shim.memory.end - CPU_MAX * 64 - (count - 1) * (uint64_t)BLOCK_BYTES;
#else
    uint64_t first = take_pages((uint64_t)count * BLOCK_PAGES, BLOCK_BYTES);
#endif
    shim.ap_area = (struct range){first, first + (uint64_t)count * BLOCK_BYTES};
    check_reach();
    shim.mailbox = shim.start == START_RESET_VECTOR ? RESET_PAGE : (uint64_t)mailbox_page;
    ap_record_stride = BLOCK_BYTES;
    ap_records = (struct ap_record *)(first + BLOCK_BYTES - sizeof(struct ap_record));
    build_common();
#ifdef BUG_DIRTY_RESERVED /* F19: what a boot loader's scratch value leaves behind */
    ((struct mailbox *)shim.mailbox)->reserved = 1;
#endif
    for (uint32_t i = 0; i < count; i++)
        build_block(first + (uint64_t)i * BLOCK_BYTES, i);
    ap_count = count; /* now there is something to see */
}

void set_shared(uint64_t gpa, bool shared)
{
    uint64_t *l4 = (uint64_t *)(read_cr3() & FRAME);
    uint64_t *l3 = (uint64_t *)(l4[index_of(gpa, 39)] & FRAME);
    uint64_t *l2 = (uint64_t *)(l3[index_of(gpa, 30)] & FRAME);
    uint64_t *leaf = &l2[index_of(gpa, 21)];
    if (!(*leaf & LARGE))
        refuse("no large page to share at", gpa);
    *leaf = shared ? *leaf | SHARED : *leaf & ~SHARED;
    invlpg((const void *)gpa);
}
