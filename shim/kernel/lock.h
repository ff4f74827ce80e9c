/* A ticket lock: CPUs get in in the order in which they asked. */
#ifndef KERNEL_LOCK_H
#define KERNEL_LOCK_H

#include "../arch.h"

struct ticket_lock {
    volatile uint32_t next;    /* the ticket that the next CPU draws */
    volatile uint32_t serving; /* the ticket that holds the lock */
};

static inline void ticket_lock(struct ticket_lock *lock)
{
    uint32_t ticket = __atomic_fetch_add(&lock->next, 1, __ATOMIC_RELAXED);

    while (load_acquire32(&lock->serving) != ticket)
        cpu_pause();
}

static inline void ticket_unlock(struct ticket_lock *lock)
{
    /* Only the holder writes this cell, so it needs no atomic increment. */
    store_release32(&lock->serving, lock->serving + 1);
}

#endif
