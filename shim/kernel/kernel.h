/* What the small kernel knows of the machine, and what its files offer each other. */
#ifndef KERNEL_H
#define KERNEL_H

#include "../abi.h"

/* struct cpu, for assembly. */
#define CPU_APIC_ID 0x00
#define CPU_STATE 0x08
#define CPU_STACK_TOP 0x10
#define CPU_BYTES 64
#define CPU_STACK_BYTES PAGE_BYTES
#define BSP_STACK_BYTES 0x4000
#define KERNEL_CODE 0x10
#define KERNEL_DATA 0x18
#define HASH_FACTOR 0x9E3779B1 /* 2^32 / golden ratio: neighbouring APIC ids land far apart */

#ifndef __ASSEMBLER__
#include "lock.h"

/* Position independent: no symbol may be reached through a table that needs relocation. */
#pragma GCC visibility push(hidden)

enum cpu_command { CPU_STAY = 0, CPU_GO_OFFLINE = 1 };

struct cpu {
    uint32_t apic_id;
    uint32_t number;           /* place in the device tree */
    volatile uint32_t state;   /* enum ap_state; lock cmpxchg only */
    volatile uint32_t command; /* enum cpu_command; the CPU polls its own cell when idle */
    uint64_t stack_top;
    volatile uint64_t arrival; /* its TSC when it reached C code; 0: not there yet */
    const char *failure;       /* why the shim gave it up (in the tree); 0: it can be woken */
    uint32_t padding[6];
};
_Static_assert(sizeof(struct cpu) == CPU_BYTES, "a CPU polls no one else's cache line");
_Static_assert(offsetof(struct cpu, apic_id) == CPU_APIC_ID, "secondary.S");
_Static_assert(offsetof(struct cpu, state) == CPU_STATE, "secondary.S");
_Static_assert(offsetof(struct cpu, stack_top) == CPU_STACK_TOP, "secondary.S");

/* What the device tree says (tree.c). */
struct machine_info {
    bool is_tdx;
    bool has_serial;
    uint32_t cpu_count;
    uint64_t mailbox;          /* 0: none, APs are started by hypercall */
    uint64_t reset_vector;     /* 0: no CPU can be handed back */
    uint32_t offline;          /* how many CPUs go offline together: `offline=N`, else one */
    const char *mailbox_fault; /* why the tree's mailbox is ignored, or 0 */
};

extern struct machine_info info;
extern struct cpu *cpus; /* info.cpu_count of them, device-tree order */
extern struct cpu *boot_cpu;
extern uint64_t tsc_hz;

/* Cells in .text, which the tables of a woken AP map: see secondary.S. */
extern uint64_t secondary_cr3;
extern uint64_t secondary_table; /* struct cpu *[secondary_mask + 1], by hash of APIC id */
extern uint32_t secondary_shift;
extern uint32_t secondary_mask;
extern uint32_t secondary_is_tdx;
extern const char secondary_start[];

/* memory.c */
void memory_init(const uint8_t *boot_params);
void *allocate_pages(uint64_t bytes);

/* tree.c: fills `info` and `cpus` from the device tree; false if there is none to read. */
bool tree_read(const uint8_t *boot_params);
/* Print from now on, though the tree may say otherwise or have said nothing. */
void serial_regardless(void);

/* smp.c */
#define ONLINE_MS 10000 /* as long as Linux waits for a CPU to report */
bool smp_prepare(void); /* false: no memory, or the tree does not list this CPU */
void wake_aps(void);
bool wake_cpu(struct cpu *cpu); /* true: it is on its way */
void cpu_report(const struct cpu *cpu, const char *what); /* a line */
bool wait_for_state(struct cpu *cpu, uint32_t wanted, uint64_t end); /* end: TSC */
bool wait_until_online(struct cpu *cpu, uint64_t end); /* reports a CPU that is not */
bool mailbox_command(uint16_t command, uint32_t apic_id, uint64_t vector);

/* hypercall.c */
bool hypercall_prepare(void);
bool hypercall_start(struct cpu *cpu);

/* online.c, offline.c */
void secondary_online(struct cpu *cpu);
void secondary_idle(struct cpu *cpu);
_Noreturn void secondary_main(struct cpu *cpu);
_Noreturn void leave_for_firmware(uint64_t reset_vector);
void take_offline_and_back(uint32_t count);
_Noreturn void kernel_done(void);

/* idt.c */
void idt_build(void);
void idt_load(void);
struct cpu *cpu_on_stack(const void *address); /* the BSP where it is no AP's */

/* platform.c */
uint32_t own_apic_id(void);
_Noreturn void halt_forever(void);
uint8_t port_in8(uint16_t port);
void port_out8(uint16_t port, uint8_t value);
void power_off(void);
uint64_t tsc_after(uint64_t milliseconds);

#pragma GCC visibility pop
#endif
#endif
