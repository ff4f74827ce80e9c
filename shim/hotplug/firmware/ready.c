/* Starting the APs that are there, and being ready for those that come.
 *
 * A CPU that is plugged into a TD begins at the reset page by itself, and finds its record as
 * one that was started at boot.  Any other is sent to the reset vector by the OS, which starts
 * it in its own way: see reset_vector.inc.
 */
#define start_aps start_present
#include "ap.c"
#undef start_aps

#include "hotplug/firmware/absent.h"

__attribute__((noinline)) void start_aps(void)
{
    struct reset_firmware *firmware = (struct reset_firmware *)(RESET_PAGE + 0x800);
    uint32_t all = ap_count;

    ap_count = present_count - 1;
    start_present();
    ap_count = all;
    if (shim.start != START_RESET_VECTOR)
        return;
    for (uint32_t i = present_count - 1; i < all; i++)
        (void)cmpxchg32(&ap_record(i)->state, AP_NOT_STARTED, AP_STARTING);
    firmware->ap_count = all; /* last: until now they would have been strays */
}
