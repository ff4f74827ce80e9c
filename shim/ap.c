/* Starting the APs: ask for each, wait with a limit, ask again, and go on without the lost.
 *
 * On vbs and none this is more than openhcl_boot does: without a sidecar it starts no AP there
 * and publishes no mailbox, and its kernel starts them itself.  Ours does the same everywhere,
 * so that one protocol can be looked at on all platforms; `mailbox=off` is the other way. */
#include "shim.h"

#define ATTEMPTS 2
#define ARRIVAL_US 200000 /* for all APs of one attempt together, plus a little for each */
#define ARRIVAL_PER_AP_US 1000

uint64_t deadline_after_us(uint64_t microseconds)
{
    return rdtsc() + microseconds * shim.tsc_hz / 1000000;
}

bool expired(uint64_t deadline) { return rdtsc() >= deadline; }

/* The AP may arrive at this very moment; whoever swaps first decides. */
static void give_up(struct ap_record *ap, enum ap_reason reason, uint64_t status)
{
    uint64_t starting = AP_STARTING, failed = (uint64_t)reason << 32 | AP_FAILED;
    if (cmpxchg64((volatile uint64_t *)&ap->state, starting, failed) && status)
        ap->status = status;
}

bool ap_arrived(const struct ap_record *ap, uint64_t deadline)
{
    while (load_acquire32(&ap->state) == AP_STARTING) {
#ifdef BUG_UNBOUNDED_WAIT /* F14: an AP that never comes takes the BSP with it */
        (void)deadline;
#elif defined BUG_HOISTED_POLL /* F59: the state was read once, the loop looks at the copy */
        (void)deadline;
        for (uint32_t state = AP_STARTING; state == AP_STARTING;)
            cpu_pause();
#elif defined BUG_LOCK_HELD
        (void)deadline;
#else
        if (expired(deadline))
            return false;
#endif
        cpu_pause();
    }
    return load_acquire32(&ap->state) == AP_WAIT_FOR_WAKEUP;
}

/* Asks the host for one AP; an AP that is refused twice has failed. */
static void ask(struct ap_record *ap)
{
    uint64_t status = 0;
    if (!cmpxchg32(&ap->state, AP_NOT_STARTED, AP_STARTING) &&
        load_acquire32(&ap->state) != AP_STARTING)
        return; /* it has come since, or has given itself up */
    ap->attempts++;
    switch (shim.start) {
    case START_RESET_VECTOR:
        status = tdx_start(ap);
        break;
    case START_HYPERCALL:
        status = hv_start(ap);
        break;
    case START_SIPI:
        sipi_start(ap);
        break;
    }
    if (status && ap->attempts == ATTEMPTS)
        give_up(ap, REASON_START, status);
}

__attribute__((noinline)) bool wait_for_aps(bool last_attempt)
{
    uint64_t allowed_us = ARRIVAL_US + (uint64_t)ap_count * ARRIVAL_PER_AP_US;
    /* sipi_start has waited for each already, and stopped those that were late. */
    uint64_t deadline = shim.start == START_SIPI ? 0 : deadline_after_us(allowed_us);
    bool all = true;
    for (uint32_t i = 0; i < ap_count; i++) {
        if (ap_arrived(ap_record(i), deadline))
            continue;
        if (last_attempt)
            give_up(ap_record(i), REASON_TIMEOUT, 0);
        all = false;
    }
    return all;
}

const char *reason_words(enum ap_reason reason)
{
    switch (reason) {
    case REASON_START:
        return "the host refused to start it";
    case REASON_TIMEOUT:
        return "it never arrived";
    case REASON_TDCALL:
        return "its TDCALL failed";
    case REASON_APIC_ID:
        return "it has another APIC id";
    case REASON_EXCEPTION:
        return "it took an exception";
    case REASON_NONE:
        break;
    }
    return "no reason";
}

static void report(void)
{
    for (uint32_t i = 0; i < ap_count; i++) {
        const struct ap_record *ap = ap_record(i);
        if (load_acquire32(&ap->state) != AP_FAILED)
            continue;
        print("shim: cpu ");
        print_number(i + 1);
        print(" lost: ");
        print(reason_words((enum ap_reason)ap->reason));
        print(", status ");
        print_hex(ap->status);
        print("\n");
    }
}

__attribute__((noinline)) void start_aps(void)
{
#ifdef BUG_LOCK_HELD /* F30: every AP takes this lock first; its holder waits for them all */
    uint32_t *lock = (uint32_t *)(mailbox_page + 0xF00);
    while (__atomic_exchange_n(lock, 1, __ATOMIC_ACQUIRE))
        cpu_pause();
#endif
    if (shim.start == START_RESET_VECTOR)
        tdx_patch_reset_page();
    for (uint32_t attempt = 1; attempt <= ATTEMPTS; attempt++) {
        for (uint32_t i = 0; i < ap_count; i++)
            ask(ap_record(i));
        if (wait_for_aps(attempt == ATTEMPTS))
            break;
    }
    report();
#ifdef BUG_LOCK_HELD
    __atomic_store_n(lock, 0, __ATOMIC_RELEASE);
#endif
}
