/* A counter that only a lock protects: if two CPUs were ever inside at once, it shows. */
#include "work.h"
#include "kernel.h"
#include "print.h"

#define TURNS 4  /* times that a CPU takes the lock */
#define STEPS 16 /* increments under the lock, each of which a race could lose */

static struct ticket_lock lock;
static volatile uint32_t counter; /* not atomic on purpose */
static uint32_t turns_done;       /* atomic */

void work(void)
{
    for (uint32_t turn = 0; turn < TURNS; turn++) {
        ticket_lock(&lock);
        for (uint32_t step = 0; step < STEPS; step++)
            counter++;
        __atomic_fetch_add(&turns_done, 1, __ATOMIC_RELAXED);
        ticket_unlock(&lock);
    }
}

void check_work(void)
{
    struct line line = {0};

    ticket_lock(&lock);
    uint32_t found = counter, expected = turns_done * STEPS;
    ticket_unlock(&lock);
    if (found == expected)
        return;
    line_text(&line, "kernel: counter is ");
    line_number(&line, found);
    line_text(&line, ", expected ");
    line_number(&line, expected);
    line_print(&line);
}
