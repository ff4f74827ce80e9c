/* What the shim's own files tell each other. */
#ifndef SHIM_SHIM_H
#define SHIM_SHIM_H

#include "abi.h"
#include "arch.h"

/* Position independent: no symbol may be reached through a table that needs relocation. */
#pragma GCC visibility push(hidden)

#define LOW_MEMORY_END 0x9F000 /* above may lie the firmware's own data */

enum isolation { ISOLATION_NONE, ISOLATION_VBS, ISOLATION_TDX };
enum ap_start { START_HYPERCALL, START_RESET_VECTOR, START_SIPI };

struct range {
    uint64_t start, end;
};

struct host_cpu {
    uint32_t apic_id, numa_node;
};

/* Everything the shim has found out; one instance, written by the BSP only. */
struct shim {
    uint64_t base;                   /* __ehdr_start: all parameters are relative to it */
    const struct shim_params *params;
    enum isolation isolation;
    enum ap_start start;
    struct range memory;             /* VTL 2 RAM */
    struct range used;               /* what the loader populated */
    struct range bounce;
    struct range ap_area;            /* tables, stacks and records of the APs */
    uint64_t next_page;              /* free from here to the end of memory */
    uint64_t low_memory_end;         /* of the RAM at 0, which every PC has */
    uint64_t tsc_hz;
    uint64_t mailbox;                /* GPA of the mailbox page */
    uint64_t reset_vector;           /* where the OS hands a CPU back */
    uint64_t trampoline;             /* SIPI page, 0 if none */
    uint32_t cpu_count;
    uint32_t vtl;                    /* in which we run: 0 or 2 */
    bool serial;                     /* the host's tree has COM3 */
    bool mailbox_off, sipi_modern;   /* command line */
    char cmdline[256];
    struct host_cpu cpus[CPU_MAX];
};
extern struct shim shim;

/* The APs' records: VP index 1 first, `ap_record_stride` bytes apart. */
extern struct ap_record *ap_records;
extern uint32_t ap_count, ap_record_stride;

static inline struct ap_record *ap_record(uint32_t index)
{
    return (struct ap_record *)((uint64_t)ap_records + (uint64_t)index * ap_record_stride);
}

/* From the linker. */
extern const uint8_t __ehdr_start[], __text_start[], __text_end[];

/* main.c */
const char *isolation_name(void); /* as in the tree's /openhcl */

/* print.c: one line to the memory log and, where there is one, the serial line. */
void print_open(void);
void print(const char *text);
void print_hex(uint64_t value);
void print_number(uint64_t value);
/* Says why, tells the host, and never returns. */
_Noreturn void refuse(const char *what, uint64_t value);

/* host.c */
void read_host_tree(void);

/* memory.c */
uint64_t take_pages(uint64_t count, uint64_t alignment);
void accept_memory(void);
void for_each_not_imported(struct range within, void (*call)(uint64_t gpa, uint64_t pages));

/* pagetable.c */
void build_ap_tables(void);
/* Points the running tables' 2 MiB leaf over `gpa` at the shared or the private view. */
void set_shared(uint64_t gpa, bool shared);

/* ap.c */
void start_aps(void);
uint64_t deadline_after_us(uint64_t microseconds);
bool expired(uint64_t deadline);
bool wait_for_aps(bool last_attempt); /* false: some have not arrived */
bool ap_arrived(const struct ap_record *ap, uint64_t deadline);
const char *reason_words(enum ap_reason reason);

/* tdx.c, hv.c, sipi.c: the host, and one attempt to start one AP.  The status is
 * the host's; 0: the AP is on its way. */
void tdx_open(void);
void tdx_accept(uint64_t gpa, uint64_t pages);
void tdx_patch_reset_page(void);
uint64_t tdx_start(struct ap_record *ap);
void tdx_close(void);
void hv_open(void);
void hv_accept(uint64_t gpa, uint64_t pages);
uint64_t hv_start(struct ap_record *ap);
void hv_close(void);
void sipi_open(void);
void sipi_start(struct ap_record *ap);

/* idt.c */
void load_idt(void);
extern struct ap_shared ap_shared;

/* handover.c, tree.c */
void write_device_tree(uint8_t *buffer, uint32_t room);
_Noreturn void enter_kernel(void);

/* assembly */
extern const uint8_t ap_entry64[], mailbox_reset_vector[];
extern uint8_t mailbox_page[PAGE_BYTES];
extern const uint8_t ap_trampoline[], ap_trampoline_end[];
extern const uint64_t exception_stubs[];
_Noreturn void jump_to_kernel(uint64_t entry, uint64_t boot_params);

#pragma GCC visibility pop
#endif
