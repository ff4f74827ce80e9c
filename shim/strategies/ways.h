/* What the ways to start CPUs share. */
#ifndef SHIM_STRATEGIES_WAYS_H
#define SHIM_STRATEGIES_WAYS_H

#include "linux/kernel.h"

#define PARKED 0x9000     /* where the loop of parked CPUs is copied to */
#define MAILBOXES 0x10000 /* theirs, a line each; all below 1 MiB */
#define MAILBOX_BYTES 64
#define OWN_COME 0x10     /* in each, behind ACPI's fields: that its CPU has come */
#define OWN_CPU 0x14      /* its number */
#define OWN_CR3 0x18
#define OWN_STACK 0x20
#define OWN_CODE 0x28     /* what it calls */

#ifndef __ASSEMBLER__
#define POST 0x80
enum { POST_BEGIN = 1, POST_ONLINE, POST_ACCEPTED };

#pragma GCC visibility push(hidden)
struct one_cpu { /* nobody polls another's line */
    volatile uint32_t alive, go, online;
} __attribute__((aligned(64)));
extern struct one_cpu cpus[];
extern void (*secondary)(uint32_t cpu); /* what a CPU does on its own stack; never returns */
extern uint64_t own_us, online_us;

bool is_said(const char *line, const char *word);
uint64_t number_behind(const char *line, const char *word);
uint32_t apic_id_of(uint32_t cpu);
void acpi_wakeup_cpu(uint32_t apic_id, uint64_t vector);
void kick(uint32_t cpu);
void wait_for(volatile uint32_t *cell);
void take_online(uint32_t cpu);
void come_online(uint32_t cpu);

/* each.c: bring CPUs up by mailboxes of their own, if the line asks for that. */
bool bring_up_by_own_mailboxes(const char *line);
/* accept.c: bring them up beside memory that is to be accepted, if the line asks for that. */
bool bring_up_and_accept(const char *line);
#pragma GCC visibility pop
#endif
#endif
