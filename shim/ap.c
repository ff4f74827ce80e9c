/* Starting the APs: ask for each, wait with a limit, ask again, and go on without the lost. */
#include "shim.h"

#define ATTEMPTS 2
#define ARRIVAL_US 200000 /* for all APs of one attempt together, plus a little for each */
#define ARRIVAL_PER_AP_US 1000

uint64_t deadline_after_us(uint64_t microseconds)
{
    return rdtsc() + microseconds * (shim.tsc_hz / 1000000);
}

bool expired(uint64_t deadline) { return rdtsc() >= deadline; }

void ap_fail(uint32_t index, enum ap_reason reason, uint64_t status)
{
    struct ap_record *ap = ap_record(index);
    /* The AP may arrive at this very moment; whoever swaps first decides. */
    if (!cmpxchg32(&ap->state, AP_STARTING, AP_FAILED))
        return;
    ap->reason = reason;
    ap->status = status;
}

bool ap_arrived(uint32_t index, uint64_t deadline)
{
    const struct ap_record *ap = ap_record(index);
    while (load_acquire32(&ap->state) == AP_STARTING) {
        if (expired(deadline))
            return false;
        cpu_pause();
    }
    return load_acquire32(&ap->state) == AP_WAIT_FOR_WAKEUP;
}

/* Asks the host for one AP; an AP that cannot be asked for has failed at once. */
static void ask(uint32_t index)
{
    struct ap_record *ap = ap_record(index);
    cmpxchg32(&ap->state, AP_NOT_STARTED, AP_STARTING);
    ap->attempts++;
    if (shim.start == START_SIPI) {
        sipi_start(index);
        return;
    }
    uint64_t status = shim.start == START_RESET_VECTOR ? tdx_start(index) : hv_start(index);
    ap->status = status;
    if (status && ap->attempts == ATTEMPTS)
        ap_fail(index, REASON_START, status);
}

__attribute__((noinline)) static bool wait_for_aps(uint32_t attempt)
{
    uint64_t deadline = deadline_after_us(ARRIVAL_US + (uint64_t)ap_count * ARRIVAL_PER_AP_US);
    bool all = true;
    for (uint32_t i = 0; i < ap_count; i++) {
        if (ap_arrived(i, deadline))
            continue;
        if (attempt + 1 == ATTEMPTS)
            ap_fail(i, REASON_TIMEOUT, ap_record(i)->status);
        all = false;
    }
    return all;
}

const char *reason_words(enum ap_reason reason)
{
    switch (reason) {
    case REASON_ENABLE_VTL:
        return "EnableVpVtl refused";
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
    default:
        return "no reason";
    }
}

static void report(void)
{
    for (uint32_t i = 0; i < ap_count; i++) {
        const struct ap_record *ap = ap_record(i);
        if (load_acquire32(&ap->state) != AP_FAILED)
            continue;
        print("shim: cpu ");
        print_number(ap->vp_index);
        print(" lost: ");
        print(reason_words((enum ap_reason)ap->reason));
        print(", status ");
        print_hex(ap->status);
        print("\n");
    }
}

__attribute__((noinline)) void start_aps(void)
{
    if (shim.start == START_RESET_VECTOR)
        tdx_patch_reset_page();
    for (uint32_t attempt = 0; attempt < ATTEMPTS; attempt++) {
        for (uint32_t i = 0; i < ap_count; i++) {
            uint32_t state = load_acquire32(&ap_record(i)->state);
            if (state == AP_NOT_STARTED || state == AP_STARTING)
                ask(i);
        }
        if (wait_for_aps(attempt))
            break;
    }
    report();
}
