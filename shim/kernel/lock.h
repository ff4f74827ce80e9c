/* A queue lock (Mellor-Crummey and Scott): first come, first served, and every CPU that waits
 * polls a cell on its own stack.  With 1,024 CPUs at one lock, a hand-over disturbs one. */
#ifndef KERNEL_LOCK_H
#define KERNEL_LOCK_H

#include "../arch.h"

struct lock_place { /* one CPU's place in the queue, on its stack */
    struct lock_place *next;
    volatile uint32_t waiting;
};

struct queue_lock {
    struct lock_place *last; /* 0: free */
};

static inline void lock_take(struct queue_lock *lock, struct lock_place *own)
{
    own->next = 0;
    own->waiting = 1;
    struct lock_place *before = __atomic_exchange_n(&lock->last, own, __ATOMIC_SEQ_CST);

    if (!before)
        return;
    __atomic_store_n(&before->next, own, __ATOMIC_RELEASE);
    while (load_acquire32(&own->waiting))
        cpu_pause();
}

static inline void lock_give(struct queue_lock *lock, struct lock_place *own)
{
    struct lock_place *expected = own, *next = __atomic_load_n(&own->next, __ATOMIC_ACQUIRE);

    if (!next && __atomic_compare_exchange_n(&lock->last, &expected, 0, false,
                                             __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
        return;
    /* Someone has joined the queue, but may not have told us yet who it is. */
    while (!(next = __atomic_load_n(&own->next, __ATOMIC_ACQUIRE)))
        cpu_pause();
    store_release32(&next->waiting, 0);
}

#endif
