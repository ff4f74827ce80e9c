/* What the debugger hands this OS beside the device tree: a list of things to do with its CPUs.
 *
 * It is the data of a setup_data node.  Written by emu/boot/loop_plan.py.
 */
#ifndef OS_PLAN_H
#define OS_PLAN_H

#include "../kernel/kernel.h"

#define SETUP_PLAN 0x4E4C5041 /* "APLN" */
#define MAILBOX_BROADCAST 0xFFFFFFFEu
#define EVERYONE 0xFFFFFFFFu

enum plan_kind {
    PLAN_WAKE = 1,  /* Wakeup, the ack, and then until the CPU is online */
    PLAN_TEST = 2,  /* Test, and the ack */
    PLAN_SEND = 3,  /* any command with any vector; an ack is waited for a moment only */
    PLAN_BACK = 4,  /* the CPU leaves for the reset vector */
    PLAN_MOVE = 5,  /* the firmware's own: all CPUs to another loop and another mailbox */
    PLAN_PATIENCE = 6, /* how long an ack is waited for from here on */
};

struct plan_step {
    uint32_t kind; /* enum plan_kind */
    uint32_t cpu;  /* place in the device tree, or EVERYONE */
    uint64_t value; /* SEND: the command.  PATIENCE: milliseconds, 0 for ever */
    uint64_t vector; /* SEND.  MOVE: the other loop, or 0 for the same one */
};
_Static_assert(sizeof(struct plan_step) == 24, "emu/boot/loop_plan.py");

struct plan {
    uint32_t count;
    uint32_t by_acpi;  /* where the mailbox is, and the way back, the MADT says */
    uint64_t loop;     /* where CPUs come into the loop */
    uint64_t early;    /* the mailbox until a MOVE; 0: there is only the one that is found */
    struct plan_step steps[];
};
_Static_assert(offsetof(struct plan, steps) == 24, "emu/boot/loop_plan.py");

#pragma GCC visibility push(hidden)
/* acpi.c: from the root pointer on; false where the tables name no mailbox. */
bool acpi_mailbox(const uint8_t *root, uint64_t *mailbox, uint64_t *reset_vector);

/* move.S: where a CPU goes that is to come to the same loop with another mailbox. */
extern const char move_start[];
extern uint64_t move_mailbox, move_loop;
#pragma GCC visibility pop
#endif
