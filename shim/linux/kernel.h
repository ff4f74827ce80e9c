/* What the kernel's assembly and its C tell each other. */
#ifndef SHIM_LINUX_KERNEL_H
#define SHIM_LINUX_KERNEL_H

#define KERNEL_PLACE 0x1000000
#define TRAMPOLINE 0x8000
#define LARGE_RWX 0x83
#define TABLE 0x3

#ifndef __ASSEMBLER__
#include "abi.h"

#define CPUS_MAX 1024
#define STACK_BYTES 4096
#define ICR_INIT 0x4500
#define ICR_STARTUP 0x4600

_Noreturn void start_kernel(const uint8_t *boot_params);
_Noreturn void start_secondary(uint32_t cpu);

#pragma GCC visibility push(hidden)
extern uint64_t initial_stack;   /* of the CPU that is being started */
extern uint32_t smpboot_control; /* its number */
extern uint8_t trampoline_start[], trampoline_start64[], trampoline_end[];
extern volatile struct mailbox *acpi_mp_wake_mailbox;
extern uint32_t apic_ids[], cpu_count;
extern uint64_t tsc_hz;
extern bool is_td;

/* print.c */
void out_byte(uint16_t port, uint8_t value);
void put(const char *text);
void put_number(uint64_t value, uint32_t width, char pad);
void stamp(void); /* `[    0.012345] ` */
void printk(const char *text);
void udelay(uint64_t microseconds);

/* acpi.c */
uint64_t at(const void *place, uint32_t bytes);
const uint8_t *find_rsdp(const uint8_t *boot_params, const char *line);
void find_cpus(const uint8_t *rsdp);

/* apic.c */
uint32_t own_apic_id(void);
void send_ipi(uint32_t apic_id, uint32_t low);

/* smp.c: how many CPUs are up, this one included; `line`: the command line. */
uint32_t bringup_nonboot_cpus(const char *line);
_Noreturn void cpu_startup_entry(void);
#pragma GCC visibility pop
#endif
#endif
