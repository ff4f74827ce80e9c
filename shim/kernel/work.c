/* A counter that only a lock protects: if two CPUs were ever inside at once, it shows. */
#include "work.h"
#include "kernel.h"
#include "print.h"

#define TURNS 2  /* times that a CPU takes the lock */
#define STEPS 32 /* increments under the lock, each of which a race could lose */

static struct queue_lock lock;
static volatile uint32_t counter; /* not atomic on purpose */
static uint32_t turns_done;       /* atomic */

void work(void)
{
    struct lock_place place;

    for (uint32_t turn = 0; turn < TURNS; turn++) {
        lock_take(&lock, &place);
        for (uint32_t step = 0; step < STEPS; step++)
            counter++;
        __atomic_fetch_add(&turns_done, 1, __ATOMIC_RELAXED);
        lock_give(&lock, &place);
    }
}

void check_work(void)
{
    struct line line = {0};
    struct lock_place place;

    lock_take(&lock, &place);
    uint32_t found = counter, expected = turns_done * STEPS;
    lock_give(&lock, &place);
    if (found == expected)
        return;
    line_text(&line, "kernel: counter is ");
    line_number(&line, found);
    line_text(&line, ", expected ");
    line_number(&line, expected);
    line_print(&line);
}
