/* Starting the APs that are there, and being ready for those that come.
 *
 * A CPU that is plugged into a TD begins at the reset page by itself, and finds its record as
 * one that was started: from the moment on at which there are records, whenever it comes.  Any
 * other is sent to the reset vector by the OS, which starts it in its own way: see
 * reset_vector.inc.
 */
#include "hotplug/firmware/absent.h"
#include "shim.h"

static void patch_for_all(void);

#define start_aps start_present
#define tdx_patch_reset_page patch_for_all
#include "ap.c"
#undef start_aps
#undef tdx_patch_reset_page

static uint32_t all;

static void patch_for_all(void)
{
    uint32_t present = ap_count;

    for (uint32_t i = present; i < all; i++)
        (void)cmpxchg32(&ap_record(i)->state, AP_NOT_STARTED, AP_STARTING);
    ap_count = all;
    tdx_patch_reset_page();
    ap_count = present;
}

__attribute__((noinline)) void start_aps(void)
{
    all = ap_count;
    ap_count = present_count - 1;
    start_present();
    ap_count = all;
}
